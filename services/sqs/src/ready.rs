//! Standard queues: which messages can be received.
//!
//! Fresh messages are the ones that were never hidden. They need no rows beside their content: they
//! are what [`MESSAGES`] has from [`Counters::fresh_from`] on, except for delayed messages. Messages
//! that come back from being in flight or delayed have lower numbers than what was sent meanwhile;
//! they are in [`RETURNED`]. There, too, they come roughly in order, so that neither place is ever
//! searched from far behind.
//!
//! [`Counters::fresh_from`]: crate::state::Counters::fresh_from

use cloudtwin_store::StoreError;

use crate::open_queue::OpenQueue;
use crate::state::{MESSAGES, RETURNED, StoredMessage};

/// From where on messages have not been looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    fresh: u64,
    returned: u64,
}

/// A message that can be received.
pub(crate) struct Candidate {
    pub(crate) number: u64,
    /// The content, where it was read on the way.
    pub(crate) message: Option<StoredMessage>,
    pub(crate) returned: bool,
}

impl OpenQueue<'_, '_> {
    /// Where to begin.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { fresh: self.counters.fresh_from, returned: self.counters.returned_from }
    }

    /// The next messages that can be received, at most `count`, in the order of their numbers.
    pub(crate) fn candidates(&self, cursor: Cursor, count: usize) -> Result<Vec<Candidate>, StoreError> {
        let name = self.name.as_str();
        let mut candidates = Vec::with_capacity(count);
        if self.counters.returned > 0 {
            let rows = self.tx.prefix(&RETURNED, (name,))?.from((name, cursor.returned));
            for key in rows.keys().take(count) {
                candidates.push(Candidate { number: key?.1, message: None, returned: true });
            }
        }
        if self.counters.ready > self.counters.returned {
            let from = candidates.len();
            for row in self.tx.prefix(&MESSAGES, (name,))?.from((name, cursor.fresh)) {
                if candidates.len() - from >= count {
                    break;
                }
                let ((_, number), message) = row?;
                if !message.delayed {
                    candidates.push(Candidate { number, message: Some(message), returned: false });
                }
            }
            candidates.sort_unstable_by_key(|candidate| candidate.number);
        }
        candidates.truncate(count);
        Ok(candidates)
    }

    /// Remembers that everything up to the cursor has gone. What was shown again without having been
    /// hidden is among the returned messages, from `first_returned` on.
    pub(crate) fn passed(&mut self, cursor: Cursor, first_returned: Option<u64>) {
        self.counters.fresh_from = cursor.fresh;
        self.counters.returned_from =
            first_returned.map_or(cursor.returned, |first| first.min(cursor.returned));
    }

    /// Adds a message to the returned ones.
    pub(crate) fn put_returned(&mut self, number: u64) -> Result<(), StoreError> {
        self.counters.returned += 1;
        self.counters.returned_from = self.counters.returned_from.min(number);
        self.tx.put(&RETURNED, (&self.name, number), &())
    }

    /// Takes a message out of the returned ones, if it is there.
    pub(crate) fn leave_returned(&mut self, number: u64) -> Result<(), StoreError> {
        if self.counters.returned == 0 || !self.tx.contains(&RETURNED, (&self.name, number))? {
            return Ok(());
        }
        self.counters.returned -= 1;
        self.tx.delete(&RETURNED, (&self.name, number))
    }
}

impl Cursor {
    /// Goes on behind a candidate: all messages before it have been passed.
    pub(crate) fn pass(&mut self, candidate: &Candidate) {
        self.returned = candidate.number + 1;
        if !candidate.returned {
            self.fresh = candidate.number + 1;
        }
    }
}
