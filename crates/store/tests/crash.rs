//! A server that is killed at any moment, again and again, has everything that it acknowledged and nothing by
//! halves.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and has a deadline"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cloudtwin_store::{Db, Durability, IndexKeys, Payload, StoreError, Table};
use serde::{Deserialize, Serialize};

const DIRECTORY: &str = "CLOUDTWIN_STORE_CRASH_DIRECTORY";
const THREADS: u64 = 4;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    number: u64,
    filler: String,
    body: Payload,
}

/// Each transaction writes one row here …
const LEFT: Table<Row, (u64, u64)> = Table::regional("crash/left")
    .index("by_number", |row: &Row| IndexKeys::one(row.number))
    .blobs(|row: &Row| row.body.blobs());
/// … one here …
const RIGHT: Table<u64, (u64, u64)> = Table::global("crash/right");
/// … and counts.
const COUNTS: Table<u64, u64> = Table::account("crash/counts");

fn open(path: &Path) -> cloudtwin_store::ScopedDb {
    Db::open(path, Durability::Process).unwrap().scoped("000000000000", "us-east-1")
}

fn body(thread: u64, number: u64) -> Bytes {
    // Now and then a blob, else a few bytes or some kilobytes.
    let size = match number % 50 {
        0 => 100_000,
        1 => 20_000,
        _ => 16,
    };
    let mut bytes = vec![thread as u8; size];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// Not a test: what the killed process does. Writes until it is killed, and says what has been acknowledged.
#[test]
#[ignore = "started by the test below"]
fn victim() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let db = open(Path::new(&directory));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let db = db.clone();
            scope.spawn(move || {
                loop {
                    let count =
                        db.read::<_, StoreError, _>(|tx| tx.get(&COUNTS, thread)).unwrap().unwrap_or(0);
                    let staged = db.db().blobs().put_blocking(body(thread, count)).unwrap();
                    db.write_blocking::<_, StoreError, _>(|tx| {
                        let row = Row {
                            number: thread * 1_000_000 + count,
                            filler: "x".repeat(200),
                            body: staged.payload().clone(),
                        };
                        tx.put(&LEFT, (thread, count), &row)?;
                        tx.put(&RIGHT, (thread, count), &count)?;
                        // Old rows go, so that deletions and blobs without a row are part of it.
                        if let Some(old) = count.checked_sub(500) {
                            tx.delete(&LEFT, (thread, old))?;
                            tx.delete(&RIGHT, (thread, old))?;
                        }
                        tx.put(&COUNTS, thread, &(count + 1))
                    })
                    .unwrap();
                    writeln!(std::io::stdout(), "ack {thread} {count}").unwrap();
                }
            });
        }
    });
}

fn check(path: &Path, acknowledged: &HashMap<u64, u64>) -> u64 {
    let db = open(path);
    let snapshot = db.db().snapshot().unwrap();
    let view = snapshot.at("000000000000", "us-east-1");
    let mut total = 0;
    for thread in 0..THREADS {
        let count = view.get(&COUNTS, thread).unwrap().unwrap_or(0);
        let promised = acknowledged.get(&thread).map_or(0, |last| last + 1);
        assert!(count >= promised, "thread {thread}: {promised} acknowledged, {count} found");
        total += count;
        let expected: Vec<u64> = (count.saturating_sub(500)..count).collect();
        let mut left = Vec::new();
        for row in view.prefix(&LEFT, (thread,)).unwrap() {
            let ((_, number), row) = row.unwrap();
            let found = view.index_get(&LEFT, "by_number", row.number).unwrap();
            assert_eq!(found.as_ref(), Some(&row));
            let bytes = match row.body {
                Payload::Inline(bytes) => bytes,
                Payload::Blob(blob) => view.open_blob(&blob).unwrap().read_to_end_blocking().unwrap(),
            };
            assert_eq!(bytes, body(thread, number));
            left.push(number);
        }
        assert_eq!(left, expected, "thread {thread}");
        let right: Result<Vec<u64>, _> = view.prefix(&RIGHT, (thread,)).unwrap().values().collect();
        assert_eq!(right.unwrap(), expected, "thread {thread}");
    }
    let entries = view.index_range(&LEFT, "by_number", ..).unwrap().count();
    assert_eq!(entries, view.count(&LEFT).unwrap());
    total
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    let start = Instant::now();
    let (mut kills, mut delay, mut written) = (0_u64, 7_u64, 0);
    while start.elapsed() < Duration::from_secs(10) {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(victim.stdout.take().unwrap());
        let mut lines = 0_u64;
        let mut line = String::new();
        // Killed after some number of acknowledgements, between none and many.
        delay = (delay * 7_919 + 13) % 9_973;
        let limit = if kills.is_multiple_of(3) { delay % 50 } else { delay };
        while lines < limit && output.read_line(&mut line).unwrap() > 0 {
            lines += note(&mut line, &mut acknowledged);
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        while output.read_line(&mut line).unwrap() > 0 {
            note(&mut line, &mut acknowledged);
        }
        kills += 1;
        written = check(directory.path(), &acknowledged);
    }
    assert!(kills >= 3, "the machine is too slow for this test to mean anything");
    println!("{kills} kills, {written} transactions");
}

fn note(line: &mut String, acknowledged: &mut HashMap<u64, u64>) -> u64 {
    let mut words = line.split_whitespace();
    let counted = match (words.next(), words.next(), words.next()) {
        (Some("ack"), Some(thread), Some(count)) if line.ends_with('\n') => {
            acknowledged.insert(thread.parse().unwrap(), count.parse().unwrap());
            1
        }
        _ => 0,
    };
    line.clear();
    counted
}
