//! Inviting accounts that exist already.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{InviteAccountToOrganizationInput, InviteAccountToOrganizationOutput, errors as model};
use crate::organization::ID_CHARACTERS;
use crate::state::{
    ACCOUNTS, Account, Action, Handshake, HandshakeState, Organization, any_account, organization_of,
};
use crate::{all_features, errors, handshakes, membership, tags};

/// How long an invitation stands, in milliseconds: 15 days.
const VALID: i64 = 15 * 24 * 3_600_000;

fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account with this address, if there is one.
fn account_with_email(tx: &ReadTx<'_>, email: &str) -> Result<Option<String>, StoreError> {
    if let Some(account) = tx.index_get(&ACCOUNTS, "by_email", email.to_ascii_lowercase())? {
        return Ok(Some(account.id));
    }
    // An account of which no organization knows anything has the address that its number makes.
    let name = email.strip_suffix("@example.com").unwrap_or_default();
    let id = if name == "master" { "000000000000" } else { name };
    Ok((is_account_id(id) && Account::standalone(id).email == email).then(|| id.to_owned()))
}

fn already_a_member() -> AwsError {
    errors::handshake_constraint(
        "ALREADY_IN_AN_ORGANIZATION",
        "The specified account is already a member of an organization.",
    )
}

pub(crate) async fn invite_account_to_organization(
    ctx: Ctx,
    input: InviteAccountToOrganizationInput,
) -> Result<InviteAccountToOrganizationOutput, AwsError> {
    let by_email = match input.target.r#type.as_str() {
        "ACCOUNT" if is_account_id(&input.target.id) => false,
        "ACCOUNT" => return Err(errors::invalid_pattern()),
        "EMAIL" if input.target.id.contains('@') => true,
        "EMAIL" => {
            return Err(errors::invalid_input(
                "INVALID_EMAIL_ADDRESS_TARGET",
                "You specified an invalid email address for the invited account owner.",
            ));
        }
        _ => {
            return Err(errors::invalid_input(
                "INVALID_PARTY_TYPE_TARGET",
                "You specified the wrong type of entity as a party.",
            ));
        }
    };
    let (id, now) = (format!("h-{}", ctx.random_text(ID_CHARACTERS, 32)), ctx.now());
    let tags = tags::checked(input.tags)?;
    let (target, notes) = (&input.target.id, &input.notes);
    let handshake = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if all_features::pending(tx, &organization, now)?.is_some() {
                return Err(errors::handshake_constraint(
                    "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
                    "You can't issue new invitations to join an organization while it's in the process of \
                     enabling all features.",
                ));
            }
            let recipient = if by_email { account_with_email(tx, target)? } else { Some(target.clone()) };
            if let Some(recipient) = &recipient
                && organization.account(tx, recipient)?.is_some()
            {
                return Err(already_a_member());
            }
            let handshake = Handshake {
                id: id.clone(),
                organization: organization.id.clone(),
                management: organization.management.clone(),
                action: Action::Invite,
                state: HandshakeState::Open,
                requested: now,
                expires: Timestamp::from_millis(now.as_millis() + VALID),
                ended: None,
                recipient,
                email: by_email.then(|| target.clone()),
                notes: notes.clone(),
                parent: None,
                tags: tags.clone(),
            };
            let again = handshakes::of_organization(tx, &organization.id, now)?.into_iter().any(|other| {
                other.is_pending()
                    && other.action == Action::Invite
                    && (other.email, other.recipient)
                        == (handshake.email.clone(), handshake.recipient.clone())
            });
            if again {
                return Err(model::DUPLICATE_HANDSHAKE_EXCEPTION
                    .with("A handshake with the same action and target already exists."));
            }
            membership::room_for_account(tx, &organization)?;
            handshake.put(tx)?;
            Ok(handshakes::shape(tx, &handshake)?)
        })
        .await?;
    Ok(InviteAccountToOrganizationOutput { handshake: Some(handshake) })
}

/// Lets an account join that has accepted its invitation.
pub(crate) fn accepted(
    tx: &mut Tx<'_>,
    handshake: &Handshake,
    organization: &Organization,
    account: &str,
    now: Timestamp,
) -> Result<(), AwsError> {
    match organization_of(tx, account)? {
        Some(old) if old.id == organization.id => return Err(already_a_member()),
        Some(old) if old.management == account => return Err(errors::management_cannot_leave()),
        Some(_) => {
            let leaving = any_account(tx, account)?;
            membership::leave(tx, leaving)?;
        }
        None => {}
    }
    membership::room_for_account(tx, organization)?;
    let joining = any_account(tx, account)?;
    membership::join(tx, organization, joining, false, now, handshake.tags.clone())
}
