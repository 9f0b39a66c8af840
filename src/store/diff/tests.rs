//! Stores and exports with one difference each.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions};
use crate::store::error::Error;
use crate::store::gzip::Compressor;
use crate::store::substores::{Store, StoreOptions};
use crate::store::transfer::directory::{
    DATA_NAME, ExportOptions, MANIFEST_NAME, export_to_directory,
};

struct Base(tempfile::TempDir);

impl Base {
    fn new() -> Base {
        Base(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Creates a store with some contents of each kind, and applies `change` to it.
    fn store(&self, name: &str, change: impl FnOnce(&mut Store)) -> PathBuf {
        let directory = self.at(name);
        fs::create_dir(&directory).unwrap();
        let location = Location::File(file_in_directory(&directory));
        let options = StoreOptions::default();
        let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
        for key in 0..50 {
            store
                .kernel_set(format!("key.{key}").as_bytes(), b"value")
                .unwrap();
        }
        store.host_set(b"host.height", b"7").unwrap();
        for vat_id in [b"v1", b"v2"] {
            store.init_transcript(vat_id).unwrap();
            for item in 0..12 {
                store
                    .add_item(vat_id, format!("item {item}").as_bytes())
                    .unwrap();
                if item % 5 == 4 {
                    store.rollover(vat_id, false).unwrap();
                }
            }
        }
        let mut compressor = Compressor::default();
        compressor.add(&b"an image ".repeat(5000)).unwrap();
        store
            .save_snapshot(b"v1", 10, &compressor.finish().unwrap())
            .unwrap();
        change(&mut store);
        store.commit().unwrap();
        store.close().unwrap();
        directory
    }

    fn export(&self, store: &Path, name: &str, mode: Option<ArtifactMode>) -> PathBuf {
        let directory = self.at(name);
        let options = ExportOptions {
            mode,
            with_data: true,
            block_height: None,
            ..ExportOptions::default()
        };
        export_to_directory(store, &directory, &options, &Monitor::default()).unwrap();
        directory
    }
}

fn diff_with(a: &Path, b: &Path, options: &DiffOptions) -> DiffReport {
    let report = diff_stores(a, b, options, &Monitor::default()).unwrap();
    // With the sides swapped, the counts are swapped as well.
    let back = diff_stores(b, a, options, &Monitor::default()).unwrap();
    assert_eq!(back.differences.len(), report.differences.len());
    assert_eq!(
        back.records
            .map(|counts| (counts.only_b, counts.only_a, counts.differing)),
        report
            .records
            .map(|counts| (counts.only_a, counts.only_b, counts.differing))
    );
    report
}

fn everything() -> DiffOptions {
    DiffOptions {
        contents: true,
        ..DiffOptions::default()
    }
}

/// One line per difference: `record a NAME`.
fn lines(report: &DiffReport) -> Vec<String> {
    let line = |difference: &Difference| {
        let name = String::from_utf8_lossy(&difference.name);
        format!(
            "{} {} {name}",
            difference.subject.name(),
            difference.which.name()
        )
    };
    report.differences.iter().map(line).collect()
}

#[test]
fn a_store_does_not_differ_from_itself_its_copy_or_its_exports() {
    let base = Base::new();
    let store = base.store("a", |_| ());
    let copy = base.store("b", |_| ());
    for other in [&store, &copy] {
        let report = diff_with(&store, other, &everything());
        assert!(report.is_same(), "{:?}", lines(&report));
        assert_eq!(report.block_heights, [Some(7.0); 2]);
        assert_eq!(report.contents, 7);
    }
    for mode in [
        ArtifactMode::Operational,
        ArtifactMode::Archival,
        ArtifactMode::Debug,
    ] {
        let export = base.export(&store, mode.name(), Some(mode));
        let report = diff_with(&export, &store, &everything());
        assert!(report.is_same(), "{:?}", lines(&report));
        let artifacts = if mode == ArtifactMode::Operational {
            3
        } else {
            7
        };
        assert_eq!(
            (report.contents, report.records.unwrap().a),
            (artifacts, 58)
        );
    }
    let bare = base.export(&store, "none", None);
    assert_eq!(diff_with(&bare, &store, &everything()).artifacts, None);
}

#[test]
fn differences_are_reported() {
    let base = Base::new();
    let a = base.store("a", |store| store.kernel_set(b"only.a", b"1").unwrap());
    let b = base.store("b", |store| {
        store.kernel_set(b"key.7", b"other").unwrap();
        store.kernel_set(b"local.x", b"1").unwrap();
        store.host_set(b"host.height", b"8").unwrap();
        store.add_item(b"v2", b"one more").unwrap();
        store.stop_using_last_snapshot(b"v1").unwrap();
    });
    let expected = [
        "record both kv.key.7",
        "record a kv.only.a",
        "record both snapshot.v1.10",
        "record a snapshot.v1.current",
        "record both transcript.v2.current",
        "artifact a snapshot.v1.10",
        "artifact a transcript.v2.10.12",
        "artifact b transcript.v2.10.13",
    ];
    let report = diff_with(&a, &b, &everything());
    assert_eq!(lines(&report), expected);
    assert_eq!(
        report.differences[0].values,
        [Some(b"value".to_vec()), Some(b"other".to_vec())]
    );
    let export = base.export(&b, "export", Some(ArtifactMode::Archival));
    assert_eq!(lines(&diff_with(&a, &export, &everything())), expected);
    let options = DiffOptions {
        local_keys: true,
        limit: 7,
        ..DiffOptions::default()
    };
    let report = diff_with(&a, &b, &options);
    assert_eq!(
        lines(&report)[5..],
        ["local-key both host.height", "local-key b local.x"]
    );
    assert_eq!((report.differences.len(), report.left_out), (7, 3));
    let refused = diff_stores(&a, &export, &options, &Monitor::default());
    assert!(matches!(refused, Err(Error::NoStore { .. })), "{refused:?}");
}

#[test]
fn export_data_may_be_unordered_and_repeat_keys() {
    let base = Base::new();
    let store = base.store("a", |_| ());
    let export = base.export(&store, "export", Some(ArtifactMode::Archival));
    let file = export.join(DATA_NAME);
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().rev().collect();
    lines.insert(0, "[\"kv.key.1\",\"an older value\"]");
    lines.insert(1, "[\"kv.gone\",\"1\"]");
    lines.push("[\"kv.gone\",null]");
    fs::write(&file, lines.join("\n")).unwrap();
    assert!(diff_with(&store, &export, &everything()).is_same());
}

#[test]
fn texts_that_read_back_differently_are_compared_as_exported() {
    let base = Base::new();
    let store = base.store("a", |store| {
        // U+D800 sorts before U+E000 in the table, and after it once it is read.
        for key in [b"\xED\xA0\x80".as_slice(), "\u{E000}".as_bytes(), b"z"] {
            store.kernel_set(key, b"\xED\xA0\x80").unwrap();
        }
    });
    let export = base.export(&store, "export", Some(ArtifactMode::Archival));
    let report = diff_with(&store, &export, &everything());
    assert!(report.is_same(), "{:?}", lines(&report));
}

#[test]
fn bytes_may_differ_although_records_are_equal() {
    let base = Base::new();
    let a = base.store("a", |_| ());
    let b = base.store("b", |store| {
        let db = store.database().lock();
        let sql = "UPDATE transcriptItems SET item = 'x' WHERE vatID = 'v1' AND position = 6;
                   UPDATE transcriptItems SET item = item || '!' WHERE vatID = 'v1' AND position = 11;
                   UPDATE snapshots SET compressedSnapshot = x'00'";
        db.execute(sql).unwrap();
    });
    assert!(diff_with(&a, &b, &DiffOptions::default()).is_same());
    let report = diff_with(&a, &b, &everything());
    let details: Vec<_> = report
        .differences
        .iter()
        .map(|difference| difference.detail.clone().unwrap_or_default())
        .collect();
    assert_eq!(
        lines(&report),
        [
            "artifact both snapshot.v1.10",
            "artifact both transcript.v1.10.12",
            "artifact both transcript.v1.5.10",
        ]
    );
    assert!(
        details[0].starts_with("the second cannot be read: "),
        "{}",
        details[0]
    );
    assert_eq!(details[1], "the bytes differ from byte 15 on");
    assert_eq!(details[2], "the bytes differ from byte 7 on");
}

#[test]
fn a_directory_with_neither_or_both_is_refused() {
    let base = Base::new();
    let store = base.store("a", |_| ());
    let compare = |b: &Path| diff_stores(&store, b, &DiffOptions::default(), &Monitor::default());
    let refused = |b: &Path| {
        let outcome = compare(b);
        assert!(matches!(outcome, Err(Error::NoStore { .. })), "{outcome:?}");
    };
    refused(&base.at("missing"));
    refused(base.0.path());
    let both = base.export(&store, "both", Some(ArtifactMode::Debug));
    fs::copy(file_in_directory(&store), file_in_directory(&both)).unwrap();
    let outcome = compare(&both);
    assert!(matches!(outcome, Err(Error::BadArgument(_))), "{outcome:?}");
    fs::remove_file(file_in_directory(&both)).unwrap();
    fs::write(both.join(MANIFEST_NAME), "{}").unwrap();
    let outcome = compare(&both);
    assert!(matches!(outcome, Err(Error::Directory(_))), "{outcome:?}");
    let monitor = Monitor::default();
    monitor.abort();
    let outcome = diff_stores(&store, &store, &DiffOptions::default(), &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
}

#[test]
fn an_abort_ends_the_comparison_of_a_single_artifact() {
    let base = Base::new();
    let store = base.store("store", |_| ());
    let export = base.export(&store, "export", Some(ArtifactMode::Debug));
    let places = [&store, &export].map(|at| Operand::open(at, &Monitor::default()).unwrap());
    let compare = |monitor: &Monitor| artifacts::compare_one(&places, b"snapshot.v1.10", monitor);
    assert_eq!(compare(&Monitor::default()).unwrap(), None);
    let monitor = Monitor::default();
    monitor.abort();
    let outcome = compare(&monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
}

#[test]
fn a_store_that_lacks_tables_has_no_such_records() {
    let base = Base::new();
    let complete = base.store("a", |_| ());
    let old = base.store("b", |store| {
        let db = store.database().lock();
        db.execute("DROP TABLE snapshots; DROP TABLE bundles")
            .unwrap();
    });
    let report = diff_with(&complete, &old, &everything());
    let expected = [
        "record a snapshot.v1.10",
        "record a snapshot.v1.current",
        "artifact a snapshot.v1.10",
    ];
    assert_eq!(lines(&report), expected);
    // The comparison did not create them.
    let location = Location::File(file_in_directory(&old));
    let readonly = OpenOptions {
        readonly: true,
        ..OpenOptions::default()
    };
    let db = crate::store::database::SharedDatabase::open(location, &readonly).unwrap();
    assert!(db.lock().execute("SELECT * FROM snapshots").is_err());
}
