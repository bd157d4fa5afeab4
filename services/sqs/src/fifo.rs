//! FIFO queues: message groups and deduplication.
//!
//! A message can be received when every earlier message of its group can. So a group is received
//! from its front, and it is locked while one of its messages is in flight. A group whose first
//! message can be received has a turn; groups are served in the order of their turns, as much of
//! each as the caller takes, and queue up again behind the others when they become ready again.

use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;

use crate::open_queue::OpenQueue;
use crate::state::{
    ATTEMPTS, Attempt, DEDUPLICATION, DEDUPLICATION_ORDER, GROUPS, Group, MEMBERS, Queue, Sent,
    StoredMessage, TURNS,
};

/// For so long a deduplication id is remembered, and a receive can be attempted again, in
/// milliseconds.
pub(crate) const REMEMBERED_MILLIS: i64 = 5 * 60 * 1000;

/// How many forgotten deduplication ids one send removes at most.
const MAX_FORGOTTEN: usize = 4;

impl OpenQueue<'_, '_> {
    /// Gives a group a turn or takes it away, as its first message demands.
    pub(crate) fn refresh_group(&mut self, group: &str) -> Result<(), StoreError> {
        let found: Option<Group> = self.tx.get(&GROUPS, (&self.name, group))?;
        let existed = found.is_some();
        let mut row = found.unwrap_or_default();
        let first = self.members(group, row.from)?.next().transpose()?;
        let Some(((_, _, number), waiting)) = first else {
            self.end_turn(row.turn)?;
            return if existed { self.tx.delete(&GROUPS, (&self.name, group)) } else { Ok(()) };
        };
        let turn = match (waiting, row.turn) {
            (true, turn) => {
                self.end_turn(turn)?;
                None
            }
            (false, Some(turn)) => Some(turn),
            (false, None) => {
                let turn = self.counters.next_turn;
                self.counters.next_turn += 1;
                self.tx.put(&TURNS, (&self.name, turn), &group.to_owned())?;
                Some(turn)
            }
        };
        if existed && turn == row.turn && number == row.from {
            return Ok(());
        }
        row = Group { turn, from: number };
        self.tx.put(&GROUPS, (&self.name, group), &row)
    }

    fn end_turn(&mut self, turn: Option<u64>) -> Result<(), StoreError> {
        match turn {
            Some(turn) => self.tx.delete(&TURNS, (&self.name, turn)),
            None => Ok(()),
        }
    }

    fn members(
        &self,
        group: &str,
        from: u64,
    ) -> Result<cloudtwin_store::Rows<'_, bool, (String, String, u64)>, StoreError> {
        let name = self.name.as_str();
        Ok(self.tx.prefix(&MEMBERS, (name, group))?.from((name, group, from)))
    }

    /// The group whose turn is the first at or after `turn`, with that turn.
    pub(crate) fn next_turn(&self, turn: u64) -> Result<Option<(u64, String)>, StoreError> {
        let name = self.name.as_str();
        let from = (name, turn.max(self.counters.turn_from));
        let first = self.tx.prefix(&TURNS, (name,))?.from(from).next().transpose()?;
        Ok(first.map(|((_, turn), group)| (turn, group)))
    }

    /// The first messages of a group that can be received, at most `count`.
    pub(crate) fn front_of_group(&self, group: &str, count: usize) -> Result<Vec<u64>, StoreError> {
        let from = self.tx.get(&GROUPS, (&self.name, group))?.map_or(0, |row: Group| row.from);
        let mut front = Vec::new();
        for member in self.members(group, from)?.take(count) {
            match member? {
                ((_, _, number), false) => front.push(number),
                (_, true) => break,
            }
        }
        Ok(front)
    }

    /// Ends a group's turn; it gets a new one, behind the others, if it can still be received.
    pub(crate) fn requeue_group(&mut self, group: &str, turn: u64) -> Result<(), StoreError> {
        self.end_turn(Some(turn))?;
        if let Some(mut row) = self.tx.get(&GROUPS, (&self.name, group))? {
            row.turn = None;
            self.tx.put(&GROUPS, (&self.name, group), &row)?;
        }
        self.refresh_group(group)
    }

    /// What was sent with the message's deduplication id in the last five minutes.
    pub(crate) fn duplicate_of(
        &self,
        queue: &Queue,
        message: &StoredMessage,
    ) -> Result<Option<Sent>, StoreError> {
        let key = deduplication_key(queue, message);
        let sent = self.tx.get(&DEDUPLICATION, (&self.name, key.0, key.1))?;
        Ok(sent.filter(|sent| sent.at + REMEMBERED_MILLIS > self.now))
    }

    /// Remembers a message's deduplication id, and forgets old ones.
    pub(crate) fn remember(
        &mut self,
        queue: &Queue,
        message: &StoredMessage,
        number: u64,
    ) -> Result<(), StoreError> {
        self.forget()?;
        let (group, id) = deduplication_key(queue, message);
        let sent = Sent { message_id: message.id.clone(), number, at: self.now };
        self.tx.put(&DEDUPLICATION, (&self.name, group, id), &sent)?;
        self.tx.put(&DEDUPLICATION_ORDER, (&self.name, number), &(group.to_owned(), id.to_owned()))
    }

    fn forget(&mut self) -> Result<(), StoreError> {
        let name = self.name.as_str();
        let from = (name, self.counters.deduplication_from);
        let oldest: Vec<((String, u64), (String, String))> = self
            .tx
            .prefix(&DEDUPLICATION_ORDER, (name,))?
            .from(from)
            .take(MAX_FORGOTTEN)
            .collect::<Result<_, _>>()?;
        for ((_, number), (group, id)) in oldest {
            let key = (self.name.as_str(), group.as_str(), id.as_str());
            let sent = self.tx.get(&DEDUPLICATION, key)?;
            // The id may have been sent again since; then a later entry of the order is its own.
            if let Some(sent) = sent.filter(|sent| sent.number == number) {
                if sent.at + REMEMBERED_MILLIS > self.now {
                    break;
                }
                self.tx.delete(&DEDUPLICATION, key)?;
            }
            self.tx.delete(&DEDUPLICATION_ORDER, (self.name.as_str(), number))?;
            self.counters.deduplication_from = number + 1;
        }
        Ok(())
    }

    /// What the attempt `id` has received, if it can be repeated: within five minutes, and while
    /// nothing has happened to the messages.
    pub(crate) fn repeatable_attempt(&self, id: &str) -> Result<Option<Attempt>, AwsError> {
        let attempt: Option<Attempt> = self.tx.get(&ATTEMPTS, (&self.name, id))?;
        let Some(attempt) = attempt.filter(|attempt| attempt.at + REMEMBERED_MILLIS > self.now) else {
            return Ok(None);
        };
        for (number, nonce) in &attempt.messages {
            let receives = self.receives(*number)?;
            if receives.nonce != *nonce || receives.until <= self.now {
                return Ok(None);
            }
        }
        Ok(Some(attempt))
    }

    /// Remembers what an attempt has received, and forgets old attempts.
    pub(crate) fn remember_attempt(&mut self, id: &str, messages: Vec<(u64, u64)>) -> Result<(), StoreError> {
        let name = self.name.as_str();
        let mut old = Vec::new();
        for row in self.tx.prefix(&ATTEMPTS, (name,))? {
            let ((_, id), attempt) = row?;
            if attempt.at + REMEMBERED_MILLIS <= self.now {
                old.push(id);
            }
        }
        for id in old {
            self.tx.delete(&ATTEMPTS, (self.name.as_str(), id.as_str()))?;
        }
        self.tx.put(&ATTEMPTS, (self.name.as_str(), id), &Attempt { at: self.now, messages })
    }
}

/// The scope and the id under which a message is deduplicated.
fn deduplication_key<'m>(queue: &Queue, message: &'m StoredMessage) -> (&'m str, &'m str) {
    let group = if queue.deduplicates_by_group { message.group.as_deref() } else { None };
    (group.unwrap_or_default(), message.deduplication_id.as_deref().unwrap_or_default())
}
