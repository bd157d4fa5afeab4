//! Identity providers that an account trusts, for `sts:AssumeRoleWithWebIdentity` and
//! `sts:AssumeRoleWithSAML`. IAM writes the rows, STS reads them.

use cloudtwin_smithy::Timestamp;
use cloudtwin_store::Table;
use serde::{Deserialize, Serialize};

/// An OpenID Connect provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// The issuer without `https://` and without a slash at its end: `token.actions.githubusercontent.com`. Its
    /// form is the one that was given; [`oidc_key`] makes the row's key of it.
    pub url: String,
    /// The audiences (`aud`) whose tokens are taken.
    pub client_ids: Vec<String>,
    /// SHA-1 fingerprints of the certificates of the issuer's host, 40 hexadecimal digits each.
    pub thumbprints: Vec<String>,
    /// When it was created.
    pub created: Timestamp,
    /// Tags, in the order in which they were added.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
}

impl OidcProvider {
    /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:oidc-provider/{}", self.url)
    }
}

/// The OpenID Connect providers of each account, by [`oidc_key`].
pub const OIDC_PROVIDERS: Table<OidcProvider> = Table::account("iam/oidc-providers");

/// The key of the provider for an issuer: the `iss` of a token, the URL of a provider or what follows
/// `oidc-provider/` in its ARN. Without scheme and without a slash at the end; the host in lower case.
pub fn oidc_key(issuer: &str) -> String {
    let bare = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer);
    let bare = bare.trim_end_matches('/');
    match bare.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => bare.to_ascii_lowercase(),
    }
}

/// A SAML 2.0 provider. What its metadata document says has been read when the row was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlProvider {
    /// The name, also the row's key.
    pub name: String,
    /// The metadata document as it was given (XML).
    pub metadata: String,
    /// `entityID` of the identity provider: the `Issuer` of its assertions.
    pub entity_id: String,
    /// The certificates with which assertions may be signed (DER): every `KeyDescriptor` of the
    /// `IDPSSODescriptor` whose use is signing or not given.
    pub signing_certificates: Vec<Vec<u8>>,
    /// Until when the provider may be used, in milliseconds since 1970: a hundred years after its last update,
    /// or the document's `validUntil`, whichever is earlier.
    pub valid_until: i64,
    /// When it was created.
    pub created: Timestamp,
    /// A unique id that the answers of `iam:GetSAMLProvider` carry.
    pub uuid: String,
    /// `Required` or `Allowed`: whether assertions must be encrypted.
    #[serde(default)]
    pub assertion_encryption: Option<String>,
    /// Private keys with which encrypted assertions are read, two at most.
    #[serde(default)]
    pub private_keys: Vec<SamlPrivateKey>,
    /// Tags, in the order in which they were added.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
}

impl SamlProvider {
    /// `arn:aws:iam::ACCOUNT:saml-provider/NAME`.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:saml-provider/{}", self.name)
    }
}

/// A private key with which encrypted SAML assertions are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlPrivateKey {
    /// Its id.
    pub id: String,
    /// When it was added.
    pub added: Timestamp,
    /// The key (PEM).
    pub pem: String,
}

/// The SAML providers of each account, by name.
pub const SAML_PROVIDERS: Table<SamlProvider> = Table::account("iam/saml-providers");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_has_one_key_however_it_is_written() {
        for issuer in ["https://Example.com/Path/", "example.com/Path", "https://example.com/Path"] {
            assert_eq!(oidc_key(issuer), "example.com/Path");
        }
        assert_eq!(oidc_key("https://accounts.google.com"), "accounts.google.com");
    }
}
