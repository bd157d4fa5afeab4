//! Figures of the store, for ARCHITECTURE.md: `cargo run --release -p cloudtwin-store --example measure`.
//!
//! Each line is one measurement. Commits are of one row of about 300 bytes unless the line says otherwise.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cloudtwin_store::{Db, Durability, IndexKeys, Payload, ScopedDb, StoreError, Table};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    name: String,
    arn: String,
    attributes: Vec<(String, String)>,
    created: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Object {
    etag: String,
    size: u64,
    body: Payload,
}

const ROWS: Table<Row, (String, u64)> = Table::regional("measure/rows");
const INDEXED: Table<Row, (String, u64)> =
    Table::regional("measure/indexed").index("by_arn", |row: &Row| IndexKeys::one(&row.arn));
const OBJECTS: Table<Object, (String, String)> =
    Table::global("measure/objects").blobs(|object: &Object| object.body.blobs());

fn row(number: u64) -> Row {
    Row {
        name: format!("queue-{number}"),
        arn: format!("arn:aws:sqs:us-east-1:000000000000:queue-{number}"),
        attributes: (0..4).map(|n| (format!("Attribute{n}"), format!("value {n} {number}"))).collect(),
        created: 1_700_000_000_000 + number,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, path, ..] = arguments.as_slice() {
        return match mode.as_str() {
            "idle" => idle(Path::new(path)),
            "load" => load(Path::new(path)),
            "fill" => fill(&open(Path::new(path), Durability::Process)),
            other => println!("unknown mode {other}"),
        };
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    if wanted("commits") {
        println!("memory engine");
        commits(&Db::ephemeral().unwrap(), 20_000);
        println!("disk engine, survives SIGKILL");
        let directory = tempfile::tempdir().unwrap();
        commits(&open(directory.path(), Durability::Process), 20_000);
    }
    if wanted("sync") {
        println!("disk engine, survives power failure");
        let directory = tempfile::tempdir().unwrap();
        commits(&open(directory.path(), Durability::Sync), 300);
    }
    if wanted("open") {
        opening();
    }
    if wanted("objects") {
        objects();
    }
    if wanted("blobs") {
        blobs();
    }
}

fn open(path: &Path, durability: Durability) -> Db {
    Db::open(path, durability).unwrap()
}

fn here(db: &Db) -> ScopedDb {
    db.scoped("000000000000", "us-east-1")
}

fn report(what: &str, mut times: Vec<Duration>, wall: Duration) {
    times.sort();
    let at = |percent: usize| {
        times.get((times.len() * percent / 1000).min(times.len() - 1)).copied().unwrap_or_default()
    };
    println!(
        "  {what:<44} p50 {:>9.2?}  p99 {:>9.2?}  p99.9 {:>9.2?}  max {:>9.2?}  {:>9.0}/s",
        at(500),
        at(990),
        at(999),
        times.last().copied().unwrap_or_default(),
        times.len() as f64 / wall.as_secs_f64()
    );
}

/// Times `count` runs on each of `threads` threads.
fn run(what: &str, threads: u64, count: u64, work: impl Fn(u64) + Sync) {
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || {
                    (0..count)
                        .map(|number| {
                            let start = Instant::now();
                            work(thread * count + number);
                            start.elapsed()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    report(what, times, start.elapsed());
}

fn write<T>(db: &ScopedDb, write: impl FnMut(&mut cloudtwin_store::Tx<'_>) -> Result<T, StoreError>) -> T {
    db.write_blocking(write).unwrap()
}

fn commits(db: &Db, count: u64) {
    let here = here(db);
    let one = row(7);
    run("commit, 1 thread", 1, count, |n| write(&here, |tx| tx.put(&ROWS, ("a", n), &one)));
    run("commit with an index, 1 thread", 1, count, |n| {
        write(&here, |tx| tx.put(&INDEXED, ("a", n), &row(n)))
    });
    run("read, change, commit, 1 thread", 1, count, |n| {
        write(&here, |tx| {
            let mut row = tx.get(&ROWS, ("a", n % 1000))?.unwrap_or_else(|| one.clone());
            row.created += 1;
            tx.put(&ROWS, ("a", n % 1000), &row)
        });
    });
    run("commit, 8 threads", 8, count / 4, |n| write(&here, |tx| tx.put(&ROWS, ("b", n), &one)));
    run("get", 1, count, |n| {
        here.read::<_, StoreError, _>(|tx| tx.get(&ROWS, ("a", n))).unwrap();
    });
    run("get, 8 threads", 8, count, |n| {
        here.read::<_, StoreError, _>(|tx| tx.get(&ROWS, ("a", n % count))).unwrap();
    });
    run("index get", 1, count, |n| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:queue-{n}");
        here.read::<_, StoreError, _>(|tx| tx.index_get(&INDEXED, "by_arn", &arn)).unwrap();
    });
    run("scan of 1000, decoded", 1, 200, |_| {
        here.read::<_, StoreError, _>(|tx| Ok(tx.scan(&ROWS)?.take(1000).count())).unwrap();
    });
    run("scan of 1000, keys only", 1, 200, |_| {
        here.read::<_, StoreError, _>(|tx| Ok(tx.scan(&ROWS)?.keys().take(1000).count())).unwrap();
    });
    run("scan of 1000, not decoded", 1, 200, |_| {
        here.read::<_, StoreError, _>(|tx| Ok(tx.scan(&ROWS)?.entries().take(1000).count())).unwrap();
    });
    run("snapshot", 1, count, |_| drop(db.snapshot().unwrap()));
}

fn fill(db: &Db) {
    let here = here(db);
    for batch in 0..100_u64 {
        write(&here, |tx| (0..1000).try_for_each(|n| tx.put(&INDEXED, ("a", batch * 1000 + n), &row(n))));
    }
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size(&entry.path()),
            #[cfg(unix)]
            Ok(about) => std::os::unix::fs::MetadataExt::blocks(&about) * 512,
            #[cfg(not(unix))]
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// In a process of its own: opens, reads one row, tells how long it took and how much memory it needs.
fn idle(path: &Path) {
    let before = resident();
    let start = Instant::now();
    let db = open(path, Durability::Process);
    let opened = start.elapsed();
    here(&db).read::<_, StoreError, _>(|tx| tx.get(&INDEXED, ("a", 5_u64))).unwrap();
    let read = start.elapsed();
    write(&here(&db), |tx| tx.put(&ROWS, ("b", 1_u64), &row(1)));
    let written = start.elapsed();
    std::thread::sleep(Duration::from_millis(500));
    println!(
        "  open {opened:.2?}, first row read {read:.2?}, first written {written:.2?}, resident {:.1} MiB (before {:.1}), on disk {:.1} MiB",
        resident() as f64 / 1024.0,
        before as f64 / 1024.0,
        size(path) as f64 / 1_048_576.0
    );
    std::process::exit(0);
}

fn child(mode: &str, path: &Path) {
    let program = std::env::current_exe().unwrap();
    std::process::Command::new(program).arg(mode).arg(path).status().unwrap();
}

fn opening() {
    println!("opening, in a new process");
    for _ in 0..3 {
        let directory = tempfile::tempdir().unwrap();
        print!("  empty:       ");
        child("idle", directory.path());
    }
    let directory = tempfile::tempdir().unwrap();
    let start = Instant::now();
    child("fill", directory.path());
    println!("  100,000 indexed rows written in transactions of 1000 and closed in {:.2?}", start.elapsed());
    for _ in 0..3 {
        // Every one of these processes ends without closing.
        print!("  100,000 rows:");
        child("idle", directory.path());
    }
}

/// In a process of its own: memory after a million small objects.
fn load(path: &Path) {
    let db = open(path, Durability::Process);
    let here = here(&db);
    let object = Object {
        etag: "9e107d9d372bb6826bd81d3542a419d6".to_owned(),
        size: 1024,
        body: Payload::Inline(Bytes::from(vec![7; 1024])),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let start = Instant::now();
    let count = 300_000_u64;
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16_u64)
            .map(|task| {
                let (here, object) = (here.clone(), object.clone());
                tokio::spawn(async move {
                    let mut slowest = Duration::ZERO;
                    for n in 0..count / 16 {
                        let key =
                            format!("key/{:016x}", (task * count + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                        let start = Instant::now();
                        here.write::<_, StoreError, _>(|tx| tx.put(&OBJECTS, ("bucket", &key), &object))
                            .await
                            .unwrap();
                        slowest = slowest.max(start.elapsed());
                    }
                    slowest
                })
            })
            .collect();
        let mut slowest = Duration::ZERO;
        for task in tasks {
            slowest = slowest.max(task.await.unwrap());
        }
        println!(
            "  {count} objects of 1 KiB by 16 tasks: {:.0}/s, slowest {slowest:.2?}",
            count as f64 / start.elapsed().as_secs_f64()
        );
    });
    println!(
        "    resident {:.1} MiB, on disk {:.1} MiB",
        resident() as f64 / 1024.0,
        size(path) as f64 / 1_048_576.0
    );
    let start = Instant::now();
    drop(here);
    drop(db);
    println!("    closed in {:.2?}, resident {:.1} MiB", start.elapsed(), resident() as f64 / 1024.0);
    idle(path);
}

/// What S3 does for small objects: the body in the row.
fn objects() {
    println!("objects, disk engine");
    let directory = tempfile::tempdir().unwrap();
    child("load", directory.path());
    for (size, count) in [(1_usize << 10, 40_000_u64), (16 << 10, 8_000), (60 << 10, 3_000)] {
        let directory = tempfile::tempdir().unwrap();
        let db = open(directory.path(), Durability::Process);
        let here = here(&db);
        let object = Object {
            etag: "9e107d9d372bb6826bd81d3542a419d6".to_owned(),
            size: size as u64,
            body: Payload::Inline(Bytes::from(vec![7; size])),
        };
        run(&format!("put {} KiB, 2 threads", size >> 10), 2, count, |n| {
            // Scattered over the whole range, which is the hardest order for the tree.
            let key = format!("key/{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            write(&here, |tx| tx.put(&OBJECTS, ("bucket", &key), &object));
        });
        run(&format!("get {} KiB, 2 threads", size >> 10), 2, count, |n| {
            here.read::<_, StoreError, _>(|tx| {
                let key = format!("key/{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                assert!(tx.get(&OBJECTS, ("bucket", &key))?.is_some());
                Ok(())
            })
            .unwrap();
        });
        println!(
            "    resident {:.1} MiB, on disk {:.1} MiB",
            resident() as f64 / 1024.0,
            self::size(directory.path()) as f64 / 1_048_576.0
        );
    }
}

fn blobs() {
    println!("blobs of 8 MiB");
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path(), Durability::Process);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut body = vec![0_u8; 8 << 20];
    let rate = |what: &str, start: Instant| {
        println!("  {what:<44} {:>7.0} MiB/s", 64.0 * 8.0 / start.elapsed().as_secs_f64());
    };
    let mut kept = Vec::new();
    let start = Instant::now();
    for number in 0..64_u64 {
        body.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, new)| *byte = new);
        let body = Bytes::copy_from_slice(&body);
        kept.push(runtime.block_on(async {
            let mut writer = db.blobs().writer();
            for at in (0..body.len()).step_by(64 << 10) {
                writer.write(body.slice(at..at + (64 << 10))).await.unwrap();
            }
            writer.finish().await.unwrap()
        }));
    }
    rate("write, in pieces of 64 KiB", start);
    let start = Instant::now();
    for staged in &kept {
        let Payload::Blob(blob) = staged.payload() else { continue };
        runtime.block_on(async {
            let mut reader = db.blobs().open(blob).unwrap();
            while let Some(chunk) = reader.next_chunk().await.unwrap() {
                std::hint::black_box(chunk);
            }
        });
    }
    rate("read, in chunks", start);
    let start = Instant::now();
    for staged in &kept {
        let Payload::Blob(blob) = staged.payload() else { continue };
        std::hint::black_box(db.blobs().open(blob).unwrap().read_to_end_blocking().unwrap());
    }
    rate("read, all at once", start);
    let start = Instant::now();
    for _ in 0..64 {
        std::hint::black_box(body.clone());
    }
    rate("for comparison: copy in memory", start);
}
