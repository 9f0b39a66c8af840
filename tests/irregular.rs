//! FIFOs, sockets and links in place of regular files: nothing waits for a writer that never comes, and no file
//! outside the directory is read or changed.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use swing_store::store::archive::{ArchiveOptions, archive_store};
use swing_store::store::diff::{DiffOptions, diff_stores};
use swing_store::store::directory::{
    ExportOptions, ImportOptions, RepairOptions, export_to_directory, import_from_directory,
    repair_metadata,
};
use swing_store::store::history::History;
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::verify::VerifyOptions;
use swing_store::store::{ArtifactMode, Error, Exporter, Monitor, file_in_directory, verify_store};

#[path = "hostile/targets/scene.rs"]
#[allow(dead_code, reason = "the targets use the rest")]
mod scene;
#[path = "hostile/targets/zip.rs"]
mod zip;

use scene::{open, scene, temporary};

/// Runs something that must not block, on another thread.
fn at_once<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = channel();
    thread::spawn(move || drop(done.send(work())));
    outcome
        .recv_timeout(Duration::from_secs(30))
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Replaces a file by a FIFO.
fn make_fifo(path: &Path) {
    drop(fs::remove_file(path));
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_fifo_in_an_export_is_refused() {
    let mut files: Vec<String> = ["transcript.v1.", "snapshot.v1.", "bundle.b1-"]
        .iter()
        .map(|kind| scene().first_of(kind).0.to_owned())
        .collect();
    files.push("export-manifest.json".into());
    files.push("export-data.jsonl".into());
    for file in files {
        let base = temporary();
        let [export, store, pruned] = ["export", "store", "pruned"].map(|n| base.path().join(n));
        scene().put_export(&export);
        make_fifo(&export.join(&file));
        fs::create_dir(&store).expect("a directory");
        scene().put_pruned_store(&pruned);
        let asked = file.clone();
        at_once(&file, move || {
            let monitor = Monitor::default();
            let options = ImportOptions::default();
            let error = import_from_directory(&export, &store, &options, &monitor).unwrap_err();
            assert!(error.to_string().contains("regular file"), "{error}");
            assert!(names(&store).is_empty());
            let options = RepairOptions::default();
            assert!(repair_metadata(&export, &pruned, &options, &monitor).is_err());
            let differences = diff_stores(&export, &pruned, &DiffOptions::default(), &monitor);
            assert!(differences.is_err());
            let options = RepopulateOptions::new(ArtifactMode::Debug);
            match repopulate_from_directory(&export, &pruned, options, &monitor) {
                Err(error) => assert_eq!(asked, "export-manifest.json", "{error}"),
                Ok(report) => {
                    assert_eq!(
                        report.refused_count,
                        u64::from(asked != "export-data.jsonl")
                    );
                    assert!(!report.filled.is_empty());
                }
            }
        });
    }
}

#[test]
fn a_fifo_in_an_archive_is_refused_or_replaced() {
    let base = temporary();
    let [archive, store, pruned] = ["archive", "store", "pruned"].map(|n| base.path().join(n));
    scene().put_store(&store);
    scene().put_pruned_store(&pruned);
    let options = ArchiveOptions {
        check: true,
        ..ArchiveOptions::default()
    };
    let monitor = Monitor::default();
    let archived = archive_store(&store, &archive, &options, &monitor).expect("an archive");
    let files = names(&archive);
    let span = files
        .iter()
        .find(|name| name.starts_with("transcript."))
        .expect("a span");
    let snapshot = files
        .iter()
        .find(|name| name.starts_with("snapshot."))
        .expect("a snapshot");
    for file in [span, snapshot] {
        make_fifo(&archive.join(file));
    }
    at_once("an archive", move || {
        let repopulate = RepopulateOptions::new(ArtifactMode::Debug);
        let monitor = Monitor::default();
        let report = repopulate_from_directory(&archive, &pruned, repopulate, &monitor);
        assert_eq!(report.expect("a report").refused_count, 2);
        let again = archive_store(&store, &archive, &options, &monitor).expect("an archive");
        assert_eq!((again.replaced, again.existing), (2, archived.written - 2));
        for file in names(&archive) {
            assert!(
                fs::symlink_metadata(archive.join(file))
                    .expect("a file")
                    .is_file()
            );
        }
    });
}

#[test]
fn a_fifo_in_the_place_of_a_database_or_its_log_is_refused() {
    for behind in ["", "-wal", "-journal"] {
        let base = temporary();
        let [store, export] = ["store", "export"].map(|name| base.path().join(name));
        scene().put_store(&store);
        let file = file_in_directory(&store);
        make_fifo(Path::new(&format!("{}{behind}", file.display())));
        at_once(behind, move || {
            let monitor = Monitor::default();
            let everything = ExportOptions {
                mode: Some(ArtifactMode::Debug),
                with_data: true,
                block_height: None,
                ..ExportOptions::default()
            };
            let history = History::open(&store).map(drop);
            let exporter = Exporter::open(&store, ArtifactMode::Debug).map(drop);
            let verified = verify_store(&store, &VerifyOptions::default(), &monitor).map(drop);
            let exported = export_to_directory(&store, &export, &everything, &monitor).map(drop);
            let opened = open(&store).map(drop);
            for outcome in [history, exporter, verified, exported, opened] {
                match outcome.unwrap_err() {
                    // A missing database has the same error.
                    Error::NoStore { .. } => assert_eq!(behind, ""),
                    error => assert!(error.to_string().contains("regular file"), "{error}"),
                }
            }
        });
    }
}

#[test]
fn a_directory_that_only_looks_like_a_leftover_stays() {
    let base = temporary();
    let [store, archive, other] = ["store", "archive", "other"].map(|n| base.path().join(n));
    scene().put_store(&store);
    fs::write(&other, "of somebody else").expect("a file");
    for (number, is_link) in [(1, false), (2, true)] {
        let leftover = archive.join(format!(".swing-store-archive-{number:016x}"));
        fs::create_dir_all(&leftover).expect("a directory");
        if is_link {
            symlink(&other, leftover.join("lock")).expect("a link");
        } else {
            make_fifo(&leftover.join("lock"));
        }
    }
    let left = archive.clone();
    at_once("an archive", move || {
        let options = ArchiveOptions::default();
        archive_store(&store, &archive, &options, &Monitor::default()).expect("an archive");
    });
    assert_eq!(
        fs::read_to_string(&other).expect("the file"),
        "of somebody else"
    );
    assert!(left.join(".swing-store-archive-0000000000000002").exists());
}
