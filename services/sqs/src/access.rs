//! Queues as the authoriser sees them.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{CallFacts, KeyValue, ResourceAccess, ResourceQuery, Resources, StoredNames};
use cloudtwin_policy::PolicyName;
use cloudtwin_smithy::AwsError;

use crate::permissions::OWNER_ACTIONS;
use crate::queue_url::QueueAddress;
use crate::state::{QUEUES, Queue, queue_arn};

/// Knows queues' policies and tags, and which queue a URL means.
pub(crate) struct Queues;

impl StoredNames for Queues {
    /// The ARN of the queue that a URL means: read as the operations read it, so that no form of a URL
    /// means one queue here and another one there.
    fn stored_name(&self, _: &Cloud, call: &CallFacts<'_>, wanted: &str, value: &str) -> Option<String> {
        if wanted != "stored_arn" {
            return None;
        }
        let QueueAddress { account, region, name } = QueueAddress::parse(value)?;
        let account = account.as_deref().unwrap_or(call.account);
        Some(queue_arn(account, region.as_deref().unwrap_or(call.region), &name))
    }
}

fn queue(cloud: &Cloud, arn: &str) -> Result<Option<std::sync::Arc<Queue>>, AwsError> {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (Some(region), Some(account), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(None);
    };
    Ok(cloud.db().scoped(account, region).read(|tx| tx.get_shared(&QUEUES, name))?)
}

impl Resources for Queues {
    fn namespace(&self) -> &'static str {
        "sqs"
    }

    fn access(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError> {
        let queue = queue(cloud, query.arn)?;
        let policy = queue.as_ref().and_then(|queue| queue.policy.as_deref()).filter(|text| !text.is_empty());
        // What a queue's policy cannot let other accounts do (SQS developer guide, "Limitations of custom
        // policies").
        let operation = query.action.strip_prefix("sqs:").unwrap_or(query.action);
        let own_only = OWNER_ACTIONS.contains(&operation)
            && query.arn.split(':').nth(4) != Some(query.caller.account.as_str());
        let policy = policy.filter(|_| !own_only);
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
