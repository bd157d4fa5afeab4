//! Who makes a call.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::session::Session;

/// What kind of identity a caller has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// The account's root.
    Root,
    /// An IAM user.
    User {
        /// Its name.
        name: String,
    },
    /// A session of a role.
    AssumedRole {
        /// ARN of the role.
        role_arn: String,
        /// Name of the session.
        session_name: String,
    },
    /// A session of a federated user.
    FederatedUser {
        /// The name that was given to it.
        name: String,
    },
    /// An AWS service on its own behalf.
    Service {
        /// `s3.amazonaws.com` …
        name: String,
        /// ARN of the resource for which it acts (`aws:SourceArn`).
        source_arn: String,
        /// The account of that resource (`aws:SourceAccount`).
        #[serde(default)]
        source_account: String,
    },
    /// Nobody signed the request.
    Anonymous,
}

/// Who makes a call: what `sts:GetCallerIdentity` answers, and what policies see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The account that the caller belongs to.
    pub account: String,
    /// `arn:aws:iam::000000000000:root` …
    pub arn: String,
    /// The unique id (`AIDA…`, `AROA…:session`, the account for root).
    pub user_id: String,
    /// The access key that signed, if one did.
    pub access_key_id: Option<String>,
    /// The kind of identity.
    pub principal: Principal,
    /// The session, if the credentials are temporary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<Session>>,
}

impl Caller {
    /// The root of `account`.
    pub fn root(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.to_owned(),
            access_key_id: None,
            principal: Principal::Root,
            session: None,
        }
    }

    /// Nobody, in `account` (the account whose resources a request without a signature means).
    pub fn anonymous(account: &str) -> Self {
        Self {
            arn: "anonymous".to_owned(),
            user_id: "anonymous".to_owned(),
            principal: Principal::Anonymous,
            ..Self::root(account)
        }
    }

    /// The same caller, in a call that means the resources of `account`.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// The service `name` on behalf of `source_arn`, a resource of `account`.
    pub fn service(name: &str, source_arn: &str, account: &str) -> Self {
        Self {
            arn: name.to_owned(),
            user_id: name.to_owned(),
            principal: Principal::Service {
                name: name.to_owned(),
                source_arn: source_arn.to_owned(),
                source_account: account.to_owned(),
            },
            ..Self::root(account)
        }
    }
}
