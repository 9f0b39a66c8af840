//! Compares random operations on a store with a model of plain maps without buffers.
//!
//! A single test, because the limits apply to the whole process.

mod model;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use model::{KEYS, Random, SPAN_KEY, State};
use swing_store::store::{
    Bindings, CacheSignalReadout, CacheState, FILE_NAME, Limits, Location, OpenOptions,
    SharedDatabase, SqlValue, Store, StoreOptions, set_limits,
};

/// The longest sequence.
const STEPS: usize = 600;

const VAT: &[u8] = b"v1";

const TINY: Limits = Limits {
    kv_cache_bytes: 120,
    kv_buffer_bytes: 400,
    item_batch_bytes: 40,
    frame_bytes: 100,
    record_batch_bytes: 50,
    chunk_bytes: 7,
    image_block_bytes: 600,
    file_block_bytes: 600,
    value_bytes: Limits::DEFAULT.value_bytes,
    pinned_log_bytes: 5000,
    log_pages: 20,
};

fn text(text: &[u8]) -> SqlValue {
    SqlValue::Text(text.to_vec())
}

/// Runs a tool's statement and returns its rows.
fn sql(db: &SharedDatabase, sql: &str, values: Vec<SqlValue>) -> Vec<Vec<SqlValue>> {
    let mut db = db.lock();
    let id = db.prepare_statement(sql.as_bytes()).unwrap();
    let bindings = Bindings {
        positional: values,
        named: None,
    };
    let rows = if db.statement_returns_data(id).unwrap() {
        db.query_statement(id, &bindings, usize::MAX).unwrap()
    } else {
        db.run_statement(id, &bindings).unwrap();
        Vec::new()
    };
    db.drop_statement(id);
    rows
}

const SET: &str = "INSERT OR REPLACE INTO kvStore (key, value) VALUES (?, ?)";

fn open(directory: Option<&Path>) -> Store {
    let location = match directory {
        Some(directory) => Location::File(directory.join(FILE_NAME)),
        None => Location::Memory,
    };
    let options = StoreOptions::default();
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

/// Shows the generation of a store's cached values.
#[derive(Default)]
struct Generation(AtomicI32);

impl CacheSignalReadout for Generation {
    fn show(&self, state: CacheState) {
        self.0.store(state.generation, Ordering::Relaxed);
    }
}

fn generation(store: &Store) -> i32 {
    let shown = Arc::new(Generation::default());
    let readout: Arc<dyn CacheSignalReadout> = shown.clone();
    let signal = store.database().lock().signal();
    signal.add_readout(readout.clone());
    signal.remove_readout(&readout);
    shown.0.load(Ordering::Relaxed)
}

/// A store and its model.
struct Pair<'a> {
    store: Store,
    directory: Option<&'a Path>,
    now: State,
    committed: State,
    /// The name of each of the crank's savepoints, and the state that it restores.
    savepoints: Vec<(Vec<u8>, State)>,
}

impl Pair<'_> {
    fn step(&mut self, operation: usize, random: &mut Random, what: &str) {
        let key = random.key();
        let database = self.store.database().clone();
        match operation {
            0..25 => {
                let value = random.value();
                self.store.kernel_set(key, &value).unwrap();
                self.now.kv.insert(key.to_vec(), value.clone());
                self.now.note(key, Some(&value));
            }
            25..38 => {
                self.store.kernel_delete(key).unwrap();
                self.now.kv.remove(key);
                self.now.note(key, None);
            }
            38..48 => assert_eq!(
                self.store.kv_get(key).unwrap().as_ref(),
                self.now.kv.get(key),
                "{what}"
            ),
            48..60 => {
                let mut key = key.to_vec();
                for _ in 0..random.below(6) {
                    let next = self.store.kv_get_next_key(&key).unwrap();
                    assert_eq!(next, self.now.key_after(&key), "{what}, after {key:?}");
                    let Some(next) = next else { break };
                    key = next;
                }
            }
            60..68 => {
                let item = random.value();
                self.store.add_item(VAT, &item).unwrap();
                self.now.items.push(item);
                let part = format!("\"endPos\":{},", self.now.items.len());
                self.now
                    .pending
                    .insert(SPAN_KEY.to_vec(), Some(part.into_bytes()));
            }
            68..78 => self.crank_step(random, what),
            78..81 => {
                if !self.store.is_in_crank() {
                    self.commit(what);
                    // Outside a transaction, other connections may write at any time.
                    for letter in [b"c", b"b", b"a"] {
                        let from = random.key();
                        for is_first in [true, false] {
                            let next = self.store.kv_get_next_key(from).unwrap();
                            assert_eq!(next, self.now.key_after(from), "{what}, after {from:?}");
                            if is_first {
                                let behind = [from, b"\0", letter].concat();
                                self.write_elsewhere(random, &behind);
                            }
                        }
                        self.check(what);
                    }
                }
            }
            81..84 => {
                let rows = sql(
                    &database,
                    "SELECT value FROM kvStore WHERE key = ?",
                    vec![text(key)],
                );
                let expected = self.now.kv.get(key).map(|value| vec![text(value)]);
                assert_eq!(rows, Vec::from_iter(expected), "{what}");
            }
            84..86 => self.write_by_sql(random, key),
            86..88 => self.write_elsewhere(random, key),
            88..90 => self.lose(random),
            _ => self.check(what),
        }
    }

    fn crank_step(&mut self, random: &mut Random, what: &str) {
        if !self.store.is_in_crank() {
            return self.store.start_crank().unwrap();
        }
        match random.below(6) {
            0..3 => {
                let name = format!("s{}", self.savepoints.len()).into_bytes();
                self.store.establish_crank_savepoint(&name).unwrap();
                self.savepoints.push((name, self.now.clone()));
            }
            3..5 if !self.savepoints.is_empty() => {
                let ordinal = random.below(self.savepoints.len());
                self.savepoints.truncate(ordinal + 1);
                let (name, state) = self.savepoints.pop().unwrap();
                let values = |store: &Store| KEYS.map(|key| store.kv_get(key).unwrap());
                let before = values(&self.store);
                let shown = generation(&self.store);
                let undone = self.store.rollback_crank(&name).unwrap();
                // A cache drops the keys that the rollback reports, and otherwise everything.
                let is_known = |key: &[u8]| undone.iter().any(|other| other.as_bytes() == key);
                let is_valid = shown == generation(&self.store);
                for ((key, old), new) in KEYS.iter().zip(before).zip(values(&self.store)) {
                    assert!(!is_valid || old == new || is_known(key), "{what}, {key:?}");
                }
                self.now = state;
            }
            _ => {
                let notes = self.store.end_crank().unwrap().changes;
                self.store.finish_crank();
                self.savepoints.clear();
                self.now.check_notes(notes, what);
            }
        }
    }

    fn commit(&mut self, what: &str) {
        let is_writing = self.store.database().lock().in_transaction();
        match self.store.prepare_commit().unwrap() {
            Some(exports) => self.now.check_notes(exports.changes, what),
            None => assert!(!is_writing, "{what}"),
        }
        self.store.commit().unwrap();
        self.committed = self.now.clone();
    }

    /// A tool writes through the store's connection, and commits if no transaction was open.
    fn write_by_sql(&mut self, random: &mut Random, key: &[u8]) {
        let value = random.value();
        let database = self.store.database().clone();
        let is_in_transaction = database.lock().in_transaction();
        sql(&database, SET, vec![text(key), text(&value)]);
        self.now.kv.insert(key.to_vec(), value.clone());
        if !is_in_transaction {
            self.committed.kv.insert(key.to_vec(), value);
        }
    }

    /// Another connection writes and commits.
    fn write_elsewhere(&mut self, random: &mut Random, key: &[u8]) {
        let Some(directory) = self.directory else {
            return;
        };
        if self.store.database().lock().in_transaction() {
            return;
        }
        let place = Location::File(directory.join(FILE_NAME));
        let other = SharedDatabase::open(place, &OpenOptions::default()).unwrap();
        let value = random.value();
        sql(&other, SET, vec![text(key), text(&value)]);
        self.now.kv.insert(key.to_vec(), value.clone());
        self.committed.kv.insert(key.to_vec(), value);
    }

    /// A tool rolls the transaction back, or the store is closed within it.
    fn lose(&mut self, random: &mut Random) {
        if self.store.is_in_crank() {
            return;
        }
        match self.directory {
            Some(_) if random.below(2) == 0 => {
                self.store.close().unwrap();
                self.store = open(self.directory);
            }
            _ if self.store.database().lock().in_transaction() => {
                sql(self.store.database(), "ROLLBACK", vec![]);
            }
            _ => return,
        }
        self.now = self.committed.clone();
    }

    /// Compares all keys, in order, and the span.
    fn check(&self, what: &str) {
        let mut key = Vec::new();
        while let Some(next) = self.store.kv_get_next_key(&key).unwrap() {
            assert_eq!(Some(&next), self.now.key_after(&key).as_ref(), "{what}");
            key = next;
        }
        for key in KEYS {
            let found = self.store.kv_get(key).unwrap();
            assert_eq!(found.as_ref(), self.now.kv.get(key), "{what}, {key:?}");
            let next = self.store.kv_get_next_key(key).unwrap();
            assert_eq!(next, self.now.key_after(key), "{what}, after {key:?}");
        }
        let span = self.store.get_current_span_bounds(VAT).unwrap();
        assert_eq!(span.end_pos, self.now.items.len() as i64, "{what}");
        assert_eq!(span.hash, self.now.span_hash().as_bytes(), "{what}");
        let reader = self.store.read_span(VAT, None).unwrap();
        for item in &self.now.items {
            assert_eq!(&reader.next_item().unwrap().unwrap().1, item, "{what}");
        }
        assert!(reader.next_item().unwrap().is_none(), "{what}");
    }
}

/// One step: which operation, and the seed of its random choices. Steps do not depend on one another's
/// choices, so a failing sequence stays a failing one while steps are removed from it.
type Step = (usize, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..100_usize, 1..u64::MAX), 1..=STEPS)
}

fn run(steps: &[Step], directory: Option<&Path>) {
    let mut store = open(directory);
    store.init_transcript(VAT).unwrap();
    store.prepare_commit().unwrap();
    store.commit().unwrap();
    let mut pair = Pair {
        store,
        directory,
        now: State::default(),
        committed: State::default(),
        savepoints: Vec::new(),
    };
    for (at, (operation, seed)) in steps.iter().enumerate() {
        pair.step(*operation, &mut Random(*seed), &format!("step {at}"));
    }
    pair.check("at the end");
}

#[test]
fn a_store_behaves_like_a_model_without_buffers() {
    for limits in [TINY, Limits::DEFAULT] {
        set_limits(limits);
        let check = |cases: u32, in_file: bool| {
            let config = Config {
                cases,
                failure_persistence: None,
                // The same sequences in every run.
                rng_seed: RngSeed::Fixed(1),
                ..Config::default()
            };
            let outcome = TestRunner::new(config).run(&steps(), |steps| {
                let directory = in_file.then(|| tempfile::tempdir().unwrap());
                run(&steps, directory.as_ref().map(|directory| directory.path()));
                Ok(())
            });
            if let Err(failure) = outcome {
                panic!("{limits:?}, in a file: {in_file}: {failure}");
            }
        };
        check(40, false);
        check(12, true);
    }
}
