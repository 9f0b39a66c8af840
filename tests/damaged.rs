//! Rows that no store writes: reading them terminates, with or without an error.

use swing_store::store::{
    ArtifactMode, Error, ExportRecords, Exporter, Location, OpenOptions, Store, StoreOptions,
    file_in_directory,
};

/// More rows than one read returns.
const LARGE: usize = 100_000;

fn damage(store: &Store, sql: &str) {
    store.database().lock().execute(sql).unwrap();
}

/// Counts the records, or returns the first error.
fn count(records: &ExportRecords) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(batch) = records.next_batch()? {
        count += batch.len();
        assert!(count < 10_000, "the records do not end");
    }
    Ok(count)
}

#[test]
fn reading_keys_that_are_blobs_terminates() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(file_in_directory(directory.path()));
    let options = (OpenOptions::default(), StoreOptions::default());
    let mut store = Store::open(location, &options.0, false, options.1).unwrap();
    store.kernel_set(b"a", b"1").unwrap();
    store.commit().unwrap();
    damage(
        &store,
        &format!("INSERT INTO kvStore VALUES (zeroblob({LARGE}), 'x')"),
    );
    assert_eq!(store.kv_get_next_key(b"").unwrap(), Some(b"a".to_vec()));
    assert!(matches!(store.kv_get_next_key(b"a"), Err(Error::BadRow(_))));
    store.close().unwrap();
    let exporter = Exporter::open(directory.path(), ArtifactMode::Debug).unwrap();
    let counted = count(&exporter.export_data());
    assert!(matches!(counted, Err(Error::BadRow(_))), "{counted:?}");
}

#[test]
fn reading_vats_whose_ids_are_not_text_terminates() {
    for (id, fails) in [("CAST(x'ff' AS TEXT)", false), ("x'ff'", true)] {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let many = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 999)";
        damage(
            &store,
            &format!(
                "{many} INSERT INTO transcriptSpans
                   (vatID, startPos, endPos, hash, isCurrent, incarnation)
                 SELECT {id}, n, n + 1, hex(zeroblob(100)), NULL, 0 FROM n"
            ),
        );
        damage(
            &store,
            &format!(
                "{many} INSERT INTO snapshots (vatID, snapPos, hash, inUse)
                 SELECT {id}, n, hex(zeroblob(100)), NULL FROM n"
            ),
        );
        for counted in [
            count(&store.span_records(true)),
            count(&store.snapshot_records(true)),
        ] {
            if fails {
                assert!(matches!(counted, Err(Error::BadRow(_))), "{counted:?}");
            } else {
                assert_eq!(counted.unwrap(), 1000);
            }
        }
    }
}

#[test]
fn reading_bundles_whose_ids_are_blobs_terminates() {
    let store = Store::in_memory(StoreOptions::default()).unwrap();
    damage(
        &store,
        &format!("INSERT INTO bundles VALUES (zeroblob({LARGE}), NULL)"),
    );
    let counted = count(&store.bundle_records());
    assert!(matches!(counted, Err(Error::BadRow(_))), "{counted:?}");
}

#[test]
fn the_least_and_greatest_positions_are_counted() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    store.init_transcript(b"v1").unwrap();
    store.commit().unwrap();
    let set = |sql: &str| damage(&store, &format!("UPDATE transcriptSpans SET {sql}"));
    set(&format!("startPos = {}, endPos = {}", i64::MIN, i64::MAX));
    for mode in [
        ArtifactMode::Operational,
        ArtifactMode::Archival,
        ArtifactMode::Debug,
    ] {
        drop(store.span_names(mode).unwrap());
        assert!(store.check_transcripts(mode).is_err() || mode == ArtifactMode::Debug);
    }
    assert!(store.read_full_vat_transcript(b"v1").is_ok());
    set(&format!("startPos = 0, incarnation = {}", i64::MAX));
    store.add_item(b"v1", b"item").unwrap();
    assert_eq!(store.rollover(b"v1", true).unwrap(), i64::MAX);
}
