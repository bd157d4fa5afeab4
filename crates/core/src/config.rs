//! What the server tells the cloud about its surroundings.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::authorize::Enforcement;
use crate::trusted_proxies::TrustedProxies;

/// The facts of the connection that a request came in on, as an extension of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The client's address.
    pub peer: SocketAddr,
    /// The port that the client connected to.
    pub local_port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The service that the port belonged to in LocalStack's old numbering, if it is one of these.
    pub port_service: Option<&'static str>,
}

/// Settings of the cloud. The server fills them from flags and environment variables.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// The services that may be used; all of them, if `None`.
    pub enabled_services: Option<BTreeSet<String>>,
    /// Host (and port) that answers name, where the request's own `Host` should not be used.
    pub public_host: Option<String>,
    /// Write `https` into the URLs of answers (LocalStack's `USE_SSL`), whatever the client used.
    pub public_https: bool,
    /// The port of the gateway, for URLs that are made without a request.
    pub port: u16,
    /// The region of requests that name none.
    pub default_region: String,
    /// Verify signatures of access keys that were never issued, with the secret `test`
    /// (LocalStack's `S3_SKIP_SIGNATURE_VALIDATION=0`).
    pub verify_unknown_keys: bool,
    /// Treat access keys of the form `AKIA…`/`ASIA…` that were not issued here as account numbers
    /// in disguise, as AWS does (LocalStack's `PARITY_AWS_ACCESS_KEY_ID=1`).
    pub decode_access_keys: bool,
    /// How strictly IAM is applied at the start; it can be changed while the cloud runs.
    pub enforcement: Enforcement,
    /// Refuse access keys that were never issued, instead of taking them for an account's root.
    pub refuse_unknown_keys: bool,
    /// Whether calls over plain HTTP count as encrypted (`aws:SecureTransport`).
    pub plain_http_is_secure: bool,
    /// The proxies whose `X-Forwarded-For` tells the client's address (`aws:SourceIp`).
    pub trusted_proxies: TrustedProxies,
    /// How SQS writes queue URLs (`SQS_ENDPOINT_STRATEGY`): `standard`, `domain`, `path`,
    /// `dynamic` or `off`.
    pub sqs_endpoint_strategy: String,
    /// Largest body of a request that is not streamed, in bytes.
    pub max_body: usize,
    /// How many requests the record keeps.
    pub record_capacity: usize,
    /// The product's version, as endpoints report it.
    pub version: &'static str,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            enabled_services: None,
            public_host: None,
            public_https: false,
            port: 4566,
            default_region: "us-east-1".to_owned(),
            verify_unknown_keys: false,
            decode_access_keys: false,
            enforcement: Enforcement::Disabled,
            refuse_unknown_keys: false,
            plain_http_is_secure: true,
            trusted_proxies: TrustedProxies::default(),
            sqs_endpoint_strategy: "dynamic".to_owned(),
            max_body: 64 << 20,
            record_capacity: 10_000,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
