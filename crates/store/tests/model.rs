//! Transactions and indexes against a plain map, over reopenings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and has a deadline")]

use std::collections::BTreeMap;

use cloudtwin_store::{Db, Durability, IndexKeys, ScopedDb, StoreError, Table};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    colours: Vec<u8>,
    filler: String,
}

type Key = (String, u64);
type Model = BTreeMap<Key, Row>;

const ROWS: Table<Row, Key> =
    Table::regional("model/rows").index("by_colour", |row: &Row| IndexKeys::each(&row.colours));

#[derive(Debug, Clone)]
enum Step {
    Put(Key, Row),
    Insert(Key, Row),
    Delete(Key),
}

#[derive(Debug, Clone)]
enum Event {
    Transaction { steps: Vec<Step>, commits: bool },
    Reopen,
}

fn key() -> impl Strategy<Value = Key> {
    ("[ab\0]{0,2}", 0_u64..4)
}

fn row() -> impl Strategy<Value = Row> {
    // Now and then enough to seal a layer after a few rows.
    let filler = prop_oneof![20 => Just(0), 1 => Just(400_000)].prop_map(|size| "x".repeat(size));
    (proptest::collection::vec(0_u8..3, 0..3), filler).prop_map(|(colours, filler)| Row { colours, filler })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (key(), row()).prop_map(|(key, row)| Step::Put(key, row)),
        1 => (key(), row()).prop_map(|(key, row)| Step::Insert(key, row)),
        2 => key().prop_map(Step::Delete),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let transaction = (proptest::collection::vec(step(), 1..6), proptest::bool::weighted(0.8))
        .prop_map(|(steps, commits)| Event::Transaction { steps, commits });
    prop_oneof![12 => transaction, 1 => Just(Event::Reopen)]
}

fn check(db: &ScopedDb, model: &Model) -> Result<(), TestCaseError> {
    db.read(|tx| Ok::<_, StoreError>(check_tx(tx, model))).unwrap()
}

fn check_tx(tx: &cloudtwin_store::ReadTx<'_>, model: &Model) -> Result<(), TestCaseError> {
    let rows: Vec<(Key, Row)> = tx.scan(&ROWS).unwrap().collect::<Result<_, _>>().unwrap();
    prop_assert_eq!(&rows, &model.clone().into_iter().collect::<Vec<_>>());
    let mut reverse: Vec<(Key, Row)> = tx.scan(&ROWS).unwrap().reverse().collect::<Result<_, _>>().unwrap();
    reverse.reverse();
    prop_assert_eq!(&rows, &reverse);
    for (key, row) in model {
        let found = tx.get(&ROWS, key).unwrap();
        prop_assert_eq!(found.as_ref(), Some(row));
    }
    for first in ["", "a", "a\0", "b"] {
        let found: Vec<Key> = tx.prefix(&ROWS, (first,)).unwrap().keys().collect::<Result<_, _>>().unwrap();
        let expected: Vec<Key> = model.keys().filter(|key| key.0 == first).cloned().collect();
        prop_assert_eq!(found, expected);
        let found: Vec<Key> =
            tx.range(&ROWS, (first, 2_u64)..).unwrap().keys().collect::<Result<_, _>>().unwrap();
        let expected: Vec<Key> = model.range((first.to_owned(), 2)..).map(|(key, _)| key.clone()).collect();
        prop_assert_eq!(found, expected);
    }
    let mut expected: Vec<(u8, Key)> = model
        .iter()
        .flat_map(|(key, row)| {
            let colours: std::collections::BTreeSet<u8> = row.colours.iter().copied().collect();
            colours.into_iter().map(|colour| (colour, key.clone()))
        })
        .collect();
    expected.sort();
    let mut found = Vec::new();
    for colour in 0..3_u8 {
        for key in tx.index_scan(&ROWS, "by_colour", colour).unwrap().keys() {
            found.push((colour, key.unwrap()));
        }
    }
    prop_assert_eq!(&found, &expected);
    let all: Vec<Key> =
        tx.index_range(&ROWS, "by_colour", ..).unwrap().keys().collect::<Result<_, _>>().unwrap();
    prop_assert_eq!(all, expected.into_iter().map(|(_, key)| key).collect::<Vec<_>>());
    Ok(())
}

fn run(db: &ScopedDb, model: &mut Model, steps: &[Step], commits: bool) -> Result<(), TestCaseError> {
    let mut checked = Ok(());
    let mut after = model.clone();
    let result: Result<(), StoreError> = db.write_blocking(|tx| {
        after.clone_from(model);
        for step in steps {
            match step {
                Step::Put(key, row) => {
                    tx.put(&ROWS, key, row)?;
                    after.insert(key.clone(), row.clone());
                }
                Step::Insert(key, row) => {
                    assert_eq!(tx.insert(&ROWS, key, row)?, !after.contains_key(key));
                    after.entry(key.clone()).or_insert_with(|| row.clone());
                }
                Step::Delete(key) => {
                    tx.delete(&ROWS, key)?;
                    after.remove(key);
                }
            }
        }
        checked = check_tx(tx, &after);
        if commits { Ok(()) } else { Err(StoreError::Conflict) }
    });
    checked?;
    prop_assert_eq!(result.is_ok(), commits);
    if commits {
        *model = after;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_store_is_a_map(events in proptest::collection::vec(event(), 1..30)) {
        let directory = tempfile::tempdir().unwrap();
        let open = || Db::open(directory.path(), Durability::Process).unwrap().scoped("1", "eu-west-1");
        let mut disk = Some(open());
        let memory = Db::ephemeral().unwrap().scoped("1", "eu-west-1");
        let mut model = Model::new();
        for event in events {
            match event {
                Event::Transaction { steps, commits } => {
                    let mut copy = model.clone();
                    run(&memory, &mut copy, &steps, commits)?;
                    if let Some(disk) = &disk {
                        run(disk, &mut model, &steps, commits)?;
                    }
                }
                Event::Reopen => {
                    drop(disk.take());
                    disk = Some(open());
                }
            }
            if let Some(disk) = &disk {
                check(disk, &model)?;
            }
            check(&memory, &model)?;
        }
    }
}
