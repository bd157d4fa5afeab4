//! What permissions can depend on beside a resource's ARN: its tags, and the type of a policy.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{KeyValue, ResourceAccess, ResourceQuery, Resources};
use cloudtwin_smithy::AwsError;

use crate::state::organization_of;
use crate::tags;

/// Knows the accounts, units, roots and policies of organizations.
pub(crate) struct ResourceFacts;

impl Resources for ResourceFacts {
    fn namespace(&self) -> &'static str {
        "organizations"
    }

    fn access(&self, _: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError> {
        // ARNs name the management account or, for AWS's own policies, AWS. Members see nothing but their own
        // organization, and which of them may ask for what is not for policies to say: the operations do.
        Ok(ResourceAccess { account: Some(query.caller.account.clone()), ..ResourceAccess::default() })
    }

    fn keys(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<Vec<(String, KeyValue)>, AwsError> {
        let Some((_, id)) = query.arn.rsplit_once('/') else { return Ok(Vec::new()) };
        cloud.db().scoped("", "").read(|tx| {
            let Some(organization) = organization_of(tx, &query.caller.account)? else {
                return Ok(Vec::new());
            };
            let tags = tags::of(tx, &organization, id)?.unwrap_or_default();
            let mut keys: Vec<(String, KeyValue)> = tags
                .into_iter()
                .map(|(key, value)| (format!("aws:ResourceTag/{key}"), KeyValue::from(value)))
                .collect();
            if let Some(policy) = organization.policy(tx, id)? {
                keys.push(("organizations:PolicyType".to_owned(), KeyValue::from(policy.policy_type)));
            }
            Ok(keys)
        })
    }
}
