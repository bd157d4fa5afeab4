//! The keys of OpenID Connect providers, fetched from the providers themselves.
//!
//! Nothing is fetched but what belongs to an issuer that an account has registered with IAM: its discovery
//! document (OpenID Connect Discovery 1.0, section 4) and the key set that it names. Answers are bounded in size
//! and time, redirects are not followed, and keys are kept for a while. Issuers are on HTTPS, as on AWS; on
//! loopback hosts plain HTTP is taken too, for providers that run on the developer's machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloudtwin_core::Ctx;
use cloudtwin_core::federation::OidcProvider;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::jwt::{KeySet, Token, Verdict};
use crate::provider_tls;

/// How long keys are kept, in milliseconds.
const KEPT: i64 = 3_600_000;

/// How many providers' keys are kept.
const PROVIDERS: usize = 256;

/// How long a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How large an answer may be, in bytes.
const LONGEST: usize = 256 << 10;

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchError {
    /// The provider cannot be reached, or does not answer in time.
    Unreachable,
    /// Its certificate is neither one that is trusted nor one whose fingerprint is registered.
    Certificate,
    /// It answers something else than it should.
    Answer,
}

struct Kept {
    keys: Arc<KeySet>,
    until: i64,
}

/// An issuer, and the fingerprints that it was trusted by.
type Place = (String, Vec<String>);

/// Keys that were fetched.
#[derive(Clone, Default)]
pub(crate) struct ProviderKeys(Arc<Mutex<HashMap<Place, Kept>>>);

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl ProviderKeys {
    /// Whether `issuer` signed the token. `provider` is the registered provider of this issuer.
    pub(crate) async fn verify(
        &self,
        ctx: &Ctx,
        token: &Token<'_>,
        issuer: &str,
        provider: &OidcProvider,
    ) -> Result<Verdict, FetchError> {
        let place = (issuer.to_owned(), provider.thumbprints.clone());
        let now = ctx.now().as_millis();
        let kept =
            self.0.lock().get(&place).filter(|kept| now < kept.until).map(|kept| Arc::clone(&kept.keys));
        if let Some(keys) = kept {
            let verdict = token.verify(&keys);
            // A key that is not known may be a new one.
            if verdict != Verdict::UnknownKey {
                return Ok(verdict);
            }
        }
        let keys = Arc::new(fetch_keys(issuer, provider).await?);
        let verdict = token.verify(&keys);
        let mut all = self.0.lock();
        if all.len() >= PROVIDERS {
            all.clear();
        }
        all.insert(place, Kept { keys, until: now + KEPT });
        Ok(verdict)
    }
}

async fn fetch_keys(issuer: &str, provider: &OidcProvider) -> Result<KeySet, FetchError> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let discovery: Discovery =
        serde_json::from_slice(&fetch(&url, provider).await?).map_err(|_| FetchError::Answer)?;
    if discovery.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(FetchError::Answer);
    }
    KeySet::read(&fetch(&discovery.jwks_uri, provider).await?).ok_or(FetchError::Answer)
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Where a URL leads, if it is one that may be fetched.
struct Target {
    uri: Uri,
    host: String,
    port: u16,
    encrypted: bool,
}

impl Target {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?.to_owned();
        let encrypted = match uri.scheme_str()? {
            "https" => true,
            "http" if is_loopback(&host) => false,
            _ => return None,
        };
        // Names and passwords in URLs are nobody's issuer.
        if uri.authority()?.as_str().contains('@') {
            return None;
        }
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        Some(Self { uri, host, port, encrypted })
    }
}

async fn fetch(url: &str, provider: &OidcProvider) -> Result<Bytes, FetchError> {
    let target = Target::of(url).ok_or(FetchError::Answer)?;
    let answer = Box::pin(async {
        let address = (target.host.trim_start_matches('[').trim_end_matches(']'), target.port);
        let stream = TcpStream::connect(address).await.map_err(|_| FetchError::Unreachable)?;
        if target.encrypted {
            get(provider_tls::connect(stream, &target.host, provider).await?, &target).await
        } else {
            get(stream, &target).await
        }
    });
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(FetchError::Unreachable))
}

async fn get<S>(stream: S, target: &Target) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let unreachable = |_: hyper::Error| FetchError::Unreachable;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let exchange = async {
        let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = target.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "cloudtwin")
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::Answer)?;
        let response = sender.send_request(request).await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Answer);
        }
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        Ok(body.map_err(|_| FetchError::Answer)?.to_bytes())
    };
    // The connection lives as long as the exchange, and ends with it.
    tokio::pin!(exchange, connection);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in
            ["https://example.com/keys", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:9/x"]
        {
            assert!(Target::of(url).is_some(), "{url}");
        }
        for url in [
            "http://example.com",
            "http://169.254.169.254/latest",
            "http://localhost.example.com",
            "file:///etc/passwd",
            "https://user@example.com",
            "/keys",
            "",
        ] {
            assert!(Target::of(url).is_none(), "{url}");
        }
    }
}
