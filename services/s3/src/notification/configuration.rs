//! The configuration of notifications.

use cloudtwin_core::authorize::Access;
use cloudtwin_core::effects::EmitEffects;
use cloudtwin_core::{Arn, Ctx};
use cloudtwin_smithy::{AwsError, Document};

use super::events::{queue_url, s3_of, test_event};
use super::rules::{self, Claim};
use crate::api::sqs;
use crate::api::{
    GetBucketNotificationConfigurationInput, NotificationConfiguration,
    PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::errors::invalid_argument;
use crate::state::{BUCKETS, Bucket};
use crate::versions;

/// The characters of generated ids.
const ID_CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `PutBucketNotificationConfiguration`
pub(crate) async fn put_bucket_notification_configuration(
    ctx: Ctx,
    input: PutBucketNotificationConfigurationInput,
) -> Result<PutBucketNotificationConfigurationOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner))?;
    let mut configuration = input.notification_configuration;
    check(&ctx, &mut configuration)?;
    if input.skip_destination_validation != Some(true) {
        check_destinations(&ctx, &bucket, &configuration).await?;
    }
    let document = configs::document(&ctx, &configuration)?;
    let body = test_event(&ctx, &bucket.name);
    let tests: Vec<_> = configuration
        .queue_configurations
        .iter()
        .flatten()
        .filter_map(|queue| queue.queue_arn.parse::<Arn>().ok())
        .map(|arn| {
            let message: Document = [
                ("QueueUrl".to_owned(), queue_url(&arn).into()),
                ("MessageBody".to_owned(), body.as_str().into()),
            ]
            .into_iter()
            .collect();
            let caller = s3_of(&bucket).in_account(&arn.account);
            ctx.effect_call("sqs", "SendMessage", message, caller).in_region(&arn.region)
        })
        .collect();
    let notifies = configuration.queue_configurations.as_ref().is_some_and(|list| !list.is_empty())
        || configuration.topic_configurations.as_ref().is_some_and(|list| !list.is_empty())
        || configuration.lambda_function_configurations.as_ref().is_some_and(|list| !list.is_empty())
        || configuration.event_bridge_configuration.is_some();
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, owner)?;
            bucket.notifies = notifies;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            configs::put(tx, &bucket, Kind::Notification, "", &document)?;
            for test in &tests {
                tx.emit(test)?;
            }
            Ok(PutBucketNotificationConfigurationOutput::default())
        })
        .await
}

/// `GetBucketNotificationConfiguration`
pub(crate) async fn get_bucket_notification_configuration(
    ctx: Ctx,
    input: GetBucketNotificationConfigurationInput,
) -> Result<NotificationConfiguration, AwsError> {
    let found =
        configs::get(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Notification)?;
    Ok(found.unwrap_or_default())
}

/// Checks what can be checked without looking elsewhere, and gives ids to configurations without.
fn check(ctx: &Ctx, configuration: &mut NotificationConfiguration) -> Result<(), AwsError> {
    let new_id = || ctx.random_text(ID_CHARACTERS, 48);
    for queue in configuration.queue_configurations.iter_mut().flatten() {
        check_arn(&queue.queue_arn, "sqs", "Queue")?;
        rules::check_events(&queue.events)?;
        rules::check_filter(queue.filter.as_mut())?;
        queue.id.get_or_insert_with(new_id);
    }
    for topic in configuration.topic_configurations.iter_mut().flatten() {
        check_arn(&topic.topic_arn, "sns", "Topic")?;
        rules::check_events(&topic.events)?;
        rules::check_filter(topic.filter.as_mut())?;
        topic.id.get_or_insert_with(new_id);
    }
    for function in configuration.lambda_function_configurations.iter_mut().flatten() {
        check_arn(&function.lambda_function_arn, "lambda", "CloudFunction")?;
        rules::check_events(&function.events)?;
        rules::check_filter(function.filter.as_mut())?;
        function.id.get_or_insert_with(new_id);
    }
    let mut claims = Vec::new();
    let mut claim = |events, filter| {
        let (prefix, suffix) = rules::affixes(filter);
        claims.push(Claim { events, prefix, suffix });
    };
    for queue in configuration.queue_configurations.iter().flatten() {
        claim(&queue.events, queue.filter.as_ref());
    }
    for topic in configuration.topic_configurations.iter().flatten() {
        claim(&topic.events, topic.filter.as_ref());
    }
    for function in configuration.lambda_function_configurations.iter().flatten() {
        claim(&function.events, function.filter.as_ref());
    }
    rules::check_overlap(&claims)
}

fn check_arn(arn: &str, service: &str, argument: &str) -> Result<(), AwsError> {
    match arn.parse::<Arn>() {
        Ok(parsed) if parsed.service == service => Ok(()),
        _ => Err(invalid_argument("The ARN could not be parsed", argument, arn)),
    }
}

/// Checks that destinations exist, as far as the services that have them are here, and that S3 may
/// send to them.
async fn check_destinations(
    ctx: &Ctx,
    bucket: &Bucket,
    configuration: &NotificationConfiguration,
) -> Result<(), AwsError> {
    let mut missing = Vec::new();
    for queue in configuration.queue_configurations.iter().flatten() {
        let Ok(arn) = queue.queue_arn.parse::<Arn>() else { continue };
        let question = sqs::GetQueueAttributesInput { queue_url: queue_url(&arn), attribute_names: None };
        let answer = ctx
            .call(sqs::GetQueueAttributes, question)
            .as_service("s3.amazonaws.com", &bucket.arn())
            .in_account(&arn.account)
            .in_region(&arn.region)
            .trusted()
            .send()
            .await;
        match answer {
            Err(error)
                if error.code().contains("QueueDoesNotExist")
                    || error.code().contains("NonExistentQueue") =>
            {
                missing.push((queue.queue_arn.as_str(), "The destination queue does not exist"));
            }
            _ => {
                let access = Access::new("sqs:SendMessage", queue.queue_arn.as_str());
                if !ctx.permits_caller(&s3_of(bucket), &access)? {
                    missing.push((
                        queue.queue_arn.as_str(),
                        "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
                    ));
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let error = errors::INVALID_ARGUMENT.with("Unable to validate the following destination configurations");
    Err(missing.into_iter().enumerate().fold(error, |error, (index, (arn, reason))| {
        let number = index + 1;
        error.field(format!("ArgumentName{number}"), arn).field(format!("ArgumentValue{number}"), reason)
    }))
}
