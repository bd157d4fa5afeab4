//! Who sent a request.
//!
//! Access keys that were issued here are always verified. Other keys are the root of an account,
//! as users of LocalStack expect: a 12-digit key names the account, any other key means
//! 000000000000. A request without a signature is anonymous.

use std::sync::Arc;

use cloudtwin_sigv4::{
    AuthError, Authentication, ChunkSigning, ContentSha256, ErrorFamily, RequestView, SigV2, SigV4,
    SigningRules, Verification,
};
use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::{ProtocolId, ServiceSchema};
use cloudtwin_store::StoreError;
use http::request::Parts;
use time::OffsetDateTime;

use crate::caller::{Caller, Principal};
use crate::cloud::Cloud;
use crate::credentials::{self, Credential, LAST_USED, LastUsed};
use crate::service_access::{SERVICE_ACCESS, ServiceAccess, principal_arn};

/// The account of access keys that name none.
pub(crate) const DEFAULT_ACCOUNT: &str = "000000000000";

/// The secret that is assumed for keys that were never issued, where those are verified at all.
const DEFAULT_SECRET: &str = "test";

/// How much must lie between two records of a key's last use, in milliseconds.
const LAST_USED_RESOLUTION: i64 = 60_000;

/// The result of authentication.
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    pub(crate) region: String,
    /// What the signature says of the body, if it was verified.
    pub(crate) content: Option<ContentSha256>,
    /// What the signatures of the body's chunks are checked with.
    pub(crate) chunks: Option<ChunkSigning>,
}

/// How a family of services words authentication errors.
pub(crate) fn family(service: &ServiceSchema, protocol: ProtocolId) -> ErrorFamily {
    match protocol {
        _ if matches!(service.name, "s3" | "s3control") => ErrorFamily::S3,
        ProtocolId::Ec2 => ErrorFamily::Ec2,
        ProtocolId::Query | ProtocolId::RestXml => ErrorFamily::Query,
        ProtocolId::RestJson => ErrorFamily::RestJson,
        ProtocolId::Json | ProtocolId::RpcV2Cbor | ProtocolId::RpcV2Json => ErrorFamily::Rpc,
    }
}

/// Authenticates a request to a service. `body` is given when it is in memory.
pub(crate) fn authenticate(
    cloud: &Cloud,
    parts: &Parts,
    service: &ServiceSchema,
    family: ErrorFamily,
    bucket_of_host: Option<&str>,
    body: Option<&[u8]>,
) -> Result<Authenticated, AwsError> {
    let view = RequestView::of_parts(parts);
    let default_region = || cloud.config().default_region.clone();
    match Authentication::of(&view).map_err(|error| error.answer(family))? {
        Authentication::SigV4(signature) => {
            sigv4(cloud, &view, service.signing_name, family, &signature, body)
                .map_err(|refusal| refusal.answer(family))
        }
        Authentication::SigV2(signature) => {
            let caller = sigv2(cloud, &view, &signature, bucket_of_host).map_err(|r| r.answer(family))?;
            Ok(Authenticated { caller, region: default_region(), content: None, chunks: None })
        }
        Authentication::Bearer(_) | Authentication::Anonymous => Ok(Authenticated {
            caller: Caller::anonymous(DEFAULT_ACCOUNT),
            region: default_region(),
            content: None,
            chunks: None,
        }),
    }
}

impl Cloud {
    /// Who signed a request that is no AWS API call but belongs to a front door (an invocation of an API or a
    /// function URL), with its whole body. Nobody did, if there is no signature.
    ///
    /// # Errors
    /// The signature is wrong, or its key may not be used: in the words of REST services.
    pub fn signer(&self, head: &Parts, signing_name: &str, body: &[u8]) -> Result<Caller, AwsError> {
        let view = RequestView::of_parts(head);
        let family = ErrorFamily::RestJson;
        match Authentication::of(&view).map_err(|error| error.answer(family))? {
            Authentication::SigV4(signature) => {
                let signed = sigv4(self, &view, signing_name, family, &signature, Some(body));
                signed.map(|authenticated| authenticated.caller).map_err(|refusal| refusal.answer(family))
            }
            _ => Ok(Caller::anonymous(DEFAULT_ACCOUNT)),
        }
    }
}

/// Why a request is refused: by the rules of signatures, or because the store failed.
enum Refusal {
    Auth(AuthError),
    Store(StoreError),
}

impl Refusal {
    fn answer(self, family: ErrorFamily) -> AwsError {
        match self {
            Self::Auth(error) => error.answer(family),
            Self::Store(error) => error.into(),
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

fn now(cloud: &Cloud) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(cloud.clock().now_millis()) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn sigv4(
    cloud: &Cloud,
    view: &RequestView<'_>,
    signing_name: &str,
    family: ErrorFamily,
    signature: &SigV4<'_>,
    body: Option<&[u8]>,
) -> Result<Authenticated, Refusal> {
    let key_id = signature.credential.access_key_id();
    let region = match signature.credential.region() {
        Some(region) if !region.is_empty() => region.to_owned(),
        _ => cloud.config().default_region.clone(),
    };
    let now = now(cloud);
    let issued = find(cloud, key_id).map_err(Refusal::Store)?;
    // S3 looks at the clock before it looks up the key, so a stale request to it is told so.
    if issued.is_some() && family == ErrorFamily::S3 {
        signature.check_time(now)?;
    }
    let token = signature.security_token.as_deref();
    credentials::check(key_id, issued.as_deref(), token, cloud.clock().now_millis())?;
    let stranger = || Caller { access_key_id: Some(key_id.to_owned()), ..unknown(cloud, key_id) };
    let (secret, caller) = match &issued {
        Some(credential) => {
            let caller = Caller { access_key_id: Some(key_id.to_owned()), ..credential.caller.clone() };
            (credential.secret_access_key.as_str(), caller)
        }
        None if cloud.config().refuse_unknown_keys => {
            return Err(AuthError::UnknownAccessKey(key_id.to_owned()).into());
        }
        None if cloud.config().verify_unknown_keys => (DEFAULT_SECRET, stranger()),
        None => {
            // Nobody knows the secret, but a presigned URL still ends when it says so.
            if signature.expires_in.is_some() {
                signature.check_time(now)?;
            }
            return Ok(Authenticated { caller: stranger(), region, content: None, chunks: None });
        }
    };
    let verification =
        Verification { secret_access_key: secret, rules: SigningRules::of_service(signing_name), body, now };
    let verified = signature.verify(view, cloud.signing_keys(), &verification)?;
    if issued.is_some() {
        note_use(cloud, key_id, &caller, signing_name, &region);
    }
    let chunks = matches!(verified.content_sha256, ContentSha256::Streaming(_));
    Ok(Authenticated {
        caller,
        region,
        content: Some(verified.content_sha256),
        chunks: chunks.then(|| verified.chunk_signing()),
    })
}

fn sigv2(
    cloud: &Cloud,
    view: &RequestView<'_>,
    signature: &SigV2<'_>,
    bucket_of_host: Option<&str>,
) -> Result<Caller, Refusal> {
    let key_id = signature.access_key_id.as_ref();
    let issued = find(cloud, key_id).map_err(Refusal::Store)?;
    let token = signature.security_token(view);
    credentials::check(key_id, issued.as_deref(), token.as_deref(), cloud.clock().now_millis())?;
    let secret = match &issued {
        Some(credential) => credential.secret_access_key.as_str(),
        None if cloud.config().refuse_unknown_keys => {
            return Err(AuthError::UnknownAccessKey(key_id.to_owned()).into());
        }
        None if cloud.config().verify_unknown_keys => DEFAULT_SECRET,
        None => {
            // As in `sigv4`: a presigned URL ends when it says so, whoever made it.
            if signature.expires.is_some() {
                signature.check_expiry(view, now(cloud))?;
            }
            return Ok(unknown(cloud, key_id));
        }
    };
    signature.verify(view, secret, bucket_of_host, now(cloud))?;
    let caller = issued.map(|credential| credential.caller.clone()).unwrap_or_else(|| unknown(cloud, key_id));
    Ok(Caller { access_key_id: Some(key_id.to_owned()), ..caller })
}

/// The row of an access key that was issued.
pub(crate) fn find(cloud: &Cloud, key_id: &str) -> Result<Option<Arc<Credential>>, StoreError> {
    cloud.db().scoped("", "").read(|tx| credentials::find(tx, key_id))
}

/// Whom an access key stands for that was never issued.
pub(crate) fn unknown(cloud: &Cloud, key_id: &str) -> Caller {
    let digits = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let account = if digits(key_id) {
        key_id.to_owned()
    } else if key_id.starts_with("LKIA")
        || key_id.starts_with("LSIA")
        || (cloud.config().decode_access_keys && (key_id.starts_with("AKIA") || key_id.starts_with("ASIA")))
    {
        crate::credentials::account_of_key(key_id).unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned())
    } else {
        DEFAULT_ACCOUNT.to_owned()
    };
    Caller { principal: Principal::Root, ..Caller::root(&account) }
}

/// Remembers the use of an issued key, and of a service by whom it stands for, in the background and at most once
/// a minute.
fn note_use(cloud: &Cloud, key_id: &str, caller: &Caller, service: &str, region: &str) {
    let at = cloud.clock().now_millis();
    let db = cloud.db().scoped("", "");
    let recent = db
        .read::<_, StoreError, _>(|tx| tx.get_shared(&LAST_USED, key_id))
        .ok()
        .flatten()
        .is_some_and(|last| at - last.at < LAST_USED_RESOLUTION && last.service == service);
    if recent {
        return;
    }
    let (key_id, row) =
        (key_id.to_owned(), LastUsed { at, service: service.to_owned(), region: region.to_owned() });
    let access = principal_arn(caller).map(|principal| {
        let access = ServiceAccess { at, region: region.to_owned(), caller_arn: caller.arn.clone() };
        (caller.account.clone(), principal.to_owned(), access)
    });
    tokio::spawn(async move {
        let written = db
            .write::<_, StoreError, _>(|tx| {
                if let Some((account, principal, access)) = &access {
                    let key = (principal.as_str(), row.service.as_str());
                    tx.at(account, "").put(&SERVICE_ACCESS, key, access)?;
                }
                tx.put(&LAST_USED, key_id.as_str(), &row)
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the last use of an access key cannot be recorded");
        }
    });
}
