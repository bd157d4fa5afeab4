//! This machine's own time and chance.
//!
//! Services take both from the cloud, where time can be moved. The server around it has timeouts,
//! certificates and an uptime, which follow the machine.

use std::time::Instant;

use time::OffsetDateTime;

#[expect(clippy::disallowed_methods, reason = "timeouts and uptime are not the cloud's")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid in the world's time")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Sixteen bytes that nobody else has.
#[expect(clippy::disallowed_methods, reason = "ids of this process, unknown to the cloud")]
pub(crate) fn unique_id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}
