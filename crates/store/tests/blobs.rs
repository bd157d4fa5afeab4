//! Large values: stored once, kept while a row or a snapshot needs them, removed afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and has a deadline"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cloudtwin_store::{BlobRef, Db, Durability, INLINE_MAX, Payload, ScopedDb, StoreError, Table};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    body: Payload,
}

const OBJECTS: Table<Object, (String, String)> =
    Table::regional("s3/objects").blobs(|object: &Object| object.body.blobs());

fn open(path: &Path) -> ScopedDb {
    Db::open(path, Durability::Process).unwrap().scoped("1", "eu-west-1")
}

fn large(seed: u8) -> Bytes {
    (0..300_000_u32).map(|n| (n % 251) as u8 ^ seed).collect::<Vec<u8>>().into()
}

async fn upload(db: &ScopedDb, key: &str, bytes: &Bytes) {
    let mut writer = db.db().blobs().writer();
    for piece in bytes.chunks(10_000) {
        writer.write(bytes.slice_ref(piece)).await.unwrap();
    }
    let staged = writer.finish().await.unwrap();
    let object = Object { body: staged.payload().clone() };
    db.write::<_, StoreError, _>(|tx| tx.put(&OBJECTS, ("b", key), &object)).await.unwrap();
}

fn blob(db: &ScopedDb, key: &str) -> BlobRef {
    match db.read::<_, StoreError, _>(|tx| tx.get(&OBJECTS, ("b", key))).unwrap().unwrap().body {
        Payload::Blob(blob) => blob,
        Payload::Inline(_) => panic!("expected a blob"),
    }
}

async fn delete(db: &ScopedDb, key: &str) {
    db.write::<_, StoreError, _>(|tx| tx.delete(&OBJECTS, ("b", key))).await.unwrap();
}

fn files(root: &Path) -> usize {
    let directories = std::fs::read_dir(root.join("blobs")).unwrap().flatten();
    directories.map(|directory| std::fs::read_dir(directory.path()).map_or(0, Iterator::count)).sum()
}

/// The sweeper is another thread.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn what_comes_out_is_what_went_in() {
    let directory = tempfile::tempdir().unwrap();
    for db in [open(directory.path()), Db::ephemeral().unwrap().scoped("1", "eu-west-1")] {
        for size in [0, 1, INLINE_MAX, INLINE_MAX + 1, 262_144, 3_000_000] {
            let bytes: Bytes = large(1).iter().copied().cycle().take(size).collect();
            upload(&db, "k", &bytes).await;
            let object = db.read::<_, StoreError, _>(|tx| tx.get(&OBJECTS, ("b", "k"))).unwrap().unwrap();
            assert_eq!(object.body.len(), size as u64);
            let blob = match object.body {
                Payload::Inline(inline) => {
                    assert!(size <= INLINE_MAX);
                    assert_eq!(inline, bytes);
                    continue;
                }
                Payload::Blob(blob) => blob,
            };
            assert!(size > INLINE_MAX);
            assert_eq!(blob.to_string(), blake3::hash(&bytes).to_string());
            for range in [0..u64::MAX, 0..1, 5..600_000, 65_000..65_536, size as u64..u64::MAX] {
                let mut reader =
                    db.read::<_, StoreError, _>(|tx| tx.open_blob(&blob)).unwrap().range(range.clone());
                let end = range.end.min(size as u64);
                assert_eq!(reader.remaining(), end - range.start.min(end));
                let mut read = Vec::new();
                while let Some(chunk) = reader.next_chunk().await.unwrap() {
                    read.extend_from_slice(&chunk);
                }
                assert_eq!(read, bytes[range.start as usize..end as usize]);
            }
        }
    }
}

#[tokio::test]
async fn chunks_stay_as_they_are_while_others_are_read() {
    let db = Db::ephemeral().unwrap().scoped("1", "eu-west-1");
    upload(&db, "one", &large(1)).await;
    upload(&db, "two", &large(2)).await;
    let (one, two) = (blob(&db, "one"), blob(&db, "two"));
    // More readers than buffers are kept, and chunks that outlive their readers.
    let mut chunks = Vec::new();
    for round in 0..40 {
        let (blob, whole) = if round % 2 == 0 { (&one, large(1)) } else { (&two, large(2)) };
        let mut reader = db.db().blobs().open(blob).unwrap();
        let mut at = 0;
        while let Some(chunk) = reader.next_chunk().await.unwrap() {
            let end = at + chunk.len();
            if round % 3 > 0 {
                chunks.push((chunk, whole.slice(at..end)));
            }
            at = end;
        }
        assert_eq!(at, whole.len());
    }
    assert!(chunks.iter().all(|(read, expected)| read == expected));
}

#[tokio::test]
async fn the_same_content_is_stored_once_and_removed_with_its_last_row() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    upload(&db, "one", &large(1)).await;
    upload(&db, "two", &large(1)).await;
    assert_eq!(files(directory.path()), 1);
    delete(&db, "one").await;
    assert_eq!(db.db().blobs().open(&blob(&db, "two")).unwrap().read_to_end_blocking().unwrap(), large(1));
    // Replacing a row lets go of its content, too.
    upload(&db, "two", &large(2)).await;
    eventually("the first content is removed", || files(directory.path()) == 1);
    db.db().reset("s3/").await.unwrap();
    eventually("the second content is removed", || files(directory.path()) == 0);
}

#[tokio::test]
async fn a_row_moves_with_its_content_within_one_transaction() {
    let db = Db::ephemeral().unwrap().scoped("1", "eu-west-1");
    upload(&db, "old", &large(1)).await;
    db.write::<_, StoreError, _>(|tx| {
        let object = tx.take(&OBJECTS, ("b", "old"))?.unwrap();
        tx.put(&OBJECTS, ("b", "new"), &object)
    })
    .await
    .unwrap();
    let found = db.db().blobs().open(&blob(&db, "new")).unwrap();
    assert_eq!(found.read_to_end_blocking().unwrap(), large(1));
}

#[tokio::test]
async fn a_snapshot_and_an_open_reader_keep_what_they_show() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    upload(&db, "k", &large(1)).await;
    let (blob, snapshot) = (blob(&db, "k"), db.db().snapshot().unwrap());
    let mut reader = db.read::<_, StoreError, _>(|tx| tx.open_blob(&blob)).unwrap();
    delete(&db, "k").await;
    // Another blob that comes and goes shows that the sweeper has been at work.
    upload(&db, "other", &large(2)).await;
    delete(&db, "other").await;
    let view = snapshot.at("1", "eu-west-1");
    assert!(view.contains(&OBJECTS, ("b", "k")).unwrap());
    assert_eq!(view.open_blob(&blob).unwrap().read_to_end_blocking().unwrap(), large(1));
    drop(snapshot);
    eventually("the content is removed with the snapshot", || files(directory.path()) == 0);
    let mut read = Vec::new();
    while let Some(chunk) = reader.next_chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, large(1));
}

#[tokio::test]
async fn an_upload_that_was_not_committed_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let staged = db.db().blobs().put_blocking(large(1)).unwrap();
    let Payload::Blob(blob) = staged.payload().clone() else { panic!("expected a blob") };
    let mut interrupted = db.db().blobs().writer();
    interrupted.write(large(2)).await.unwrap();
    // The process ends here, in effect: its store forgets the pin and the temporary file.
    drop(staged);
    let row = Object { body: Payload::Blob(blob) };
    let linked = db.write::<_, StoreError, _>(|tx| tx.put(&OBJECTS, ("b", "k"), &row)).await;
    assert!(matches!(linked, Err(StoreError::BlobMissing { .. })), "bytes that nobody pins may be gone");
    drop(interrupted);
    drop(db);
    let _db = open(directory.path());
    eventually("orphans are removed at the start", || files(directory.path()) == 0);
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let staged = db.db().blobs().put_blocking(large(1)).unwrap();
    let Payload::Blob(blob) = staged.payload() else { panic!("expected a blob") };
    let hex = blob.to_string();
    let path = directory.path().join("blobs").join(&hex[..2]).join(&hex[2..]);
    std::fs::write(&path, b"short").unwrap();
    let read = db.db().blobs().open(blob).unwrap().read_to_end_blocking();
    assert!(matches!(read, Err(StoreError::Corrupt { .. })));
    // Storing it again repairs it.
    let again = db.db().blobs().put_blocking(large(1)).unwrap();
    assert_eq!(again.payload(), staged.payload());
    assert_eq!(db.db().blobs().open(blob).unwrap().read_to_end_blocking().unwrap(), large(1));
}

/// Writers that store, replace and delete the same few contents, and readers that must always find what a row
/// promises.
#[test]
fn uploads_deletions_and_readers_race() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3_u64)
            .map(|writer| {
                let db = db.clone();
                scope.spawn(move || {
                    for round in 0..150_u64 {
                        let key = format!("k{}", (round + writer) % 3);
                        if (round + writer) % 4 == 0 {
                            db.write_blocking::<_, StoreError, _>(|tx| tx.delete(&OBJECTS, ("b", &key)))
                                .unwrap();
                        } else {
                            let staged = db.db().blobs().put_blocking(large((round % 2) as u8)).unwrap();
                            let object = Object { body: staged.payload().clone() };
                            db.write_blocking::<_, StoreError, _>(|tx| {
                                tx.put(&OBJECTS, ("b", &key), &object)
                            })
                            .unwrap();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let (db, stop) = (db.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let reader = db.read::<_, StoreError, _>(|tx| {
                        let Some(object) = tx.get(&OBJECTS, ("b", "k1"))? else { return Ok(None) };
                        let Payload::Blob(blob) = object.body else { return Ok(None) };
                        tx.open_blob(&blob).map(Some)
                    });
                    if let Some(reader) = reader.unwrap() {
                        let bytes = reader.read_to_end_blocking().unwrap();
                        assert!(bytes == large(0) || bytes == large(1));
                    }
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let rows: Vec<_> =
        db.read::<_, StoreError, _>(|tx| tx.scan(&OBJECTS)?.values().collect::<Result<_, _>>()).unwrap();
    let mut left: Vec<_> = rows.into_iter().flat_map(|object: Object| object.body.blobs()).collect();
    left.sort_by_key(|blob| *blob.hash());
    left.dedup();
    eventually("what no row holds is removed", || files(directory.path()) == left.len());
}
