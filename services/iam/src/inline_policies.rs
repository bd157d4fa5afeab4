//! Inline policies of users, roles and groups.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api;
use crate::naming::encoded;
use crate::paging::page;
use crate::state::{Group, Principal, Role, User, update};
use crate::{errors, policy_document};

fn missing<P: Principal>(policy: &str) -> AwsError {
    errors::no_such_entity(format!("The {} policy with name {policy} cannot be found.", P::NOUN))
}

async fn put<P: Principal>(ctx: &Ctx, name: &str, policy: &str, document: &str) -> Result<(), AwsError> {
    policy_document::check_inline(document)?;
    update(ctx, name, |principal: &mut P, _| {
        let inline = &mut principal.permissions_mut()?.inline;
        inline.insert(policy.to_owned(), document.to_owned());
        if inline.values().map(|document| policy_document::length(document)).sum::<usize>() > P::INLINE_QUOTA
        {
            return Err(errors::limit_exceeded(format!(
                "Maximum policy size of {} bytes exceeded for {} {}",
                P::INLINE_QUOTA,
                P::NOUN,
                principal.name()
            )));
        }
        Ok(())
    })
    .await
}

fn get<P: Principal>(ctx: &Ctx, name: &str, policy: &str) -> Result<(P, String), AwsError> {
    let principal = ctx.db().read(|tx| P::get(tx, name))?;
    let document = principal.permissions().inline.get(policy).ok_or_else(|| missing::<P>(policy))?;
    let document = encoded(document);
    Ok((principal, document))
}

async fn delete<P: Principal>(ctx: &Ctx, name: &str, policy: &str) -> Result<(), AwsError> {
    update(ctx, name, |principal: &mut P, _| {
        let removed = principal.permissions_mut()?.inline.remove(policy);
        removed.map(drop).ok_or_else(|| missing::<P>(policy))
    })
    .await
}

macro_rules! operations {
    ($($kind:ty, $name:ident:
        $put:ident $put_input:ident $put_output:ident,
        $get:ident $get_input:ident $get_output:ident,
        $delete:ident $delete_input:ident $delete_output:ident,
        $list:ident $list_input:ident $list_output:ident;)*) => {$(
        pub(crate) async fn $put(ctx: Ctx, input: api::$put_input) -> Result<api::$put_output, AwsError> {
            put::<$kind>(&ctx, &input.$name, &input.policy_name, &input.policy_document).await?;
            Ok(api::$put_output::default())
        }

        pub(crate) async fn $get(ctx: Ctx, input: api::$get_input) -> Result<api::$get_output, AwsError> {
            let (principal, policy_document) = get::<$kind>(&ctx, &input.$name, &input.policy_name)?;
            Ok(api::$get_output { $name: principal.name, policy_name: input.policy_name, policy_document })
        }

        pub(crate) async fn $delete(
            ctx: Ctx,
            input: api::$delete_input,
        ) -> Result<api::$delete_output, AwsError> {
            delete::<$kind>(&ctx, &input.$name, &input.policy_name).await?;
            Ok(api::$delete_output::default())
        }

        pub(crate) async fn $list(ctx: Ctx, input: api::$list_input) -> Result<api::$list_output, AwsError> {
            let principal = ctx.db().read(|tx| <$kind as crate::state::Entity>::get(tx, &input.$name))?;
            let names: Vec<String> = principal.permissions.inline.into_keys().collect();
            let page = page(names, Clone::clone, input.marker.as_deref(), input.max_items)?;
            Ok(api::$list_output {
                is_truncated: page.is_truncated(),
                marker: page.marker,
                policy_names: page.items,
            })
        }
    )*};
}

operations! {
    User, user_name:
        put_user_policy PutUserPolicyInput PutUserPolicyOutput,
        get_user_policy GetUserPolicyInput GetUserPolicyOutput,
        delete_user_policy DeleteUserPolicyInput DeleteUserPolicyOutput,
        list_user_policies ListUserPoliciesInput ListUserPoliciesOutput;
    Role, role_name:
        put_role_policy PutRolePolicyInput PutRolePolicyOutput,
        get_role_policy GetRolePolicyInput GetRolePolicyOutput,
        delete_role_policy DeleteRolePolicyInput DeleteRolePolicyOutput,
        list_role_policies ListRolePoliciesInput ListRolePoliciesOutput;
    Group, group_name:
        put_group_policy PutGroupPolicyInput PutGroupPolicyOutput,
        get_group_policy GetGroupPolicyInput GetGroupPolicyOutput,
        delete_group_policy DeleteGroupPolicyInput DeleteGroupPolicyOutput,
        list_group_policies ListGroupPoliciesInput ListGroupPoliciesOutput;
}
