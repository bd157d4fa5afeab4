//! The cloud: its services, its store and everything that calls share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cloudtwin_sigv4::SigningKeyCache;
use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::ProtocolId;
use cloudtwin_store::{Db, StoreError};
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::authorize::{
    Decisions, Enforcement, Identities, OrganizationMembers, OrganizationPolicies, PolicyCache, Resources,
    Switch,
};
use crate::clock::Clock;
use crate::config::CloudConfig;
use crate::effects::Claims;
use crate::front_door::FrontDoor;
use crate::identify::{Found, indexed};
use crate::record::Recorder;
use crate::service::Service;
use crate::signals::Signals;

/// A running cloud. Cheap to clone.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

struct Inner {
    db: Db,
    config: CloudConfig,
    services: Vec<Arc<Service>>,
    by_name: HashMap<&'static str, usize>,
    by_target: HashMap<&'static str, usize>,
    by_signing_name: HashMap<&'static str, Vec<usize>>,
    front_doors: Vec<Arc<dyn FrontDoor>>,
    clock: Clock,
    signals: Signals,
    signing_keys: SigningKeyCache,
    recorder: Recorder,
    enforcement: Switch,
    decisions: Decisions,
    policy_cache: PolicyCache,
    identities: Option<Arc<dyn Identities>>,
    organizations: Option<Arc<dyn OrganizationMembers>>,
    resources: HashMap<&'static str, Arc<dyn Resources>>,
    effects: Arc<Notify>,
    claims: Claims,
    used: Mutex<HashSet<&'static str>>,
    unserved: AtomicU64,
    background: Mutex<tokio::task::JoinSet<()>>,
}

impl Cloud {
    /// A cloud of `services` on `db`. Must be called within a tokio runtime, because effects that
    /// are left from before are delivered in the background.
    pub fn start(db: Db, config: CloudConfig, services: Vec<Service>) -> Self {
        let services: Vec<Arc<Service>> = services.into_iter().map(Arc::new).collect();
        let mut by_name = HashMap::new();
        let mut by_target = HashMap::new();
        let mut by_signing_name: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            by_name.insert(service.schema.name, index);
            if !service.schema.target_prefix.is_empty() {
                by_target.insert(service.schema.target_prefix, index);
            }
            by_signing_name.entry(service.schema.signing_name).or_default().push(index);
        }
        let cloud = Self(Arc::new(Inner {
            front_doors: services.iter().flat_map(|service| service.front_doors.clone()).collect(),
            recorder: Recorder::new(config.record_capacity),
            enforcement: Switch::new(config.enforcement),
            decisions: Decisions::default(),
            policy_cache: PolicyCache::default(),
            identities: services.iter().find_map(|service| service.identities.clone()),
            organizations: services.iter().find_map(|service| service.organizations.clone()),
            resources: services
                .iter()
                .filter_map(|service| service.resources.clone())
                .map(|resources| (resources.namespace(), resources))
                .collect(),
            db,
            config,
            services,
            by_name,
            by_target,
            by_signing_name,
            clock: Clock::default(),
            signals: Signals::default(),
            signing_keys: SigningKeyCache::default(),
            effects: Arc::new(Notify::new()),
            claims: Claims::default(),
            used: Mutex::default(),
            unserved: AtomicU64::new(0),
            background: Mutex::default(),
        }));
        let mut background = cloud.0.background.lock();
        background.spawn(cloud.clone().deliver_in_background());
        for run in cloud.0.services.iter().flat_map(|service| &service.background) {
            background.spawn(run(cloud.clone()));
        }
        drop(background);
        cloud
    }

    /// Ends background work. The store closes when the last clone is dropped.
    pub fn stop(&self) {
        self.0.background.lock().abort_all();
    }

    /// The store.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The clock that services see.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// A random number, for work that no call asked for; handlers have [`Ctx::random`](crate::Ctx::random).
    pub fn random(&self) -> u128 {
        random()
    }

    /// The settings.
    pub fn config(&self) -> &CloudConfig {
        &self.0.config
    }

    /// The services that are served.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.0.services.iter().map(|service| &**service)
    }

    /// Whether the settings allow the use of a service.
    pub fn is_enabled(&self, service: &str) -> bool {
        self.0.config.enabled_services.as_ref().is_none_or(|enabled| enabled.contains(service))
    }

    /// Whether a service was called since the start.
    pub fn is_used(&self, service: &str) -> bool {
        self.0.used.lock().contains(service)
    }

    /// How many calls meant operations that are not served.
    pub fn unserved_calls(&self) -> u64 {
        self.0.unserved.load(Ordering::Relaxed)
    }

    /// Removes the state of one service, or of all of them; blobs that nothing refers to any more
    /// go with it. It is gone when this returns.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn reset(&self, service: Option<&str>) -> Result<(), StoreError> {
        let prefix = service.map(|name| format!("{name}/")).unwrap_or_default();
        self.0.db.reset(&prefix).await.map(drop)
    }

    /// How strictly IAM is applied.
    pub fn enforcement(&self) -> Enforcement {
        self.0.enforcement.get()
    }

    /// Applies IAM otherwise from now on.
    pub fn set_enforcement(&self, state: Enforcement) {
        self.0.enforcement.set(state);
    }

    /// A random UUID (version 4), for front doors, which have no [`Ctx`](crate::Ctx).
    pub fn new_uuid(&self) -> String {
        uuid()
    }

    pub(crate) fn decisions(&self) -> &Decisions {
        &self.0.decisions
    }

    pub(crate) fn policy_cache(&self) -> &PolicyCache {
        &self.0.policy_cache
    }

    pub(crate) fn identities(&self) -> Option<&dyn Identities> {
        self.0.identities.as_deref()
    }

    /// Who knows the resources whose ARNs have this service segment.
    pub(crate) fn resources(&self, namespace: &str) -> Option<&dyn Resources> {
        self.0.resources.get(namespace).map(|resources| &**resources)
    }

    pub(crate) fn organization_of(
        &self,
        account: &str,
    ) -> Result<Option<Arc<OrganizationPolicies>>, AwsError> {
        match &self.0.organizations {
            Some(organizations) => organizations.organization(self, account),
            None => Ok(None),
        }
    }

    /// Wake-ups between calls.
    pub fn signals(&self) -> &Signals {
        &self.0.signals
    }

    pub(crate) fn signing_keys(&self) -> &SigningKeyCache {
        &self.0.signing_keys
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    pub(crate) fn effects(&self) -> &Arc<Notify> {
        &self.0.effects
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.0.claims
    }

    pub(crate) fn front_door(&self, head: &Parts) -> Option<Arc<dyn FrontDoor>> {
        self.0.front_doors.iter().find(|door| door.claims(head)).cloned()
    }

    pub(crate) fn mark_used(&self, service: &'static str) {
        let mut used = self.0.used.lock();
        if !used.contains(service) {
            used.insert(service);
        }
    }

    pub(crate) fn mark_unserved(&self) {
        self.0.unserved.fetch_add(1, Ordering::Relaxed);
    }

    /// The base of URLs in answers: the configured public host, else `requested`.
    pub(crate) fn base_url(&self, requested: &str) -> String {
        let config = &self.0.config;
        let (scheme, authority) = requested.split_once("://").unwrap_or(("http", ""));
        let scheme = if config.public_https { "https" } else { scheme };
        match &config.public_host {
            Some(host) if host.contains(':') => format!("{scheme}://{host}"),
            Some(host) => format!("{scheme}://{host}:{}", config.port),
            None if authority.is_empty() => format!("{scheme}://localhost:{}", config.port),
            None => format!("{scheme}://{authority}"),
        }
    }

    pub(crate) fn served(&self, name: &str) -> Option<Arc<Service>> {
        self.0.by_name.get(name).and_then(|index| self.0.services.get(*index)).cloned()
    }

    /// A service by botocore's name.
    pub(crate) fn service(&self, name: &str) -> Option<Found> {
        let ours = self.served(name).map(Found::Served);
        ours.or_else(|| indexed(|service| service.schema.name == name).next().map(Found::Indexed))
    }

    /// A service by the prefix of its targets.
    pub(crate) fn service_by_target(&self, prefix: &str) -> Option<Found> {
        let ours = self.0.by_target.get(prefix).and_then(|index| self.0.services.get(*index)).cloned();
        ours.map(Found::Served)
            .or_else(|| indexed(|service| service.schema.target_prefix == prefix).next().map(Found::Indexed))
    }

    /// The services that sign as `name`, ours first.
    pub(crate) fn services_by_signing_name(&self, name: &str) -> Vec<Found> {
        let ours = self.0.by_signing_name.get(name).into_iter().flatten();
        let mut found: Vec<Found> = ours
            .filter_map(|index| self.0.services.get(*index))
            .map(|service| Found::Served(Arc::clone(service)))
            .collect();
        if found.is_empty() {
            found.extend(indexed(|service| service.schema.signing_name == name).map(Found::Indexed));
        }
        found
    }

    /// The services whose endpoint prefix is a label of `host` (`sqs.us-east-1.amazonaws.com`,
    /// `us-east-1.queue.localhost…`).
    pub(crate) fn services_by_host(&self, host: &str) -> Vec<Found> {
        let Some((first, rest)) = host.split_once('.') else { return Vec::new() };
        // SQS's old hosts: `queue.amazonaws.com`, `eu-west-1.queue.amazonaws.com`.
        if first == "queue" || rest.starts_with("queue.") {
            return self.service("sqs").into_iter().collect();
        }
        let ours = self.0.services.iter().filter(|service| service.schema.endpoint_prefix == first);
        let found: Vec<Found> = ours.map(|service| Found::Served(Arc::clone(service))).collect();
        if found.is_empty() && (rest.contains("amazonaws.com") || rest.contains("localhost")) {
            return indexed(|service| service.schema.endpoint_prefix == first).map(Found::Indexed).collect();
        }
        found
    }

    /// The services that have the query operation `action` in `version` (any, if none is given).
    pub(crate) fn services_with_action(&self, action: &str, version: Option<&str>) -> Vec<Found> {
        let ours = self.0.services.iter().filter(|service| {
            service.operations.contains_key(action)
                && version.is_none_or(|version| version == service.schema.api_version)
                && service.schema.protocols.iter().any(|p| matches!(p, ProtocolId::Query | ProtocolId::Ec2))
        });
        let found: Vec<Found> = ours.map(|service| Found::Served(Arc::clone(service))).collect();
        if !found.is_empty() {
            return found;
        }
        indexed(|service| {
            service.operation(action).is_some()
                && version.is_none_or(|version| version == service.schema.api_version)
                && service.schema.protocols.iter().any(|p| matches!(p, ProtocolId::Query | ProtocolId::Ec2))
        })
        .map(Found::Indexed)
        .collect()
    }

    /// Our REST services, S3 aside, that have a route for this request.
    pub(crate) fn services_with_route(&self, method: &str, path: &str, query: &str) -> Vec<Found> {
        let rest = |service: &&Arc<Service>| {
            service.schema.name != "s3"
                && service
                    .schema
                    .protocols
                    .iter()
                    .any(|p| matches!(p, ProtocolId::RestJson | ProtocolId::RestXml))
                && service.router.find(method, path, query).is_ok()
        };
        self.0.services.iter().filter(rest).map(|service| Found::Served(Arc::clone(service))).collect()
    }
}

/// A random number.
#[expect(clippy::disallowed_methods, reason = "this is where the cloud's ids come from")]
pub(crate) fn random() -> u128 {
    // Each covers the few bits of the other that are not random.
    uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64)
}

/// A random UUID.
#[expect(clippy::disallowed_methods, reason = "this is where the cloud's ids come from")]
pub(crate) fn uuid() -> String {
    let mut text = uuid::Uuid::encode_buffer();
    uuid::Uuid::new_v4().hyphenated().encode_lower(&mut text).to_owned()
}

/// `length` random characters of `alphabet`.
pub(crate) fn random_text(alphabet: &[u8], length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Sixteen bits for each character: with at most 64 of them, none is preferred by more than a thousandth.
        let random = random().to_ne_bytes();
        for pair in random.as_chunks::<2>().0.iter().take(length - text.len()) {
            let at = (usize::from(u16::from_ne_bytes(*pair)) * alphabet.len()) >> 16;
            text.push(alphabet.get(at).map_or('0', |byte| char::from(*byte)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_have_their_length_and_alphabet() {
        for length in [0, 1, 7, 8, 9, 16, 100] {
            assert_eq!(random_text(b"x", length), "x".repeat(length));
            assert!(random_text(b"abc", length).bytes().all(|byte| b"abc".contains(&byte)));
        }
        let all = random_text(b"0123456789", 2000);
        assert!((b'0'..=b'9').all(|digit| all.bytes().any(|byte| byte == digit)));
    }
}
