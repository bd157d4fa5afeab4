//! Handshakes, whatever they are about: how they look, who answers them, and how long they are remembered.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{
    self, AcceptHandshakeInput, AcceptHandshakeOutput, CancelHandshakeInput, CancelHandshakeOutput,
    DeclineHandshakeInput, DeclineHandshakeOutput, DescribeHandshakeInput, DescribeHandshakeOutput,
    HandshakeFilter, HandshakeParty, HandshakeResource, ListHandshakesForAccountInput,
    ListHandshakesForAccountOutput, ListHandshakesForOrganizationInput, ListHandshakesForOrganizationOutput,
    errors as model,
};
use crate::organization::link_role;
use crate::paging::page;
use crate::state::{Action, HANDSHAKES, Handshake, HandshakeState, ORGANIZATIONS, Organization, any_account};
use crate::{all_features, errors, invitations};

/// How long a handshake can be looked at after it has ended, in milliseconds: 30 days.
const REMEMBERED: i64 = 30 * 24 * 3_600_000;

impl Handshake {
    /// The handshake as it is at some time: what nobody answers expires.
    fn seen_at(mut self, now: Timestamp) -> Option<Self> {
        if self.is_pending() && self.expires <= now {
            self.state = HandshakeState::Expired;
            self.ended = Some(self.expires);
        }
        let forgotten = self.ended.is_some_and(|ended| ended.as_millis() + REMEMBERED <= now.as_millis());
        (!forgotten).then_some(self)
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, HandshakeState::Requested | HandshakeState::Open)
    }

    pub(crate) fn end(&mut self, state: HandshakeState, now: Timestamp) {
        self.state = state;
        self.ended = Some(now);
    }

    pub(crate) fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&HANDSHAKES, &self.id, self)?)
    }
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::EnableAllFeatures => "ENABLE_ALL_FEATURES",
        }
    }
}

impl HandshakeState {
    fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Open => "OPEN",
            Self::Canceled => "CANCELED",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Expired => "EXPIRED",
        }
    }
}

fn resource(kind: &str, value: &str) -> HandshakeResource {
    HandshakeResource { value: Some(value.to_owned()), r#type: Some(kind.to_owned()), resources: None }
}

/// A handshake, as answers contain it.
pub(crate) fn shape(tx: &ReadTx<'_>, handshake: &Handshake) -> Result<api::Handshake, StoreError> {
    let Handshake { id, organization, management, action, .. } = handshake;
    let mut about = resource("ORGANIZATION", organization);
    if handshake.action == Action::Invite {
        let account = any_account(tx, management)?;
        let all_features =
            tx.get(&ORGANIZATIONS, organization)?.is_some_and(|organization| organization.all_features);
        about.resources = Some(vec![
            resource("MASTER_EMAIL", &account.email),
            resource("MASTER_NAME", &account.name),
            resource("ORGANIZATION_FEATURE_SET", if all_features { "ALL" } else { "CONSOLIDATED_BILLING" }),
        ]);
    }
    let party = |id: &str, kind: &str| HandshakeParty { id: id.to_owned(), r#type: kind.to_owned() };
    // The party is named as the invitation named it.
    let other = match (&handshake.email, &handshake.recipient) {
        (Some(email), _) => Some(("EMAIL", email)),
        (None, Some(account)) => Some(("ACCOUNT", account)),
        (None, None) => None,
    };
    let mut parties = vec![party(organization, "ORGANIZATION")];
    let mut resources = vec![about];
    if let Some((kind, id)) = other {
        parties.push(party(id, kind));
        resources.push(resource(kind, id));
    }
    resources.extend(handshake.notes.as_deref().map(|notes| resource("NOTES", notes)));
    resources.extend(handshake.parent.as_deref().map(|parent| resource("PARENT_HANDSHAKE", parent)));
    let kind = action.name().to_ascii_lowercase();
    Ok(api::Handshake {
        id: Some(id.clone()),
        arn: Some(format!("arn:aws:organizations::{management}:handshake/{organization}/{kind}/{id}")),
        parties: Some(parties),
        state: Some(handshake.state.name().to_owned()),
        requested_timestamp: Some(handshake.requested),
        expiration_timestamp: Some(handshake.expires),
        action: Some(action.name().to_owned()),
        resources: Some(resources),
    })
}

/// The handshakes of an organization, oldest first.
pub(crate) fn of_organization(
    tx: &ReadTx<'_>,
    organization: &str,
    now: Timestamp,
) -> Result<Vec<Handshake>, StoreError> {
    let rows = tx.index_scan(&HANDSHAKES, "by_organization", organization)?.values();
    current(rows.collect::<Result<_, _>>()?, now)
}

fn current(rows: Vec<Handshake>, now: Timestamp) -> Result<Vec<Handshake>, StoreError> {
    let mut handshakes: Vec<Handshake> =
        rows.into_iter().filter_map(|handshake| handshake.seen_at(now)).collect();
    handshakes.sort_by(|a, b| (a.requested, &a.id).cmp(&(b.requested, &b.id)));
    Ok(handshakes)
}

/// Which side of a handshake the caller is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The management account of the organization that it is about.
    Sender,
    Recipient,
}

/// A handshake that the caller is a party of.
fn find(ctx: &Ctx, tx: &ReadTx<'_>, id: &str) -> Result<(Handshake, Organization, Side), AwsError> {
    let handshake = tx.get(&HANDSHAKES, id)?.and_then(|handshake| handshake.seen_at(ctx.now()));
    let handshake = handshake.ok_or_else(errors::handshake_not_found)?;
    let organization =
        tx.get(&ORGANIZATIONS, &handshake.organization)?.ok_or_else(errors::handshake_not_found)?;
    let account = ctx.account();
    let is_recipient = match &handshake.recipient {
        Some(recipient) => recipient == account,
        None => handshake.email.is_some() && handshake.email == Some(any_account(tx, account)?.email),
    };
    let side = if is_recipient {
        Side::Recipient
    } else if organization.management == account {
        Side::Sender
    } else {
        return Err(errors::handshake_not_found());
    };
    Ok((handshake, organization, side))
}

/// That a handshake can still become `wanted`.
fn can_become(handshake: &Handshake, wanted: HandshakeState) -> Result<(), AwsError> {
    if handshake.state == wanted {
        return Err(model::HANDSHAKE_ALREADY_IN_STATE_EXCEPTION
            .with("The specified handshake is already in the requested state."));
    }
    if handshake.is_pending() {
        return Ok(());
    }
    Err(model::INVALID_HANDSHAKE_TRANSITION_EXCEPTION
        .with("You can't perform the operation on the handshake in its current state."))
}

pub(crate) async fn describe_handshake(
    ctx: Ctx,
    input: DescribeHandshakeInput,
) -> Result<DescribeHandshakeOutput, AwsError> {
    let handshake = ctx.db().read(|tx| {
        let (handshake, _, _) = find(&ctx, tx, &input.handshake_id)?;
        Ok::<_, AwsError>(shape(tx, &handshake)?)
    })?;
    Ok(DescribeHandshakeOutput { handshake: Some(handshake) })
}

pub(crate) async fn accept_handshake(
    ctx: Ctx,
    input: AcceptHandshakeInput,
) -> Result<AcceptHandshakeOutput, AwsError> {
    let id = &input.handshake_id;
    let (handshake, organization, side) = ctx.db().read(|tx| find(&ctx, tx, id))?;
    can_become(&handshake, HandshakeState::Accepted)?;
    if handshake.action == Action::Invite && side == Side::Recipient && organization.all_features {
        link_role(&ctx).await?;
    }
    let handshake = ctx
        .db()
        .write(|tx| {
            let (mut handshake, organization, side) = find(&ctx, tx, id)?;
            can_become(&handshake, HandshakeState::Accepted)?;
            match (handshake.action, side) {
                (Action::Invite, Side::Recipient) => {
                    handshake.recipient = Some(ctx.account().to_owned());
                    handshake.end(HandshakeState::Accepted, ctx.now());
                    handshake.put(tx)?;
                    invitations::accepted(tx, &handshake, &organization, ctx.account(), ctx.now())?;
                }
                (Action::EnableAllFeatures, side) => {
                    // The first handshake is the management account's, the others are the members'.
                    if handshake.parent.is_none() != (side == Side::Sender) {
                        return Err(errors::access_denied());
                    }
                    all_features::accept(tx, &mut handshake, organization, ctx.now())?;
                }
                (Action::Invite, Side::Sender) => return Err(errors::access_denied()),
            }
            Ok(shape(tx, &handshake)?)
        })
        .await?;
    Ok(AcceptHandshakeOutput { handshake: Some(handshake) })
}

/// Ends a handshake without an agreement.
async fn end(ctx: &Ctx, id: &str, by: Side, state: HandshakeState) -> Result<api::Handshake, AwsError> {
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let (mut handshake, _, side) = find(ctx, tx, id)?;
            if side != by {
                return Err(errors::access_denied());
            }
            can_become(&handshake, state)?;
            handshake.end(state, now);
            handshake.put(tx)?;
            if handshake.action == Action::EnableAllFeatures && by == Side::Sender {
                for mut part in of_organization(tx, &handshake.organization, now)? {
                    if part.is_pending() && part.parent.as_deref() == Some(id) {
                        part.end(state, now);
                        part.put(tx)?;
                    }
                }
            }
            Ok(shape(tx, &handshake)?)
        })
        .await
}

pub(crate) async fn cancel_handshake(
    ctx: Ctx,
    input: CancelHandshakeInput,
) -> Result<CancelHandshakeOutput, AwsError> {
    let handshake = end(&ctx, &input.handshake_id, Side::Sender, HandshakeState::Canceled).await?;
    Ok(CancelHandshakeOutput { handshake: Some(handshake) })
}

pub(crate) async fn decline_handshake(
    ctx: Ctx,
    input: DeclineHandshakeInput,
) -> Result<DeclineHandshakeOutput, AwsError> {
    let handshake = end(&ctx, &input.handshake_id, Side::Recipient, HandshakeState::Declined).await?;
    Ok(DeclineHandshakeOutput { handshake: Some(handshake) })
}

fn filtered(handshakes: Vec<Handshake>, filter: Option<HandshakeFilter>) -> Vec<Handshake> {
    let HandshakeFilter { action_type, parent_handshake_id } = filter.unwrap_or_default();
    let wanted = |handshake: &Handshake| {
        action_type.as_ref().is_none_or(|action| handshake.action.name() == action)
            && parent_handshake_id.as_ref().is_none_or(|parent| handshake.parent.as_ref() == Some(parent))
    };
    handshakes.into_iter().filter(wanted).collect()
}

fn shapes(tx: &ReadTx<'_>, handshakes: &[Handshake]) -> Result<Vec<api::Handshake>, StoreError> {
    handshakes.iter().map(|handshake| shape(tx, handshake)).collect()
}

pub(crate) async fn list_handshakes_for_account(
    ctx: Ctx,
    input: ListHandshakesForAccountInput,
) -> Result<ListHandshakesForAccountOutput, AwsError> {
    let account = ctx.account();
    let (handshakes, next_token) = ctx.db().read(|tx| {
        let mut rows: Vec<Handshake> =
            tx.index_scan(&HANDSHAKES, "by_recipient", account)?.values().collect::<Result<_, _>>()?;
        // Invitations that went to the account's address before anything was known of the account.
        let email = any_account(tx, account)?.email;
        for invitation in tx.index_scan(&HANDSHAKES, "by_email", &email)?.values() {
            rows.extend(Some(invitation?).filter(|invitation| invitation.recipient.is_none()));
        }
        let handshakes = filtered(current(rows, ctx.now())?, input.filter.clone());
        let (handshakes, next_token) =
            page(handshakes, |one| &one.id, input.next_token.as_deref(), input.max_results)?;
        Ok::<_, AwsError>((shapes(tx, &handshakes)?, next_token))
    })?;
    Ok(ListHandshakesForAccountOutput { handshakes: Some(handshakes), next_token })
}

pub(crate) async fn list_handshakes_for_organization(
    ctx: Ctx,
    input: ListHandshakesForOrganizationInput,
) -> Result<ListHandshakesForOrganizationOutput, AwsError> {
    let (handshakes, next_token) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let handshakes = of_organization(tx, &organization.id, ctx.now())?;
        let handshakes = filtered(handshakes, input.filter.clone());
        let (handshakes, next_token) =
            page(handshakes, |one| &one.id, input.next_token.as_deref(), input.max_results)?;
        Ok::<_, AwsError>((shapes(tx, &handshakes)?, next_token))
    })?;
    Ok(ListHandshakesForOrganizationOutput { handshakes: Some(handshakes), next_token })
}
