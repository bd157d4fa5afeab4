//! The one clock that services read, which can be moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cloudtwin_smithy::Timestamp;
use tokio::sync::watch;

/// The cloud's clock: this machine's, plus an offset that a test can move forward.
#[derive(Debug)]
pub struct Clock {
    offset_millis: AtomicI64,
    moved: watch::Sender<()>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { offset_millis: AtomicI64::new(0), moved: watch::Sender::new(()) }
    }
}

impl Clock {
    /// The cloud's time, in milliseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "this is where the cloud's time comes from")]
    pub fn now_millis(&self) -> i64 {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        millis.saturating_add(self.offset_millis())
    }

    /// The cloud's time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_millis())
    }

    /// Milliseconds by which the cloud's time is ahead of this machine's.
    pub fn offset_millis(&self) -> i64 {
        self.offset_millis.load(Ordering::Relaxed)
    }

    /// Moves the clock so that it is `offset` milliseconds ahead of this machine's, and wakes
    /// whoever waits for a time.
    pub fn set_offset_millis(&self, offset: i64) {
        self.offset_millis.store(offset, Ordering::Relaxed);
        self.moved.send_replace(());
    }

    /// Waits until the cloud's time is `due` (milliseconds since 1970), also when the clock is
    /// moved meanwhile.
    pub async fn sleep_until(&self, due: i64) {
        let mut moved = self.moved.subscribe();
        loop {
            let wait = due.saturating_sub(self.now_millis());
            if wait <= 0 {
                return;
            }
            let wait = Duration::from_millis(wait.unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn moving_the_clock_wakes_sleepers() {
        let clock = std::sync::Arc::new(Clock::default());
        let due = clock.now_millis() + 3_600_000;
        let sleeper = tokio::spawn({
            let clock = std::sync::Arc::clone(&clock);
            async move { clock.sleep_until(due).await }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.set_offset_millis(3_700_000);
        sleeper.await.unwrap();
    }
}
