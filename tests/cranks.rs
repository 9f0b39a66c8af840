//! Cranks: hashes, savepoints, and the changes for the export callback.

use swing_store::store::{
    ChangeTarget, Error, ExportChange, Sha256, Store, StoreOptions, key_type,
};

fn store() -> Store {
    Store::in_memory(StoreOptions::default()).expect("a store in memory")
}

fn texts(notes: Vec<ExportChange>) -> Vec<(String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    notes
        .into_iter()
        .map(|(key, value)| (text(&key), value.as_deref().map(text)))
        .collect()
}

#[test]
fn the_crankhash_covers_changes_that_were_rolled_back() {
    let mut store = store();
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"a").unwrap();
    store.kernel_set(b"key", b"value").unwrap();
    store.kernel_delete(b"other").unwrap();
    store.kernel_set(b"local.key", b"not hashed").unwrap();
    store.rollback_crank(b"a").unwrap();
    assert_eq!(store.kv_get(b"key").unwrap(), None);
    let hashes = store.emit_crank_hashes().unwrap();
    assert_eq!(
        hashes.crankhash,
        Sha256::of(b"add\nkey\nvalue\ndelete\nother\n")
    );
    assert_eq!(
        hashes.activityhash,
        Sha256::of(format!("activityhash\n\n{}\n", hashes.crankhash).as_bytes())
    );
}

#[test]
fn a_rollback_also_restores_pending_exports() {
    let mut store = store();
    store.start_crank().unwrap();
    store.kernel_set(b"b", b"1").unwrap();
    store.kernel_set(b"a", b"1").unwrap();
    store.establish_crank_savepoint(b"outer").unwrap();
    store.init_transcript(b"v1").unwrap();
    store.establish_crank_savepoint(b"inner").unwrap();
    store.kernel_delete(b"b").unwrap();
    store.rollback_crank(b"outer").unwrap();
    assert!(matches!(
        store.rollback_crank(b"inner"),
        Err(Error::NoSuchSavepoint(_))
    ));
    store.kernel_delete(b"a").unwrap();
    let exports = texts(store.end_crank().unwrap().changes);
    store.finish_crank();
    assert_eq!(
        exports,
        [
            ("kv.a".to_owned(), None),
            ("kv.b".to_owned(), Some("1".to_owned()))
        ]
    );
    assert!(store.get_current_span_bounds(b"v1").is_err());
}

#[test]
fn cranks_alternate_between_start_and_end() {
    let mut store = store();
    for result in [
        store.establish_crank_savepoint(b"a"),
        store.rollback_crank(b"a").map(drop),
        store.end_crank().map(drop),
    ] {
        assert!(matches!(result, Err(Error::OutsideCrank(_))));
    }
    store.start_crank().unwrap();
    assert!(matches!(store.start_crank(), Err(Error::CrankInCrank)));
}

#[test]
fn keys_belong_to_the_kernel_or_to_the_host() {
    let mut store = store();
    assert!(matches!(
        store.kernel_set(b"host.a", b""),
        Err(Error::KernelRefusesHostKey)
    ));
    assert!(matches!(
        store.host_set(b"a", b""),
        Err(Error::HostRequiresHostKey)
    ));
    store.host_set(b"host.a", b"1").unwrap();
    store.kernel_set(b"local.a", b"1").unwrap();
    assert!(store.prepare_commit().unwrap().unwrap().is_empty());
}

#[test]
fn the_prefix_of_a_key_determines_its_type() {
    for (key, name) in [
        ("local.a", "local"),
        ("host.a", "host"),
        ("a", "consensus"),
        ("local", "consensus"),
    ] {
        assert_eq!(key_type(key.as_bytes()).name(), name);
    }
}

#[test]
fn a_key_has_a_value_until_it_is_deleted() {
    let mut store = store();
    store.kernel_set(b"a", b"").unwrap();
    assert!(store.kv_has(b"a").unwrap());
    assert!(!store.kv_has(b"b").unwrap());
    store.kernel_delete(b"a").unwrap();
    assert!(!store.kv_has(b"a").unwrap());
    store.host_set(b"host.a", b"1").unwrap();
    assert!(store.kv_has(b"host.a").unwrap());
    store.host_delete(b"host.a").unwrap();
    assert!(!store.kv_has(b"host.a").unwrap());
    let refused = store.host_delete(b"a");
    assert!(matches!(refused, Err(Error::HostRequiresHostKey)));
    let refused = store.kernel_delete(b"host.a");
    assert!(matches!(refused, Err(Error::KernelRefusesHostKey)));
}

#[test]
fn keys_are_ordered_by_their_bytes() {
    let mut store = store();
    // In UTF-16 order, the astral character would come first.
    for key in ["\u{FFFD}", "\u{1F600}", "", "a\0b", "a"] {
        store.kernel_set(key.as_bytes(), b"").unwrap();
    }
    let mut keys = Vec::new();
    let mut key = Vec::new();
    while let Some(next) = store.kv_get_next_key(&key).unwrap() {
        keys.push(String::from_utf8(next.clone()).unwrap());
        key = next;
    }
    assert_eq!(keys, ["a", "a\0b", "\u{FFFD}", "\u{1F600}"]);
}

#[test]
fn every_call_fails_after_close() {
    let mut store = store();
    store.close().unwrap();
    assert!(matches!(store.close(), Err(Error::StoreClosed)));
    assert!(matches!(store.commit(), Err(Error::StoreClosed)));
    assert!(matches!(
        store.kernel_set(b"a", b"1"),
        Err(Error::StoreClosed)
    ));
    assert!(matches!(store.kv_get(b"a"), Err(Error::DatabaseClosed)));
}

#[test]
fn changes_that_did_not_arrive_are_returned_again() {
    let mut store = store();
    store.start_crank().unwrap();
    store.kernel_set(b"a", b"1").unwrap();
    store.kernel_set(b"b", b"1").unwrap();
    let exports = store.end_crank().unwrap();
    store.kernel_set(b"b", b"2").unwrap();
    store.give_back(exports).unwrap();
    let exports = store.end_crank().unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    assert_eq!(
        texts(exports.changes.clone()),
        [pair("kv.a", "1"), pair("kv.b", "2")]
    );
    store.finish_crank();
    store.commit().unwrap();
    // Changes of the lost transaction do not come back.
    store.kernel_set(b"c", b"1").unwrap();
    let exports = store.prepare_commit().unwrap().unwrap();
    assert_eq!(exports.changes.len(), 1);
    store.close().unwrap();
    store.give_back(exports).unwrap();
}

/// The keys of the changes that the end of the crank returns.
fn keys_at_end(store: &mut Store) -> Vec<String> {
    let notes = store.end_crank().unwrap().changes;
    store.finish_crank();
    texts(notes).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn exports_that_a_rollback_undoes_are_not_returned_again() {
    let mut store = store();
    store.kernel_set(b"before", b"1").unwrap();
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"a").unwrap();
    store.kernel_set(b"within", b"1").unwrap();
    let exports = store.prepare_commit().unwrap().unwrap();
    assert_eq!(exports.changes.len(), 2);
    store.rollback_crank(b"a").unwrap();
    store.give_back(exports).unwrap();
    assert_eq!(keys_at_end(&mut store), ["kv.before"]);
}

#[test]
fn exports_from_before_the_savepoint_are_returned_again_after_a_rollback() {
    let mut store = store();
    store.kernel_set(b"before", b"1").unwrap();
    let exports = store.prepare_commit().unwrap().unwrap();
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"a").unwrap();
    store.kernel_set(b"within", b"1").unwrap();
    store.rollback_crank(b"a").unwrap();
    store.give_back(exports).unwrap();
    assert_eq!(keys_at_end(&mut store), ["kv.before"]);
}

#[test]
fn exports_of_an_earlier_crank_are_returned_again_after_a_rollback() {
    let mut store = store();
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"a").unwrap();
    store.establish_crank_savepoint(b"b").unwrap();
    store.kernel_set(b"earlier", b"1").unwrap();
    let exports = store.prepare_commit().unwrap().unwrap();
    assert!(keys_at_end(&mut store).is_empty());
    store.start_crank().unwrap();
    store.establish_crank_savepoint(b"a").unwrap();
    store.rollback_crank(b"a").unwrap();
    store.give_back(exports).unwrap();
    assert_eq!(keys_at_end(&mut store), ["kv.earlier"]);
}

#[test]
fn a_crankhash_that_was_taken_can_be_restored() {
    let mut store = store();
    store.start_crank().unwrap();
    store.kernel_set(b"key", b"value").unwrap();
    let taken = store.take_crankhash();
    assert_eq!(taken, Sha256::of(b"add\nkey\nvalue\n"));
    assert_ne!(store.take_crankhash(), taken);
    let mut store = self::store();
    store.start_crank().unwrap();
    store.kernel_set(b"key", b"value").unwrap();
    assert_eq!(store.take_crankhash(), taken);
    store.restore_crankhash();
    assert_eq!(store.take_crankhash(), taken);
}

#[test]
fn a_list_keeps_all_changes_in_their_order() {
    let mut store = Store::in_memory(StoreOptions {
        change_target: ChangeTarget::List,
        ..StoreOptions::default()
    })
    .unwrap();
    store.kernel_set(b"b", b"1").unwrap();
    store.kernel_delete(b"a").unwrap();
    store.kernel_set(b"b", b"2").unwrap();
    store.note_activityhash("0f").unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    assert_eq!(
        texts(store.take_export_changes().changes),
        [
            pair("kv.b", "1"),
            ("kv.a".to_owned(), None),
            pair("kv.b", "2"),
            pair("kv.activityhash", "0f"),
        ]
    );
    assert!(store.take_export_changes().is_empty());
}
