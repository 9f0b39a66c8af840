//! Span readers return a span as of their creation.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use swing_store::store::prune::{PruneOptions, prune};
use swing_store::store::{
    ArtifactMode, Bindings, Error, Exporter, Limits, Location, Monitor, OpenOptions, SpanReader,
    Store, StoreOptions, file_in_directory, set_limits,
};

const VAT: &[u8] = b"v1";

fn store_with_items(options: StoreOptions, count: usize) -> Store {
    let mut store = Store::in_memory(options).unwrap();
    store.init_transcript(VAT).unwrap();
    for number in 0..count {
        // Large enough for several batches per span.
        let item = format!("{number} {}", "x".repeat(5000));
        store.add_item(VAT, item.as_bytes()).unwrap();
    }
    store
}

fn count(reader: &SpanReader) -> Result<usize, Error> {
    let mut count = 0;
    while reader.next_item()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn readers_ignore_additions() {
    let mut store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    reader.next_item().unwrap();
    store.add_item(VAT, b"late").unwrap();
    assert_eq!(count(&reader).unwrap(), 99);
}

#[test]
fn readers_ignore_pruning() {
    let options = StoreOptions {
        keep_transcripts: false,
        ..StoreOptions::default()
    };
    let mut store = store_with_items(options, 100);
    let begun = store.read_span(VAT, None).unwrap();
    begun.next_item().unwrap();
    let not_begun = store.read_span(VAT, None).unwrap();
    store.rollover(VAT, false).unwrap();
    assert_eq!(count(&begun).unwrap(), 99);
    assert_eq!(count(&not_begun).unwrap(), 100);
    let late = store.read_span(VAT, Some(0.0)).unwrap();
    assert!(matches!(
        late.next_item(),
        Err(Error::MissingTranscriptItems {
            found: 0,
            expected: 100
        })
    ));
}

#[test]
fn readers_ignore_rollbacks_and_deletions() {
    let mut store = store_with_items(StoreOptions::default(), 10);
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"s").unwrap();
    store.add_item(VAT, b"to be rolled back").unwrap();
    let reader = store.read_span(VAT, None).unwrap();
    store.rollback_crank(b"s").unwrap();
    assert_eq!(count(&reader).unwrap(), 11);

    for budget in [None, Some(1.0)] {
        let mut store = store_with_items(StoreOptions::default(), 10);
        let reader = store.read_span(VAT, None).unwrap();
        let deletion = store.delete_vat_transcripts(VAT, budget).unwrap();
        assert!(deletion.done);
        assert_eq!(count(&reader).unwrap(), 10);
    }
}

#[test]
fn readers_ignore_statements_of_tools() {
    let store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    store
        .database()
        .lock()
        .execute_script("DELETE FROM transcriptItems")
        .unwrap();
    assert_eq!(count(&reader).unwrap(), 100);
}

#[test]
fn closing_ends_open_readers() {
    let mut store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    reader.next_item().unwrap();
    store.close().unwrap();
    assert!(matches!(reader.next_item(), Err(Error::DatabaseClosed)));
}

#[test]
fn readers_ignore_rollbacks_by_tools() {
    let store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    let shared = store.database().clone();
    let mut db = shared.lock();
    let rollback = db.prepare_statement(b"ROLLBACK").unwrap();
    db.run_statement(rollback, &Bindings::default()).unwrap();
    drop(db);
    assert_eq!(count(&reader).unwrap(), 100);
}

fn store_in(directory: &Path, unsafe_fast_mode: bool) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    Store::open(location, &OpenOptions::default(), unsafe_fast_mode, options).unwrap()
}

fn prune_all(directory: &Path) {
    let options = PruneOptions {
        keep_transcripts: ArtifactMode::Operational,
        keep_snapshots: ArtifactMode::Operational,
        budget: 1000,
        limit: None,
        dry_run: false,
    };
    assert_eq!(
        prune(directory, &options, &Monitor::default())
            .unwrap()
            .items,
        200
    );
}

#[test]
fn readers_ignore_pruning_by_another_connection() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_in(directory.path(), false);
    store.init_transcript(VAT).unwrap();
    for number in 0..200 {
        let item = format!("{number} {}", "x".repeat(5000));
        store.add_item(VAT, item.as_bytes()).unwrap();
    }
    // Readers from the transaction that added the items, and from a later one.
    let first = store.read_span(VAT, None).unwrap();
    store.rollover(VAT, false).unwrap();
    store.commit().unwrap();
    store.host_set(b"host.key", b"value").unwrap();
    let second = store.read_span(VAT, Some(0.0)).unwrap();
    second.next_item().unwrap();
    store.commit().unwrap();
    let third = store.read_span(VAT, Some(0.0)).unwrap();
    let fourth = store.export_span(b"transcript.v1.0.200").unwrap();
    let full = store.read_full_vat_transcript(VAT).unwrap();
    let exporter = Exporter::open(directory.path(), ArtifactMode::Archival).unwrap();
    let readonly = OpenOptions {
        readonly: true,
        ..OpenOptions::default()
    };
    let location = Location::File(file_in_directory(directory.path()));
    let other = Store::open(location, &readonly, false, StoreOptions::default()).unwrap();
    let fifth = other.read_span(VAT, Some(0.0)).unwrap();
    prune_all(directory.path());
    let counts =
        [&first, &second, &third, &fourth, &full[0], &fifth].map(|reader| count(reader).unwrap());
    assert_eq!(counts, [200, 199, 200, 200, 200, 200]);
    assert_eq!(exporter.artifact_names().unwrap().len(), 2);
    let late = store.read_span(VAT, Some(0.0)).unwrap();
    assert!(matches!(
        count(&late),
        Err(Error::MissingTranscriptItems {
            found: 0,
            expected: 200
        })
    ));
    store.close().unwrap();
}

#[test]
fn without_a_wal_a_reader_has_a_copy() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_in(directory.path(), true);
    store.init_transcript(VAT).unwrap();
    for number in 0..100 {
        let item = format!("{number} {}", "x".repeat(5000));
        store.add_item(VAT, item.as_bytes()).unwrap();
    }
    let within = store.read_span(VAT, None).unwrap();
    store.commit().unwrap();
    let outside = store.read_span(VAT, None).unwrap();
    let other = Connection::open(file_in_directory(directory.path())).unwrap();
    other.execute("DELETE FROM transcriptItems", []).unwrap();
    assert_eq!(
        (count(&within).unwrap(), count(&outside).unwrap()),
        (100, 100)
    );
}

/// A vat's items, and the ones that a reader has to return.
#[derive(Clone, Default)]
struct Model {
    items: BTreeMap<i64, String>,
    start: i64,
    end: i64,
}

/// An open reader, the items that it has yet to return, and whether it fails at the end.
struct Open {
    reader: SpanReader,
    rest: Vec<(i64, String)>,
    is_complete: bool,
}

impl Open {
    fn step(&mut self, count: usize) -> bool {
        for _ in 0..count {
            match self.reader.next_item() {
                Ok(Some((position, item))) => {
                    let item = String::from_utf8(item).unwrap();
                    assert!(!self.rest.is_empty(), "unexpected {item} at {position}");
                    assert_eq!((position, item), self.rest.remove(0));
                }
                Ok(None) => {
                    assert!(self.rest.is_empty() && self.is_complete, "{:?}", self.rest);
                    return false;
                }
                Err(error) => {
                    assert!(
                        matches!(error, Error::MissingTranscriptItems { .. }),
                        "{error:?}"
                    );
                    assert!(
                        self.rest.is_empty() && !self.is_complete,
                        "{error} {:?}",
                        self.rest
                    );
                    return false;
                }
            }
        }
        true
    }
}

/// Runs random sequences of all operations that change items, and compares each reader with the items at its creation.
#[test]
fn readers_return_the_span_as_of_their_creation_after_random_changes() {
    set_limits(Limits {
        item_batch_bytes: 40,
        pinned_log_bytes: 20_000,
        ..Limits::DEFAULT
    });
    let mut random = 5u64;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    for round in 0..60 {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            keep_transcripts: round % 2 == 0,
            ..StoreOptions::default()
        };
        let in_file = round % 3 != 0;
        let mut store = if in_file {
            let location = Location::File(file_in_directory(directory.path()));
            Store::open(location, &OpenOptions::default(), false, options.clone()).unwrap()
        } else {
            Store::in_memory(options.clone()).unwrap()
        };
        let other = in_file.then(|| Connection::open(file_in_directory(directory.path())).unwrap());
        store.init_transcript(VAT).unwrap();
        let mut model = Model::default();
        let mut committed: Option<Model> = None;
        let mut savepoints: Vec<Model> = Vec::new();
        let mut in_transaction = true;
        let mut open: Vec<Open> = Vec::new();
        store.start_crank().unwrap();
        for step in 0..120 {
            match below(14) {
                0..=3 => {
                    let item = format!("{step} {}", "x".repeat(below(20) as usize));
                    store.add_item(VAT, item.as_bytes()).unwrap();
                    model.items.insert(model.end, item);
                    model.end += 1;
                    in_transaction = true;
                }
                4 | 5 => {
                    let reader = store.read_span(VAT, None).unwrap();
                    let range = model.start..model.end;
                    let rest: Vec<_> = model
                        .items
                        .range(range.clone())
                        .map(|(position, item)| (*position, item.clone()))
                        .collect();
                    let is_complete = rest.len() as i64 == range.end - range.start;
                    open.push(Open {
                        reader,
                        rest,
                        is_complete,
                    });
                }
                6 => {
                    let count = below(4) as usize;
                    open.retain_mut(|reader| reader.step(count));
                }
                7 => {
                    let name = savepoints.len().to_string();
                    store.establish_crank_savepoint(name.as_bytes()).unwrap();
                    savepoints.push(model.clone());
                    in_transaction = true;
                }
                8 if !savepoints.is_empty() => {
                    let at = below(savepoints.len() as u64) as usize;
                    store.rollback_crank(at.to_string().as_bytes()).unwrap();
                    model = savepoints[at].clone();
                    savepoints.truncate(at);
                }
                9 if model.start < model.end => {
                    store.rollover(VAT, false).unwrap();
                    if !options.keep_transcripts {
                        model.items.retain(|position, _| *position < model.start);
                    }
                    model.start = model.end;
                    in_transaction = true;
                }
                10 => {
                    store.delete_vat_transcripts(VAT, Some(100.0)).unwrap();
                    store.init_transcript(VAT).unwrap();
                    model = Model::default();
                    in_transaction = true;
                }
                11 => {
                    store.end_crank().unwrap();
                    store.finish_crank();
                    store.commit().unwrap();
                    store.start_crank().unwrap();
                    savepoints.clear();
                    committed = Some(model.clone());
                    in_transaction = false;
                }
                12 => {
                    let position = model.start;
                    let sql = format!("DELETE FROM transcriptItems WHERE position = {position}");
                    match &other {
                        Some(other) if !in_transaction => drop(other.execute(&sql, []).unwrap()),
                        _ => store.database().lock().execute_script(&sql).unwrap(),
                    }
                    model.items.remove(&position);
                }
                13 if committed.is_some() && in_transaction && savepoints.is_empty() => {
                    store.database().lock().execute_script("ROLLBACK").unwrap();
                    model = committed.clone().unwrap();
                    in_transaction = false;
                }
                _ => {}
            }
            if !in_transaction {
                committed = Some(model.clone());
            }
        }
        for reader in &mut open {
            assert!(!reader.step(usize::MAX));
        }
        store.close().unwrap();
    }
}
