//! Typed tables through the public interface, on the engine in memory and on the one on disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and has a deadline")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloudtwin_store::{Db, Durability, IndexKeys, Owner, Scope, ScopedDb, StartsWith, StoreError, Table};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Queue {
    arn: String,
    tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Object {
    etag: String,
}

const QUEUES: Table<Queue> = Table::regional("sqs/queues")
    .index("by_arn", |queue: &Queue| IndexKeys::one(&queue.arn))
    .index("by_tag", |queue: &Queue| IndexKeys::each(&queue.tags));
const OBJECTS: Table<Object, (String, String)> = Table::global("s3/objects");
const ROLES: Table<Object> = Table::account("iam/roles");

const ACCOUNT: &str = "000000000000";

fn queue(name: &str, tags: &[&str]) -> Queue {
    Queue {
        arn: format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"),
        tags: tags.iter().map(ToString::to_string).collect(),
    }
}

fn object(etag: &str) -> Object {
    Object { etag: etag.to_owned() }
}

/// Runs one story on every engine.
fn on_every_engine(story: impl Fn(ScopedDb)) {
    story(Db::ephemeral().unwrap().scoped(ACCOUNT, "us-east-1"));
    for durability in [Durability::Process, Durability::Sync] {
        let directory = tempfile::tempdir().unwrap();
        story(Db::open(directory.path(), durability).unwrap().scoped(ACCOUNT, "us-east-1"));
    }
}

fn read<T>(db: &ScopedDb, mut read: impl FnMut(&cloudtwin_store::ReadTx<'_>) -> Result<T, StoreError>) -> T {
    db.read(|tx| read(tx)).unwrap()
}

fn write<T>(
    db: &ScopedDb,
    mut write: impl FnMut(&mut cloudtwin_store::Tx<'_>) -> Result<T, StoreError>,
) -> T {
    db.write_blocking(|tx| write(tx)).unwrap()
}

fn put_objects(db: &ScopedDb, keys: &[(&str, &str)]) {
    write(db, |tx| keys.iter().try_for_each(|key| tx.put(&OBJECTS, *key, &object(key.1))));
}

#[test]
fn a_row_is_found_where_it_was_put_and_nowhere_else() {
    on_every_engine(|db| {
        write(&db, |tx| tx.put(&QUEUES, "jobs", &queue("jobs", &[])));
        assert_eq!(read(&db, |tx| tx.get(&QUEUES, "jobs")), Some(queue("jobs", &[])));
        assert!(!read(&db, |tx| tx.contains(&QUEUES, "job")));
        let elsewhere = db.db().scoped(ACCOUNT, "eu-west-1");
        assert!(!read(&elsewhere, |tx| tx.contains(&QUEUES, "jobs")));
        assert!(read(&elsewhere, |tx| tx.at(ACCOUNT, "us-east-1").contains(&QUEUES, "jobs")));
    });
}

#[test]
fn scopes_share_what_their_declaration_says() {
    on_every_engine(|db| {
        write(&db, |tx| {
            tx.put(&ROLES, "admin", &object("role"))?;
            tx.put(&OBJECTS, ("b", "k"), &object("object"))
        });
        let other_region = db.db().scoped(ACCOUNT, "eu-west-1");
        let other_account = db.db().scoped("111111111111", "us-east-1");
        assert!(read(&other_region, |tx| tx.contains(&ROLES, "admin")));
        assert!(!read(&other_account, |tx| tx.contains(&ROLES, "admin")));
        assert!(read(&other_account, |tx| tx.contains(&OBJECTS, ("b", "k"))));
    });
}

#[test]
fn an_error_takes_everything_back() {
    on_every_engine(|db| {
        let ran = Arc::new(AtomicUsize::new(0));
        let hook = Arc::clone(&ran);
        let result: Result<(), StoreError> = db.write_blocking(|tx| {
            tx.put(&QUEUES, "jobs", &queue("jobs", &["a"]))?;
            assert!(tx.contains(&QUEUES, "jobs")?, "a transaction sees its own writes");
            let hook = Arc::clone(&hook);
            tx.after_commit(Box::new(move || {
                hook.fetch_add(1, Ordering::Relaxed);
            }));
            Err(StoreError::Conflict)
        });
        assert!(result.is_err());
        assert_eq!(read(&db, |tx| tx.count(&QUEUES)), 0);
        assert!(read(&db, |tx| tx.index_get(&QUEUES, "by_tag", "a")).is_none());
        assert_eq!(ran.load(Ordering::Relaxed), 0, "what waits for a commit does not run without one");
    });
}

#[test]
fn a_hook_sees_what_was_committed() {
    on_every_engine(|db| {
        let ran = Arc::new(AtomicUsize::new(0));
        write(&db, |tx| {
            tx.put(&QUEUES, "jobs", &queue("jobs", &[]))?;
            let (db, ran) = (db.clone(), Arc::clone(&ran));
            tx.after_commit(Box::new(move || {
                ran.store(read(&db, |tx| tx.count(&QUEUES)), Ordering::Relaxed);
            }));
            Ok(())
        });
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn insert_keeps_the_first_row_and_take_removes_it() {
    on_every_engine(|db| {
        assert!(write(&db, |tx| tx.insert(&ROLES, "admin", &object("first"))));
        assert!(!write(&db, |tx| tx.insert(&ROLES, "admin", &object("second"))));
        assert_eq!(write(&db, |tx| tx.take(&ROLES, "admin")), Some(object("first")));
        assert_eq!(write(&db, |tx| tx.take(&ROLES, "admin")), None);
    });
}

#[test]
fn indexes_follow_their_rows() {
    on_every_engine(|db| {
        write(&db, |tx| {
            tx.put(&QUEUES, "b", &queue("b", &["red", "blue"]))?;
            tx.put(&QUEUES, "a", &queue("a", &["red"]))
        });
        let by_tag = |tag: &str| -> Vec<String> {
            read(&db, |tx| tx.index_scan(&QUEUES, "by_tag", tag)?.keys().collect())
        };
        assert_eq!(by_tag("red"), ["a", "b"]);
        assert_eq!(by_tag("re"), [""; 0], "an index key is matched as a whole");
        write(&db, |tx| tx.put(&QUEUES, "b", &queue("b", &["blue", "green"])));
        assert_eq!(by_tag("red"), ["a"]);
        assert_eq!(by_tag("green"), ["b"]);
        write(&db, |tx| tx.delete(&QUEUES, "a"));
        assert_eq!(by_tag("red"), [""; 0]);
        let all: Vec<String> = read(&db, |tx| tx.index_range(&QUEUES, "by_tag", "b".."h")?.keys().collect());
        assert_eq!(all, ["b", "b"], "once for each of its keys");
        let arn = queue("b", &[]).arn;
        assert_eq!(
            read(&db, |tx| tx.index_get(&QUEUES, "by_arn", &arn)),
            Some(queue("b", &["blue", "green"]))
        );
        assert!(matches!(
            db.read(|tx| tx.index_get(&QUEUES, "by_age", 1_u64)),
            Err(StoreError::Declaration { .. })
        ));
    });
}

#[test]
fn pages_and_directions_and_bounds() {
    on_every_engine(|db| {
        put_objects(&db, &[("a", "1"), ("b", "1"), ("b", "2"), ("b", "3"), ("b\0", "1"), ("c", "1")]);
        // Every question is asked outside and inside of the transaction that writes more.
        let keys = |tx: &cloudtwin_store::ReadTx<'_>| -> Result<Vec<Vec<String>>, StoreError> {
            let flat = |keys: Vec<(String, String)>| keys.into_iter().map(|(b, k)| b + "/" + &k).collect();
            Ok(vec![
                flat(tx.prefix(&OBJECTS, ("b",))?.keys().collect::<Result<_, _>>()?),
                flat(
                    tx.prefix(&OBJECTS, ("b",))?
                        .after(("b", "1"))
                        .keys()
                        .take(1)
                        .collect::<Result<_, _>>()?,
                ),
                flat(tx.prefix(&OBJECTS, ("b",))?.reverse().keys().collect::<Result<_, _>>()?),
                flat(
                    tx.prefix(&OBJECTS, ("b",))?
                        .before(("b", "3"))
                        .reverse()
                        .keys()
                        .collect::<Result<_, _>>()?,
                ),
                flat(tx.range(&OBJECTS, ("b", "2")..("c", "1"))?.keys().collect::<Result<_, _>>()?),
                flat(tx.range(&OBJECTS, ..=("b", "1"))?.keys().collect::<Result<_, _>>()?),
            ])
        };
        let expected = vec![
            vec!["b/1", "b/2", "b/3"],
            vec!["b/2"],
            vec!["b/3", "b/2", "b/1"],
            vec!["b/2", "b/1"],
            vec!["b/2", "b/3", "b\0/1"],
            vec!["a/1", "b/1"],
        ];
        assert_eq!(read(&db, keys), expected);
        write(&db, |tx| {
            for key in ["1", "2", "3"] {
                tx.delete(&OBJECTS, ("b", key))?;
            }
            assert_eq!(tx.prefix(&OBJECTS, ("b",))?.count(), 0);
            put_all(tx, &["3", "1", "2"])?;
            assert_eq!(keys(tx)?, expected);
            Ok(())
        });
    });
}

fn put_all(tx: &mut cloudtwin_store::Tx<'_>, keys: &[&str]) -> Result<(), StoreError> {
    keys.iter().try_for_each(|key| tx.put(&OBJECTS, ("b", *key), &object(key)))
}

#[test]
fn a_listing_with_a_delimiter_steps_over_common_prefixes() {
    on_every_engine(|db| {
        put_objects(&db, &[("b", "a"), ("b", "p/1"), ("b", "p/2"), ("b", "p0"), ("b", "q/1"), ("c", "z")]);
        let listed = read(&db, |tx| {
            let mut rows = tx.prefix(&OBJECTS, ("b", StartsWith("")))?;
            let mut listed = Vec::new();
            while let Some(entry) = rows.next_entry() {
                let (bucket, key) = entry?.key()?;
                match key.split_once('/') {
                    Some((common, _)) => {
                        let common = format!("{common}/");
                        rows.skip_prefix((bucket, StartsWith(&common)));
                        listed.push(common);
                    }
                    None => listed.push(key),
                }
            }
            Ok(listed)
        });
        assert_eq!(listed, ["a", "p/", "p0", "q/"]);
        let sought: Vec<_> = read(&db, |tx| {
            let mut rows = tx.scan(&OBJECTS)?;
            rows.next_entry();
            rows.seek(("b", "p/2"));
            rows.keys().collect()
        });
        assert_eq!(sought.len(), 4);
    });
}

#[test]
fn one_transaction_reaches_other_scopes_and_sweepers_see_them_all() {
    on_every_engine(|db| {
        write(&db, |tx| {
            tx.put(&QUEUES, "here", &queue("here", &[]))?;
            tx.at("111111111111", "eu-west-1").put(&QUEUES, "there", &queue("there", &[]))
        });
        let all: Vec<_> = read(&db, |tx| {
            tx.all_scopes(&QUEUES)?.map(|row| row.map(|(owner, key, _)| (owner, key))).collect()
        });
        let owner = |account: &str, region: &str| Owner { account: account.into(), region: region.into() };
        let here = (owner(ACCOUNT, "us-east-1"), "here".to_owned());
        let there = (owner("111111111111", "eu-west-1"), "there".to_owned());
        assert_eq!(all, [here, there]);
        assert_eq!(read(&db, |tx| tx.count(&QUEUES)), 1);
    });
}

#[test]
fn a_snapshot_does_not_change() {
    on_every_engine(|db| {
        write(&db, |tx| tx.put(&ROLES, "admin", &object("before")));
        let snapshot = db.db().snapshot().unwrap();
        write(&db, |tx| {
            tx.put(&ROLES, "admin", &object("after"))?;
            tx.put(&QUEUES, "new", &queue("new", &[]))
        });
        let view = snapshot.at(ACCOUNT, "us-east-1");
        assert_eq!(view.get(&ROLES, "admin").unwrap(), Some(object("before")));
        assert_eq!(view.count(&QUEUES).unwrap(), 0);
    });
}

#[test]
fn rows_without_types_carry_a_state_from_one_store_to_another() {
    on_every_engine(|db| {
        write(&db, |tx| {
            tx.put(&QUEUES, "jobs", &queue("jobs", &["red"]))?;
            tx.put(&OBJECTS, ("b", "k"), &object("e"))
        });
        let copy = Db::ephemeral().unwrap().scoped(ACCOUNT, "us-east-1");
        // Other numbers for the same tables.
        write(&copy, |tx| tx.put(&ROLES, "admin", &object("role")));
        let snapshot = db.db().snapshot().unwrap();
        let tables = snapshot.tables().unwrap();
        assert_eq!(
            tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(),
            ["s3/objects", "sqs/queues"]
        );
        assert_eq!(tables[1].scope, Scope::Regional);
        for table in &tables {
            for row in snapshot.rows(table) {
                let row = row.unwrap();
                assert_eq!(snapshot.row(table, &row.owner, &row.key).unwrap().as_ref(), Some(&row));
                write(&copy, |tx| tx.put_raw(table, &row));
            }
        }
        assert_eq!(read(&copy, |tx| tx.index_get(&QUEUES, "by_tag", "red")), Some(queue("jobs", &["red"])));
        assert!(read(&copy, |tx| tx.contains(&OBJECTS, ("b", "k"))));

        let row = snapshot.rows(&tables[1]).next().unwrap().unwrap();
        write(&copy, |tx| tx.delete_raw(&tables[1], &row.owner, &row.key));
        assert!(read(&copy, |tx| tx.index_get(&QUEUES, "by_tag", "red")).is_none());
    });
}

#[tokio::test]
async fn a_reset_empties_one_service_or_all() {
    let db = Db::ephemeral().unwrap().scoped(ACCOUNT, "us-east-1");
    db.write::<_, StoreError, _>(|tx| {
        tx.put(&QUEUES, "jobs", &queue("jobs", &["red"]))?;
        tx.put(&ROLES, "admin", &object("role"))
    })
    .await
    .unwrap();
    assert_eq!(db.db().reset("sqs/").await.unwrap(), 1);
    assert!(read(&db, |tx| tx.index_get(&QUEUES, "by_tag", "red")).is_none());
    assert_eq!(read(&db, |tx| tx.count(&ROLES)), 1);
    assert_eq!(db.db().reset("").await.unwrap(), 1);
    assert_eq!(read(&db, |tx| tx.count(&ROLES)), 0);
}

/// A later release: a field and an index more.
mod later {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Queue {
        pub(super) arn: String,
        pub(super) tags: Vec<String>,
        #[serde(default)]
        pub(super) fifo: bool,
    }

    pub(super) const QUEUES: Table<Queue> = Table::regional("sqs/queues")
        .index("by_arn", |queue: &Queue| IndexKeys::one(&queue.arn))
        .index("by_tags", |queue: &Queue| IndexKeys::each(&queue.tags));
}

#[test]
fn a_later_release_reads_old_rows_and_fills_its_new_index() {
    on_every_engine(|db| {
        write(&db, |tx| {
            tx.put(&QUEUES, "old", &queue("old", &["red"]))?;
            tx.put(&QUEUES, "older", &queue("older", &["red"]))
        });
        let by_tag = || -> Vec<String> {
            read(&db, |tx| tx.index_scan(&later::QUEUES, "by_tags", "red")?.reverse().keys().collect())
        };
        assert_eq!(
            by_tag(),
            ["older", "old"],
            "before anything was written, the index is made from the rows"
        );
        write(&db, |tx| {
            let new = later::Queue { arn: "new".into(), tags: vec!["red".into()], fifo: true };
            tx.put(&later::QUEUES, "new", &new)
        });
        assert_eq!(by_tag(), ["older", "old", "new"]);
        assert!(!read(&db, |tx| tx.get(&later::QUEUES, "old")).unwrap().fifo);
    });
}

#[test]
fn a_table_declared_in_two_scopes_is_refused() {
    const OTHER: Table<Object> = Table::global("iam/roles");
    on_every_engine(|db| {
        write(&db, |tx| tx.put(&ROLES, "admin", &object("role")));
        assert!(matches!(db.read(|tx| tx.get(&OTHER, "admin")), Err(StoreError::Declaration { .. })));
    });
}

#[test]
fn a_shared_row_is_what_every_view_sees() {
    on_every_engine(|db| {
        let shared = |name: &str| read(&db, |tx| tx.get_shared(&QUEUES, name)).map(Arc::unwrap_or_clone);
        assert_eq!(shared("jobs"), None);
        write(&db, |tx| tx.put(&QUEUES, "jobs", &queue("jobs", &["old"])));
        assert_eq!(shared("jobs"), Some(queue("jobs", &["old"])));
        let before = db.db().snapshot().unwrap();
        let refused = db.write_blocking::<(), StoreError, _>(|tx| {
            tx.put(&QUEUES, "jobs", &queue("jobs", &["mine"]))?;
            assert_eq!(*tx.get_shared(&QUEUES, "jobs")?.unwrap(), queue("jobs", &["mine"]));
            tx.delete(&QUEUES, "jobs")?;
            assert!(tx.get_shared(&QUEUES, "jobs")?.is_none());
            Err(StoreError::Conflict)
        });
        assert!(refused.is_err());
        assert_eq!(shared("jobs"), Some(queue("jobs", &["old"])), "what was rolled back is not seen");
        write(&db, |tx| tx.put(&QUEUES, "jobs", &queue("jobs", &["new"])));
        assert_eq!(shared("jobs"), Some(queue("jobs", &["new"])));
        let old = before.at(ACCOUNT, "us-east-1").get_shared(&QUEUES, "jobs").unwrap().unwrap();
        assert_eq!(*old, queue("jobs", &["old"]), "a snapshot goes on seeing what it saw");
        assert!(!read(&db, |tx| tx.get_shared(&later::QUEUES, "jobs")).unwrap().fifo, "as another type");
        assert_eq!(shared("jobs"), Some(queue("jobs", &["new"])));
        let elsewhere = db.db().scoped(ACCOUNT, "eu-west-1");
        assert!(read(&elsewhere, |tx| tx.get_shared(&QUEUES, "jobs")).is_none());
        // More rows than are kept, and rows that are too long to be kept.
        for round in 0..2 {
            for number in 0..300 {
                let row = queue(&format!("q{number}"), &[&"x".repeat(number * 40), &round.to_string()]);
                write(&db, |tx| tx.put(&QUEUES, format!("q{number}"), &row));
                assert_eq!(shared(&format!("q{number}")), Some(row));
            }
        }
        write(&db, |tx| tx.delete(&QUEUES, "jobs"));
        assert_eq!(shared("jobs"), None);
    });
}

#[test]
fn a_tables_revision_tells_of_its_commits() {
    on_every_engine(|db| {
        let revisions = || (db.db().revision(&QUEUES).unwrap(), db.db().revision(&ROLES).unwrap());
        let unborn = revisions();
        write(&db, |tx| tx.put(&QUEUES, "jobs", &queue("jobs", &[])));
        let born = revisions();
        assert_ne!(unborn.0, born.0);
        write(&db, |tx| tx.put(&ROLES, "admin", &object("role")));
        let (queues, roles) = revisions();
        assert_eq!(queues, born.0, "other tables' commits do not matter");
        assert_ne!(roles, born.1);
        write(&db, |tx| tx.get(&ROLES, "admin"));
        let refused = db.write_blocking::<(), StoreError, _>(|tx| {
            tx.put(&ROLES, "admin", &object("other"))?;
            Err(StoreError::Conflict)
        });
        assert!(refused.is_err());
        assert_eq!(revisions(), (queues, roles), "reading and rolling back change nothing");
        write(&db, |tx| tx.delete(&ROLES, "admin"));
        assert_ne!(revisions().1, roles);
        let (queues, _) = revisions();
        write(&db, |tx| tx.clear("sqs/"));
        assert_ne!(revisions().0, queues);
    });
}

#[test]
fn a_table_appears_together_with_what_was_committed_with_it() {
    on_every_engine(|db| {
        let names = (0..200).map(|n| &*Box::leak(format!("new/{n}").into_boxed_str()));
        let tables: Vec<Table<u32>> = names.map(Table::global).collect();
        let seen = |tx: &cloudtwin_store::ReadTx<'_>, n: usize| {
            // The new table first: whoever sees it absent must not see the object either.
            let row = tx.get(&tables[n], "row")?;
            Ok::<_, StoreError>((row.is_some(), tx.contains(&ROLES, n.to_string())?))
        };
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while made.load(Ordering::Acquire) < tables.len() {
                        let n = made.load(Ordering::Acquire).min(tables.len() - 1);
                        let (table, role) = db.read(|tx| seen(tx, n)).unwrap();
                        assert_eq!(table, role);
                        let (table, role) = write(&db, |tx| seen(tx, n));
                        assert_eq!(table, role);
                    }
                });
            }
            for (n, table) in tables.iter().enumerate() {
                assert_eq!(db.read(|tx| tx.get(table, "row")).unwrap(), None::<u32>);
                write(&db, |tx| {
                    tx.put(&ROLES, n.to_string(), &object("role"))?;
                    tx.put(table, "row", &1)?;
                    assert_eq!(tx.get(table, "row")?, Some(1));
                    Ok(())
                });
                assert_eq!(db.read(|tx| seen(tx, n)).unwrap(), (true, true));
                made.store(n + 1, Ordering::Release);
            }
        });
    });
}
