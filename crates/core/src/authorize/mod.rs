//! Whether a call is allowed.

mod context;
mod decide;
mod decisions;
mod denial;
mod encoded_message;
mod enforcement;
mod failure_message;
mod hooks;
mod named_principals;
mod observed;
mod policies;
mod question;
mod referenced;
mod requirements;
mod session_limits;
mod stage;
mod subject;
mod transforms;

pub use cloudtwin_policy::KeyValue;
pub use decisions::{CallDecision, DecisionFilter, DecisionStream, Flip, PermissionDecision, WhatIf};
pub use enforcement::{Enforcement, UnknownEnforcement};
pub use hooks::{
    Identities, Identity, OrganizationMembers, OrganizationPolicies, ResourceAccess, ResourceQuery, Resources,
};
pub use observed::ObservedPermission;
pub use requirements::{Access, CallFacts, StoredNames, required};

pub(crate) use decisions::Decisions;
pub(crate) use enforcement::Switch;
pub(crate) use policies::PolicyCache;
pub(crate) use stage::{DeniedElements, Operation};
pub(crate) use subject::Subject;
