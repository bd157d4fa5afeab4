//! A cloud in the test's own process.
//!
//! ```ignore
//! let cloud = TestCloud::start(vec![cloudtwin_sqs::service()]);
//! let queue = cloud.call("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await.unwrap();
//! let error = cloud.call("sqs", "GetQueueUrl", json!({"QueueName": "none"})).await.unwrap_err();
//! assert_eq!(error.code(), "QueueDoesNotExist");
//! ```
//!
//! Calls enter the pipeline after authentication, by the operation's name, with JSON by the model's
//! member names. Bytes are `{"$blob": "text"}` in inputs and base64 strings in outputs; what is
//! about the wire is tested against the real binary instead.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_core::{Caller, Cloud, CloudConfig, Service};
use cloudtwin_smithy::{AwsError, Document};
use cloudtwin_store::{Db, StoreError};
use serde_json::{Map, Number, Value};

/// A cloud that keeps nothing, seen from one account and region.
#[derive(Clone)]
pub struct TestCloud {
    cloud: Cloud,
    caller: Caller,
    region: String,
}

impl TestCloud {
    /// A cloud of `services`, called as the root of 000000000000 in us-east-1.
    ///
    /// # Errors
    /// What the store reports.
    pub fn start(services: Vec<Service>) -> Result<Self, StoreError> {
        Self::start_with(CloudConfig::default(), services)
    }

    /// The same with other settings than the usual ones.
    ///
    /// # Errors
    /// What the store reports.
    pub fn start_with(config: CloudConfig, services: Vec<Service>) -> Result<Self, StoreError> {
        let cloud = Cloud::start(Db::ephemeral()?, config, services);
        Ok(Self { cloud, caller: Caller::root("000000000000"), region: "us-east-1".to_owned() })
    }

    /// The same cloud, called as the root of another account.
    #[must_use]
    pub fn account(&self, account: &str) -> Self {
        Self { caller: Caller::root(account), ..self.clone() }
    }

    /// The same cloud, called in another region.
    #[must_use]
    pub fn region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// The same cloud, called by somebody else.
    #[must_use]
    pub fn caller(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// The same cloud, called with an access key; `None` if the key may not be used.
    ///
    /// # Errors
    /// What the store reports.
    pub fn key(&self, access_key_id: &str) -> Result<Option<Self>, StoreError> {
        Ok(self.cloud.caller_of_key(access_key_id)?.map(|caller| self.caller(caller)))
    }

    /// The cloud itself: its clock, its record of requests.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Moves the cloud's clock ahead.
    pub fn advance_seconds(&self, seconds: i64) {
        let clock = self.cloud.clock();
        clock.set_offset_millis(clock.offset_millis() + seconds * 1000);
    }

    /// Calls an operation by name.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let input = document(input);
        let output =
            self.cloud.call_by_name(service, operation, &input, self.caller.clone(), &self.region).await?;
        Ok(json(output))
    }
}

/// JSON as a document; `{"$blob": "text"}` is the text's bytes.
fn document(value: Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Document::Integer(integer),
            None => Document::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Document::String(text),
        Value::Array(items) => Document::List(items.into_iter().map(document).collect()),
        Value::Object(mut map) => match map.remove("$blob") {
            Some(Value::String(text)) => Document::Blob(text.into_bytes().into()),
            _ => map.into_iter().map(|(key, value)| (key, document(value))).collect(),
        },
    }
}

/// A document as JSON: bytes in base64, times in seconds.
fn json(document: Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => value.into(),
        Document::Integer(value) => value.into(),
        Document::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
        Document::String(text) => text.into(),
        Document::Blob(bytes) => BASE64_STANDARD.encode(bytes).into(),
        Document::Timestamp(time) => Number::from_f64(time.as_epoch()).map_or(Value::Null, Value::Number),
        Document::List(items) => items.into_iter().map(json).collect(),
        Document::Map(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, json(value))).collect::<Map<_, _>>())
        }
    }
}
