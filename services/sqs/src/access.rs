//! Queues as the authoriser sees them.

use cloudtwin_core::authorize::{KeyValue, ResourceAccess, ResourceQuery, Resources};
use cloudtwin_core::{Arn, Cloud};
use cloudtwin_policy::PolicyName;
use cloudtwin_smithy::AwsError;

use crate::state::{QUEUES, Queue};

/// Knows queues' policies and tags.
pub(crate) struct Queues;

fn queue(cloud: &Cloud, arn: &str) -> Result<Option<std::sync::Arc<Queue>>, AwsError> {
    let Ok(arn) = arn.parse::<Arn>() else { return Ok(None) };
    Ok(cloud.db().scoped(&arn.account, &arn.region).read(|tx| tx.get_shared(&QUEUES, &arn.resource))?)
}

impl Resources for Queues {
    fn namespace(&self) -> &'static str {
        "sqs"
    }

    fn access(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError> {
        let queue = queue(cloud, query.arn)?;
        let policy = queue.as_ref().and_then(|queue| queue.policy.as_deref()).filter(|text| !text.is_empty());
        let name = || PolicyName::Resource(query.arn.to_owned());
        Ok(ResourceAccess {
            policy: policy.map(|document| cloud.compiled_policy(name(), document)),
            ..ResourceAccess::default()
        })
    }

    fn keys(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<Vec<(String, KeyValue)>, AwsError> {
        let queue = queue(cloud, query.arn)?;
        let tags = queue.iter().flat_map(|queue| &queue.tags);
        Ok(tags.map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.clone().into())).collect())
    }
}
