//! The tree of root, units and accounts, looked at from above and from below.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::access::{self, OpenTo};
use crate::accounts::account_page;
use crate::api::{
    Child, ListAccountsForParentInput, ListAccountsForParentOutput, ListChildrenInput, ListChildrenOutput,
    ListParentsInput, ListParentsOutput, Parent,
};
use crate::errors;
use crate::paging::page;
use crate::state::{ACCOUNTS, Account};
use crate::units::children;

/// The accounts directly inside a root or unit.
fn accounts(tx: &ReadTx<'_>, parent: &str) -> Result<Vec<Account>, StoreError> {
    tx.index_scan(&ACCOUNTS, "by_parent", parent)?.values().collect()
}

pub(crate) async fn list_accounts_for_parent(
    ctx: Ctx,
    input: ListAccountsForParentInput,
) -> Result<ListAccountsForParentOutput, AwsError> {
    let (accounts, next_token) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        if !organization.has_parent(tx, &input.parent_id)? {
            return Err(errors::parent_not_found());
        }
        let accounts = accounts(tx, &input.parent_id)?;
        account_page(tx, &organization, accounts, input.next_token.as_deref(), input.max_results)
    })?;
    Ok(ListAccountsForParentOutput { accounts: Some(accounts), next_token })
}

pub(crate) async fn list_children(
    ctx: Ctx,
    input: ListChildrenInput,
) -> Result<ListChildrenOutput, AwsError> {
    let ids: Vec<String> = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        if !organization.has_parent(tx, &input.parent_id)? {
            return Err(errors::parent_not_found());
        }
        Ok(match input.child_type.as_str() {
            "ACCOUNT" => accounts(tx, &input.parent_id)?.into_iter().map(|account| account.id).collect(),
            _ => children(tx, &input.parent_id)?.into_iter().map(|unit| unit.id).collect(),
        })
    })?;
    let (ids, next_token) = page(ids, |id| id, input.next_token.as_deref(), input.max_results)?;
    let child = |id| Child { id: Some(id), r#type: Some(input.child_type.clone()) };
    Ok(ListChildrenOutput { children: Some(ids.into_iter().map(child).collect()), next_token })
}

pub(crate) async fn list_parents(ctx: Ctx, input: ListParentsInput) -> Result<ListParentsOutput, AwsError> {
    let parent = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let id = match organization.account(tx, &input.child_id)? {
            Some(account) => account.membership.map(|member| member.parent),
            None => organization.unit(tx, &input.child_id)?.map(|unit| unit.parent),
        };
        let id = id.ok_or_else(errors::child_not_found)?;
        let kind = if id == organization.root { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
        Ok::<_, AwsError>(Parent { id: Some(id), r#type: Some(kind.to_owned()) })
    })?;
    Ok(ListParentsOutput { parents: Some(vec![parent]), next_token: None })
}
