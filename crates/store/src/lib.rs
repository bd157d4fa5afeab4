//! All state of Cloudtwin: typed rows in transactions, and blobs.
//!
//! ```
//! use cloudtwin_store::{Db, IndexKeys, StoreError, Table};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Queue {
//!     arn: String,
//!     #[serde(default)] // A field that came later: older rows stay readable.
//!     fifo: bool,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Message {
//!     body: String,
//! }
//!
//! // Constants declare the tables. `Queue` rows are found by name (the default key is a string) or by ARN,
//! // `Message` rows by queue and sequence number.
//! const QUEUES: Table<Queue> = Table::regional("sqs/queues").index("by_arn", |q: &Queue| IndexKeys::one(&q.arn));
//! const MESSAGES: Table<Message, (String, u64)> = Table::regional("sqs/messages");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), StoreError> {
//! let db = Db::ephemeral()?; // or Db::open("data", Durability::Process)
//! let here = db.scoped("000000000000", "us-east-1");
//!
//! // A write is a closure over a transaction: all of it happens, or nothing.
//! let arn = "arn:aws:sqs:us-east-1:000000000000:jobs";
//! here.write::<_, StoreError, _>(|tx| {
//!     tx.put(&QUEUES, "jobs", &Queue { arn: arn.to_owned(), fifo: false })?;
//!     for number in 0..10_u64 {
//!         tx.put(&MESSAGES, ("jobs", number), &Message { body: format!("job {number}") })?;
//!     }
//!     Ok(())
//! })
//! .await?;
//!
//! // A read sees one consistent moment.
//! let (found, next) = here.read::<_, StoreError, _>(|tx| {
//!     let found = tx.index_get(&QUEUES, "by_arn", arn)?;
//!     let next: Vec<_> =
//!         tx.prefix(&MESSAGES, ("jobs",))?.after(("jobs", 4_u64)).take(2).collect::<Result<_, _>>()?;
//!     Ok((found, next))
//! })?;
//! assert!(found.is_some());
//! assert_eq!(next[0].0, ("jobs".to_owned(), 5));
//! assert_eq!(next[0].1.body, "job 5");
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! * A closure given to [`ScopedDb::read`] or [`ScopedDb::write`] may run more than once. It reads and writes
//!   rows and does nothing else: no clock, no randomness, no messages, no other transaction.
//! * Keys are `(account, region, key)` as far as the table's [`Scope`] demands. `tx.at(account, region)` reaches
//!   another scope within the same transaction; [`ReadTx::all_scopes`] goes through all of them.
//! * Scans are lazy: rows are decoded when they are asked for ([`Rows::keys`], [`Rows::entries`]), and a
//!   running scan can [`Rows::seek`] or step over a prefix ([`Rows::skip_prefix`]).
//! * More than 64 KiB of bytes go to the [`BlobStore`]: write them to a [`BlobWriter`], put the
//!   [`Payload`] that comes back into a row whose table declares [`Table::blobs`], and keep the [`Staged`] value
//!   until the transaction has been committed. References are counted, and bytes removed, by the store.
//! * Wake-ups go into [`Tx::after_commit`], which runs when, and only when, the transaction was committed.
//! * Whatever handles states as a whole (pods, resets, comparisons) uses rows without their types:
//!   [`Snapshot::tables`], [`Snapshot::rows`], [`Tx::put_raw`], [`Db::reset`].
//! * Transactions run one at a time, on the thread that asks. A closure that scans much keeps the others waiting:
//!   scan in a `read`, then write what was found (and look again whether it is still so).
//!
//! # A data directory
//!
//! | path | what |
//! |---|---|
//! | `lock` | held by the server that has the directory, with its process number |
//! | `format` | the format's number; a release refuses a newer one |
//! | `rows/log-…` | the latest commits, in order |
//! | `rows/tree.redb` | all rows before those |
//! | `blobs/ab/cdef…` | large values, named by their BLAKE3 hash |
//! | `blobs/tmp/` | uploads under way |
//!
//! Figures: `cargo run --release -p cloudtwin-store --example measure`.

mod backend;
mod blobs;
mod counts;
mod db;
mod directory;
mod durable;
mod envelope;
mod error;
pub mod key;
mod raw;
mod registry;
mod revisions;
mod rows;
mod scan;
mod shared_rows;
mod table;
mod tx;

pub use blobs::{BlobReader, BlobRef, BlobStore, BlobWriter, INLINE_MAX, Payload, Staged};
pub use db::{Db, Durability, ScopedDb, Snapshot};
pub use error::StoreError;
pub use key::{EncodeKey, Key, KeyOf, PrefixOf, StartsWith};
pub use raw::RawRow;
pub use registry::{IndexInfo, TableInfo};
pub use rows::{ByIndex, ByKey, Entries, Entry, IndexRange, KeyRange, Rows};
pub use table::{IndexKeys, Scope, Table, Value};
pub use tx::{Owner, ReadTx, Tx};
