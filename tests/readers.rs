//! Span readers yield a span as it was when they were made.

use swing_store::store::{Bindings, Error, SpanReader, Store, StoreOptions};

const VAT: &[u8] = b"v1";

fn store_with_items(options: StoreOptions, count: usize) -> Store {
    let mut store = Store::in_memory(options).unwrap();
    store.init_transcript(VAT).unwrap();
    for number in 0..count {
        // Large enough that a span takes several batches.
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
fn additions_are_not_seen() {
    let mut store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    reader.next_item().unwrap();
    store.add_item(VAT, b"late").unwrap();
    assert_eq!(count(&reader).unwrap(), 99);
}

#[test]
fn pruning_is_not_seen() {
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
fn rollbacks_and_deletions_are_not_seen() {
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
fn statements_of_tools_are_not_seen() {
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
fn closing_ends_what_is_open() {
    let mut store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    reader.next_item().unwrap();
    store.close().unwrap();
    assert!(matches!(reader.next_item(), Err(Error::DatabaseClosed)));
}

#[test]
fn a_rollback_by_a_tool_is_not_seen() {
    let store = store_with_items(StoreOptions::default(), 100);
    let reader = store.read_span(VAT, None).unwrap();
    let shared = store.database().clone();
    let mut db = shared.lock();
    let rollback = db.prepare_statement(b"ROLLBACK").unwrap();
    db.run_statement(rollback, &Bindings::default()).unwrap();
    drop(db);
    assert_eq!(count(&reader).unwrap(), 100);
}
