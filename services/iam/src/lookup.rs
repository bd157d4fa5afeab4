//! What permissions need from IAM's state: an entity's ARN contains its path, which callers do not
//! send, and an access key stands for the user that owns it.

use cloudtwin_core::authorize::{CallFacts, StoredNames};
use cloudtwin_core::credentials::CREDENTIALS;
use cloudtwin_core::{Cloud, Principal};
use cloudtwin_store::{ReadTx, StoreError};

use crate::linking_services::SERVICES;
use crate::state::{GROUPS, INSTANCE_PROFILES, ROLE_DELETIONS, ROLES, USERS, fold};

/// IAM's [`StoredNames`].
pub(crate) struct Lookup;

impl StoredNames for Lookup {
    fn stored_name(&self, cloud: &Cloud, call: &CallFacts<'_>, wanted: &str, value: &str) -> Option<String> {
        // Known without a look into the store.
        if wanted == "service_linked_role_name" {
            let linking = SERVICES.iter().find(|linking| linking.service == value);
            return linking.map(|linking| linking.role.to_owned());
        }
        let found = cloud.db().scoped(call.account, call.region).read(|tx| stored(tx, wanted, value));
        found.unwrap_or_else(|error| {
            tracing::error!(%error, wanted, "a name could not be looked up");
            None
        })
    }
}

fn stored(tx: &ReadTx<'_>, wanted: &str, value: &str) -> Result<Option<String>, StoreError> {
    let key = fold(value);
    let named = |path: &str, name: &str| format!("{}{name}", path.trim_start_matches('/'));
    Ok(match wanted {
        "UserName" => tx.get(&USERS, key)?.map(|user| named(&user.path, &user.name)),
        "RoleName" => tx.get(&ROLES, key)?.map(|role| named(&role.path, &role.name)),
        "GroupName" => tx.get(&GROUPS, key)?.map(|group| named(&group.path, &group.name)),
        "InstanceProfileName" => {
            tx.get(&INSTANCE_PROFILES, key)?.map(|profile| named(&profile.path, &profile.name))
        }
        "access_key_user" => {
            let owner = tx.get(&CREDENTIALS, value)?.map(|credential| credential.caller);
            match owner {
                Some(caller) if caller.account == tx.account() => match caller.principal {
                    Principal::User { name } => {
                        tx.get(&USERS, fold(&name))?.map(|user| named(&user.path, &user.name))
                    }
                    _ => None,
                },
                _ => None,
            }
        }
        // `task/aws-service-role/elasticbeanstalk.amazonaws.com/AWSServiceRoleForElasticBeanstalk/<uuid>`
        "deletion_task_role" if tx.contains(&ROLE_DELETIONS, value)? => value
            .strip_prefix("task/")
            .and_then(|task| task.rsplit_once('/'))
            .map(|(role, _)| role.to_owned()),
        _ => None,
    })
}
