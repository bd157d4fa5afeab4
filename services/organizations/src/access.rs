//! Who in an organization may ask for what.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;

use crate::errors;
use crate::state::{Organization, any_account, organization_of};

/// The accounts that an operation is open to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenTo {
    /// The management account only.
    Management,
    /// It, and members that administer some service for the organization.
    Administrators,
    /// Every member.
    Members,
}

/// The caller's organization, if the operation is open to the caller's account.
pub(crate) fn organization(ctx: &Ctx, tx: &ReadTx<'_>, to: OpenTo) -> Result<Organization, AwsError> {
    let account = ctx.account();
    let organization = organization_of(tx, account)?.ok_or_else(errors::not_in_use)?;
    let open = match to {
        OpenTo::Members => true,
        OpenTo::Management => organization.management == account,
        OpenTo::Administrators => {
            organization.management == account
                || any_account(tx, account)?.membership.is_some_and(|member| !member.delegations.is_empty())
        }
    };
    if open { Ok(organization) } else { Err(errors::access_denied()) }
}

/// The same, for what needs an organization with all features.
pub(crate) fn with_all_features(ctx: &Ctx, tx: &ReadTx<'_>, to: OpenTo) -> Result<Organization, AwsError> {
    let organization = organization(ctx, tx, to)?;
    if organization.all_features { Ok(organization) } else { Err(errors::all_features_needed()) }
}
