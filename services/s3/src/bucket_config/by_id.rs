//! Configurations of which a bucket has several, told apart by ids: their four operations are alike.

use cloudtwin_smithy::AwsError;

use crate::api::errors;

/// How many configurations one page lists.
pub(super) const PAGE: usize = 100;

/// The error for an id that nothing has.
pub(super) fn no_such_configuration() -> AwsError {
    errors::NO_SUCH_CONFIGURATION.with("The specified configuration does not exist.")
}

/// Checks that parameter and document name the same configuration.
///
/// # Errors
/// `IdMismatch`.
pub(super) fn check_id(parameter: &str, document: &str) -> Result<(), AwsError> {
    if parameter == document {
        return Ok(());
    }
    Err(AwsError::new("IdMismatch", 400, "Document ID does not match the specified configuration ID."))
}

/// The operations of one kind of configuration: the kind, the input's and output's member, the list's member,
/// and what checks a configuration.
macro_rules! configurations {
    (
        $kind:ident, $member:ident, $list:ident, $check:expr,
        put $put_input:ident $put_output:ident,
        get $get_input:ident $get_output:ident,
        delete $delete_input:ident $delete_output:ident,
        list $list_input:ident $list_output:ident
    ) => {
        /// Writes a configuration, in place of the one with the same id.
        pub(crate) async fn put(ctx: Ctx, input: $put_input) -> Result<$put_output, AwsError> {
            by_id::check_id(&input.id, &input.$member.id)?;
            $check(&input.$member)?;
            let document = configs::document(&ctx, &input.$member)?;
            ctx.db()
                .write(|tx| {
                    let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
                    configs::put(tx, &bucket, Kind::$kind, &input.id, &document)?;
                    Ok($put_output::default())
                })
                .await
        }

        /// Reads a configuration.
        pub(crate) async fn get(ctx: Ctx, input: $get_input) -> Result<$get_output, AwsError> {
            let owner = input.expected_bucket_owner.as_deref();
            let found = configs::get_by_id(&ctx, &input.bucket, owner, Kind::$kind, &input.id)?;
            let found = found.ok_or_else(by_id::no_such_configuration)?;
            Ok($get_output { $member: Some(found) })
        }

        /// Removes a configuration.
        pub(crate) async fn delete(ctx: Ctx, input: $delete_input) -> Result<$delete_output, AwsError> {
            let owner = input.expected_bucket_owner.as_deref();
            if configs::delete_by_id(&ctx, &input.bucket, owner, Kind::$kind, &input.id).await? {
                return Ok($delete_output::default());
            }
            Err(by_id::no_such_configuration())
        }

        /// Lists the configurations by id.
        pub(crate) async fn list(ctx: Ctx, input: $list_input) -> Result<$list_output, AwsError> {
            let owner = input.expected_bucket_owner.as_deref();
            let after = match input.continuation_token.as_deref() {
                None | Some("") => None,
                Some(token) => Some(crate::listing::token::decode(token).ok_or_else(|| {
                    crate::errors::invalid_argument_name(
                        "The continuation token provided is incorrect",
                        "continuation-token",
                    )
                })?),
            };
            let found =
                configs::list(&ctx, &input.bucket, owner, Kind::$kind, after.as_deref(), by_id::PAGE + 1)?;
            let truncated = found.len() > by_id::PAGE;
            let mut found = found;
            found.truncate(by_id::PAGE);
            let next = found.last().filter(|_| truncated).map(|(id, _)| crate::listing::token::encode(id));
            let found: Vec<_> = found.into_iter().map(|(_, configuration)| configuration).collect();
            Ok($list_output {
                is_truncated: Some(truncated),
                continuation_token: input.continuation_token,
                next_continuation_token: next,
                $list: (!found.is_empty()).then_some(found),
            })
        }
    };
}
pub(super) use configurations;
