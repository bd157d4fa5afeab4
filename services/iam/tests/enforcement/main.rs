//! Stories of clouds where IAM is enforced, across services.

#![cfg(test)]

mod buckets;
mod hostile;
mod organizations;
mod queues;
mod sessions;
mod speed;
mod support;
mod trust;
mod users;
