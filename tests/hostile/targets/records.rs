//! Export records, for an import and a repair.

use swing_store::store::{Store, StoreOptions};

use super::scene::{MODES, scene};
use super::{Target, allowed};

pub const TARGET: Target = Target {
    name: "records",
    run,
    seeds,
    words: WORDS,
    rounds: 200,
};

const WORDS: &[&[u8]] = &[
    b"transcript.v1.0\t",
    b"transcript.v1.current\t",
    b"snapshot.v1.2\t",
    b"snapshot.v1.current\t",
    b"bundle.b0-00\tb0-00\0",
    b"\"vatID\":",
    b"\"startPos\":",
    b"\"endPos\":",
    b"\"hash\":",
    b"\"isCurrent\":",
    b"\"incarnation\":",
    b"\"snapPos\":",
    b"\"inUse\":",
    b"\t",
    b"\0",
    b"-1",
    b"9007199254740991",
    b"-9007199254740991",
    b"9007199254740992",
    b"1e308",
    b"0.5",
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"\\ud800",
    b"\xED\xA0\x80",
    b"\xFF",
    b".",
    b"[[[[[[[[",
];

/// Seeds: keys and values, separated by a tab and terminated by a NUL.
fn seeds() -> Vec<Vec<u8>> {
    let lines = scene()
        .exported("export-data.jsonl")
        .split(|byte| *byte == b'\n');
    let records: Vec<Vec<u8>> = lines
        .filter_map(|line| {
            let (key, value): (String, String) = serde_json::from_slice(line).ok()?;
            (!key.starts_with("kv.")).then(|| format!("{key}\t{value}\0").into_bytes())
        })
        .collect();
    let mut seeds = vec![records.concat()];
    seeds.extend(records);
    seeds
}

fn entries(input: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    input.split(|byte| *byte == 0).filter_map(|entry| {
        let tab = entry.iter().position(|byte| *byte == b'\t')?;
        Some((&entry[..tab], &entry[tab + 1..]))
    })
}

fn take(store: &mut Store, key: &[u8], value: &[u8]) {
    match key.first() {
        Some(b't') => allowed(store.import_span_record(key, value)),
        Some(b's') => allowed(store.import_snapshot_record(key, value)),
        _ => allowed(store.import_bundle_record(key, value)),
    };
}

/// All records of a store, as it exports them.
fn records(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    for records in [
        store.span_records(true),
        store.snapshot_records(true),
        store.bundle_records(),
    ] {
        while let Some(batch) = records.next_batch().expect("records are read") {
            found.extend(batch);
        }
    }
    found
}

/// Checks that accepted records can be read and imported again unchanged, and that no items are reported
/// as present, however many a record claims.
fn run(input: &[u8]) {
    let mut store = Store::in_memory(StoreOptions::default()).expect("a store");
    for (key, value) in entries(input) {
        take(&mut store, key, value);
    }
    let taken = records(&store);
    for mode in MODES {
        allowed(store.check_transcripts(mode));
        allowed(store.check_snapshots(mode));
        allowed(store.check_bundles(mode));
        for name in allowed(store.span_names(mode)).unwrap_or_default() {
            if let Some(reader) = allowed(store.export_span(&name)) {
                assert!(
                    !matches!(allowed(reader.next_chunk()), Some(Some(_))),
                    "there are no items"
                );
            }
            allowed(store.import_span(&name, mode));
        }
        assert!(
            allowed(store.snapshot_names(mode))
                .unwrap_or_default()
                .is_empty()
        );
    }
    for (key, _) in &taken {
        let vat_id = key.split(|byte| *byte == b'.').nth(1).unwrap_or_default();
        allowed(store.get_current_span_bounds(vat_id));
        allowed(store.get_snapshot_info(vat_id));
        allowed(
            store
                .read_span(vat_id, None)
                .and_then(|reader| reader.next_chunk()),
        );
        allowed(store.read_full_vat_transcript(vat_id));
        allowed(store.load_snapshot(vat_id));
    }
    for (key, value) in entries(input) {
        match key.first() {
            Some(b't') => allowed(store.repair_span_record(key, value)),
            Some(b's') => allowed(store.repair_snapshot_record(key, value)),
            _ => allowed(store.repair_bundle_record(key, value)),
        };
    }
    let mut again = Store::in_memory(StoreOptions::default()).expect("a store");
    for (key, value) in &taken {
        take(&mut again, key, value);
    }
    assert_eq!(records(&again), taken);
    // A vat continues at the end of its span.
    for (key, _) in &taken {
        let vat_id = key.split(|byte| *byte == b'.').nth(1).unwrap_or_default();
        allowed(again.add_item(vat_id, b"item"));
        allowed(again.rollover(vat_id, true));
        allowed(again.stop_using_last_snapshot(vat_id));
        allowed(again.delete_vat_transcripts(vat_id, Some(2.0)));
        allowed(again.delete_vat_snapshots(vat_id, None));
    }
}
