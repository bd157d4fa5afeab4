//! Organizational units.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::access::{self, OpenTo};
use crate::api::{
    CreateOrganizationalUnitInput, CreateOrganizationalUnitOutput, DeleteOrganizationalUnitInput,
    DeleteOrganizationalUnitOutput, DescribeOrganizationalUnitInput, DescribeOrganizationalUnitOutput,
    ListOrganizationalUnitsForParentInput, ListOrganizationalUnitsForParentOutput, OrganizationalUnit,
    UpdateOrganizationalUnitInput, UpdateOrganizationalUnitOutput, errors as model,
};
use crate::organization::ID_CHARACTERS;
use crate::paging::page;
use crate::state::{ACCOUNTS, ATTACHMENTS, Attachment, MAX_DEPTH, Organization, UNITS, Unit};
use crate::{errors, policy_types, tags};

/// The most units that an organization can have.
const MAX_UNITS: usize = 2_000;

fn shape(
    tx: &ReadTx<'_>,
    organization: &Organization,
    unit: &Unit,
) -> Result<OrganizationalUnit, StoreError> {
    Ok(OrganizationalUnit {
        id: Some(unit.id.clone()),
        arn: Some(organization.unit_arn(&unit.id)),
        name: Some(unit.name.clone()),
        path: Some(organization.path_to(tx, &unit.id)?),
    })
}

/// The units directly inside a root or unit.
pub(crate) fn children(tx: &ReadTx<'_>, parent: &str) -> Result<Vec<Unit>, StoreError> {
    tx.index_scan(&UNITS, "by_parent", parent)?.values().collect()
}

/// That no unit beside `unit` in `parent` has the name.
fn check_name(tx: &ReadTx<'_>, parent: &str, name: &str, unit: &str) -> Result<(), AwsError> {
    if children(tx, parent)?.iter().any(|sibling| sibling.name == name && sibling.id != unit) {
        return Err(
            model::DUPLICATE_ORGANIZATIONAL_UNIT_EXCEPTION.with("An OU with the same name already exists.")
        );
    }
    Ok(())
}

pub(crate) async fn create_organizational_unit(
    ctx: Ctx,
    input: CreateOrganizationalUnitInput,
) -> Result<CreateOrganizationalUnitOutput, AwsError> {
    let tags = tags::checked(input.tags)?;
    let suffix = ctx.random_text(ID_CHARACTERS, 8);
    let (parent, name) = (&input.parent_id, &input.name);
    let unit = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if !organization.has_parent(tx, parent)? {
                return Err(errors::parent_not_found());
            }
            check_name(tx, parent, name, "")?;
            if organization.units_to(tx, parent)?.len() >= MAX_DEPTH {
                return Err(errors::constraint(
                    "OU_DEPTH_LIMIT_EXCEEDED",
                    "You have exceeded the maximum depth of nested OUs.",
                ));
            }
            if organization.units(tx)?.len() >= MAX_UNITS {
                return Err(errors::constraint(
                    "OU_NUMBER_LIMIT_EXCEEDED",
                    "You have exceeded the allowed number of OUs.",
                ));
            }
            let root = organization.root.trim_start_matches("r-");
            let unit = Unit {
                id: format!("ou-{root}-{suffix}"),
                organization: organization.id.clone(),
                name: name.clone(),
                parent: parent.clone(),
                tags: tags.clone(),
            };
            tx.put(&UNITS, &unit.id, &unit)?;
            policy_types::attach_defaults(tx, &organization, &unit.id)?;
            Ok(shape(tx, &organization, &unit)?)
        })
        .await?;
    Ok(CreateOrganizationalUnitOutput { organizational_unit: Some(unit) })
}

pub(crate) async fn describe_organizational_unit(
    ctx: Ctx,
    input: DescribeOrganizationalUnitInput,
) -> Result<DescribeOrganizationalUnitOutput, AwsError> {
    let unit = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let unit =
            organization.unit(tx, &input.organizational_unit_id)?.ok_or_else(errors::unit_not_found)?;
        Ok::<_, AwsError>(shape(tx, &organization, &unit)?)
    })?;
    Ok(DescribeOrganizationalUnitOutput { organizational_unit: Some(unit) })
}

pub(crate) async fn update_organizational_unit(
    ctx: Ctx,
    input: UpdateOrganizationalUnitInput,
) -> Result<UpdateOrganizationalUnitOutput, AwsError> {
    let unit = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            let mut unit =
                organization.unit(tx, &input.organizational_unit_id)?.ok_or_else(errors::unit_not_found)?;
            if let Some(name) = &input.name {
                check_name(tx, &unit.parent, name, &unit.id)?;
                unit.name.clone_from(name);
                tx.put(&UNITS, &unit.id, &unit)?;
            }
            Ok::<_, AwsError>(shape(tx, &organization, &unit)?)
        })
        .await?;
    Ok(UpdateOrganizationalUnitOutput { organizational_unit: Some(unit) })
}

pub(crate) async fn delete_organizational_unit(
    ctx: Ctx,
    input: DeleteOrganizationalUnitInput,
) -> Result<DeleteOrganizationalUnitOutput, AwsError> {
    let id = &input.organizational_unit_id;
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if organization.unit(tx, id)?.is_none() {
                return Err(errors::unit_not_found());
            }
            let has_accounts = tx.index_get(&ACCOUNTS, "by_parent", id)?.is_some();
            if has_accounts || !children(tx, id)?.is_empty() {
                return Err(model::ORGANIZATIONAL_UNIT_NOT_EMPTY_EXCEPTION
                    .with("The specified organizational unit is not empty."));
            }
            let attached: Vec<Attachment> =
                tx.prefix(&ATTACHMENTS, (id,))?.values().collect::<Result<_, _>>()?;
            for attachment in &attached {
                tx.delete(&ATTACHMENTS, (id, &attachment.policy))?;
            }
            tx.delete(&UNITS, id)?;
            Ok(())
        })
        .await?;
    Ok(DeleteOrganizationalUnitOutput::default())
}

pub(crate) async fn list_organizational_units_for_parent(
    ctx: Ctx,
    input: ListOrganizationalUnitsForParentInput,
) -> Result<ListOrganizationalUnitsForParentOutput, AwsError> {
    let (units, next_token) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        if !organization.has_parent(tx, &input.parent_id)? {
            return Err(errors::parent_not_found());
        }
        let units = children(tx, &input.parent_id)?;
        let (units, next_token) =
            page(units, |unit| &unit.id, input.next_token.as_deref(), input.max_results)?;
        let shapes: Result<Vec<_>, _> = units.iter().map(|unit| shape(tx, &organization, unit)).collect();
        Ok((shapes?, next_token))
    })?;
    Ok(ListOrganizationalUnitsForParentOutput { organizational_units: Some(units), next_token })
}
