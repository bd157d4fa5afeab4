//! Which services a user or role has called: what IAM's access advisor reports. Authentication writes it.

use cloudtwin_store::Table;
use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Principal};

/// A user's or role's latest call of a service, as of some minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccess {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The region of the call.
    pub region: String,
    /// ARN of the caller: that of the session where the principal is a role.
    pub caller_arn: String,
}

/// The latest calls of each account's users and roles, by [`principal_arn`] and signing name of the service.
pub const SERVICE_ACCESS: Table<ServiceAccess, (String, String)> = Table::account("iam/service-access");

/// ARN of the user or role that a caller is, or whose session it is; `None` for whoever is neither.
pub fn principal_arn(caller: &Caller) -> Option<&str> {
    match &caller.principal {
        Principal::User { .. } => Some(&caller.arn),
        Principal::AssumedRole { role_arn, .. } => Some(role_arn),
        _ => None,
    }
}
