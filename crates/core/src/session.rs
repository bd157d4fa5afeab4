//! Temporary credentials, as policies see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of a session beside who is in it: where `aws:TokenIssueTime`, `aws:MultiFactorAuthPresent`,
/// `aws:MultiFactorAuthAge`, `aws:SourceIdentity`, `aws:FederatedProvider`, `aws:PrincipalTag/…` and the keys
/// of identity providers are read from, and which policies bound it.
///
/// STS makes it, and it is kept with the caller of the credentials; callers with long-term keys have none.
/// Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// When it began.
    pub issued: i64,
    /// When it ends.
    pub expires: i64,
    /// Who is behind it, as far as it was said. Handed on to the sessions that it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Its tags: those that it has from the session before it first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    /// Keys of the tags that it hands on, in the case in which they were given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitive_tag_keys: Vec<String>,
    /// The session policy that was given as a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// ARNs of managed policies that are session policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
    /// When its owner proved to have an MFA device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_authenticated_at: Option<i64>,
    /// The identity provider that vouched for it: the ARN of one that is registered with IAM, or the host
    /// of one that every account trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_provider: Option<String>,
    /// Condition keys that stay with it, with their values: `saml:aud`, `<host of the provider>:sub`,
    /// `sts:RoleSessionName` …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Vec<String>>,
    /// The unique id of its role (`AROA…`), if the role existed: a role made anew under the same name is
    /// another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// The ARN of the user (or root) who asked for it: whose policies a federated user is bounded by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_arn: Option<String>,
    /// The unique id of that user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_id: Option<String>,
    /// The service that took on the role by itself (`lambda.amazonaws.com`), if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

impl Session {
    /// Whether policies were given that bound it. A federated user without them may do nothing that
    /// resources do not allow by themselves.
    pub fn has_policies(&self) -> bool {
        self.policy.is_some() || !self.policy_arns.is_empty()
    }
}
