//! Service-linked roles: roles that AWS services make for themselves.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::api::{
    CreateServiceLinkedRoleInput, CreateServiceLinkedRoleOutput, DeleteServiceLinkedRoleInput,
    DeleteServiceLinkedRoleOutput, GetServiceLinkedRoleDeletionStatusInput,
    GetServiceLinkedRoleDeletionStatusOutput,
};
use crate::aws_managed_policies::{self, ARN_PREFIX};
use crate::errors;
use crate::linking_services::{SERVICES, WITH_SUFFIX};
use crate::naming::new_id;
use crate::roles::DEFAULT_MAX_SESSION_DURATION;
use crate::state::{Entity, Permissions, ROLE_DELETIONS, ROLES, Role, fold};

pub(crate) async fn create_service_linked_role(
    ctx: Ctx,
    input: CreateServiceLinkedRoleInput,
) -> Result<CreateServiceLinkedRoleOutput, AwsError> {
    let service = input.aws_service_name;
    let Some(linking) = SERVICES.iter().find(|linking| linking.service == service) else {
        let message = format!("Service {service} is not known to have service-linked roles.");
        return Err(errors::invalid_input(message));
    };
    let name = match &input.custom_suffix {
        Some(_) if !WITH_SUFFIX.contains(&linking.service) => {
            return Err(errors::invalid_input(format!("Custom suffix is not allowed for {service}")));
        }
        Some(suffix) => format!("{}_{suffix}", linking.role),
        None => linking.role.to_owned(),
    };
    let policy = format!("{ARN_PREFIX}/aws-service-role/{}", linking.policy);
    let role = Role {
        name,
        path: format!("/aws-service-role/{service}/"),
        id: new_id(&ctx, "AROA"),
        created: Timestamp::from_seconds(ctx.now().seconds),
        trust_policy: format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\
             \"Principal\":{{\"Service\":\"{service}\"}},\"Action\":\"sts:AssumeRole\"}}]}}"
        ),
        trusted: Vec::new(),
        description: input.description,
        max_session_duration: DEFAULT_MAX_SESSION_DURATION,
        tags: Vec::new(),
        permissions: Permissions {
            attached: aws_managed_policies::find(&policy).map(|_| policy).into_iter().collect(),
            ..Permissions::default()
        },
    };
    ctx.db()
        .write(|tx| {
            if tx.contains(&ROLES, fold(&role.name))? {
                return Err(errors::invalid_input(format!(
                    "Service role name {} has been taken in this account, please try a different suffix.",
                    role.name
                )));
            }
            role.put(tx)
        })
        .await?;
    let shape = crate::api::Role { max_session_duration: None, ..role.shape(ctx.account()) };
    Ok(CreateServiceLinkedRoleOutput { role: Some(shape) })
}

pub(crate) async fn delete_service_linked_role(
    ctx: Ctx,
    input: DeleteServiceLinkedRoleInput,
) -> Result<DeleteServiceLinkedRoleOutput, AwsError> {
    let uuid = ctx.uuid();
    let deletion_task_id = ctx
        .db()
        .write(|tx| {
            let role = Role::get(tx, &input.role_name)?;
            if !role.is_service_linked() {
                let message = format!("The role with name {} is not a service-linked role.", role.name);
                return Err(errors::invalid_input(message));
            }
            // Nothing here uses such a role yet, so the deletion is done when it has been asked for.
            tx.delete(&ROLES, fold(&role.name))?;
            let task = format!("task{}{}/{uuid}", role.path, role.name);
            tx.put(&ROLE_DELETIONS, &task, &role.name)?;
            Ok(task)
        })
        .await?;
    Ok(DeleteServiceLinkedRoleOutput { deletion_task_id })
}

pub(crate) async fn get_deletion_status(
    ctx: Ctx,
    input: GetServiceLinkedRoleDeletionStatusInput,
) -> Result<GetServiceLinkedRoleDeletionStatusOutput, AwsError> {
    let task = input.deletion_task_id;
    if !ctx.db().read(|tx| tx.contains(&ROLE_DELETIONS, &task))? {
        return Err(errors::no_such_entity(format!("Deletion task {task} cannot be found.")));
    }
    Ok(GetServiceLinkedRoleDeletionStatusOutput { status: "SUCCEEDED".to_owned(), reason: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_linked_policy_is_one_of_awss() {
        for pair in SERVICES.windows(2) {
            assert!(pair[0].service < pair[1].service, "{}", pair[1].service);
        }
        // The source of the embedded policies does not have this one.
        let unknown: Vec<&str> = SERVICES
            .iter()
            .filter(|linking| {
                let arn = format!("{ARN_PREFIX}/aws-service-role/{}", linking.policy);
                aws_managed_policies::find(&arn).is_none()
            })
            .map(|linking| linking.policy)
            .collect();
        assert_eq!(unknown, ["AmazonLexBotPolicy"]);
    }
}
