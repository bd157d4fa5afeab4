//! `--durability sync`: one thread flushes to disk, and every commit that finished meanwhile shares the flush.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::StoreError;
use crate::db::DbInner;

/// A commit's promise: resolves when the disk has it.
pub(crate) type Ticket = oneshot::Receiver<Result<(), StoreError>>;

/// The thread that flushes. Dropping this ends it.
pub(crate) struct GroupSync {
    requests: Option<mpsc::Sender<oneshot::Sender<Result<(), StoreError>>>>,
    thread: Option<JoinHandle<()>>,
}

impl GroupSync {
    pub(crate) fn start(db: Arc<DbInner>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || serve(&waiting, &db))
            .map_err(|error| StoreError::io("starting the thread that flushes to disk", error))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks for a flush of everything committed up to now.
    pub(crate) fn request(&self) -> Ticket {
        let (done, ticket) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // Should the thread be gone, the other end is dropped with the request, which `closed` reports.
            drop(requests.send(done));
        }
        ticket
    }
}

impl Drop for GroupSync {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has printed its message; there is nothing to add.
            drop(thread.join());
        }
    }
}

fn serve(waiting: &mpsc::Receiver<oneshot::Sender<Result<(), StoreError>>>, db: &DbInner) {
    while let Ok(first) = waiting.recv() {
        // Whoever is in the queue now committed before the flush starts.
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let outcome = db.backend.sync();
        for done in group {
            // A writer that was cancelled does not wait for its answer.
            drop(done.send(outcome.clone()));
        }
    }
}

/// The error of a ticket whose thread has ended.
pub(crate) fn closed() -> StoreError {
    StoreError::Closed { reason: "the thread that flushes to disk has ended".to_owned() }
}
