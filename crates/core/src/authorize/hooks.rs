//! What services tell the authoriser: which policies a caller has, what a resource is, what an
//! organization adds. A service registers these on its [`Service`](crate::Service).

use std::sync::Arc;

use cloudtwin_policy::{NamedPolicy, ResourceRule};
use cloudtwin_smithy::AwsError;

use super::KeyValue;
use crate::caller::Caller;
use crate::cloud::Cloud;

/// What stands on the caller's side of a decision.
#[derive(Debug, Default)]
pub struct Identity {
    /// Inline and attached policies, those of a user's groups among them.
    pub policies: Vec<NamedPolicy>,
    /// The permissions boundary; `None` if there is none. A boundary whose policy is gone is an
    /// empty list, which allows nothing.
    pub boundary: Option<Vec<NamedPolicy>>,
    /// The policies that came with a session; `None` if none did.
    pub session: Option<Vec<NamedPolicy>>,
    /// Tags of the user or role (`aws:PrincipalTag/…`), without those of the session.
    pub tags: Vec<(String, String)>,
    /// The path of a user or role, with both slashes.
    pub path: String,
    /// Whether the user or role that the credentials were issued for is still there: one that was
    /// deleted and made anew is another one.
    pub exists: bool,
}

/// Knows the policies of callers: the service IAM.
pub trait Identities: Send + Sync {
    /// The policies of a user, a role session or a federated user. Not asked for roots, services
    /// and anonymous callers, which have none.
    ///
    /// # Errors
    /// What the store reports; the call is refused then.
    fn identity(&self, cloud: &Cloud, caller: &Caller) -> Result<Arc<Identity>, AwsError>;

    /// Whether an ARN is that of a user or role that does not exist, as far as can be told: accounts
    /// that have nobody here are used elsewhere. `home` is the account of whoever asks.
    ///
    /// # Errors
    /// What the store reports.
    fn is_missing(&self, cloud: &Cloud, home: &str, arn: &str) -> Result<bool, AwsError>;
}

/// Which resource is meant, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct ResourceQuery<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// What is to be done to it.
    pub action: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// The region of the call.
    pub region: &'a str,
    /// The condition keys that the input fills, such as the version of an object.
    pub keys: &'a [(String, KeyValue)],
}

/// What stands on the resource's side of a decision.
#[derive(Debug, Default)]
pub struct ResourceAccess {
    /// The account that owns it, where its ARN does not tell (S3 buckets).
    pub account: Option<String>,
    /// Its policy.
    pub policy: Option<NamedPolicy>,
    /// How that policy counts.
    pub rule: ResourceRule,
    /// A grant beside policies that allows this action to this caller: `the ACL of the bucket`, `the
    /// grant …`; as people read it.
    pub granted: Option<String>,
    /// There is no such resource, and the service says so to everybody: the call is left to its
    /// handler, whatever policies say.
    pub absent: bool,
}

/// Knows the resources of one service.
pub trait Resources: Send + Sync {
    /// The service segment of their ARNs.
    fn namespace(&self) -> &'static str;

    /// Owner, policy and grants of a resource; the default value if there is no such resource.
    ///
    /// # Errors
    /// What the store reports; the call is refused then.
    fn access(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError>;

    /// The condition keys that come from the resource: `aws:ResourceTag/…` and the service's own
    /// (`s3:ExistingObjectTag/…`). Asked for only if a policy in force mentions such a key.
    ///
    /// # Errors
    /// What the store reports; the call is refused then.
    fn keys(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<Vec<(String, KeyValue)>, AwsError>;
}

/// What an organization says of one of its accounts.
#[derive(Debug, Default)]
pub struct OrganizationPolicies {
    /// `o-…`.
    pub id: String,
    /// `o-…/r-…/ou-…/`: the account's place (`aws:PrincipalOrgPaths`).
    pub path: String,
    /// Whether it is the management account, which service control policies do not touch.
    pub management: bool,
    /// Service control policies of each level from the root to the account; `None` while their type
    /// is not enabled.
    pub service_control: Option<Vec<Vec<NamedPolicy>>>,
    /// Resource control policies likewise.
    pub resource_control: Option<Vec<Vec<NamedPolicy>>>,
}

/// Knows the organizations: the service AWS Organizations.
pub trait OrganizationMembers: Send + Sync {
    /// What holds for an account; `None` outside of organizations.
    ///
    /// # Errors
    /// What the store reports; the call is refused then.
    fn organization(
        &self,
        cloud: &Cloud,
        account: &str,
    ) -> Result<Option<Arc<OrganizationPolicies>>, AwsError>;
}
