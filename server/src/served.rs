//! The cloud with its services, as the gateway and the admin endpoints see it.

use cloudtwin_core::{Cloud, CloudConfig, RequestFilter, RequestRecord, Service};
use cloudtwin_smithy::{AwsError, ByteStream};
use cloudtwin_store::{Db, Durability};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use time::OffsetDateTime;

use crate::cloud::{Admin, Clock, ClockChange, CorsOwner, Pipeline, ResetError, ServiceState};
use crate::config::{Config, EnabledServices};
use crate::failure::{Failure, Kind};
use crate::gateway::VERSION;

/// Furthest that the clock can be moved ahead: a hundred years, in milliseconds.
const MAX_OFFSET: i64 = 3_155_760_000_000;

/// Every service that is served. A new service is one line here.
fn services() -> Vec<Service> {
    vec![
        cloudtwin_iam::service(),
        cloudtwin_organizations::service(),
        cloudtwin_s3::service(),
        cloudtwin_sqs::service(),
        cloudtwin_sts::service(),
    ]
}

/// The cloud that the server serves.
pub(crate) struct Served(Cloud);

impl Served {
    /// Opens the store and starts the cloud on it. `port` is the gateway's first.
    pub(crate) fn open(config: &Config, port: u16) -> Result<Self, Failure> {
        let durability = if config.sync { Durability::Sync } else { Durability::Process };
        let db = if config.ephemeral {
            Db::ephemeral()
        } else {
            Db::open(config.data_dir.join("state"), durability)
        };
        let db = db.map_err(|error| Failure::new(Kind::DataDir, error.to_string()))?;
        let public_host = config.settings.text("LOCALSTACK_HOST").map(|_| match config.public_port {
            Some(port) => format!("{}:{port}", config.public_host),
            None => config.public_host.clone(),
        });
        let cloud_config = CloudConfig {
            enabled_services: match &config.services {
                EnabledServices::All => None,
                EnabledServices::Only(names) => Some(names.clone()),
            },
            public_host,
            public_https: config.public_https,
            port,
            enforcement: config.enforcement,
            refuse_unknown_keys: config.refuse_unknown_keys,
            plain_http_is_secure: config.plain_http_is_secure,
            trusted_proxies: config.trusted_proxies.clone(),
            verify_unknown_keys: config.verify_unknown_keys,
            decode_access_keys: config.parity_access_keys,
            sqs_endpoint_strategy: config.sqs_endpoint_strategy.clone(),
            version: VERSION,
            ..CloudConfig::default()
        };
        Ok(Self(Cloud::start(db, cloud_config, services())))
    }
}

impl Pipeline for Served {
    async fn handle(&self, request: Request<ByteStream>) -> Response<ByteStream> {
        self.0.handle(request).await
    }

    fn cors_owner(&self, head: &Parts) -> CorsOwner {
        match self.0.service_of(head) {
            Some("execute-api" | "apigateway" | "apigatewayv2") => CorsOwner::ApiGateway,
            _ => self.0.cross_origin(head).map_or(CorsOwner::Server, CorsOwner::Bucket),
        }
    }

    fn answer_preflight(&self, head: &Parts, answer: Result<HeaderMap, AwsError>) -> Response<ByteStream> {
        self.0.answer_preflight(head, answer)
    }
}

impl Admin for Served {
    fn services(&self) -> Vec<(String, ServiceState)> {
        let state = |name: &str| match (self.0.is_enabled(name), self.0.is_used(name)) {
            (false, _) => ServiceState::Disabled,
            (true, true) => ServiceState::Running,
            (true, false) => ServiceState::Available,
        };
        self.0.services().map(|service| (service.name().to_owned(), state(service.name()))).collect()
    }

    async fn reset(&self, service: Option<&str>) -> Result<(), ResetError> {
        if let Some(name) = service
            && !self.0.services().any(|service| service.name() == name)
        {
            return Err(ResetError::UnknownService(name.to_owned()));
        }
        self.0.reset(service).await.map_err(|error| ResetError::Store(error.to_string()))
    }

    fn recent_requests(&self, filter: &RequestFilter) -> Vec<RequestRecord> {
        self.0.recent_requests(filter)
    }

    fn clock(&self) -> Clock {
        let clock = self.0.clock();
        let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock.now_millis()) * 1_000_000);
        Clock { now: now.unwrap_or(OffsetDateTime::UNIX_EPOCH), offset_seconds: clock.offset_millis() / 1000 }
    }

    fn set_clock(&self, change: ClockChange) -> Result<Clock, String> {
        let clock = self.0.clock();
        let offset = match change {
            ClockChange::Advance { seconds } => i64::try_from(seconds)
                .ok()
                .and_then(|seconds| seconds.checked_mul(1000))
                .and_then(|millis| clock.offset_millis().checked_add(millis)),
            ClockChange::Set(time) => {
                let real = clock.now_millis() - clock.offset_millis();
                i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(|time| time - real)
            }
        };
        let offset = offset.filter(|offset| (0..=MAX_OFFSET).contains(offset)).ok_or(
            "the clock can be moved ahead of this machine's, by at most a hundred years, and never behind it",
        )?;
        clock.set_offset_millis(offset);
        Ok(self.clock())
    }

    async fn close(&self) {
        self.0.stop();
    }
}
