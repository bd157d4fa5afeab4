//! Users, roles and the like as the authoriser sees them: resources with tags, and with trust policies.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{KeyValue, ResourceAccess, ResourceQuery, Resources};
use cloudtwin_policy::{PolicyName, ResourceRule};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;

use crate::state::{
    INSTANCE_PROFILES, InstanceProfile, POLICIES, Policy, ROLES, Role, Tags, USERS, User, fold,
};

/// Knows users, roles, policies and instance profiles as resources, and roles' trust policies.
pub(crate) struct IamResources;

/// Kind, name and account of an IAM resource.
fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    let mut segments = arn.splitn(6, ':');
    let account = segments.nth(4)?;
    let (kind, rest) = segments.next()?.split_once('/')?;
    Some((account, kind, rest.rsplit('/').next().unwrap_or(rest)))
}

impl Resources for IamResources {
    fn namespace(&self) -> &'static str {
        "iam"
    }

    fn access(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError> {
        let Some((account, "role", name)) = parts(query.arn) else { return Ok(ResourceAccess::default()) };
        if !query.action.starts_with("sts:") {
            return Ok(ResourceAccess::default());
        }
        // The trust policy decides who takes on a role; a role that does not exist trusts nobody.
        let policy = cloud.db().scoped(account, "").read::<_, AwsError, _>(|tx| {
            let role = tx.get_shared(&ROLES, fold(name))?;
            // The same name under another path is another role.
            let Some(role) = role.filter(|role| role.arn(account) == query.arn) else { return Ok(None) };
            let document = role.trust_policy_now(tx)?;
            let name = PolicyName::Resource(query.arn.to_owned());
            Ok(Some(cloud.compiled_policy(name, &document)))
        })?;
        Ok(ResourceAccess { policy, rule: ResourceRule::RoleTrust, ..ResourceAccess::default() })
    }

    fn keys(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<Vec<(String, KeyValue)>, AwsError> {
        let Some((account, kind, name)) = parts(query.arn) else { return Ok(Vec::new()) };
        let name = fold(name);
        let tags: Tags = cloud.db().scoped(account, "").read::<_, StoreError, _>(|tx| {
            Ok(match kind {
                "user" => tx.get(&USERS, name.as_str())?.map(|user: User| user.tags),
                "role" => tx.get(&ROLES, name.as_str())?.map(|role: Role| role.tags),
                "policy" => tx.get(&POLICIES, name.as_str())?.map(|policy: Policy| policy.tags),
                "instance-profile" => {
                    tx.get(&INSTANCE_PROFILES, name.as_str())?.map(|profile: InstanceProfile| profile.tags)
                }
                _ => None,
            }
            .unwrap_or_default())
        })?;
        let keys = tags.into_iter().flat_map(|(key, value)| {
            let own = (format!("iam:ResourceTag/{key}"), KeyValue::from(value.clone()));
            [(format!("aws:ResourceTag/{key}"), KeyValue::from(value)), own]
        });
        Ok(keys.collect())
    }
}
