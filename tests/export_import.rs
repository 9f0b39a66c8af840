//! A store imports what another one exports, and rejects everything else.

use std::path::Path;

use swing_store::store::{
    Artifact, ArtifactMode, Compressor, Error, Exporter, Location, OpenOptions, Store,
    StoreOptions, file_in_directory,
};

const VAT: &[u8] = b"v1";

fn open(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions {
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

fn save_snapshot(store: &mut Store, position: i64) {
    let mut compressor = Compressor::default();
    compressor
        .add(format!("image {position}").as_bytes())
        .unwrap();
    store
        .save_snapshot(VAT, position, &compressor.finish().unwrap())
        .unwrap();
}

/// A vat with two incarnations, the second one with two spans and a snapshot in use.
fn make_store(directory: &Path) {
    let mut store = open(directory);
    store.kernel_set(b"key", b"value").unwrap();
    store.host_set(b"host.height", b"7").unwrap();
    store.init_transcript(VAT).unwrap();
    for item in ["one", "two  ", ""] {
        store.add_item(VAT, item.as_bytes()).unwrap();
    }
    save_snapshot(&mut store, 2);
    store.rollover(VAT, true).unwrap();
    store.add_item(VAT, b"three").unwrap();
    save_snapshot(&mut store, 4);
    store.rollover(VAT, false).unwrap();
    store.add_item(VAT, b"four").unwrap();
    store.commit().unwrap();
    store.close().unwrap();
}

fn names(exporter: &Exporter) -> Vec<String> {
    let names = exporter.artifact_names().unwrap();
    names
        .into_iter()
        .map(|name| String::from_utf8(name).unwrap())
        .collect()
}

fn contents(exporter: &Exporter, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match exporter.artifact(name.as_bytes()).unwrap() {
        Artifact::Snapshot(mut snapshot) => {
            while let Some(chunk) = snapshot.next_chunk().unwrap() {
                bytes.extend(chunk);
            }
        }
        Artifact::Span(reader) => {
            while let Some(chunk) = reader.next_chunk().unwrap() {
                bytes.extend(chunk);
            }
        }
        Artifact::Fetched(_) => unreachable!(),
        Artifact::Bundle(bundle) => bytes = bundle,
    }
    bytes
}

fn import_records(exporter: &Exporter, into: &mut Store) {
    let records = exporter.export_data();
    while let Some(batch) = records.next_batch().unwrap() {
        for (key, value) in batch {
            if let Some(key) = key.strip_prefix(b"kv.") {
                into.kernel_set(key, &value).unwrap();
            } else if key.starts_with(b"snapshot.") {
                into.import_snapshot_record(&key, &value).unwrap();
            } else {
                into.import_span_record(&key, &value).unwrap();
            }
        }
    }
}

#[test]
fn each_mode_includes_more_than_the_previous_one() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path());
    let names = |mode| names(&Exporter::open(directory.path(), mode).unwrap());
    let operational = ["snapshot.v1.4", "transcript.v1.4.5"];
    assert_eq!(names(ArtifactMode::Operational), operational);
    assert_eq!(
        names(ArtifactMode::Replay),
        ["snapshot.v1.4", "transcript.v1.3.4", "transcript.v1.4.5"]
    );
    let spans = [
        "transcript.v1.0.3",
        "transcript.v1.3.4",
        "transcript.v1.4.5",
    ];
    assert_eq!(
        names(ArtifactMode::Archival),
        [&["snapshot.v1.4"][..], &spans].concat()
    );
    assert_eq!(
        names(ArtifactMode::Debug),
        [&["snapshot.v1.4", "snapshot.v1.2"][..], &spans].concat()
    );
}

#[test]
fn an_export_survives_an_import() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_store(from.path());
    let exporter = Exporter::open(from.path(), ArtifactMode::Debug).unwrap();
    assert_eq!(
        exporter.get_host_kv(b"host.height").unwrap(),
        Some(b"7".to_vec())
    );
    let mut store = open(to.path());
    import_records(&exporter, &mut store);
    for name in names(&exporter) {
        let bytes = contents(&exporter, &name);
        if name.starts_with("snapshot.") {
            let import = store
                .import_snapshot(name.as_bytes(), ArtifactMode::Debug)
                .unwrap()
                .expect("debug accepts all");
            let mut compressor = Compressor::default();
            compressor.add(&bytes).unwrap();
            store
                .populate_snapshot(import, &compressor.finish().unwrap())
                .unwrap();
        } else {
            let mut import = store
                .import_span(name.as_bytes(), ArtifactMode::Debug)
                .unwrap()
                .expect("debug accepts all");
            for byte in bytes.chunks(1) {
                import.add(byte).unwrap();
            }
            import.finish().unwrap();
        }
    }
    store.commit().unwrap();
    store.close().unwrap();

    let copy = Exporter::open(to.path(), ArtifactMode::Debug).unwrap();
    assert_eq!(names(&copy), names(&exporter));
    for name in names(&exporter) {
        assert_eq!(contents(&copy, &name), contents(&exporter, &name), "{name}");
    }
    let (left, right) = (exporter.export_data(), copy.export_data());
    assert_eq!(left.next_batch().unwrap(), right.next_batch().unwrap());
}

#[test]
fn a_rejected_span_leaves_no_items() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_store(from.path());
    let exporter = Exporter::open(from.path(), ArtifactMode::Archival).unwrap();
    let mut store = open(to.path());
    import_records(&exporter, &mut store);
    let attempt = |store: &mut Store, bytes: &[u8]| {
        let mut import = store
            .import_span(b"transcript.v1.0.3", ArtifactMode::Archival)
            .unwrap()
            .unwrap();
        match import.add(bytes) {
            Ok(()) => import.finish(),
            Err(error) => import.abandon().and(Err(error)),
        }
    };
    // White space and newlines are significant.
    for bad in [
        "",
        "one\n",
        "one\ntwo\n\n",
        "one\ntwo  \n\n\n",
        "one\ntwo  \nthree\nfour\n",
    ] {
        let error = attempt(&mut store, bad.as_bytes()).unwrap_err();
        assert!(
            matches!(
                error,
                Error::IncompleteArtifact(_) | Error::SpanHashMismatch { .. }
            ),
            "{error}"
        );
        assert_eq!(store.dump_transcripts(true).unwrap(), []);
    }
    attempt(&mut store, b"one\ntwo  \n\n").unwrap();
    assert_eq!(store.dump_transcripts(true).unwrap().len(), 3);
}

#[test]
fn an_exporter_reads_one_commit() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path());
    let exporter = Exporter::open(directory.path(), ArtifactMode::Operational).unwrap();
    let mut store = open(directory.path());
    store.add_item(VAT, b"five").unwrap();
    store.commit().unwrap();
    assert_eq!(contents(&exporter, "transcript.v1.4.5"), b"four\n");
    exporter.close().unwrap();
    assert!(matches!(
        exporter.artifact_names(),
        Err(Error::DatabaseClosed)
    ));
    assert!(exporter.close().is_err());
}

#[test]
fn gaps_are_errors_in_the_modes_that_need_the_spans() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path());
    let store = open(directory.path());
    let script = "DELETE FROM transcriptItems WHERE position = 3";
    store.database().lock().execute_script(script).unwrap();
    drop(store);
    let check = |mode| {
        Exporter::open(directory.path(), mode)
            .unwrap()
            .check_complete()
    };
    check(ArtifactMode::Operational).unwrap();
    assert!(matches!(
        check(ArtifactMode::Replay),
        Err(Error::IncompleteIncarnation(1))
    ));
    assert!(matches!(
        check(ArtifactMode::Archival),
        Err(Error::IncompleteArchive {
            count: 4,
            expected: 5
        })
    ));
    check(ArtifactMode::Debug).unwrap();
}
