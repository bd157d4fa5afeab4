//! Wake-ups between calls: long polls wait for them, commits send them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Named signals. A signal holds no data: whoever is woken looks at the store again.
#[derive(Clone, Debug, Default)]
pub struct Signals(Arc<Mutex<HashMap<String, watch::Sender<()>>>>);

impl Signals {
    /// Wakes everybody who waits for `name`.
    pub fn notify(&self, name: &str) {
        let mut signals = self.0.lock();
        if let Some(sender) = signals.get(name) {
            if sender.receiver_count() == 0 {
                signals.remove(name);
            } else {
                sender.send_replace(());
            }
        }
    }

    /// Starts to listen for `name`. Every [`Signals::notify`] from now on is noticed, so listen
    /// first, then look, then wait with [`Listener::woken`].
    pub fn listen(&self, name: &str) -> Listener {
        let mut signals = self.0.lock();
        let sender = signals.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(()));
        Listener(sender.subscribe())
    }
}

/// Somebody who waits for a signal.
#[derive(Debug)]
pub struct Listener(watch::Receiver<()>);

impl Listener {
    /// Returns when the signal was sent since the last call (or since listening began).
    pub async fn woken(&mut self) {
        if self.0.changed().await.is_err() {
            // The sender is gone with its last listener's entry: nothing will come any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_between_listening_and_waiting_is_not_lost() {
        let signals = Signals::default();
        let mut listener = signals.listen("queue");
        signals.notify("queue");
        listener.woken().await;
    }

    #[tokio::test]
    async fn signals_without_listeners_leave_nothing_behind() {
        let signals = Signals::default();
        drop(signals.listen("queue"));
        signals.notify("queue");
        assert!(signals.0.lock().is_empty());
    }
}
