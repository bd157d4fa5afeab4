//! What is configured on buckets: stored as it came, checked as S3 checks it.

pub(crate) mod configs;
