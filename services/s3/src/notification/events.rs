//! Events: what happened to an object, told to whoever the bucket's configuration names.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use cloudtwin_core::effects::{Effect, EmitEffects};
use cloudtwin_core::{Arn, Caller, Ctx};
use cloudtwin_smithy::protocol::rest_xml::host_id;
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Document, Timestamp};
use cloudtwin_store::{StoreError, Tx};
use serde_json::{Value, json};

use super::rules::{affixes, covers};
use crate::api::{NotificationConfiguration, NotificationConfigurationFilter};
use crate::bucket_config::configs::{self, Kind};
use crate::state::{BUCKETS, Bucket, StoredObject};

/// What can happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Put,
    Post,
    Copy,
    CompleteMultipartUpload,
    Delete,
    DeleteMarkerCreated,
    TaggingPut,
    TaggingDelete,
    AclPut,
    RestorePost,
    RestoreCompleted,
}

impl Event {
    /// The name in records, and without `s3:` in configurations.
    fn name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Post => "ObjectCreated:Post",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Delete => "ObjectRemoved:Delete",
            Self::DeleteMarkerCreated => "ObjectRemoved:DeleteMarkerCreated",
            Self::TaggingPut => "ObjectTagging:Put",
            Self::TaggingDelete => "ObjectTagging:Delete",
            Self::AclPut => "ObjectAcl:Put",
            Self::RestorePost => "ObjectRestore:Post",
            Self::RestoreCompleted => "ObjectRestore:Completed",
        }
    }

    /// The version of the record's structure.
    fn version(self) -> &'static str {
        if self.is_about_attributes() { "2.3" } else { "2.1" }
    }

    fn is_about_attributes(self) -> bool {
        matches!(self, Self::TaggingPut | Self::TaggingDelete | Self::AclPut)
    }

    /// `detail-type` and `reason` for EventBridge.
    fn bridge_names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Put => ("Object Created", Some("PutObject")),
            Self::Post => ("Object Created", Some("POST Object")),
            Self::Copy => ("Object Created", Some("CopyObject")),
            Self::CompleteMultipartUpload => ("Object Created", Some("CompleteMultipartUpload")),
            Self::Delete | Self::DeleteMarkerCreated => ("Object Deleted", Some("DeleteObject")),
            Self::TaggingPut => ("Object Tags Added", None),
            Self::TaggingDelete => ("Object Tags Deleted", None),
            Self::AclPut => ("Object ACL Updated", None),
            Self::RestorePost => ("Object Restore Initiated", None),
            Self::RestoreCompleted => ("Object Restore Completed", None),
        }
    }
}

enum Service {
    Queue { url: String },
    Topic { arn: String },
    Function { arn: String },
    EventBridge,
}

/// A destination that may want events of one key.
struct Target {
    id: String,
    events: Vec<String>,
    service: Service,
    effect: Effect,
}

/// Tells destinations what happens to one key, within the transaction in which it happens.
pub(crate) struct Notifier {
    targets: Vec<Target>,
    facts: Option<Facts>,
}

/// What the events of one request share.
struct Facts {
    bucket: Bucket,
    key: String,
    time: Timestamp,
    request_id: String,
    source_ip: String,
    principal_id: String,
    requester: String,
}

/// The URL that SQS understands for a queue's ARN.
pub(crate) fn queue_url(arn: &Arn) -> String {
    format!("http://localhost:4566/{}/{}", arn.account, arn.resource)
}

impl Notifier {
    /// For a bucket that has not been looked up yet; without any destination if it does not exist.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn prepare(ctx: &Ctx, bucket: &str, key: &str) -> Result<Self, AwsError> {
        match ctx.db().read::<_, StoreError, _>(|tx| tx.get(&BUCKETS, bucket))? {
            Some(bucket) => Self::of(ctx, &bucket, key),
            None => Ok(Self { targets: Vec::new(), facts: None }),
        }
    }

    /// For a bucket that is known.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn of(ctx: &Ctx, bucket: &Bucket, key: &str) -> Result<Self, AwsError> {
        if !bucket.notifies {
            return Ok(Self { targets: Vec::new(), facts: None });
        }
        let configuration = ctx
            .db()
            .read::<_, StoreError, _>(|tx| configs::read(tx, &bucket.name, Kind::Notification, ""))?;
        let Some(configuration) = configuration else { return Ok(Self { targets: Vec::new(), facts: None }) };
        let targets = targets(ctx, bucket, key, configs::shape(ctx, &configuration)?);
        let facts = Facts {
            bucket: bucket.clone(),
            key: key.to_owned(),
            time: ctx.now(),
            request_id: ctx.request().request_id.clone(),
            source_ip: ctx.request().source_ip.clone(),
            principal_id: format!("AWS:{}", ctx.caller().user_id),
            requester: ctx.caller().account.clone(),
        };
        Ok(Self { targets, facts: Some(facts) })
    }

    /// Emits an event to every destination that wants it.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn emit(
        &self,
        tx: &mut Tx<'_>,
        event: Event,
        object: &StoredObject,
    ) -> Result<(), StoreError> {
        let Some(facts) = &self.facts else { return Ok(()) };
        for target in &self.targets {
            if target.events.iter().any(|configured| covers(configured, event.name())) {
                tx.emit(&target.effect.clone().with_input(target.input(facts, event, object)))?;
            }
        }
        Ok(())
    }
}

/// S3 as it notifies for a bucket.
pub(super) fn s3_of(bucket: &Bucket) -> Caller {
    Caller::service("s3.amazonaws.com", &bucket.arn(), &bucket.account)
}

/// The destinations whose filter lets a key pass.
fn targets(ctx: &Ctx, bucket: &Bucket, key: &str, configuration: NotificationConfiguration) -> Vec<Target> {
    let mut targets = Vec::new();
    let passes = |filter: Option<&NotificationConfigurationFilter>| {
        let (prefix, suffix) = affixes(filter);
        key.starts_with(prefix) && key.ends_with(suffix)
    };
    let effect = |service: &str, operation: &str, arn: &Arn| {
        let caller = s3_of(bucket).in_account(&arn.account);
        ctx.effect_call(service, operation, Document::Null, caller).in_region(&arn.region)
    };
    for queue in configuration.queue_configurations.into_iter().flatten() {
        if let (true, Ok(arn)) = (passes(queue.filter.as_ref()), queue.queue_arn.parse::<Arn>()) {
            targets.push(Target {
                id: queue.id.unwrap_or_default(),
                events: queue.events,
                service: Service::Queue { url: queue_url(&arn) },
                effect: effect("sqs", "SendMessage", &arn),
            });
        }
    }
    for topic in configuration.topic_configurations.into_iter().flatten() {
        if let (true, Ok(arn)) = (passes(topic.filter.as_ref()), topic.topic_arn.parse::<Arn>()) {
            targets.push(Target {
                id: topic.id.unwrap_or_default(),
                events: topic.events,
                service: Service::Topic { arn: topic.topic_arn },
                effect: effect("sns", "Publish", &arn),
            });
        }
    }
    for function in configuration.lambda_function_configurations.into_iter().flatten() {
        if let (true, Ok(arn)) =
            (passes(function.filter.as_ref()), function.lambda_function_arn.parse::<Arn>())
        {
            targets.push(Target {
                id: function.id.unwrap_or_default(),
                events: function.events,
                service: Service::Function { arn: function.lambda_function_arn },
                effect: effect("lambda", "Invoke", &arn),
            });
        }
    }
    if configuration.event_bridge_configuration.is_some() {
        let bus = Arn::new("events", &bucket.region, &bucket.account, "event-bus/default");
        targets.push(Target {
            id: String::new(),
            events: vec!["s3:*".to_owned()],
            service: Service::EventBridge,
            effect: effect("events", "PutEvents", &bus),
        });
    }
    targets
}

fn members(entries: impl IntoIterator<Item = (&'static str, Document)>) -> Document {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Target {
    /// The input of the call that tells this destination.
    fn input(&self, facts: &Facts, event: Event, object: &StoredObject) -> Document {
        let records = || json!({ "Records": [facts.record(&self.id, event, object)] }).to_string();
        match &self.service {
            Service::Queue { url } => {
                members([("QueueUrl", url.as_str().into()), ("MessageBody", records().into())])
            }
            Service::Topic { arn } => members([
                ("TopicArn", arn.as_str().into()),
                ("Subject", "Amazon S3 Notification".into()),
                ("Message", records().into()),
            ]),
            Service::Function { arn } => members([
                ("FunctionName", arn.as_str().into()),
                ("InvocationType", "Event".into()),
                ("Payload", Document::Blob(records().into())),
            ]),
            Service::EventBridge => {
                let (detail_type, _) = event.bridge_names();
                let entry = members([
                    ("Time", Document::Timestamp(Timestamp::from_seconds(facts.time.seconds))),
                    ("Source", "aws.s3".into()),
                    ("Resources", Document::List(vec![facts.bucket.arn().into()])),
                    ("DetailType", detail_type.into()),
                    ("Detail", facts.detail(event, object).to_string().into()),
                ]);
                members([("Entries", Document::List(vec![entry]))])
            }
        }
    }
}

/// Sets a member of a JSON object.
fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}

impl Facts {
    /// Orders the events of one key.
    fn sequencer(object: &StoredObject) -> String {
        format!("{:018X}", u128::from(object.seq))
    }

    /// The record for queues, topics and functions.
    fn record(&self, configuration_id: &str, event: Event, object: &StoredObject) -> Value {
        let mut shown = json!({ "key": encode_key(&self.key) });
        if !matches!(event, Event::Delete | Event::DeleteMarkerCreated) && !event.is_about_attributes() {
            set(&mut shown, "size", object.size);
        }
        match event {
            Event::Delete => {}
            // The entity tag of nothing.
            Event::DeleteMarkerCreated => set(&mut shown, "eTag", "d41d8cd98f00b204e9800998ecf8427e"),
            _ => set(&mut shown, "eTag", object.etag.as_str()),
        }
        if let Some(version_id) = &object.version_id {
            set(&mut shown, "versionId", version_id.as_str());
        }
        if !event.is_about_attributes() {
            set(&mut shown, "sequencer", Self::sequencer(object));
        }
        let mut record = json!({
            "eventVersion": event.version(),
            "eventSource": "aws:s3",
            "awsRegion": self.bucket.region,
            "eventTime": date_time(self.time),
            "eventName": event.name(),
            "userIdentity": { "principalId": self.principal_id },
            "requestParameters": { "sourceIPAddress": self.source_ip },
            "responseElements": {
                "x-amz-request-id": self.request_id,
                "x-amz-id-2": host_id(&self.request_id),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {
                    "name": self.bucket.name,
                    "ownerIdentity": { "principalId": owner_principal(&self.bucket.account) },
                    "arn": self.bucket.arn(),
                },
                "object": shown,
            },
        });
        if event == Event::RestoreCompleted {
            let expiry = object.restored_until.unwrap_or(self.time);
            set(
                &mut record,
                "glacierEventData",
                json!({ "restoreEventData": {
                    "lifecycleRestorationExpiryTime": date_time(expiry),
                    "lifecycleRestoreStorageClass": object.storage_class,
                } }),
            );
        }
        record
    }

    /// The detail of an event for EventBridge.
    fn detail(&self, event: Event, object: &StoredObject) -> Value {
        let mut shown = json!({ "key": self.key });
        let deleted = matches!(event, Event::Delete | Event::DeleteMarkerCreated);
        if !deleted {
            if !event.is_about_attributes() {
                set(&mut shown, "size", object.size);
            }
            set(&mut shown, "etag", object.etag.as_str());
        } else if event == Event::DeleteMarkerCreated {
            set(&mut shown, "etag", "d41d8cd98f00b204e9800998ecf8427e");
        }
        if let Some(version_id) = &object.version_id {
            set(&mut shown, "version-id", version_id.as_str());
        }
        let restore = matches!(event, Event::RestorePost | Event::RestoreCompleted);
        if !event.is_about_attributes() && !restore {
            set(&mut shown, "sequencer", Self::sequencer(object));
        }
        let mut detail = json!({
            "version": "0",
            "bucket": { "name": self.bucket.name },
            "object": shown,
            "request-id": self.request_id,
            "requester": self.requester,
        });
        if event == Event::RestoreCompleted {
            set(&mut detail, "restore-expiry-time", date_time(object.restored_until.unwrap_or(self.time)));
        } else {
            set(&mut detail, "source-ip-address", self.source_ip.as_str());
        }
        if restore {
            set(&mut detail, "source-storage-class", object.storage_class.as_str());
        }
        if let (_, Some(reason)) = event.bridge_names() {
            set(&mut detail, "reason", reason);
        }
        match event {
            Event::Delete => set(&mut detail, "deletion-type", "Permanently Deleted"),
            Event::DeleteMarkerCreated => set(&mut detail, "deletion-type", "Delete Marker Created"),
            _ => {}
        }
        detail
    }
}

/// A time with milliseconds, always.
fn date_time(at: Timestamp) -> String {
    let text = at.format(TimestampFormat::DateTime);
    match text.strip_suffix('Z') {
        Some(seconds) if !seconds.contains('.') => format!("{seconds}.000Z"),
        _ => text,
    }
}

/// The message that a destination gets when it is configured.
pub(crate) fn test_event(ctx: &Ctx, bucket: &str) -> String {
    let request_id = &ctx.request().request_id;
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": date_time(ctx.now()),
        "Bucket": bucket,
        "RequestId": request_id,
        "HostId": host_id(request_id),
    })
    .to_string()
}

/// The id by which records name an account: `A` and 13 letters or digits.
fn owner_principal(account: &str) -> String {
    let mut state = account.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut id = String::from("A");
    for _ in 0..13 {
        let digit = u32::try_from(state % 36).unwrap_or_default();
        id.push(char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        state = (state / 36) ^ state.rotate_left(23);
    }
    id
}

/// A key as records write it: URL-encoded, with slashes kept and `+` for blanks.
fn encode_key(key: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');
    utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_for_urls() {
        assert_eq!(encode_key("a/b c+d@e.jpg"), "a/b+c%2Bd%40e.jpg");
        assert_eq!(encode_key("ü"), "%C3%BC");
    }

    #[test]
    fn an_account_has_one_principal_id() {
        assert_eq!(owner_principal("000000000000").len(), 14);
        assert_ne!(owner_principal("000000000000"), owner_principal("111111111111"));
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(date_time(Timestamp::from_seconds(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(date_time(Timestamp::from_millis(1)), "1970-01-01T00:00:00.001Z");
    }
}
