//! What a data directory does when it is opened twice, by an older release, damaged, or under load.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and has a deadline")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cloudtwin_store::{Db, Durability, ScopedDb, StoreError, Table};

const ROWS: Table<String, u64> = Table::regional("directory/rows");
const TWINS: Table<u64, u64> = Table::global("directory/twins");

fn open(path: &Path) -> Result<ScopedDb, StoreError> {
    Ok(Db::open(path, Durability::Process)?.scoped("1", "eu-west-1"))
}

fn put(db: &ScopedDb, key: u64, value: &str) {
    db.write_blocking::<_, StoreError, _>(|tx| tx.put(&ROWS, key, &value.to_owned())).unwrap();
}

fn error(path: &Path) -> StoreError {
    open(path).err().unwrap()
}

#[test]
fn a_second_server_is_told_who_has_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).unwrap();
    let message = error(directory.path()).to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    drop(db);
    assert!(open(directory.path()).is_ok(), "closing gives the directory back at once");
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    put(&open(directory.path()).unwrap(), 1, "row");
    fs::write(directory.path().join("format"), "9\n").unwrap();
    assert!(matches!(error(directory.path()), StoreError::NewerFormat { found: 9, supported: 1, .. }));
    fs::write(directory.path().join("format"), "1\n").unwrap();
    let db = open(directory.path()).unwrap();
    assert_eq!(db.read::<_, StoreError, _>(|tx| tx.count(&ROWS)).unwrap(), 1);
}

#[test]
fn damaged_files_are_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).unwrap();
    let filler = "x".repeat(500_000);
    (0..40).for_each(|key| put(&db, key, &filler));
    drop(db);
    let tree = directory.path().join("rows/tree.redb");
    let whole = fs::read(&tree).unwrap();
    let damages: [(&str, Vec<u8>); 5] = [
        ("empty", Vec::new()),
        ("nonsense", b"not a database, and not a short one".repeat(1000)),
        ("zeros", vec![0; whole.len()]),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("cut short", whole[..100].to_vec()),
    ];
    for (what, damaged) in damages {
        fs::write(&tree, damaged).unwrap();
        let message = error(directory.path()).to_string();
        assert!(message.contains("saved pod"), "{what}: {message}");
    }
    fs::write(directory.path().join("format"), "").unwrap();
    assert!(matches!(error(directory.path()), StoreError::Corrupt { .. }));
    fs::write(&tree, whole).unwrap();
    fs::write(directory.path().join("format"), "1").unwrap();
    assert_eq!(open(directory.path()).unwrap().read::<_, StoreError, _>(|tx| tx.count(&ROWS)).unwrap(), 40);
}

#[test]
fn many_rows_pass_through_log_and_tree_and_are_all_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let db = open(directory.path()).unwrap();
        assert_eq!(db.read::<_, StoreError, _>(|tx| tx.count(&ROWS)).unwrap() as u64, round * 3_000);
        for key in 0..3_000 {
            put(&db, round * 3_000 + key, &format!("{key:01000}"));
            if key % 7 == 0 {
                put(&db, round * 3_000 + key / 2, "again");
            }
        }
        let rows: Vec<u64> = db.read::<_, StoreError, _>(|tx| tx.scan(&ROWS)?.keys().collect()).unwrap();
        assert_eq!(rows, (0..(round + 1) * 3_000).collect::<Vec<_>>());
    }
    let logs = fs::read_dir(directory.path().join("rows")).unwrap().count();
    assert!(logs <= 4, "logs that are in the tree are deleted: {logs} files");
}

#[test]
fn a_read_sees_one_moment_while_writers_go_on() {
    for db in [
        Db::ephemeral().unwrap(),
        Db::open(tempfile::tempdir().unwrap().path(), Durability::Process).unwrap(),
    ] {
        let db = db.scoped("1", "eu-west-1");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Two tables that each transaction changes alike.
            let writer = scope.spawn(|| {
                for round in 0..3_000_u64 {
                    db.write_blocking::<_, StoreError, _>(|tx| {
                        let filler = format!("{round:02000}");
                        tx.put(&ROWS, round % 100, &filler)?;
                        tx.put(&TWINS, round % 100, &round)
                    })
                    .unwrap();
                }
                stop.store(true, Ordering::Relaxed);
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let snapshot = db.db().snapshot().unwrap();
                        let view = snapshot.at("1", "eu-west-1");
                        let rows: Vec<u64> =
                            view.scan(&ROWS).unwrap().map(|row| row.unwrap().1.parse().unwrap()).collect();
                        let twins: Vec<u64> = view.scan(&TWINS).unwrap().map(|row| row.unwrap().1).collect();
                        assert_eq!(rows, twins);
                    }
                });
            }
            writer.join().unwrap();
        });
    }
}

#[test]
fn writers_on_many_threads_lose_no_update() {
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Process, Durability::Sync] {
        let db = Db::open(directory.path(), durability).unwrap().scoped("1", "eu-west-1");
        db.write_blocking::<_, StoreError, _>(|tx| tx.put(&TWINS, 0_u64, &0)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        db.write_blocking::<_, StoreError, _>(|tx| {
                            let count = tx.get(&TWINS, 0_u64)?.unwrap_or_default();
                            tx.put(&TWINS, 0_u64, &(count + 1))
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(db.read::<_, StoreError, _>(|tx| tx.get(&TWINS, 0_u64)).unwrap(), Some(200));
    }
}
