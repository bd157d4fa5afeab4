//! Who calls, and whose an access key is.

use cloudtwin_core::credentials::{self, account_of_key};
use cloudtwin_core::{Ctx, Principal};
use cloudtwin_smithy::AwsError;

use crate::api::{
    GetAccessKeyInfoInput, GetAccessKeyInfoOutput, GetCallerIdentityInput, GetCallerIdentityOutput,
};

/// The user id of a root whose key was never issued: what LocalStack answers, and its users expect. AWS, and
/// we for keys that were issued, answer the account.
const ROOT_USER_ID: &str = "AKIAIOSFODNN7EXAMPLE";

pub(crate) async fn get_caller_identity(
    ctx: Ctx,
    _: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, AwsError> {
    let caller = ctx.caller();
    let issued = match &caller.access_key_id {
        Some(key) => ctx.db().read(|tx| credentials::find(tx, key))?.is_some(),
        None => false,
    };
    let user_id = match caller.principal {
        Principal::Root if !issued => ROOT_USER_ID.to_owned(),
        _ => caller.user_id.clone(),
    };
    Ok(GetCallerIdentityOutput {
        user_id: Some(user_id),
        account: Some(caller.account.clone()),
        arn: Some(caller.arn.clone()),
    })
}

/// Whether an id is of the form that says its account: since 2019 the first letter after the prefix is one of
/// the second half of the alphabet.
fn says_account(key_id: &str) -> bool {
    (key_id.starts_with("AKIA") || key_id.starts_with("ASIA"))
        && key_id.as_bytes().get(4).is_some_and(|letter| matches!(letter, b'Q'..=b'Z' | b'2'..=b'7'))
}

pub(crate) async fn get_access_key_info(
    ctx: Ctx,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput, AwsError> {
    let key = input.access_key_id;
    let issued = ctx.db().read(|tx| credentials::find(tx, &key))?;
    let account = match issued {
        Some(credential) => credential.caller.account.clone(),
        // What any other key stands for when it is used here: the account that this call has.
        None => {
            account_of_key(&key).filter(|_| says_account(&key)).unwrap_or_else(|| ctx.account().to_owned())
        }
    };
    Ok(GetAccessKeyInfoOutput { account: Some(account) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_keys_do_not_say_their_account() {
        assert!(says_account("ASIAQNZGKIQY56JQ7WML"));
        assert!(!says_account("AKIAIOSFODNN7EXAMPLE"));
        assert!(!says_account("AKIA"));
    }
}
