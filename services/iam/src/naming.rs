//! Ids, ARNs and how documents are written in answers.

use cloudtwin_core::credentials::id_of_account;
use cloudtwin_core::{Ctx, Principal};
use cloudtwin_smithy::AwsError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::errors;

/// The characters that RFC 3986 leaves alone.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A new unique id: `AIDA` for users, `AROA` for roles, `AGPA` for groups, `ANPA` for policies, `AIPA` for
/// instance profiles.
pub(crate) fn new_id(ctx: &Ctx, prefix: &str) -> String {
    id_of_account(prefix, 17, ctx.account(), ctx.random())
}

/// `arn:aws:iam::ACCOUNT:KIND/path/name`.
pub(crate) fn arn(account: &str, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:{kind}{path}{name}")
}

/// A policy document as answers contain it: percent-encoded.
pub(crate) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// Whom a call means that may leave out the user's name: the user of that name, or the caller, who is a user
/// or (`None`) the account's root.
pub(crate) fn user_or_caller(ctx: &Ctx, name: Option<String>) -> Result<Option<String>, AwsError> {
    match (name, &ctx.caller().principal) {
        (Some(name), _) => Ok(Some(name)),
        (None, Principal::User { name }) => Ok(Some(name.clone())),
        (None, Principal::Root) => Ok(None),
        (None, _) => Err(errors::validation("Must specify userName when calling with non-User credentials")),
    }
}

/// As [`user_or_caller`], where the root has nothing of the kind.
pub(crate) fn user_name(ctx: &Ctx, name: Option<String>) -> Result<String, AwsError> {
    user_or_caller(ctx, name)?
        .ok_or_else(|| errors::validation("Must specify userName when calling with non-User credentials"))
}
