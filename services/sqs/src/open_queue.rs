//! A queue within a transaction: the rules by which its messages become ready, in flight, delayed,
//! and gone.

use std::sync::Arc;

use cloudtwin_smithy::AwsError;
use cloudtwin_store::{Key, PrefixOf, StoreError, Table, Tx};

use crate::errors::queue_does_not_exist;
use crate::state::{
    ATTEMPTS, COUNTERS, Counters, DEDUPLICATION, DEDUPLICATION_ORDER, GROUPS, MEMBERS, MESSAGES, QUEUES,
    Queue, RECEIVES, RETURNED, Receives, StoredMessage, TURNS, WAITING, Waiting,
};

/// How many expired messages one call removes at most.
const MAX_EXPIRED: usize = 1000;

/// A queue that a transaction works on. Nothing is counted before [`OpenQueue::save`].
pub(crate) struct OpenQueue<'t, 'a> {
    pub(crate) tx: &'t mut Tx<'a>,
    pub(crate) name: String,
    pub(crate) counters: Counters,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) fifo: bool,
    /// Whether something happened that somebody who waits for messages should look at.
    pub(crate) stirred: bool,
}

impl<'t, 'a> OpenQueue<'t, 'a> {
    /// Opens the queue `name`.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, and what the store reports.
    pub(crate) fn open(tx: &'t mut Tx<'a>, name: &str, now: i64) -> Result<Self, AwsError> {
        let counters = tx.get(&COUNTERS, name)?.ok_or_else(queue_does_not_exist)?;
        // A clock that was moved back must not strand what was made ready already.
        let now = now.max(counters.due_from.saturating_sub(1));
        Ok(Self { tx, name: name.to_owned(), counters, now, fifo: is_fifo(name), stirred: false })
    }

    /// Writes the counters.
    pub(crate) fn save(&mut self) -> Result<(), StoreError> {
        self.tx.put(&COUNTERS, &self.name, &self.counters)
    }

    /// Reads the queue's attributes.
    pub(crate) fn queue(&self) -> Result<Arc<Queue>, AwsError> {
        self.tx.get_shared(&QUEUES, &self.name)?.ok_or_else(queue_does_not_exist)
    }

    /// Adds a message, with what is known of its receives in other queues; gives it its number.
    pub(crate) fn add(
        &mut self,
        queue: &Queue,
        message: &mut StoredMessage,
        delay_seconds: i32,
        carried: Option<Receives>,
    ) -> Result<u64, StoreError> {
        let number = self.counters.next;
        self.counters.next += 1;
        message.delayed = delay_seconds > 0 && !self.fifo;
        self.tx.put(&MESSAGES, (&self.name, number), message)?;
        let expires = message.sent.saturating_add(queue.retention_millis());
        self.counters.expires = self.counters.expires.min(expires);
        let until = self.now.saturating_add(i64::from(delay_seconds) * 1000);
        let delayed = delay_seconds > 0;
        if delayed || carried.is_some() {
            let receives = Receives { until: if delayed { until } else { 0 }, ..carried.unwrap_or_default() };
            self.tx.put(&RECEIVES, (&self.name, number), &receives)?;
        }
        if self.fifo {
            let group = message.group.as_deref().unwrap_or_default();
            self.tx.put(&MEMBERS, (&self.name, group, number), &delayed)?;
        }
        if delayed {
            self.counters.delayed += 1;
            self.put_waiting(until, number, &Waiting { delayed: true, group: message.group.clone() })?;
        } else {
            self.counters.ready += 1;
        }
        if self.fifo {
            self.refresh_group(message.group.as_deref().unwrap_or_default())?;
        }
        self.stirred = true;
        Ok(number)
    }

    fn put_waiting(&mut self, until: i64, number: u64, waiting: &Waiting) -> Result<(), StoreError> {
        self.tx.put(&WAITING, (&self.name, until, number), waiting)
    }

    /// Makes ready what has waited long enough, and removes what is older than the retention
    /// period (`queue`, if the caller has read it).
    pub(crate) fn settle(&mut self, queue: Option<&Queue>) -> Result<(), AwsError> {
        if self.counters.waiting() > 0 && self.counters.due_from <= self.now {
            let name = self.name.as_str();
            let due: Vec<((String, i64, u64), Waiting)> = self
                .tx
                .prefix(&WAITING, (name,))?
                .from((name, self.counters.due_from, 0_u64))
                .before((name, self.now + 1, 0_u64))
                .collect::<Result<_, _>>()?;
            for ((_, until, number), waiting) in due {
                self.tx.delete(&WAITING, (&self.name, until, number))?;
                if waiting.delayed {
                    self.counters.delayed = self.counters.delayed.saturating_sub(1);
                } else {
                    self.counters.in_flight = self.counters.in_flight.saturating_sub(1);
                }
                self.make_ready(number, waiting.group.as_deref())?;
            }
        }
        self.counters.due_from = self.now + 1;
        if self.counters.expires <= self.now {
            match queue {
                Some(queue) => self.remove_expired(queue)?,
                None => {
                    let queue = self.queue()?;
                    self.remove_expired(&queue)?;
                }
            }
        }
        Ok(())
    }

    /// The earliest time at which a message stops to wait; all those before now are gone after
    /// [`OpenQueue::settle`].
    pub(crate) fn next_due(&self) -> Result<Option<i64>, StoreError> {
        if self.counters.waiting() == 0 {
            return Ok(None);
        }
        let name = self.name.as_str();
        let from = (name, self.counters.due_from, 0_u64);
        let first = self.tx.prefix(&WAITING, (name,))?.from(from).keys().next().transpose()?;
        Ok(first.map(|(_, until, _)| until))
    }

    /// Counts a message that waits no more as ready.
    fn make_ready(&mut self, number: u64, group: Option<&str>) -> Result<(), StoreError> {
        self.counters.ready += 1;
        self.stirred = true;
        if self.fifo {
            let group = group.unwrap_or_default();
            self.tx.put(&MEMBERS, (&self.name, group, number), &false)?;
            self.refresh_group(group)
        } else {
            self.put_returned(number)
        }
    }

    fn remove_expired(&mut self, queue: &Queue) -> Result<(), AwsError> {
        let retention = queue.retention_millis();
        let mut expired = Vec::new();
        self.counters.expires = i64::MAX;
        for row in self.tx.prefix(&MESSAGES, (self.name.as_str(),))?.from((&self.name, self.counters.oldest))
        {
            let ((_, number), message) = row?;
            self.counters.oldest = number;
            let expires = message.sent.saturating_add(retention);
            if expires > self.now || expired.len() >= MAX_EXPIRED {
                self.counters.expires = expires;
                break;
            }
            expired.push((number, message.group));
        }
        for (number, group) in expired {
            let receives = self.receives(number)?;
            self.remove(number, &receives, group.as_deref())?;
        }
        Ok(())
    }

    /// How a message was received so far.
    pub(crate) fn receives(&self, number: u64) -> Result<Receives, StoreError> {
        Ok(self.tx.get(&RECEIVES, (&self.name, number))?.unwrap_or_default())
    }

    /// Whether a message with these receives is among the waiting ones.
    pub(crate) fn waits(&self, receives: &Receives) -> bool {
        receives.until >= self.counters.due_from
    }

    /// Takes a message out of where it is. Its content, receives and membership remain.
    fn take_out(&mut self, number: u64, receives: &Receives) -> Result<(), StoreError> {
        if self.waits(receives) {
            self.tx.delete(&WAITING, (&self.name, receives.until, number))?;
            // What was never received can only wait because it is delayed.
            let counter =
                if receives.here == 0 { &mut self.counters.delayed } else { &mut self.counters.in_flight };
            *counter = counter.saturating_sub(1);
            return Ok(());
        }
        self.counters.ready = self.counters.ready.saturating_sub(1);
        if self.fifo { Ok(()) } else { self.leave_returned(number) }
    }

    /// Removes a message for good.
    pub(crate) fn remove(
        &mut self,
        number: u64,
        receives: &Receives,
        group: Option<&str>,
    ) -> Result<(), StoreError> {
        self.take_out(number, receives)?;
        self.tx.delete(&MESSAGES, (&self.name, number))?;
        self.tx.delete(&RECEIVES, (&self.name, number))?;
        if self.fifo {
            let group = group.unwrap_or_default();
            self.tx.delete(&MEMBERS, (&self.name, group, number))?;
            self.refresh_group(group)?;
            // The next message of the group may be somebody's.
            self.stirred = true;
        }
        Ok(())
    }

    /// Hides a message until `until`, or shows it again if that is not in the future.
    pub(crate) fn hide_until(
        &mut self,
        number: u64,
        receives: &mut Receives,
        group: Option<&str>,
        until: i64,
    ) -> Result<(), StoreError> {
        self.take_out(number, receives)?;
        receives.until = until;
        self.tx.put(&RECEIVES, (&self.name, number), receives)?;
        if until > self.now {
            self.counters.in_flight += 1;
            self.put_in_flight(number, until, group)?;
            if self.fifo {
                self.refresh_group(group.unwrap_or_default())?;
            }
            // Whoever waits for messages has to know when the next one comes.
            self.stirred = true;
            return Ok(());
        }
        self.make_ready(number, group)
    }

    fn put_in_flight(&mut self, number: u64, until: i64, group: Option<&str>) -> Result<(), StoreError> {
        let waiting = Waiting { delayed: false, group: group.filter(|_| self.fifo).map(str::to_owned) };
        self.put_waiting(until, number, &waiting)?;
        if self.fifo {
            self.tx.put(&MEMBERS, (&self.name, group.unwrap_or_default(), number), &true)?;
        }
        Ok(())
    }

    /// Notes that a ready message was received, and hides it. In a FIFO queue the caller refreshes
    /// the group.
    pub(crate) fn note_receive(
        &mut self,
        number: u64,
        group: Option<&str>,
        receives: &mut Receives,
        receive: Receive,
    ) -> Result<(), StoreError> {
        receives.count += 1;
        receives.here += 1;
        receives.first.get_or_insert(self.now);
        receives.last = self.now;
        receives.nonce = receive.nonce;
        receives.until = self.now + i64::from(receive.visibility_timeout) * 1000;
        self.tx.put(&RECEIVES, (&self.name, number), receives)?;
        if receive.visibility_timeout > 0 {
            self.counters.ready = self.counters.ready.saturating_sub(1);
            self.counters.in_flight += 1;
            if !self.fifo {
                self.leave_returned(number)?;
            }
            return self.put_in_flight(number, receives.until, group);
        }
        // It can be received again at once, but is fresh no more.
        if !self.fifo && !self.tx.contains(&RETURNED, (&self.name, number))? {
            self.put_returned(number)?;
        }
        Ok(())
    }

    /// Removes all messages and what was remembered of earlier ones.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        let name = self.name.clone();
        clear(self.tx, &MESSAGES, &name)?;
        clear(self.tx, &RECEIVES, &name)?;
        clear(self.tx, &RETURNED, &name)?;
        clear(self.tx, &WAITING, &name)?;
        if self.fifo {
            clear(self.tx, &GROUPS, &name)?;
            clear(self.tx, &MEMBERS, &name)?;
            clear(self.tx, &TURNS, &name)?;
            clear(self.tx, &DEDUPLICATION, &name)?;
            clear(self.tx, &DEDUPLICATION_ORDER, &name)?;
            clear(self.tx, &ATTEMPTS, &name)?;
        }
        let Counters { queue_id, next, next_turn, .. } = self.counters;
        self.counters = Counters {
            queue_id,
            next,
            next_turn,
            fresh_from: next,
            returned_from: next,
            oldest: next,
            turn_from: next_turn,
            deduplication_from: next,
            due_from: self.now + 1,
            expires: i64::MAX,
            ..Counters::default()
        };
        Ok(())
    }
}

/// What a receive does to the messages that it returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    /// Seconds.
    pub(crate) visibility_timeout: i32,
    /// The random part of the receipt handle.
    pub(crate) nonce: u64,
}

/// Whether a queue is a FIFO queue: its name tells.
pub(crate) fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

/// Removes all rows of a queue from a table.
pub(crate) fn clear<V, K: Key>(tx: &mut Tx<'_>, table: &Table<V, K>, queue: &str) -> Result<(), StoreError>
where
    for<'q> (&'q str,): PrefixOf<K>,
{
    let keys: Vec<K> = tx.prefix(table, (queue,))?.keys().collect::<Result<_, _>>()?;
    keys.into_iter().try_for_each(|key| tx.delete(table, key))
}
