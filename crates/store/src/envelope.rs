//! The bytes of one row: what the store derived from it, then its value as MessagePack with field names.
//!
//! Derived are the row's keys in each index and the blobs it holds. Keeping them with the row means that a row
//! can be replaced, removed, saved in a pod and loaded from one without knowing its Rust type, and that entries
//! written by an older index function are still found.
//!
//! Layout: `00 value`, or `01 n {index:u16 len:u32 key}ⁿ m {hash:32 len:u64}ᵐ value`, with `n` and `m` as u32;
//! numbers are big endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;

use crate::blobs::{BlobRef, HASH_LEN};
use crate::{StoreError, Value};

const PLAIN: u8 = 0;
const DERIVED: u8 = 1;

/// What the store keeps for a row beside its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    /// The number of an index, and the row's key there.
    pub(crate) index_keys: Vec<(u16, Bytes)>,
    /// The blobs the row holds; one that is held twice is listed twice.
    pub(crate) blobs: Vec<BlobRef>,
}

impl Derived {
    fn is_empty(&self) -> bool {
        self.index_keys.is_empty() && self.blobs.is_empty()
    }
}

/// Writes a row.
pub(crate) fn seal<V: Serialize>(table: &str, value: &V, derived: &Derived) -> Result<Bytes, StoreError> {
    let mut out = Vec::with_capacity(256);
    put_derived(derived, &mut out);
    let mut serializer = rmp_serde::Serializer::new(&mut out).with_struct_map();
    value
        .serialize(&mut serializer)
        .map_err(|error| StoreError::Encode { table: table.to_owned(), reason: error.to_string() })?;
    Ok(Bytes::from(out))
}

/// Writes a row whose value is serialised already.
pub(crate) fn seal_raw(value: &[u8], derived: &Derived) -> Bytes {
    let mut out = Vec::with_capacity(value.len() + 1);
    put_derived(derived, &mut out);
    out.extend_from_slice(value);
    Bytes::from(out)
}

fn put_derived(derived: &Derived, out: &mut Vec<u8>) {
    if derived.is_empty() {
        return out.put_u8(PLAIN);
    }
    out.put_u8(DERIVED);
    out.put_u32(derived.index_keys.len() as u32);
    for (index, key) in &derived.index_keys {
        out.put_u16(*index);
        out.put_u32(key.len() as u32);
        out.put_slice(key);
    }
    out.put_u32(derived.blobs.len() as u32);
    for blob in &derived.blobs {
        out.put_slice(blob.hash());
        out.put_u64(blob.len());
    }
}

/// Separates a row into what was derived and the serialised value.
pub(crate) fn open(mut row: Bytes) -> Result<(Derived, Bytes), StoreError> {
    let mut derived = Derived::default();
    match row.try_get_u8().map_err(|_| damaged())? {
        PLAIN => return Ok((derived, row)),
        DERIVED => {}
        _ => return Err(damaged()),
    }
    for _ in 0..row.try_get_u32().map_err(|_| damaged())? {
        let index = row.try_get_u16().map_err(|_| damaged())?;
        let len = row.try_get_u32().map_err(|_| damaged())? as usize;
        derived.index_keys.push((index, split(&mut row, len)?));
    }
    for _ in 0..row.try_get_u32().map_err(|_| damaged())? {
        let mut hash = [0; HASH_LEN];
        row.try_copy_to_slice(&mut hash).map_err(|_| damaged())?;
        let len = row.try_get_u64().map_err(|_| damaged())?;
        derived.blobs.push(BlobRef::new(hash, len));
    }
    Ok((derived, row))
}

/// Reads a row's value.
pub(crate) fn value<V: Value>(table: &str, row: Bytes) -> Result<V, StoreError> {
    let value = if row.first() == Some(&PLAIN) { row.slice(1..) } else { open(row)?.1 };
    rmp_serde::from_slice(&value)
        .map_err(|error| StoreError::Decode { table: table.to_owned(), reason: error.to_string() })
}

fn split(row: &mut Bytes, len: usize) -> Result<Bytes, StoreError> {
    if len > row.len() {
        return Err(damaged());
    }
    Ok(row.split_to(len))
}

fn damaged() -> StoreError {
    StoreError::corrupt("a row whose header is not well formed")
}

/// Joins byte strings into one.
pub(crate) fn concat(pieces: &[&[u8]]) -> Bytes {
    let mut out = BytesMut::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.freeze()
}
