//! What sessions may not do, whatever policies say.
//!
//! IAM user guide, "Compare AWS STS credentials" and "Request temporary security credentials":
//! sessions of `GetSessionToken` call IAM only with MFA, and of STS only `AssumeRole` and
//! `GetCallerIdentity`; those of federated users call neither IAM nor anything of STS but
//! `GetCallerIdentity`.

use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::OperationSchema;

use crate::caller::{Caller, Principal};

/// The refusal of a call that the caller's kind of session excludes.
pub(crate) fn refusal(caller: &Caller, operation: &OperationSchema) -> Option<AwsError> {
    let session = caller.session.as_deref()?;
    let federated = match caller.principal {
        Principal::User { .. } | Principal::Root => false,
        Principal::FederatedUser { .. } => true,
        Principal::AssumedRole { .. } | Principal::Service { .. } | Principal::Anonymous => return None,
    };
    match (operation.service.name, operation.name) {
        ("iam", _) if federated || session.mfa_authenticated_at.is_none() => {
            // IAM does not even know such tokens.
            let message = "The security token included in the request is invalid";
            Some(AwsError::new("InvalidClientTokenId", 403, message))
        }
        ("sts", "GetCallerIdentity") => None,
        ("sts", "AssumeRole") if !federated => None,
        ("sts", name) => {
            Some(AwsError::new("AccessDenied", 403, format!("Cannot call {name} with session credentials")))
        }
        _ => None,
    }
}
