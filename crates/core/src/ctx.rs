//! What a handler sees of the cloud.

use std::sync::{Arc, OnceLock};

use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{BlobStore, ScopedDb};
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::authorize::{DeniedElements, Operation, Subject};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::effects::EffectKey;
use crate::signals::Signals;

/// One call, as its handler sees it. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<CallState>);

/// What a call knows of itself.
pub(crate) struct CallState {
    pub(crate) cloud: Cloud,
    pub(crate) db: ScopedDb,
    pub(crate) caller: Caller,
    pub(crate) region: String,
    pub(crate) request: RequestFacts,
    pub(crate) response: Mutex<ResponseExtras>,
    /// What is called, if permissions are to be decided.
    pub(crate) operation: Option<Operation>,
    pub(crate) subject: OnceLock<Arc<Subject>>,
    pub(crate) denied_elements: Mutex<DeniedElements>,
    /// Effects that this call has committed and that are delivered before its response is sent.
    pub(crate) emitted: Mutex<Vec<EffectKey>>,
    /// Effects that the background leaves to this call: emitted, or about to be.
    claims: Mutex<Vec<EffectKey>>,
}

/// A call that ends early (its client went away) leaves what it emitted to the background.
impl Drop for CallState {
    fn drop(&mut self) {
        let claims = self.claims.get_mut();
        if !claims.is_empty() {
            self.cloud.claims().release(claims);
            self.cloud.effects().notify_one();
        }
    }
}

/// What the request said about itself.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    /// The id that the answer carries.
    pub request_id: String,
    /// `http://host:port`, as the client wrote it.
    pub base_url: String,
    /// The client's address, without port; empty for internal calls.
    pub source_ip: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `Referer` header.
    pub referer: String,
    /// The services through which the call was forwarded (`aws:CalledVia`), the first one first.
    pub called_via: Vec<String>,
    /// The `X-Amzn-Trace-Id` header.
    pub trace_id: String,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
    /// How many internal calls led to this one.
    pub depth: u32,
}

/// What a handler adds to the answer beside its output.
#[derive(Debug, Default)]
pub(crate) struct ResponseExtras {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Ctx {
    pub(crate) fn new(
        cloud: Cloud,
        caller: Caller,
        region: String,
        request: RequestFacts,
        operation: Option<Operation>,
    ) -> Self {
        Self(Arc::new(CallState {
            db: cloud.db().scoped(&caller.account, &region),
            cloud,
            caller,
            region,
            request,
            response: Mutex::default(),
            operation,
            subject: OnceLock::new(),
            denied_elements: Mutex::default(),
            emitted: Mutex::default(),
            claims: Mutex::default(),
        }))
    }

    /// Keeps the background from delivering an effect for as long as this call lives.
    pub(crate) fn claim(&self, key: EffectKey) {
        self.0.cloud.claims().add(key);
        self.0.claims.lock().push(key);
    }

    /// The services through which a call that this one forwards will have gone.
    pub(crate) fn forwarding_services(&self) -> Vec<String> {
        let mut services = self.0.request.called_via.clone();
        if let Some(operation) = &self.0.operation {
            services.push(format!("{}.amazonaws.com", operation.schema.service.signing_name));
        }
        services
    }

    pub(crate) fn state(&self) -> &CallState {
        &self.0
    }

    /// The rows of the account and region of this call.
    pub fn db(&self) -> &ScopedDb {
        &self.0.db
    }

    /// The bytes that are too large for rows.
    pub fn blobs(&self) -> &BlobStore {
        self.0.db.db().blobs()
    }

    /// The account whose resources this call means.
    pub fn account(&self) -> &str {
        &self.0.caller.account
    }

    /// The region of this call.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The cloud's time.
    pub fn now(&self) -> Timestamp {
        self.0.cloud.clock().now()
    }

    /// The cloud's clock.
    pub fn clock(&self) -> &Clock {
        self.0.cloud.clock()
    }

    /// A random number.
    pub fn random(&self) -> u128 {
        crate::cloud::random()
    }

    /// A random UUID (version 4), hyphenated, in lower case.
    pub fn uuid(&self) -> String {
        crate::cloud::uuid()
    }

    /// `length` random characters of `alphabet` (ASCII); for AWS's ids of fixed form.
    pub fn random_text(&self, alphabet: &[u8], length: usize) -> String {
        crate::cloud::random_text(alphabet, length)
    }

    /// Wake-ups between calls.
    pub fn signals(&self) -> &Signals {
        self.0.cloud.signals()
    }

    /// What the request said about itself.
    pub fn request(&self) -> &RequestFacts {
        &self.0.request
    }

    /// `http://host:port` for URLs in the answer: the configured public host, else the client's.
    pub fn base_url(&self) -> String {
        self.0.cloud.base_url(&self.0.request.base_url)
    }

    /// The cloud's settings.
    pub fn config(&self) -> &crate::CloudConfig {
        self.0.cloud.config()
    }

    /// The whole cloud, for what goes beyond one call (background work, other accounts).
    pub fn cloud(&self) -> &Cloud {
        &self.0.cloud
    }

    /// Answers with another status than the model's (206 for a range).
    pub fn set_status(&self, status: u16) {
        self.0.response.lock().status = Some(status);
    }

    /// Adds a header that the model does not know.
    pub fn add_header(&self, name: HeaderName, value: HeaderValue) {
        self.0.response.lock().headers.push((name, value));
    }

    /// The error for something that went wrong in here and is nobody's mistake but ours.
    pub fn internal_error(&self, error: &dyn std::fmt::Display) -> AwsError {
        tracing::error!(request_id = self.0.request.request_id, %error, "internal failure");
        AwsError::new(
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }
}
