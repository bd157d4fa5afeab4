//! Event notifications: their configuration, and the events themselves.

mod configuration;
pub(crate) mod events;
mod rules;

pub(crate) use configuration::{
    get_bucket_notification_configuration, put_bucket_notification_configuration,
};
