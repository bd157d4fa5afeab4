//! Permissions boundaries of users and roles.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;

use crate::api;
use crate::attachments::{check_arn, exists};
use crate::errors;
use crate::state::{Permissions, Principal, Role, User, update};

/// A boundary as answers contain it.
pub(crate) fn shape(permissions: &Permissions) -> Option<api::AttachedPermissionsBoundary> {
    permissions.boundary.as_ref().map(|arn| api::AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

/// Whether a policy can be a boundary: it must exist.
pub(crate) fn check(tx: &ReadTx<'_>, arn: Option<&str>) -> Result<(), AwsError> {
    let Some(arn) = arn else { return Ok(()) };
    check_arn(arn)?;
    if !exists(tx, arn)? {
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        return Err(errors::no_such_entity(message));
    }
    Ok(())
}

async fn put<P: Principal>(ctx: &Ctx, name: &str, arn: Option<&str>) -> Result<(), AwsError> {
    update(ctx, name, |principal: &mut P, tx| {
        check(tx, arn)?;
        principal.permissions_mut()?.boundary = arn.map(str::to_owned);
        Ok(())
    })
    .await
}

macro_rules! operations {
    ($($kind:ty, $name:ident:
        $put:ident $put_input:ident $put_output:ident,
        $delete:ident $delete_input:ident $delete_output:ident;)*) => {$(
        pub(crate) async fn $put(ctx: Ctx, input: api::$put_input) -> Result<api::$put_output, AwsError> {
            put::<$kind>(&ctx, &input.$name, Some(&input.permissions_boundary)).await?;
            Ok(api::$put_output::default())
        }

        pub(crate) async fn $delete(
            ctx: Ctx,
            input: api::$delete_input,
        ) -> Result<api::$delete_output, AwsError> {
            put::<$kind>(&ctx, &input.$name, None).await?;
            Ok(api::$delete_output::default())
        }
    )*};
}

operations! {
    User, user_name:
        put_user_permissions_boundary PutUserPermissionsBoundaryInput PutUserPermissionsBoundaryOutput,
        delete_user_permissions_boundary DeleteUserPermissionsBoundaryInput DeleteUserPermissionsBoundaryOutput;
    Role, role_name:
        put_role_permissions_boundary PutRolePermissionsBoundaryInput PutRolePermissionsBoundaryOutput,
        delete_role_permissions_boundary DeleteRolePermissionsBoundaryInput DeleteRolePermissionsBoundaryOutput;
}
