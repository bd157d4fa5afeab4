//! Sessions: temporary credentials and what is known of them.

use cloudtwin_core::credentials::{CREDENTIALS, Credential, LAST_USED, id_of_account};
use cloudtwin_core::{Caller, Ctx};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{IndexKeys, Table};
use serde::{Deserialize, Serialize};

use crate::api;

/// How long the credentials of a session that has ended are remembered, in milliseconds: so long its use is
/// answered by `ExpiredToken`, and after that as if they had never been issued.
const REMEMBERED: i64 = 24 * 3_600_000;

/// How many ended sessions are forgotten whenever a new one begins.
const FORGOTTEN_AT_ONCE: usize = 16;

/// What secrets and tokens consist of.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What session tokens begin with on AWS. The rest means nothing: the session is found by its access key.
const TOKEN_PREFIX: &str = "IQoJb3JpZ2luX2Vj";

/// A session, beside its credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    /// When it ends, in milliseconds since 1970.
    pub(crate) expires: i64,
    /// Its tags, those that it has from the session that assumed its role first.
    pub(crate) tags: Vec<(String, String)>,
    /// Keys of the tags that it hands on.
    pub(crate) transitive: Vec<String>,
    /// Who is behind it, as far as it was said.
    pub(crate) source_identity: Option<String>,
    /// The session policy, a document.
    pub(crate) policy: Option<String>,
    /// ARNs of managed session policies.
    pub(crate) policy_arns: Vec<String>,
}

/// Every session that has not been forgotten, by its access key.
pub(crate) const SESSIONS: Table<Session> =
    Table::global("sts/sessions").index("by_expiry", |session: &Session| IndexKeys::one(session.expires));

/// The session that the caller is in, if it is in one.
pub(crate) fn of_caller(ctx: &Ctx) -> Result<Option<Session>, AwsError> {
    match &ctx.caller().access_key_id {
        Some(key) => Ok(ctx.db().read(|tx| tx.get(&SESSIONS, key))?),
        None => Ok(None),
    }
}

/// Begins a session of `duration` seconds as `caller`.
pub(crate) async fn begin(
    ctx: &Ctx,
    caller: Caller,
    duration: i32,
    session: Session,
) -> Result<api::Credentials, AwsError> {
    let now = ctx.now();
    let expiration = Timestamp::from_seconds(now.seconds + i64::from(duration));
    let id = id_of_account("ASIA", 16, &caller.account, ctx.random());
    let credential = Credential {
        secret_access_key: ctx.random_text(LETTERS, 40),
        session_token: Some(format!("{TOKEN_PREFIX}{}", ctx.random_text(LETTERS, 340))),
        expires: Some(expiration.as_millis()),
        active: true,
        caller: Caller { access_key_id: Some(id.clone()), ..caller },
    };
    let session = Session { expires: expiration.as_millis(), ..session };
    let forgotten = now.as_millis() - REMEMBERED;
    ctx.db()
        .write(|tx| {
            let ended: Vec<String> = tx
                .index_range(&SESSIONS, "by_expiry", ..=forgotten)?
                .take(FORGOTTEN_AT_ONCE)
                .map(|row| row.map(|(key, _)| key))
                .collect::<Result<_, _>>()?;
            for key in &ended {
                tx.delete(&SESSIONS, key)?;
                tx.delete(&CREDENTIALS, key)?;
                tx.delete(&LAST_USED, key)?;
            }
            tx.put(&CREDENTIALS, &id, &credential)?;
            Ok::<_, AwsError>(tx.put(&SESSIONS, &id, &session)?)
        })
        .await?;
    Ok(api::Credentials {
        access_key_id: id,
        secret_access_key: credential.secret_access_key,
        session_token: credential.session_token.unwrap_or_default(),
        expiration,
    })
}
