//! What is asked, and the policies that have a say in it.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::arn::{self, Segments};
use crate::context::Context;
use crate::policy::Policy;
use crate::principal::Principal;

/// One permission that a call needs.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// Such as `s3:GetObject`; case does not matter.
    pub action: &'a str,
    /// An ARN, or `*` for actions that have no resource.
    pub resource: &'a str,
    /// The account that owns the resource; nothing means the caller's own.
    pub resource_account: Option<&'a str>,
    /// The condition keys. What is not in here is absent: nothing is filled in.
    pub context: &'a Context,
}

/// Where a policy comes from, for explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyName {
    /// A managed policy, by its ARN.
    Managed(String),
    /// A policy inside of a user, group or role.
    Inline {
        /// Such as `user/alice`.
        entity: String,
        /// The name of the policy.
        name: String,
    },
    /// The policy of the resource with this ARN.
    Resource(String),
    /// The policy that was passed when the session was made.
    Session,
    /// A service control or resource control policy, by its ARN.
    Organization(String),
    /// The policy of a VPC endpoint, by the endpoint's id.
    Endpoint(String),
    /// A policy that is only known by its place, as in simulations.
    Numbered(usize),
}

impl PolicyName {
    /// The ARN, where the policy has one of its own.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Managed(arn) | Self::Organization(arn) => Some(arn),
            _ => None,
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed(arn) | Self::Organization(arn) => formatter.write_str(arn),
            Self::Inline { entity, name } => write!(formatter, "{name} ({entity})"),
            Self::Resource(arn) => write!(formatter, "policy of {arn}"),
            Self::Session => formatter.write_str("session policy"),
            Self::Endpoint(id) => write!(formatter, "policy of {id}"),
            Self::Numbered(index) => write!(formatter, "PolicyInputList.{index}"),
        }
    }
}

/// A policy and where it comes from.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// Where it comes from.
    pub name: PolicyName,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// How the policy of a resource and those of its account go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResourceRule {
    /// In its account, a principal may do what either allows.
    #[default]
    Ordinary,
    /// The key policy must allow it too, even for the root user.
    KmsKey,
    /// The trust policy must allow it too.
    RoleTrust,
}

/// The policies that have a say. What is `None` does not limit; what is there but empty allows
/// nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers<'a> {
    /// All policies of the user, its groups or the role.
    pub identity: &'a [NamedPolicy],
    /// The permissions boundary of the user or role.
    pub boundary: Option<&'a [NamedPolicy]>,
    /// The policies that were passed when the session was made.
    pub session: Option<&'a [NamedPolicy]>,
    /// The policy of the resource.
    pub resource: Option<&'a NamedPolicy>,
    /// What kind of resource it is.
    pub rule: ResourceRule,
    /// Service control policies from the root of the organization to the account, by level. `None`
    /// for accounts that have none, the management account and service-linked roles.
    pub scps: Option<&'a [Vec<NamedPolicy>]>,
    /// Resource control policies by level. Only what they deny counts, because
    /// `RCPFullAWSAccess` is always attached. `None` for services that have none and for
    /// service-linked roles.
    pub rcps: Option<&'a [Vec<NamedPolicy>]>,
    /// The policy of the VPC endpoint that was called.
    pub endpoint: Option<&'a [NamedPolicy]>,
}

/// A request with all that need be done once instead of once a statement.
pub(crate) struct Prepared<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: LowerCase,
    pub(crate) segments: Option<Segments<'a>>,
    pub(crate) context: &'a Context,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(request: &Request<'a>) -> Self {
        Self {
            principal: request.principal,
            action: LowerCase::new(request.action),
            segments: arn::segments(request.resource),
            context: request.context,
        }
    }

    pub(crate) fn service(&self) -> &str {
        self.action.as_str().split(':').next().unwrap_or_default()
    }
}

/// A short text in lower case, without an allocation.
pub(crate) struct LowerCase(SmallVec<[u8; 64]>);

impl LowerCase {
    fn new(text: &str) -> Self {
        Self(text.bytes().map(|byte| byte.to_ascii_lowercase()).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        // INVARIANT: ASCII letters were replaced with ASCII letters.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
