//! What reaches SQLite when, and what a rollback undoes.

use std::path::Path;
use std::sync::Arc;

use super::buffer::{PENDING_SHARE, Written};
use super::undo_map::UndoMap;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions, SharedDatabase, Trust};
use crate::store::error::Error;
use crate::store::substores::kv::KeyType;
use crate::store::substores::{Store, StoreOptions, Transactions};

fn changes(store: &Store) -> i64 {
    let db = store.database().lock();
    db.peek_value("SELECT total_changes()", [])
        .unwrap()
        .unwrap_or(0)
}

fn value(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
    store.kv_get(key).unwrap()
}

#[test]
fn a_crank_that_keeps_adding_keys_uses_bounded_memory() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.kernel_set(b"first", b"before").unwrap();
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"s").unwrap();
    store.kernel_set(b"first", b"after").unwrap();
    let key = |n: u32| format!("k{n}").into_bytes();
    for n in 0..60_000 {
        store.kernel_set(&key(n), b"v").unwrap();
        let db = store.database().lock();
        let buffer = db.buffer.borrow();
        let bytes = buffer.kv.bytes() + buffer.kv.undo_bytes();
        assert!(bytes < 3 * buffer.kv_limit, "{bytes} bytes");
        let bytes = buffer.pending.bytes() + buffer.pending.undo_bytes();
        assert!(
            bytes < (PENDING_SHARE + 1) * buffer.kv_limit,
            "{bytes} bytes"
        );
    }
    let generation = store.database().lock().signal.generation();
    let reported = store.rollback_crank(b"s").unwrap();
    assert!(reported.is_empty());
    assert_ne!(store.database().lock().signal.generation(), generation);
    assert_eq!(value(&store, b"first").unwrap(), b"before");
    assert_eq!(value(&store, &key(0)), None);
    assert_eq!(value(&store, &key(59_999)), None);
    let exports = store.end_crank().unwrap().changes;
    assert_eq!(exports.len(), 1);
    assert_eq!(exports[0].0, b"kv.first");
}

#[test]
fn large_values_are_not_all_held() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.begin().unwrap();
    let limit = store.database().lock().buffer.borrow().kv_limit;
    let held = |entries: &UndoMap<Written>| -> usize {
        let values = entries.iter().map(|(_, value)| value.as_deref());
        values.map(|value| value.map_or(0, <[u8]>::len)).sum()
    };
    for n in 0..50 {
        let value = vec![b'x'; limit / 4];
        store
            .kernel_set(format!("k{n}").as_bytes(), &value)
            .unwrap();
        let db = store.database().lock();
        let buffer = db.buffer.borrow();
        let [kv, pending] = [&buffer.kv, &buffer.pending].map(held);
        assert!(kv < 2 * limit, "{kv} bytes");
        assert!(pending < (PENDING_SHARE + 1) * limit, "{pending} bytes");
    }
}

#[test]
fn looking_for_the_next_key_writes_only_past_many_deleted_ones() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    let key = |n: u32| format!("{n:03}").into_bytes();
    for n in 0..200 {
        store.kv_set(&key(n), b"v").unwrap();
    }
    store.commit().unwrap();
    store.kv_set(b"050x", b"v").unwrap();
    store.kv_delete(&key(52)).unwrap();
    let before = changes(&store);
    let next = |store: &Store, key: &[u8]| store.kv_get_next_key(key).unwrap();
    assert_eq!(next(&store, b"050").unwrap(), b"050x");
    assert_eq!(next(&store, b"050x").unwrap(), b"051");
    assert_eq!(next(&store, b"051").unwrap(), b"053");
    for n in 100..164 {
        store.kv_delete(&key(n)).unwrap();
    }
    assert_eq!(next(&store, b"099"), Some(key(164)));
    assert_eq!(changes(&store), before);
    store.kv_delete(&key(164)).unwrap();
    assert_eq!(next(&store, b"099"), Some(key(165)));
    assert!(changes(&store) > before);
}

#[test]
fn cranks_that_are_rolled_back_do_not_rewrite_the_block() {
    const KEYS: i64 = 3000;
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.commit().unwrap();
    for n in 0..KEYS {
        store
            .host_set(format!("host.{n}").as_bytes(), b"v")
            .unwrap();
    }
    let before = changes(&store);
    for crank in 0..20 {
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        // Creates the savepoint in SQL before the entries are written.
        store.database().lock().create_savepoints().unwrap();
        store
            .init_transcript(format!("v{crank}").as_bytes())
            .unwrap();
        store.rollback_crank(b"s").unwrap();
        store.end_crank().unwrap();
        store.finish_crank();
    }
    let written = changes(&store) - before;
    assert!(written < 3 * KEYS, "{written} rows");
    assert_eq!(value(&store, b"host.7").unwrap(), b"v");
    store.commit().unwrap();
    assert_eq!(store.kv_dump().unwrap().len() as i64, KEYS);
}

#[test]
fn overwriting_does_not_fill_the_buffer() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.commit().unwrap();
    store.begin().unwrap();
    let before = changes(&store);
    for n in 0..50_000 {
        let value = format!("{n} {}", "x".repeat(100));
        store.host_set(b"host.key", value.as_bytes()).unwrap();
    }
    assert_eq!(changes(&store), before);
}

#[test]
fn a_rollback_reports_few_keys_and_invalidates_everything_for_many() {
    for (keys, reports) in [(10, true), (5000, false)] {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        for n in 0..keys {
            store.kernel_set(format!("k{n}").as_bytes(), b"v").unwrap();
        }
        let generation = store.database().lock().signal.generation();
        let reported = store.rollback_crank(b"s").unwrap();
        assert_eq!(reported.len(), if reports { keys } else { 0 });
        let is_invalidated = store.database().lock().signal.generation() != generation;
        assert_eq!(is_invalidated, !reports);
    }
}

/// The crank's savepoint that a store's first one is.
const A: &[u8] = b"a";
const B: &[u8] = b"b";

fn generation(store: &Store) -> i32 {
    store.database().lock().signal.generation()
}

fn in_crank() -> Store {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.commit().unwrap();
    store.start_crank().unwrap();
    store
}

#[test]
fn rows_that_sqlite_refuses_are_refused_at_once() {
    let refuse = |what: &str| format!("CREATE {what} BEGIN SELECT RAISE(ABORT, 'refused'); END");
    for rule in [
        refuse("TRIGGER t BEFORE INSERT ON kvStore WHEN new.key = 'b'"),
        refuse("TEMP TRIGGER t BEFORE INSERT ON kvStore WHEN new.key = 'b'"),
        refuse("TRIGGER t BEFORE INSERT ON pendingExports WHEN new.key = 'kv.b'"),
    ] {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.database().lock().execute(&rule).unwrap();
        store.kernel_set(b"a", b"1").unwrap();
        assert!(store.kernel_set(b"b", b"1").is_err(), "{rule}");
        store.kernel_set(b"c", b"3").unwrap();
        store.commit().unwrap();
        let pair = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
        assert_eq!(
            store.kv_dump().unwrap(),
            [pair(b"a", b"1"), pair(b"c", b"3")]
        );
    }
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    let rule = refuse("TRIGGER t BEFORE UPDATE ON transcriptSpans WHEN new.endPos = 2");
    store.database().lock().execute(&rule).unwrap();
    store.init_transcript(b"v1").unwrap();
    store.add_item(b"v1", b"one").unwrap();
    for _ in 0..2 {
        assert!(store.add_item(b"v1", b"two").is_err());
        let span = store.get_current_span_bounds(b"v1").unwrap();
        assert_eq!(span.end_pos, 1);
    }
    store.commit().unwrap();
    assert_eq!(store.dump_transcripts(true).unwrap().len(), 1);
}

#[test]
fn items_follow_each_other_in_tables_with_rules_of_a_tool() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    let rule = "CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END";
    store.database().lock().execute(rule).unwrap();
    store.init_transcript(b"v1").unwrap();
    for end_pos in 1..4 {
        store.add_item(b"v1", b"item").unwrap();
        let span = store.get_current_span_bounds(b"v1").unwrap();
        assert_eq!(span.end_pos, end_pos);
    }
    store.commit().unwrap();
    assert_eq!(store.get_current_span_bounds(b"v1").unwrap().end_pos, 3);
    assert_eq!(store.dump_transcripts(true).unwrap().len(), 3);
}

#[test]
fn only_rules_for_a_stores_tables_count() {
    let is_plain = |sql: &str| {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let db = store.database().lock();
        db.execute(sql).unwrap();
        db.has_plain_tables()
    };
    assert!(is_plain("SELECT 1"));
    assert!(is_plain(
        "CREATE TABLE mine (x UNIQUE); CREATE INDEX i ON mine (x)"
    ));
    assert!(!is_plain("CREATE INDEX i ON kvStore (value)"));
    assert!(!is_plain("CREATE INDEX i ON TRANSCRIPTSPANS (hash)"));
    assert!(!is_plain("CREATE TEMP TABLE mine (x)"));
    let trigger = "CREATE TABLE mine (x);
                   CREATE TRIGGER t AFTER INSERT ON mine BEGIN SELECT 1; END";
    assert!(!is_plain(trigger));
    assert!(!is_plain(
        "DROP TABLE kvStore; CREATE TABLE kvStore (key, value CHECK (value > 1))"
    ));
}

#[test]
fn rules_of_other_connections_are_noticed_in_the_next_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let location = || Location::File(file_in_directory(directory.path()));
    let options = StoreOptions::default();
    let mut store = Store::open(location(), &OpenOptions::default(), false, options).unwrap();
    store.kernel_set(b"a", b"1").unwrap();
    store.commit().unwrap();
    let other = SharedDatabase::open(location(), &OpenOptions::default()).unwrap();
    let rule = "CREATE TRIGGER t BEFORE INSERT ON kvStore WHEN new.key = 'b'
                BEGIN SELECT RAISE(ABORT, 'refused'); END";
    other.lock().execute(rule).unwrap();
    assert!(store.kernel_set(b"b", b"1").is_err());
    store.kernel_set(b"c", b"1").unwrap();
    store.commit().unwrap();
    other.lock().execute("DROP TRIGGER t").unwrap();
    store.kernel_set(b"b", b"1").unwrap();
    assert!(store.database().lock().can_defer(b"b", None));
    store.commit().unwrap();
    assert_eq!(store.kv_dump().unwrap().len(), 3);
}

#[test]
fn only_small_entries_within_a_transaction_are_deferred() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.commit().unwrap();
    let can_defer = |store: &Store, key: usize, value: Option<usize>| {
        let value = value.map(|bytes| vec![0; bytes].into());
        let db = store.database().lock();
        db.can_defer(&vec![0; key], value.as_ref())
    };
    store.database().lock().buffer.borrow_mut().kv_limit = 100;
    assert!(!can_defer(&store, 1, None));
    store.begin().unwrap();
    assert!(can_defer(&store, 50, Some(50)) && can_defer(&store, 100, None));
    assert!(!can_defer(&store, 50, Some(51)) && !can_defer(&store, 101, None));
    let db = store.database().lock();
    assert!(db.is_buffering(b"v1"));
    drop(db);
    // A tool's transaction may not hold the lock yet.
    store.commit().unwrap();
    store.database().lock().execute("BEGIN").unwrap();
    store.begin().unwrap();
    assert!(!can_defer(&store, 1, None));
    store.kernel_set(b"a", b"1").unwrap();
    assert!(can_defer(&store, 1, None));
}

#[test]
fn a_store_over_a_database_of_its_caller_buffers_nothing() {
    let db = SharedDatabase::open(Location::Memory, &OpenOptions::default()).unwrap();
    Store::initialize(&db, Some(false)).unwrap();
    let options = StoreOptions {
        transactions: Transactions::Callers,
        ..StoreOptions::default()
    };
    let mut store = Store::over(db.clone(), options).unwrap();
    db.lock().begin().unwrap();
    store.init_transcript(b"v1").unwrap();
    for count in 1..4 {
        store.add_item(b"v1", b"item").unwrap();
        store.kernel_set(b"key", b"value").unwrap();
        let found: Option<i64> = db
            .lock()
            .peek_value("SELECT endPos FROM transcriptSpans", [])
            .unwrap();
        assert_eq!(found, Some(count));
        let found: Option<i64> = db
            .lock()
            .peek_value("SELECT COUNT(*) FROM kvStore", [])
            .unwrap();
        assert_eq!(found, Some(1));
        let pending = "SELECT COUNT(*) FROM pendingExports";
        assert_eq!(db.lock().peek_value(pending, []).unwrap(), Some(2));
        assert!(!db.lock().is_buffering(b"v1") && !db.lock().can_defer(b"key", None));
    }
    store.start_crank().unwrap();
    store.establish_crank_savepoint(A).unwrap();
    store.kernel_set(b"key", b"other").unwrap();
    let before = generation(&store);
    assert!(store.rollback_crank(A).unwrap().is_empty());
    assert_ne!(generation(&store), before);
    assert_eq!(value(&store, b"key").unwrap(), b"value");
    assert_eq!(store.end_crank().unwrap().changes.len(), 2);
}

#[test]
fn a_closed_database_has_nothing_to_flush() {
    let mut store = in_crank();
    store.kernel_set(b"a", b"1").unwrap();
    store.close().unwrap();
    store.database().lock().flush_all().unwrap();
}

#[test]
fn a_rollback_revokes_the_exports_that_were_taken_since() {
    let mut store = in_crank();
    store.establish_crank_savepoint(A).unwrap();
    store.kernel_set(b"first", b"1").unwrap();
    let first = store.prepare_commit().unwrap().unwrap();
    store.establish_crank_savepoint(B).unwrap();
    store.kernel_set(b"second", b"1").unwrap();
    let second = store.prepare_commit().unwrap().unwrap();
    assert_eq!((first.changes.len(), second.changes.len()), (1, 1));
    store.rollback_crank(B).unwrap();
    assert!(second.is_revoked() && !first.is_revoked());
    store.rollback_crank(A).unwrap();
    assert!(first.is_revoked());
    for exports in [first, second] {
        store.give_back(exports).unwrap();
    }
    assert!(store.end_crank().unwrap().is_empty());
}

#[test]
fn a_rollback_reports_or_invalidates_what_it_changes() {
    // Writes a key that a savepoint covers, in a way that the buffer knows of or not.
    type Write = fn(&mut Store);
    let buffered: Write = |store| store.kernel_set(b"key", b"buffered").unwrap();
    let flushed: Write = |store| {
        store.kernel_set(b"key", b"flushed").unwrap();
        store.kv_dump().unwrap();
    };
    let through: Write = |store| {
        let db = store.database().lock();
        db.kv_write_through(b"key", Some(b"written through"))
            .unwrap();
    };
    let by_tool: Write = |store| {
        let db = store.database().lock();
        db.flush_all().unwrap();
        db.create_savepoints().unwrap();
        db.execute("INSERT OR REPLACE INTO kvStore VALUES ('key', 'by a tool')")
            .unwrap();
        db.after_tool_sql();
    };
    for (write, reports) in [
        (buffered, true),
        (flushed, true),
        (through, false),
        (by_tool, false),
    ] {
        let roll_back = |store: &mut Store, to: &[u8], reports: bool| {
            let before = generation(store);
            let keys = store.rollback_crank(to).unwrap();
            assert_eq!(keys.iter().any(|key| key == "key"), reports);
            assert_eq!(generation(store) == before, reports);
        };
        let mut store = in_crank();
        store.kernel_set(b"key", b"before").unwrap();
        store.establish_crank_savepoint(A).unwrap();
        write(&mut store);
        store.establish_crank_savepoint(B).unwrap();
        store.kernel_set(b"key", b"after").unwrap();
        roll_back(&mut store, B, reports);
        assert_ne!(value(&store, b"key").unwrap(), b"before");
        roll_back(&mut store, A, reports);
        assert_eq!(value(&store, b"key").unwrap(), b"before");
        // What was unknown to the buffer is undone.
        store.establish_crank_savepoint(A).unwrap();
        store.kernel_set(b"key", b"later").unwrap();
        roll_back(&mut store, A, true);
        assert_eq!(value(&store, b"key").unwrap(), b"before");
    }
}

#[test]
fn undo_logs_of_many_savepoints_use_bounded_memory() {
    const VALUE: [u8; 1000] = [b'x'; 1000];
    let mut store = in_crank();
    store.database().lock().buffer.borrow_mut().kv_limit = 4000;
    let sizes = |store: &Store| {
        let db = store.database().lock();
        let buffer = db.buffer.borrow();
        (buffer.kv.undo_bytes(), buffer.pending.undo_bytes())
    };
    for savepoint in 0..20 {
        store.establish_crank_savepoint(&[savepoint]).unwrap();
        store.kernel_set(b"key", &VALUE).unwrap();
        let (kv, _) = sizes(&store);
        assert!(kv < 9000, "{kv} bytes");
    }
    let mut store = in_crank();
    store.database().lock().buffer.borrow_mut().kv_limit = 4000;
    for savepoint in 0..100 {
        store.establish_crank_savepoint(&[savepoint]).unwrap();
        store
            .note_kernel_set(KeyType::Consensus, b"key", &VALUE)
            .unwrap();
        let (_, pending) = sizes(&store);
        assert!(pending < 55_000, "{pending} bytes");
    }
    // Small logs are not flushed.
    let mut store = in_crank();
    let before = changes(&store);
    for savepoint in 0..20 {
        store.establish_crank_savepoint(&[savepoint]).unwrap();
        store.kernel_set(b"key", &VALUE).unwrap();
    }
    assert_eq!(changes(&store), before);
}

/// A store in a file, with a committed key, which outside of a transaction knows its log.
fn in_file(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
    store.kernel_set(b"a", b"1").unwrap();
    store.commit().unwrap();
    store.database().lock().notice_external_commits();
    store
}

#[test]
fn values_stay_cached_after_a_commit_unless_another_connection_has_committed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = in_file(directory.path());
    let cached = generation(&store);
    for value in [b"2", b"3"] {
        store.kernel_set(b"a", value).unwrap();
        store.commit().unwrap();
        store.database().lock().notice_external_commits();
        assert_eq!(generation(&store), cached);
    }
    let location = Location::File(file_in_directory(directory.path()));
    let other = SharedDatabase::open(location, &OpenOptions::default()).unwrap();
    let set = |value: i32| {
        let sql = format!("UPDATE kvStore SET value = '{value}' WHERE key = 'a'");
        other.lock().execute(&sql).unwrap();
    };
    set(4);
    store.database().lock().notice_external_commits();
    let noticed = generation(&store);
    assert_ne!(noticed, cached);

    // The other connection commits between a commit and what records it.
    store.kernel_set(b"b", b"1").unwrap();
    let db = store.database().lock();
    db.flush_all().unwrap();
    db.run_directly("COMMIT").unwrap();
    set(5);
    db.transaction_ended();
    db.notice_external_commits();
    assert_ne!(db.signal.generation(), noticed);
}

fn sqlite_error(code: &'static str) -> Error {
    Error::Sqlite {
        code,
        message: code.to_owned(),
        system: None,
    }
}

#[test]
fn a_failure_leaves_changes_that_cannot_be_undone_only_without_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = in_file(directory.path());
    for (mode, begins, code, expected) in [
        ("wal", true, "SQLITE_FULL", Trust::Intact),
        ("off", false, "SQLITE_FULL", Trust::Intact),
        ("off", true, "SQLITE_CONSTRAINT", Trust::Intact),
        ("off", true, "SQLITE_BUSY", Trust::Intact),
        ("off", true, "SQLITE_FULL", Trust::Torn),
        ("off", true, "SQLITE_IOERR_WRITE", Trust::Torn),
        ("off", true, "SQLITE_NOMEM", Trust::Torn),
    ] {
        store.database().lock().journal_mode_set(mode);
        if begins {
            store.begin().unwrap();
        }
        let db = store.database().lock();
        db.notice_failure(&sqlite_error(code));
        assert_eq!(db.trust.get(), expected, "{mode} {begins} {code}");
        db.trust.set(Trust::Intact);
        drop(db);
        store.commit().unwrap();
    }
}

#[test]
fn a_write_before_the_first_savepoint_is_not_undone_with_it() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.begin().unwrap();
    let limit = store.database().lock().buffer.borrow().kv_limit;
    // Too large for the buffer, and written at once.
    store.kernel_set(b"large", &vec![b'x'; limit + 1]).unwrap();
    assert!(!store.database().lock().buffer.borrow().has_unlogged_writes);
    store.start_crank().unwrap();
    store.establish_crank_savepoint(A).unwrap();
    store.kernel_set(b"key", b"1").unwrap();
    assert_eq!(store.rollback_crank(A).unwrap(), ["key"]);
    store.kernel_set(b"large", &vec![b'y'; limit + 1]).unwrap();
    assert!(store.database().lock().buffer.borrow().has_unlogged_writes);
}

#[test]
fn pending_exports_use_bounded_memory_and_survive_a_failure() {
    let store = in_crank();
    store.begin().unwrap();
    let limit = store.database().lock().buffer.borrow().kv_limit;
    let value: Arc<[u8]> = vec![b'v'; limit / 4].into();
    let db = store.database().lock();
    db.buffer.borrow_mut().pending.mark();
    let key = |n: usize| format!("kv.{n:03}").into_bytes();
    let count = 12 * PENDING_SHARE;
    for n in 0..count {
        db.add_pending_export(&key(n), Some(value.clone())).unwrap();
        let buffer = db.buffer.borrow();
        assert!(buffer.pending.bytes() <= (PENDING_SHARE + 1) * limit);
    }
    // Only what is too large for SQLite is not buffered.
    let long = vec![b'k'; 30_000];
    db.add_pending_export(&long, Some(value[..30_000].into()))
        .unwrap();
    assert!(db.buffer.borrow().pending.get(&long).is_some());
    // Keys of flushed changes need no undo records, however many they are.
    for n in 0..60_000 {
        db.add_pending_export(&format!("key.{n:0100}").into_bytes(), None)
            .unwrap();
    }
    db.flush_pending_exports().unwrap();
    assert!(db.buffer.borrow().pending.undo_bytes() <= limit);

    // If they can't be written, they are kept: what they record has happened.
    db.run_directly("PRAGMA query_only = 1").unwrap();
    for n in 0..count {
        db.add_pending_export(&key(1000 + n), Some(value.clone()))
            .unwrap();
    }
    assert!(db.flush_pending_exports().is_err());
    db.run_directly("PRAGMA query_only = 0").unwrap();
    db.buffer.borrow_mut().pending.release_marks_from(0);
    assert_eq!(db.take_pending_exports().unwrap().len(), 2 * count + 60_001);
}

#[test]
fn exports_that_are_gone_are_not_watched() {
    let mut store = in_crank();
    for n in 0..3 {
        store.kernel_set(format!("{n}").as_bytes(), b"1").unwrap();
        let exports = store.prepare_commit().unwrap().unwrap();
        assert_eq!(
            store.database().lock().buffer.borrow().taken_exports.len(),
            1
        );
        drop(exports);
    }
}

#[test]
fn without_a_journal_a_rolled_back_savepoint_of_a_tool_stays() {
    for mode in ["off", "wal"] {
        let mut store = in_crank();
        store.database().lock().journal_mode_set(mode);
        store.establish_crank_savepoint(A).unwrap();
        store.kernel_set(mode.as_bytes(), b"1").unwrap();
        let db = store.database().lock();
        db.tool_rolled_back_to(0);
        assert_eq!(db.buffer.borrow().savepoints.len(), 1);
        drop(db);
        let is_kept = value(&store, mode.as_bytes()).is_some();
        assert_eq!(is_kept, mode == "off");
    }
}

#[test]
fn a_call_of_several_steps_is_undone_or_makes_the_database_torn() {
    let write = "INSERT INTO kvStore (key, value) VALUES ('sql', '1')";
    for (mode, writes, expected) in [
        ("wal", true, Trust::Intact),
        ("wal", false, Trust::Intact),
        ("off", true, Trust::Torn),
        ("off", false, Trust::Intact),
    ] {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        store.begin().unwrap();
        let mut db = store.database().lock();
        db.journal_mode_set(mode);
        let failed: Result<(), Error> = db.atomically(|db| {
            db.kv_write(b"buffered", Some(&b"1"[..].into()))?;
            if writes {
                db.run(write, [])?;
            }
            Err(sqlite_error("SQLITE_CONSTRAINT"))
        });
        assert!(failed.is_err());
        assert_eq!(db.trust.get(), expected, "{mode} {writes}");
        assert!(db.buffer.borrow().savepoints.is_empty());
        let left: Option<i64> = db.peek_value("SELECT COUNT(*) FROM kvStore", []).unwrap();
        if expected == Trust::Intact {
            assert_eq!(left, Some(0));
        }
        drop(db);
        if expected == Trust::Intact {
            assert_eq!(value(&store, b"buffered"), None);
        }
    }

    // A call that succeeds leaves no savepoint, in memory and in SQL.
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.begin().unwrap();
    let mut db = store.database().lock();
    db.atomically(|db| db.run(write, [])).unwrap();
    assert!(db.buffer.borrow().savepoints.is_empty());
    assert!(
        db.run_directly("ROLLBACK TO SAVEPOINT swing_store_call")
            .is_err()
    );
    drop(db);
    store.commit().unwrap();
    assert!(value(&store, b"sql").is_some());
}

#[test]
fn the_memory_of_a_store_is_that_of_all_buffered_changes_and_what_undoes_them() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.init_transcript(b"v1").unwrap();
    store.commit().unwrap();
    let sizes = |store: &Store| {
        let db = store.database().lock();
        let buffer = db.buffer.borrow();
        let parts = [
            buffer.kv.bytes(),
            buffer.pending.bytes(),
            buffer.spans.bytes(),
            buffer.kv.undo_bytes(),
            buffer.pending.undo_bytes(),
            buffer.spans.undo_bytes(),
        ];
        (parts, buffer.bytes(), buffer.flushes())
    };
    store.kernel_set(b"key", b"value").unwrap();
    store.add_item(b"v1", b"one").unwrap();
    assert_eq!(sizes(&store).0[3..], [0; 3], "nothing can be undone yet");

    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"s").unwrap();
    store.kernel_set(b"key", b"another value").unwrap();
    store.add_item(b"v1", b"two").unwrap();
    let (parts, bytes, flushes) = sizes(&store);
    assert!(parts.iter().all(|&part| part > 1), "{parts:?}");
    assert_eq!(bytes, parts.into_iter().sum::<usize>());

    store.end_crank().unwrap();
    store.commit().unwrap();
    assert_eq!(sizes(&store).2, flushes + 1);
    store.commit().unwrap();
    assert_eq!(sizes(&store).2, flushes + 1, "there was nothing to write");
    for round in 2..4 {
        store.kernel_set(b"key", b"value").unwrap();
        store.commit().unwrap();
        assert_eq!(sizes(&store).2, flushes + round);
    }
}
