//! AWS policies: read, checked and decided as AWS decides them, without I/O.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cloudtwin_policy::{
//!     Context, Layer, Layers, NamedPolicy, Outcome, Policy, PolicyName, Principal, Request, evaluate,
//! };
//!
//! let policy = Policy::parse(
//!     r#"{
//!         "Version": "2012-10-17",
//!         "Statement": {
//!             "Effect": "Allow",
//!             "Action": "s3:*Object",
//!             "Resource": "arn:aws:s3:::photos/${aws:username}/*"
//!         }
//!     }"#,
//! )?;
//! let name = PolicyName::Inline { entity: "user/alice".into(), name: "own-photos".into() };
//! let identity = [NamedPolicy { name, policy: Arc::new(policy) }];
//!
//! let alice = Principal::from_arn("arn:aws:iam::111122223333:user/alice").ok_or("no principal")?;
//! let context = [("aws:username", "alice")].into_iter().collect();
//! let request = |resource| Request {
//!     principal: &alice,
//!     action: "s3:GetObject",
//!     resource,
//!     resource_account: Some("111122223333"),
//!     context: &context,
//! };
//! let layers = Layers { identity: &identity, ..Layers::default() };
//!
//! assert!(evaluate(&request("arn:aws:s3:::photos/alice/cat.jpg"), &layers).is_allowed());
//!
//! let decision = evaluate(&request("arn:aws:s3:::photos/bob/dog.jpg"), &layers);
//! assert_eq!(decision.outcome, Outcome::ImplicitDeny);
//! assert_eq!(decision.layer, Layer::Identity);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`evaluate()`] decides, [`explain()`] tells the whole story of the same decision, [`validate()`] refuses what
//! AWS would not store, in AWS's words.
//!
//! What cannot be read never opens a door. A policy that cannot be read denies everything
//! ([`Policy::unreadable`]). A condition or resource that cannot be read, and a principal that is
//! missing where there must be one, does not match in an Allow statement, and does match in a Deny
//! statement.

mod arn;
mod conditions;
mod context;
mod evaluate;
mod explain;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hard_rules;
mod json;
mod keys;
mod matching;
mod parse;
mod policy;
mod positions;
mod principal;
mod request;
mod validate;
mod values;
mod variables;

pub use arn::account_of;
pub use context::{Context, KeyValue};
pub use evaluate::{Deciding, Decision, Layer, Outcome, evaluate};
pub use explain::{Explanation, Failure, LayerReport, MatchedStatement, NearMiss, StatementName, explain};
pub use hard_rules::hard_rule;
pub use keys::context_keys;
pub use matching::wildcard_matches;
pub use parse::{ErrorCode, MAX_DOCUMENT, PolicyError};
pub use policy::{Effect, Policy, Statement};
pub use positions::{Position, statement_positions};
pub use principal::{MatchKind, Principal};
pub use request::{Layers, NamedPolicy, PolicyName, Request, ResourceRule};
pub use validate::{
    BUCKET_POLICY_SIZE, GROUP_POLICIES_SIZE, MANAGED_POLICY_SIZE, ORGANIZATION_POLICY_SIZE, PolicyKind,
    ROLE_POLICIES_SIZE, ResourceService, TRUST_POLICY_SIZE, USER_POLICIES_SIZE, policy_size, validate,
};
