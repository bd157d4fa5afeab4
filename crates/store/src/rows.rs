//! Ordered, lazy iteration over a table's rows, by key or by index.

use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use bytes::Bytes;

use crate::key::{self, EncodeKey, Key, KeyBuf, KeyOf, KeyReader, PrefixOf};
use crate::scan::{Merge, Source};
use crate::{StoreError, Value, envelope};

/// A range over keys of type `K`, with the types that [`KeyOf`] allows: `"a".."b"`, `(bucket, "x")..`, `..`.
pub trait KeyRange<K> {
    /// The encoded bounds.
    fn bounds(&self) -> (Bound<KeyBuf>, Bound<KeyBuf>);
}

macro_rules! ranges {
    ($($range:ident |$self:ident| $start:expr, $end:expr;)*) => {$(
        impl<K, Q: KeyOf<K>> KeyRange<K> for $range<Q> {
            fn bounds(&$self) -> (Bound<KeyBuf>, Bound<KeyBuf>) {
                ($start, $end)
            }
        }
    )*};
}

ranges! {
    Range |self| Bound::Included(key::encode(&self.start)), Bound::Excluded(key::encode(&self.end));
    RangeInclusive |self| Bound::Included(key::encode(self.start())), Bound::Included(key::encode(self.end()));
    RangeFrom |self| Bound::Included(key::encode(&self.start)), Bound::Unbounded;
    RangeTo |self| Bound::Unbounded, Bound::Excluded(key::encode(&self.end));
    RangeToInclusive |self| Bound::Unbounded, Bound::Included(key::encode(&self.end));
}

impl<K> KeyRange<K> for RangeFull {
    fn bounds(&self) -> (Bound<KeyBuf>, Bound<KeyBuf>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

impl<K, Q: KeyOf<K>> KeyRange<K> for (Bound<Q>, Bound<Q>) {
    fn bounds(&self) -> (Bound<KeyBuf>, Bound<KeyBuf>) {
        (self.0.as_ref().map(key::encode), self.1.as_ref().map(key::encode))
    }
}

/// A range over an index, whose key type is not declared.
pub trait IndexRange {
    /// The encoded bounds.
    fn bounds(&self) -> (Bound<KeyBuf>, Bound<KeyBuf>);
}

/// An index has no declared key type, so any key fits.
struct Untyped<Q>(Q);

impl<Q: EncodeKey> EncodeKey for Untyped<Q> {
    fn encode(&self, out: &mut KeyBuf) {
        self.0.encode(out);
    }
}

impl<Q: EncodeKey> KeyOf<()> for Untyped<Q> {}

macro_rules! index_ranges {
    ($($range:ident |$self:ident| $typed:expr;)*) => {$(
        impl<Q: EncodeKey> IndexRange for $range<Q> {
            fn bounds(&$self) -> (Bound<KeyBuf>, Bound<KeyBuf>) {
                KeyRange::<()>::bounds(&$typed)
            }
        }
    )*};
}

index_ranges! {
    Range |self| Untyped(&self.start)..Untyped(&self.end);
    RangeInclusive |self| Untyped(self.start())..=Untyped(self.end());
    RangeFrom |self| Untyped(&self.start)..;
    RangeTo |self| ..Untyped(&self.end);
    RangeToInclusive |self| ..=Untyped(&self.end);
}

impl IndexRange for RangeFull {
    fn bounds(&self) -> (Bound<KeyBuf>, Bound<KeyBuf>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

/// Rows come in the order of their keys.
#[derive(Debug)]
pub struct ByKey;

/// Rows come in the order of an index, and by key where their index keys are equal.
#[derive(Debug)]
pub struct ByIndex;

/// Rows in order; nothing is read before the first step, and a row is decoded only when it is asked for.
///
/// As an iterator it gives `(key, row)`; [`Rows::entries`] gives rows that are still encoded, which is
/// what a listing wants that skips most of them. Cut it short with [`Iterator::take`].
pub struct Rows<'a, V, K, O = ByKey> {
    source: Source<'a>,
    table: &'static str,
    /// What every physical key here begins with.
    prefix: KeyBuf,
    /// How many bytes come before the row's own key in its physical key.
    skip: usize,
    start: KeyBuf,
    end: KeyBuf,
    reverse: bool,
    by_index: bool,
    steps: Steps<'a>,
    types: Types<V, K, O>,
}

/// Iterators make rows and keys, and hold none.
type Types<V, K, O = ()> = PhantomData<fn() -> (V, K, O)>;

enum Steps<'a> {
    /// Nothing to find.
    Empty,
    /// Not started: builder calls still move the bounds.
    Ready,
    Running(Merge<'a>),
    /// An index that is declared but not yet written: its entries, made from the rows, in order.
    Computed(Vec<(Bytes, Bytes)>),
    Replaying(std::vec::IntoIter<(Bytes, Bytes)>),
}

/// One row on the way: its key and its value, both still encoded.
pub struct Entry<'a, V, K> {
    source: Source<'a>,
    table: &'static str,
    key: Bytes,
    skip: usize,
    /// `None` when the row was found through an index and has to be looked up.
    row: Option<Bytes>,
    types: Types<V, K>,
}

impl<'a, V, K, O> Rows<'a, V, K, O> {
    pub(crate) fn empty(source: Source<'a>, table: &'static str) -> Self {
        let mut rows = Self::new(source, table, KeyBuf::new(), 0, false);
        rows.steps = Steps::Empty;
        rows
    }

    /// All rows whose physical key, or whose index entry, begins with `prefix`. The first `skip` bytes of a
    /// row's physical key are not its own.
    pub(crate) fn new(
        source: Source<'a>,
        table: &'static str,
        prefix: KeyBuf,
        skip: usize,
        by_index: bool,
    ) -> Self {
        // A prefix starts with a table's number, which is never ffff: there always is an end.
        let end = key::after_prefix(&prefix).unwrap_or_default();
        let start = prefix.clone();
        let steps = Steps::Ready;
        Self { source, table, prefix, skip, start, end, reverse: false, by_index, steps, types: PhantomData }
    }

    pub(crate) fn computed(mut self, mut entries: Vec<(Bytes, Bytes)>) -> Self {
        entries.sort();
        self.steps = Steps::Computed(entries);
        self
    }

    /// Narrows to keys within these bounds; a bound stands for every key that begins with it.
    pub(crate) fn within(mut self, (start, end): (Bound<KeyBuf>, Bound<KeyBuf>)) -> Self {
        match start {
            Bound::Included(key) => self.raise_start(self.full(&key)),
            Bound::Excluded(key) => self.raise_start(key::after_prefix(&self.full(&key)).unwrap_or_default()),
            Bound::Unbounded => {}
        }
        match end {
            Bound::Included(key) => self.lower_end(key::after_prefix(&self.full(&key)).unwrap_or_default()),
            Bound::Excluded(key) => self.lower_end(self.full(&key)),
            Bound::Unbounded => {}
        }
        self
    }

    fn full(&self, key: &[u8]) -> KeyBuf {
        let mut full = self.prefix.clone();
        full.extend_from_slice(key);
        full
    }

    fn raise_start(&mut self, start: KeyBuf) {
        if start > self.start {
            self.start = start;
        }
    }

    fn lower_end(&mut self, end: KeyBuf) {
        if end < self.end {
            self.end = end;
        }
    }

    /// Goes from the last row to the first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// The rows' keys; the rows themselves are not decoded.
    pub fn keys(self) -> impl Iterator<Item = Result<K, StoreError>> + use<'a, V, K, O>
    where
        K: Key,
    {
        self.entries().map(|entry| entry.and_then(|entry| entry.key()))
    }

    /// The rows without their keys.
    pub fn values(self) -> impl Iterator<Item = Result<V, StoreError>> + use<'a, V, K, O>
    where
        V: Value,
    {
        self.entries().map(|entry| entry.and_then(Entry::value))
    }

    /// Rows that are decoded on demand.
    pub fn entries(self) -> Entries<'a, V, K, O> {
        Entries(self)
    }

    /// Steps on without decoding anything.
    pub fn next_entry(&mut self) -> Option<Result<Entry<'a, V, K>, StoreError>> {
        let (key, row) = match &mut self.steps {
            Steps::Empty => return None,
            Steps::Ready => {
                self.steps = Steps::Running(self.source.scan(&self.start, &self.end, self.reverse));
                return self.next_entry();
            }
            Steps::Computed(entries) => {
                let mut entries = std::mem::take(entries);
                entries.retain(|(key, _)| **key >= *self.start && **key < *self.end);
                if self.reverse {
                    entries.reverse();
                }
                self.steps = Steps::Replaying(entries.into_iter());
                return self.next_entry();
            }
            Steps::Replaying(entries) => entries.next()?,
            Steps::Running(merge) => match merge.next()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            },
        };
        // An index entry's value is the physical key of its row.
        let (key, row) = if self.by_index { (row, None) } else { (key, Some(row)) };
        Some(Ok(Entry {
            source: self.source,
            table: self.table,
            key,
            skip: self.skip,
            row,
            types: PhantomData,
        }))
    }
}

impl<V, K> Rows<'_, V, K, ByKey> {
    /// Leaves out the rows before this key (in the order of the keys, whatever the direction).
    #[must_use]
    pub fn from(self, key: impl KeyOf<K>) -> Self {
        self.within((Bound::Included(key::encode(&key)), Bound::Unbounded))
    }

    /// Leaves out the rows up to and with this key: the next page after the last row of one.
    #[must_use]
    pub fn after(self, key: impl KeyOf<K>) -> Self {
        self.within((Bound::Excluded(key::encode(&key)), Bound::Unbounded))
    }

    /// Leaves out this key and the rows after it: the next page of a reverse listing.
    #[must_use]
    pub fn before(self, key: impl KeyOf<K>) -> Self {
        self.within((Bound::Unbounded, Bound::Excluded(key::encode(&key))))
    }

    /// Goes on at this key, or at the nearest one in the direction of the scan; never goes back.
    pub fn seek(&mut self, key: impl KeyOf<K>) {
        let key = self.full(&key::encode(&key));
        if self.reverse {
            self.lower_end(key::after_prefix(&key).unwrap_or_default());
        } else {
            self.raise_start(key);
        }
        self.restart();
    }

    /// Goes on behind every key that begins so: how a listing with a delimiter steps over a common prefix.
    pub fn skip_prefix(&mut self, prefix: impl PrefixOf<K>) {
        let mut key = KeyBuf::from_slice(self.prefix.get(..self.skip).unwrap_or_default());
        prefix.encode_prefix(&mut key);
        if self.reverse {
            self.lower_end(key);
        } else {
            self.raise_start(key::after_prefix(&key).unwrap_or_default());
        }
        self.restart();
    }

    fn restart(&mut self) {
        if !matches!(self.steps, Steps::Empty) {
            self.steps = Steps::Ready;
        }
    }
}

impl<V, K> Rows<'_, V, K, ByIndex> {
    /// Leaves out the entries before this index key. The keys of row and index may be joined in a tuple to go
    /// on within equal index keys: `(index_key, row_key)`.
    #[must_use]
    pub fn from(self, key: impl EncodeKey) -> Self {
        self.within((Bound::Included(key::encode(&key)), Bound::Unbounded))
    }

    /// Leaves out the entries up to and with this index key, or `(index_key, row_key)`.
    #[must_use]
    pub fn after(self, key: impl EncodeKey) -> Self {
        self.within((Bound::Excluded(key::encode(&key)), Bound::Unbounded))
    }
}

impl<V: Value, K: Key, O> Iterator for Rows<'_, V, K, O> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = match self.next_entry()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        Some(entry.key().and_then(|key| Ok((key, entry.value()?))))
    }
}

/// An iterator over rows that are decoded on demand.
pub struct Entries<'a, V, K, O = ByKey>(Rows<'a, V, K, O>);

impl<'a, V, K, O> Iterator for Entries<'a, V, K, O> {
    type Item = Result<Entry<'a, V, K>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_entry()
    }
}

impl<V, K> Entry<'_, V, K> {
    /// Decodes the row's key.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is no key of the declared type.
    pub fn key(&self) -> Result<K, StoreError>
    where
        K: Key,
    {
        decode_key(self.key.get(self.skip..).unwrap_or_default())
    }

    /// Decodes the row.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when it does not fit the declared type, and what the engine reports.
    pub fn value(self) -> Result<V, StoreError>
    where
        V: Value,
    {
        let row = match self.row {
            Some(row) => row,
            None => self.source.get(&self.key)?.ok_or_else(|| {
                StoreError::corrupt(format!("an index of `{}` names a row that does not exist", self.table))
            })?,
        };
        envelope::value(self.table, row)
    }
}

pub(crate) fn decode_key<K: Key>(key: &[u8]) -> Result<K, StoreError> {
    let mut reader = KeyReader::new(key);
    let key = K::decode(&mut reader)?;
    reader.finish()?;
    Ok(key)
}
