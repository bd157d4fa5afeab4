//! From consolidated billing to all features: every invited member has to agree, then the management account.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{EnableAllFeaturesInput, EnableAllFeaturesOutput};
use crate::organization::{ID_CHARACTERS, link_role};
use crate::state::{Action, Handshake, HandshakeState, Organization};
use crate::{errors, handshakes};

/// How long members have time to agree, in milliseconds: 90 days.
const VALID: i64 = 90 * 24 * 3_600_000;

/// The management account's handshake, while it is under way.
pub(crate) fn pending(
    tx: &ReadTx<'_>,
    organization: &Organization,
    now: Timestamp,
) -> Result<Option<Handshake>, StoreError> {
    let mut all = handshakes::of_organization(tx, &organization.id, now)?.into_iter();
    Ok(all.find(|one| one.action == Action::EnableAllFeatures && one.parent.is_none() && one.is_pending()))
}

pub(crate) async fn enable_all_features(
    ctx: Ctx,
    _: EnableAllFeaturesInput,
) -> Result<EnableAllFeaturesOutput, AwsError> {
    let now = ctx.now();
    let organization = ctx.db().read(|tx| access::organization(&ctx, tx, OpenTo::Management))?;
    if !organization.all_features {
        link_role(&ctx).await?;
    }
    let id = format!("h-{}", ctx.random_text(ID_CHARACTERS, 32));
    let handshake = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if organization.all_features {
                return Err(errors::handshake_constraint(
                    "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
                    "The organization already has all features enabled.",
                ));
            }
            if pending(tx, &organization, now)?.is_some() {
                return Err(errors::handshake_constraint(
                    "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
                    "The organization has already started the process to enable all features.",
                ));
            }
            let mut own = Handshake {
                id: id.clone(),
                organization: organization.id.clone(),
                management: organization.management.clone(),
                action: Action::EnableAllFeatures,
                state: HandshakeState::Open,
                requested: now,
                expires: Timestamp::from_millis(now.as_millis() + VALID),
                ended: None,
                recipient: None,
                email: None,
                notes: None,
                parent: None,
                tags: Vec::new(),
            };
            for account in organization.accounts(tx)? {
                let invited = account.membership.as_ref().is_some_and(|member| !member.created);
                if invited && account.id != organization.management && !account.closed {
                    own.state = HandshakeState::Requested;
                    let part = Handshake {
                        // Unique, because the account is: ids of handshakes are made of letters and digits.
                        id: format!("{}{}", id.get(..22).unwrap_or(&id), account.id),
                        state: HandshakeState::Open,
                        recipient: Some(account.id),
                        parent: Some(id.clone()),
                        ..own.clone()
                    };
                    part.put(tx)?;
                }
            }
            own.put(tx)?;
            Ok(handshakes::shape(tx, &own)?)
        })
        .await?;
    Ok(EnableAllFeaturesOutput { handshake: Some(handshake) })
}

/// What follows when a member, or at last the management account, has agreed.
pub(crate) fn accept(
    tx: &mut Tx<'_>,
    handshake: &mut Handshake,
    mut organization: Organization,
    now: Timestamp,
) -> Result<(), AwsError> {
    let whole = handshake.parent.clone().unwrap_or_else(|| handshake.id.clone());
    let others = handshakes::of_organization(tx, &organization.id, now)?;
    let waiting = others.iter().any(|other| {
        other.parent.as_ref() == Some(&whole)
            && other.id != handshake.id
            && other.state != HandshakeState::Accepted
    });
    if handshake.parent.is_some() {
        handshake.end(HandshakeState::Accepted, now);
        handshake.put(tx)?;
        if !waiting && let Some(mut own) = others.into_iter().find(|other| other.id == whole) {
            own.state = HandshakeState::Open;
            own.put(tx)?;
        }
        return Ok(());
    }
    if waiting {
        return Err(crate::api::errors::INVALID_HANDSHAKE_TRANSITION_EXCEPTION
            .with("You can't perform the operation on the handshake in its current state."));
    }
    handshake.end(HandshakeState::Accepted, now);
    handshake.put(tx)?;
    organization.all_features = true;
    organization.put(tx)
}
