//! What is configured on buckets: stored as it came, checked as S3 checks it.

pub(crate) mod accelerate;
pub(crate) mod analytics;
mod by_id;
pub(crate) mod configs;
pub(crate) mod cors;
pub(crate) mod encryption;
pub(crate) mod intelligent_tiering;
pub(crate) mod inventory;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod ownership;
pub(crate) mod public_access;
pub(crate) mod replication;
pub(crate) mod request_payment;
pub(crate) mod website;
