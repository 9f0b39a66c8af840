//! Exports and imports of small stores: what decides about them, and what they leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::data::is_kv;
use super::data::read_without_kv;
use super::layout::DATA_NAME;
use super::paths::{FileNames, find};
use super::records::LatestRecords;
use super::*;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions};
use crate::store::error::{Error, Result};
use crate::store::gzip::Compressor;
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::{HistoricalSpans, Store, StoreOptions};
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::{Monitor, Stage};

pub(super) fn open(directory: &Path) -> Store {
    fs::create_dir_all(directory).unwrap();
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

/// The vats whose items are interleaved.
pub(super) const INTERLEAVED: [&str; 4] = ["v1", "v2", "v3", "v4"];

/// A directory with a store of block 17.
pub(super) struct Base(pub(super) tempfile::TempDir);

impl Base {
    pub(super) fn new() -> Base {
        let base = Base(tempfile::tempdir().unwrap());
        let mut store = open(&base.at("store"));
        store.host_set(HEIGHT_KEY, b"17").unwrap();
        store.kernel_set(b"key", b"value").unwrap();
        store.kernel_set(b"local.key", b"value").unwrap();
        store.init_transcript(b"v1").unwrap();
        for item in ["a", "b", "c"] {
            store.add_item(b"v1", item.as_bytes()).unwrap();
            store.rollover(b"v1", false).unwrap();
            let mut compressor = Compressor::default();
            compressor.add(item.as_bytes()).unwrap();
            let image = compressor.finish().unwrap();
            let position = i64::from(item.as_bytes()[0] - b'a' + 1);
            store.save_snapshot(b"v1", position, &image).unwrap();
        }
        store.commit().unwrap();
        store.close().unwrap();
        base
    }

    /// A store of four vats whose items, 25 of each in spans of 10, were written in turn.
    pub(super) fn interleaved() -> (Base, Store) {
        let base = Base(tempfile::tempdir().unwrap());
        let mut store = open(&base.at("store"));
        for vat in INTERLEAVED {
            store.init_transcript(vat.as_bytes()).unwrap();
        }
        for number in 0..25 {
            for vat in INTERLEAVED {
                let item = format!("{vat} {number}");
                store.add_item(vat.as_bytes(), item.as_bytes()).unwrap();
                if number % 10 == 9 {
                    store.rollover(vat.as_bytes(), false).unwrap();
                }
            }
        }
        store.commit().unwrap();
        (base, store)
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn export(&self, name: &str, options: &ExportOptions) -> Result<Exported> {
        let monitor = Monitor::default();
        let exported = export_to_directory(&self.at("store"), &self.at(name), options, &monitor)?;
        let progress = monitor.progress();
        assert_eq!(progress.stage, Stage::Done);
        assert_eq!(progress.done, progress.total);
        let pieces = exported.artifacts + usize::from(options.with_data);
        assert_eq!(progress.total, pieces as u64);
        Ok(exported)
    }

    fn import(&self, from: &str, to: &str, options: &ImportOptions) -> Result<Imported> {
        import_from_directory(&self.at(from), &self.at(to), options, &Monitor::default())
    }

    fn count(&self, store: &str, table: &str) -> i64 {
        let connection = rusqlite::Connection::open(file_in_directory(&self.at(store))).unwrap();
        let sql = format!("SELECT COUNT(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

pub(super) fn archival() -> ExportOptions {
    ExportOptions {
        mode: Some(ArtifactMode::Archival),
        with_data: true,
        ..ExportOptions::default()
    }
}

pub(super) fn code<T>(outcome: Result<T>) -> String {
    outcome.map_or_else(|error| error.code().to_owned(), |_| "none".to_owned())
}

#[test]
fn the_block_height_decides() {
    let base = Base::new();
    let of_block = |block_height| ExportOptions {
        block_height: Some(block_height),
        ..archival()
    };
    assert_eq!(
        code(base.export("other", &of_block(16.0))),
        "ERR_SWING_STORE_HEIGHT"
    );
    assert!(!base.at("other").exists());
    let exported = base.export("export", &of_block(17.0)).unwrap();
    assert_eq!((exported.block_height, exported.artifacts), (17.0, 5));
    let of_block = |block_height, go_back| ImportOptions {
        block_height,
        go_back,
        ..ImportOptions::default()
    };
    let refused = base.import("export", "to", &of_block(Some(18.0), false));
    assert_eq!(code(refused), "ERR_SWING_STORE_HEIGHT");
    let imported = base
        .import("export", "to", &of_block(Some(17.0), false))
        .unwrap();
    assert_eq!((imported.block_height, imported.artifacts), (17.0, 5));
    assert_eq!(imported.mode, ArtifactMode::Archival);
    assert!(imported.replaced.is_none());
    assert_eq!(base.count("to", "pendingExports"), 0);
    let mut store = open(&base.at("to"));
    assert_eq!(store.kv_get(HEIGHT_KEY).unwrap().unwrap(), b"17");
    store.close().unwrap();
    // A store of the same block or an earlier one is replaced, and one of a later block on request.
    for (height, is_refused) in [("17", false), ("16", false), ("18", true), ("x", false)] {
        let mut store = open(&base.at("to"));
        store.host_set(HEIGHT_KEY, height.as_bytes()).unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        let outcome = base.import("export", "to", &of_block(None, false));
        if is_refused {
            assert_eq!(code(outcome), "ERR_SWING_STORE_HEIGHT");
            let outcome = base.import("export", "to", &of_block(None, true));
            assert_eq!(outcome.unwrap().replaced.unwrap().block_height, Some(18.0));
        } else {
            let replaced = outcome.unwrap().replaced.unwrap();
            assert_eq!(replaced.block_height, height.parse().ok());
            assert!(replaced.file_bytes > 0);
        }
    }
}

#[test]
fn an_import_chooses_a_mode_that_the_export_has() {
    use ArtifactMode::{Archival, Debug, Operational, Replay};
    let base = Base::new();
    base.export("export", &archival()).unwrap();
    let manifest = base.at("export").join(MANIFEST_NAME);
    let text = fs::read_to_string(&manifest).unwrap();
    let field = "  \"artifactMode\": \"archival\",\n";
    for (of_export, wanted, expected) in [
        (None, None, Some(Operational)),
        (None, Some(Archival), Some(Archival)),
        (Some("operational"), None, Some(Operational)),
        (Some("operational"), Some(Operational), Some(Operational)),
        (Some("operational"), Some(Replay), None),
        (Some("operational"), Some(Debug), Some(Debug)),
        (Some("replay"), Some(Operational), Some(Operational)),
        (Some("replay"), Some(Archival), None),
        (Some("archival"), Some(Replay), Some(Replay)),
        (Some("none"), None, None),
        (Some("none"), Some(Operational), None),
        (Some("none"), Some(Debug), None),
    ] {
        let other = of_export.map(|mode| field.replace("archival", mode));
        fs::write(&manifest, text.replace(field, &other.unwrap_or_default())).unwrap();
        let options = ImportOptions {
            mode: wanted,
            ..ImportOptions::default()
        };
        let found = ExportDirectory::open(&base.at("export"), &base.at("to"), &options);
        match (found, expected) {
            (Ok(found), Some(mode)) => {
                assert_eq!((found.mode(), found.artifacts()), (mode, 5));
                assert_eq!(found.block_height(), 17.0);
            }
            (found, expected) => {
                assert_eq!(expected, None, "{of_export:?} {wanted:?}");
                assert_eq!(code(found), "ERR_SWING_STORE_INCOMPLETE");
            }
        }
    }
    let options = ImportOptions::default();
    let nested = ExportDirectory::open(&base.at("export"), base.0.path(), &options);
    assert_eq!(code(nested), "ERR_SWING_STORE_ARGUMENT");
}

#[test]
fn a_store_is_not_taken_for_an_export() {
    let base = Base::new();
    base.export("export", &archival()).unwrap();
    fs::create_dir(base.at("empty")).unwrap();
    let problem = |from: &str, to: &str| {
        let options = ImportOptions::default();
        let error = ExportDirectory::open(&base.at(from), &base.at(to), &options).unwrap_err();
        (error.code().to_owned(), error.to_string())
    };
    let expect = |from: &str, to: &str, code: &str, text: &str| {
        let (found, message) = problem(from, to);
        assert!(
            found == code && message.contains(text),
            "{from} {to}: {message}"
        );
    };
    let argument = "ERR_SWING_STORE_ARGUMENT";
    expect("store", "export", argument, "the directories are exchanged");
    expect("store", "new", "ENOENT", "is a store, not an export");
    expect("store", "empty", "ENOENT", "is a store, not an export");
    expect("empty", "export", "ENOENT", "looking for the manifest");
    expect("empty", "new", "ENOENT", "looking for the manifest");
    // The second directory has a store as well, or the first one has an export.
    let add_store = |name: &str| fs::write(file_in_directory(&base.at(name)), "").unwrap();
    add_store("export");
    expect("store", "export", "ENOENT", "is a store, not an export");
    let found = ExportDirectory::open(
        &base.at("export"),
        &base.at("new"),
        &ImportOptions::default(),
    );
    assert_eq!(code(found), "none");
}

#[test]
fn an_import_records_keys_for_the_export_callback_on_request() {
    let base = Base::new();
    base.export("export", &archival()).unwrap();
    for (record_exports, recorded) in [(false, 0), (true, 1)] {
        let options = ImportOptions {
            record_exports,
            ..ImportOptions::default()
        };
        base.import("export", "to", &options).unwrap();
        assert_eq!(base.count("to", "pendingExports"), recorded);
        assert_eq!(base.count("to", "kvStore WHERE key = 'key'"), 1);
        assert_eq!(base.count("to", "transcriptSpans"), 4);
        assert_eq!(base.count("to", "snapshots"), 3);
    }
    let data = base.at("export").join(DATA_NAME);
    let text = fs::read_to_string(&data).unwrap();
    let import_with = |line: &str| {
        fs::write(&data, format!("{text}{line}\n")).unwrap();
        base.import("export", "to", &ImportOptions::default())
    };
    // A later line replaces an earlier one, and may delete it.
    import_with(r#"["kv.key",null]"#).unwrap();
    assert_eq!(base.count("to", "kvStore WHERE key = 'key'"), 0);
    assert_ne!(code(import_with(r#"["kv.host.x","1"]"#)), "none");
    assert_ne!(code(import_with(r#"["other.x","1"]"#)), "none");
    assert_eq!(base.count("to", "kvStore WHERE key = 'key'"), 0);
}

#[test]
fn an_import_compresses_historical_spans_on_request() {
    let base = Base::new();
    base.export("export", &archival()).unwrap();
    for (historical_spans, rows) in [(HistoricalSpans::Rows, 3), (HistoricalSpans::Compressed, 0)] {
        let options = ImportOptions {
            historical_spans,
            ..ImportOptions::default()
        };
        base.import("export", "to", &options).unwrap();
        assert_eq!(base.count("to", "transcriptItems"), rows);
    }
    assert_eq!(base.count("to", "compressedItems"), 3);
}

#[test]
fn a_failed_export_removes_only_a_directory_that_it_made() {
    let base = Base::new();
    fs::create_dir(base.at("existing")).unwrap();
    for name in ["existing", "new"] {
        // Aborts at the first step of the work.
        let flag: Arc<OnceLock<Arc<AtomicBool>>> = Arc::default();
        let abort = flag.clone();
        let monitor = Monitor::telling(move |step| {
            if step.starts_with("writing") {
                abort.get().unwrap().store(true, Ordering::Relaxed);
            }
        });
        flag.set(monitor.abort_flag()).unwrap();
        let outcome = export_to_directory(&base.at("store"), &base.at(name), &archival(), &monitor);
        assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    }
    assert_eq!(fs::read_dir(base.at("existing")).unwrap().count(), 0);
    assert!(!base.at("new").exists());
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let base = Base::new();
    let none = ExportOptions {
        with_data: true,
        ..ExportOptions::default()
    };
    base.export("none", &none).unwrap();
    assert_eq!(fs::read_dir(base.at("none")).unwrap().count(), 2);
    for options in [
        ExportOptions {
            verify_reused: true,
            ..archival()
        },
        ExportOptions {
            compress: true,
            ..none.clone()
        },
        ExportOptions {
            history_from: Some(base.at("none")),
            ..none.clone()
        },
        ExportOptions {
            reuse: Some(base.at("none")),
            ..none
        },
    ] {
        let refused = base.export("other", &options);
        assert!(matches!(refused, Err(Error::BadArgument(_))), "{refused:?}");
        assert!(!base.at("other").exists());
    }
}

#[test]
fn a_repair_adds_the_records_that_are_missing() {
    let base = Base::new();
    base.export("export", &archival()).unwrap();
    let change = "DELETE FROM transcriptSpans WHERE startPos = 0;
                  DELETE FROM snapshots WHERE snapPos < 3; DELETE FROM pendingExports";
    let connection = rusqlite::Connection::open(file_in_directory(&base.at("store"))).unwrap();
    connection.execute_batch(change).unwrap();
    drop(connection);
    for added in [3, 0] {
        let monitor = Monitor::default();
        let options = RepairOptions {
            block_height: Some(17.0),
        };
        let repaired = repair_metadata(&base.at("export"), &base.at("store"), &options, &monitor);
        let repaired = repaired.unwrap();
        // Four spans, three snapshots, and which one is in use.
        assert_eq!((repaired.records, repaired.added), (8, added));
        assert_eq!(repaired.block_height, 17.0);
        let progress = monitor.progress();
        assert_eq!((progress.done, progress.total), (8, 8));
        assert_eq!(base.count("store", "transcriptSpans"), 4);
        assert_eq!(base.count("store", "snapshots"), 3);
        assert_eq!(base.count("store", "pendingExports"), 0);
    }
    let repair = |options: RepairOptions| {
        repair_metadata(
            &base.at("export"),
            &base.at("store"),
            &options,
            &Monitor::default(),
        )
    };
    let refused = repair(RepairOptions {
        block_height: Some(16.0),
    });
    assert_eq!(code(refused), "ERR_SWING_STORE_HEIGHT");
    let mut store = open(&base.at("store"));
    store.host_set(HEIGHT_KEY, b"18").unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    assert_eq!(
        code(repair(RepairOptions::default())),
        "ERR_SWING_STORE_HEIGHT"
    );
}

#[test]
fn records_that_are_no_keys_are_read_until_an_abort() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let lines = |line: &str, count: usize| format!("{line}\n").repeat(count);
    let kv = lines(r#"["kv.key","value"]"#, 3);
    let text = format!(r#"{kv}["kv","x"]{}"#, "\n") + &lines(r#"["bundle.x","y"]"#, 9000) + &kv;
    fs::write(&path, text).unwrap();
    let mut taken = 0;
    read_without_kv(&path, &Monitor::default(), |(key, value)| {
        assert_eq!((key, value), (b"bundle.x".to_vec(), Some(b"y".to_vec())));
        taken += 1;
    })
    .unwrap();
    assert_eq!(taken, 9000);
    for abort_at in [1, 4500] {
        let monitor = Monitor::default();
        let mut taken = 0;
        let outcome = read_without_kv(&path, &monitor, |_| {
            taken += 1;
            if taken == abort_at {
                monitor.abort();
            }
        });
        assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
        assert!(taken < 8200, "{taken}");
    }
    let is_kv = |key: &str| is_kv(key.as_bytes());
    assert!(is_kv("kv") && is_kv("kv.") && is_kv("kv.a"));
    assert!(!is_kv("kvx") && !is_kv("k") && !is_kv("bundle.kv."));
}

#[test]
fn the_latest_records_come_in_batches() {
    let store = Store::in_memory(StoreOptions::default()).unwrap();
    let db = store.database();
    let latest = LatestRecords::create(db).unwrap();
    // Two make a batch.
    let value = vec![b'x'; limits().record_batch_bytes / 2];
    for name in ["aa", "bb", "cc", "dd", "ee", "ff"] {
        let entry = (name.into(), Some(value.clone()));
        latest.apply(&db.lock(), &entry).unwrap();
    }
    latest.apply(&db.lock(), &(b"bb".to_vec(), None)).unwrap();
    latest
        .apply(&db.lock(), &(b"aa".to_vec(), Some(value.clone())))
        .unwrap();
    assert_eq!(latest.count().unwrap(), 5);
    let mut batches: Vec<Vec<u8>> = Vec::new();
    let drained = latest.drain(&Monitor::default(), |batch| {
        batches.push(batch.into_iter().flat_map(|(key, _)| key).collect());
        Ok(())
    });
    drained.unwrap();
    assert_eq!(
        batches,
        [b"aacc".to_vec(), b"ddee".to_vec(), b"ff".to_vec()]
    );
    // The table is gone, so another can be created.
    LatestRecords::create(db).unwrap();
}

#[test]
fn only_regular_files_in_the_directory_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    let inner = base.join("inner");
    fs::create_dir_all(inner.join("directory")).unwrap();
    fs::write(inner.join("file"), "").unwrap();
    fs::write(base.join("outside"), "").unwrap();
    assert!(find(&inner, b"file").unwrap().ends_with("file"));
    let problem = |directory: &Path, name: &str| {
        let error = find(directory, name.as_bytes()).unwrap_err();
        (error.code().to_owned(), error.to_string())
    };
    let (code, message) = problem(&inner, "missing");
    assert!(
        code == "ERR_SWING_STORE_MANIFEST" && message.contains("which is not in"),
        "{message}"
    );
    let (_, message) = problem(&inner, "directory");
    assert!(message.contains("not a regular file"), "{message}");
    let (_, message) = problem(&inner, &"x".repeat(256));
    assert!(message.contains("longer than 255"), "{message}");
    let (_, message) = problem(&inner, &"x".repeat(255));
    assert!(message.contains("which is not in"), "{message}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../outside", inner.join("link")).unwrap();
        let (_, message) = problem(&inner, "link");
        assert!(message.contains("leads out of"), "{message}");
        // Not a directory.
        let (code, _) = problem(&inner.join("file"), "name");
        assert_eq!(code, "ENOTDIR");
    }
}

#[test]
fn artifacts_whose_names_are_no_file_names_are_numbered() {
    let mut names = FileNames::new();
    let mut name = |artifact: &str| names.name_for(artifact.as_bytes(), "");
    assert_eq!(name("artifact-3"), "artifact-3");
    assert_eq!(name("bundle.a/b"), "artifact-4");
    assert_eq!(name("bundle.b/c"), "artifact-5");
    assert_eq!(name("artifact-5"), "artifact-6");
    assert_eq!(name("bundle.x"), "bundle.x");
    assert_eq!(name("Bundle.x"), "artifact-7");
}

#[test]
fn artifacts_are_listed_and_other_files_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("other"), "").unwrap();
    fs::write(at("snapshot.v1.5.tmp"), "").unwrap();
    fs::create_dir(at("snapshot.v1.6")).unwrap();
    let none = sources(directory.path()).err();
    assert_eq!(none.unwrap().code(), "ENOENT");
    for name in ["transcript.v1.0.3.gz", "snapshot.v1.3", "bundle.b1-00"] {
        fs::write(at(name), "").unwrap();
    }
    let found = sources(directory.path()).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|source| String::from_utf8_lossy(&source.name).into_owned())
        .collect();
    assert_eq!(
        found,
        ["bundle.b1-00", "snapshot.v1.3", "transcript.v1.0.3"]
    );
}

#[test]
fn interleaved_spans_are_exported_like_others() {
    let (base, store) = Base::interleaved();
    // This span cannot be written in the order of its rows.
    let sql = "UPDATE transcriptItems SET rowid = 101 WHERE vatID = 'v2' AND position = 12";
    store.database().lock().execute(sql).unwrap();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = told.clone();
    let monitor = Monitor::telling(move |step| listener.lock().unwrap().push(step.to_owned()));
    let exported =
        export_to_directory(&base.at("store"), &base.at("export"), &archival(), &monitor).unwrap();
    assert_eq!(exported.artifacts, 12);
    let progress = monitor.progress();
    assert_eq!((progress.done, progress.total), (13, 13));
    let mut bytes = fs::metadata(base.at("export").join(DATA_NAME))
        .unwrap()
        .len();
    for vat in INTERLEAVED {
        for (start, end) in [(0, 10), (10, 20), (20, 25)] {
            let file = base
                .at("export")
                .join(format!("transcript.{vat}.{start}.{end}"));
            let items = (start..end).map(|number| format!("{vat} {number}\n"));
            let expected: String = items.collect();
            bytes += expected.len() as u64;
            assert_eq!(fs::read_to_string(file).unwrap(), expected);
        }
    }
    assert_eq!(exported.bytes, bytes);
    // The files of the other spans were open at the same time.
    let told = told.lock().unwrap();
    let mut spans = told
        .iter()
        .filter(|step| step.starts_with("writing transcript"));
    let first: Vec<&str> = spans.by_ref().take(4).map(|step| &step[8..]).collect();
    assert_eq!(
        first,
        INTERLEAVED.map(|vat| format!("transcript.{vat}.0.10"))
    );
    assert_eq!(
        told.iter()
            .filter(|step| *step == "writing transcript.v2.10.20")
            .count(),
        2
    );
}
