//! Sessions for those whom an OpenID Connect provider vouches for: a provider on this machine, as developers run
//! one.

#![cfg(test)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cloudtwin_core::credentials::SESSION_CREDENTIALS;
use cloudtwin_core::federation::{OIDC_PROVIDERS, OidcProvider, oidc_key};
use cloudtwin_core::{Caller, Session};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ROLE: &str = "arn:aws:iam::111111111111:role/deploy";

/// An issuer: what it serves by path, and its key.
struct Issuer {
    url: String,
    key: EcdsaKeyPair,
    pages: Arc<Mutex<HashMap<String, String>>>,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

fn key_set(key: &EcdsaKeyPair, kid: &str) -> String {
    let point = key.public_key().as_ref();
    let part = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let key =
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": part(&point[1..33]), "y": part(&point[33..])});
    json!({"keys": [key]}).to_string()
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = new_key();
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string();
        let pages = Arc::new(Mutex::new(HashMap::from([
            ("/.well-known/openid-configuration".to_owned(), discovery),
            ("/keys".to_owned(), key_set(&key, "one")),
        ])));
        let served = Arc::clone(&pages);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0_u8; 2048];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let page = served.lock().unwrap().get(&path).cloned();
                let (status, body) = page.map_or(("404 Not Found", String::new()), |page| ("200 OK", page));
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self { url, key, pages }
    }

    /// A token with these claims over the usual ones.
    fn token(&self, now: i64, kid: &str, claims: Value) -> String {
        let mut all =
            json!({"iss": self.url, "sub": "repo:acme/app", "aud": "sts", "iat": now, "exp": now + 600});
        for (claim, value) in claims.as_object().unwrap() {
            all[claim] = value.clone();
        }
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "ES256", "kid": kid})), part(&all));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A cloud whose account 111111111111 trusts the issuer.
async fn cloud(issuer: &Issuer) -> TestCloud {
    let cloud = TestCloud::start(vec![cloudtwin_sts::service()]).unwrap();
    let provider = OidcProvider {
        url: issuer.url.trim_start_matches("http://").to_owned(),
        client_ids: vec!["sts".to_owned()],
        thumbprints: Vec::new(),
        created: cloud.cloud().clock().now(),
        tags: Vec::new(),
    };
    let db = cloud.cloud().db().scoped("111111111111", "");
    db.write::<_, StoreError, _>(|tx| tx.put(&OIDC_PROVIDERS, oidc_key(&issuer.url), &provider))
        .await
        .unwrap();
    cloud.caller(Caller::anonymous("000000000000"))
}

async fn assume(cloud: &TestCloud, token: &str) -> Result<Value, AwsError> {
    let input = json!({"RoleArn": ROLE, "RoleSessionName": "ci", "WebIdentityToken": token});
    cloud.call("sts", "AssumeRoleWithWebIdentity", input).await
}

fn session_of(cloud: &TestCloud, answer: &Value) -> Arc<Session> {
    let key = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    let db = cloud.cloud().db().scoped("", "");
    let row = db.read::<_, StoreError, _>(|tx| tx.get(&SESSION_CREDENTIALS, key)).unwrap().unwrap();
    row.caller.session.unwrap()
}

fn seconds(cloud: &TestCloud) -> i64 {
    cloud.cloud().clock().now_millis() / 1_000
}

#[tokio::test]
async fn a_job_takes_on_a_role_with_the_token_of_its_issuer() {
    let issuer = Issuer::start().await;
    let cloud = cloud(&issuer).await;
    let token = issuer.token(
        seconds(&cloud),
        "one",
        json!({
            "amr": ["mfa", "pwd"],
            "https://aws.amazon.com/source_identity": "ann",
            "https://aws.amazon.com/tags": {"principal_tags": {"Team": ["a"]}, "transitive_tag_keys": ["Team"]},
        }),
    );
    let answer = assume(&cloud, &token).await.unwrap();
    let host = issuer.url.trim_start_matches("http://");
    let provider = format!("arn:aws:iam::111111111111:oidc-provider/{host}");
    assert_eq!(answer["Provider"], provider);
    assert_eq!((&answer["Audience"], &answer["SourceIdentity"]), (&json!("sts"), &json!("ann")));
    assert_eq!(answer["SubjectFromWebIdentityToken"], "repo:acme/app");
    assert_eq!(answer["AssumedRoleUser"]["Arn"], "arn:aws:sts::111111111111:assumed-role/deploy/ci");
    let session = session_of(&cloud, &answer);
    assert_eq!(session.federated_provider.as_deref(), Some(provider.as_str()));
    assert_eq!(session.keys[&format!("{host}:sub")], ["repo:acme/app"]);
    assert_eq!(session.keys[&format!("{host}:amr")], ["mfa", "pwd"]);
    assert_eq!(session.tags, [("Team".to_owned(), "a".to_owned())]);
    assert_eq!(session.transitive_tag_keys, ["Team"]);
}

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused() {
    let issuer = Issuer::start().await;
    let cloud = cloud(&issuer).await;
    let now = seconds(&cloud);
    let stranger = Issuer { key: new_key(), url: issuer.url.clone(), pages: Arc::clone(&issuer.pages) };
    let no_key = "Couldn't retrieve verification key from your identity provider,  please reference \
                  AssumeRoleWithWebIdentity documentation for requirements";
    let expired =
        format!("Token expired: current date/time {now} must be before the expiration date/time {}", now - 1);
    for (token, code, message) in [
        (
            "token".to_owned(),
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ),
        (
            issuer.token(now, "one", json!({"iss": "https://example.com"})),
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://example.com",
        ),
        (
            issuer.token(now, "one", json!({"aud": "other"})),
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (issuer.token(now, "one", json!({"exp": now - 1})), "ExpiredTokenException", &expired),
        (
            issuer.token(now, "one", json!({"iat": now - 441_398})),
            "ExpiredTokenException",
            "Token too old: 441398",
        ),
        (issuer.token(now, "two", json!({})), "InvalidIdentityToken", no_key),
        (stranger.token(now, "one", json!({})), "InvalidIdentityToken", "Token signature invalid"),
    ] {
        let error = assume(&cloud, &token).await.unwrap_err();
        // The clock may have moved on by a second.
        let told = error.message().replace(&(now + 1).to_string(), &now.to_string());
        assert_eq!((error.code(), told.as_str()), (code, message));
        assert_eq!(error.status(), 400);
    }
}

#[tokio::test]
async fn an_issuer_can_change_its_key() {
    let issuer = Issuer::start().await;
    let cloud = cloud(&issuer).await;
    let now = seconds(&cloud);
    assume(&cloud, &issuer.token(now, "one", json!({}))).await.unwrap();
    let next = Issuer { key: new_key(), url: issuer.url.clone(), pages: Arc::clone(&issuer.pages) };
    issuer.pages.lock().unwrap().insert("/keys".to_owned(), key_set(&next.key, "two"));
    assume(&cloud, &next.token(now, "two", json!({}))).await.unwrap();
    assume(&cloud, &issuer.token(now, "one", json!({}))).await.unwrap_err();
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_properly_vouches_for_nobody() {
    let issuer = Issuer::start().await;
    let cloud = cloud(&issuer).await;
    let token = issuer.token(seconds(&cloud), "one", json!({}));
    let discovery = "/.well-known/openid-configuration".to_owned();
    for page in [
        String::new(),
        "{}".to_owned(),
        "x".repeat(300_000),
        json!({"issuer": "https://example.com", "jwks_uri": format!("{}/keys", issuer.url)}).to_string(),
        json!({"issuer": issuer.url, "jwks_uri": "http://example.com/keys"}).to_string(),
        json!({"issuer": issuer.url, "jwks_uri": format!("{}/nowhere", issuer.url)}).to_string(),
    ] {
        issuer.pages.lock().unwrap().insert(discovery.clone(), page);
        let error = assume(&cloud, &token).await.unwrap_err();
        assert!(error.message().starts_with("Couldn't retrieve verification key"), "{}", error.message());
    }
}

#[tokio::test]
async fn an_issuer_that_is_away_cannot_be_asked() {
    let mut issuer = Issuer::start().await;
    issuer.url = "http://127.0.0.1:1".to_owned();
    let cloud = cloud(&issuer).await;
    let error = assume(&cloud, &issuer.token(seconds(&cloud), "one", json!({}))).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("IDPCommunicationError", 400));
}
