//! Sessions: temporary credentials, and what they are told by. What is known of a session is kept with its
//! caller, in the row that authentication reads (`cloudtwin_core::credentials`).

use std::sync::Arc;

use cloudtwin_core::credentials::{
    Credential, LAST_USED, SESSION_CREDENTIALS, TEMPORARY_PREFIX, id_of_account,
};
use cloudtwin_core::{Caller, Ctx, Session};
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::api;
use crate::api::errors::PACKED_POLICY_TOO_LARGE_EXCEPTION;

/// How long the credentials of a session that has ended are kept, in milliseconds. Afterwards the id alone
/// tells that they were issued (`cloudtwin_core::credentials::is_ours`).
const REMEMBERED: i64 = 24 * 3_600_000;

/// How many ended sessions are forgotten whenever a new one begins.
const FORGOTTEN_AT_ONCE: usize = 16;

/// How many ids are made for a new session, of which one that is free is taken.
const IDS: usize = 8;

/// What secrets and tokens consist of.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What session tokens begin with on AWS. The rest means nothing: the session is found by its access key.
const TOKEN_PREFIX: &str = "IQoJb3JpZ2luX2Vj";

/// How long tokens are, in bytes, unless longer ones are asked for.
const TOKEN_SIZE: usize = 356;

/// How long a token can be, in bytes: what a token's utilization is a percentage of.
const LONGEST_TOKEN: usize = 4_096;

/// A session that has begun.
pub(crate) struct Begun {
    pub(crate) credentials: api::Credentials,
    /// The token's size in bytes, and how much of what is allowed it takes, in percent. Told to those who
    /// asked for a size.
    pub(crate) token_size: Option<i32>,
    pub(crate) token_utilization: Option<i32>,
}

/// Begins a session of `duration` seconds as `caller`, with a token of at least `token_size` bytes.
pub(crate) async fn begin(
    ctx: &Ctx,
    caller: Caller,
    duration: i32,
    token_size: Option<i32>,
    session: Session,
) -> Result<Begun, AwsError> {
    let now = ctx.now();
    let expiration = Timestamp::from_seconds(now.seconds + i64::from(duration));
    let session = Session { issued: now.as_millis(), expires: expiration.as_millis(), ..session };
    let size = token_size.and_then(|size| usize::try_from(size).ok()).unwrap_or_default().max(TOKEN_SIZE);
    if size > LONGEST_TOKEN {
        return Err(PACKED_POLICY_TOO_LARGE_EXCEPTION.with("The session token would be too large."));
    }
    let ids: [String; IDS] =
        std::array::from_fn(|_| id_of_account(TEMPORARY_PREFIX, 16, &caller.account, ctx.random()));
    let mut credential = Credential {
        secret_access_key: ctx.random_text(LETTERS, 40),
        session_token: Some(format!("{TOKEN_PREFIX}{}", ctx.random_text(LETTERS, size - TOKEN_PREFIX.len()))),
        expires: Some(expiration.as_millis()),
        active: true,
        caller: Caller { access_key_id: None, session: Some(Arc::new(session)), ..caller },
    };
    let forgotten = now.as_millis() - REMEMBERED;
    let id = ctx
        .db()
        .write(|tx| {
            let ended: Vec<String> = tx
                .index_range(&SESSION_CREDENTIALS, "by_expiry", ..=forgotten)?
                .take(FORGOTTEN_AT_ONCE)
                .map(|row| row.map(|(key, _)| key))
                .collect::<Result<_, _>>()?;
            for key in &ended {
                tx.delete(&SESSION_CREDENTIALS, key)?;
                tx.delete(&LAST_USED, key)?;
            }
            for id in &ids {
                if !tx.contains(&SESSION_CREDENTIALS, id)? {
                    credential.caller.access_key_id = Some(id.clone());
                    tx.put(&SESSION_CREDENTIALS, id, &credential)?;
                    return Ok::<_, AwsError>(Some(id.clone()));
                }
            }
            Ok(None)
        })
        .await?;
    let id = id.ok_or_else(|| ctx.internal_error(&"the account has no access key ids left"))?;
    let told = |number: usize| token_size.map(|_| i32::try_from(number).unwrap_or(i32::MAX));
    Ok(Begun {
        credentials: api::Credentials {
            access_key_id: id,
            secret_access_key: credential.secret_access_key,
            session_token: credential.session_token.unwrap_or_default(),
            expiration,
        },
        token_size: told(size),
        token_utilization: told((size * 100).div_ceil(LONGEST_TOKEN)),
    })
}
