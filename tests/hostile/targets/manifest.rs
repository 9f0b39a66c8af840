//! Manifests, in a directory with files that a manifest must not reach.

use std::fs;
use std::path::Path;

use swing_store::store::directory::{
    ExportOptions, ImportOptions, MANIFEST_NAME, RepairOptions, export_to_directory,
    import_from_directory, repair_metadata,
};
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::{ArtifactMode, History, Monitor, diff_stores};
use tempfile::TempDir;

use super::scene::{scene, temporary};
use super::{Target, allowed};

pub const TARGET: Target = Target {
    name: "manifest",
    run,
    seeds,
    words: &[
        b"\"data\": \"fifo\"",
        b"\"data\": \"outside\"",
        b"\"data\": \"device\"",
        b"\"data\": \"folder\"",
        b"\"data\": \"../secret\"",
        b"fifo",
        b"outside",
        b"device",
        b"folder",
        b"circle",
        b"inside",
        b"../",
        b"/dev/zero",
        b"/etc/passwd",
        b"export-data.jsonl",
        b".",
        b"..",
        b"",
        b"export-manifest.json",
        b"\\u0000",
        b"\\ud800",
        b"\xFF",
        b"\"operational\"",
        b"\"none\"",
        b"1e999",
        b"-1",
        b"null",
        b"[",
        b"]",
        b",",
        b"\"compressed\": true,",
        b"\"compressed\": false,",
        b".gz",
        b"\"artifacts\"",
        b"\"blockHeight\"",
        b"C:",
        b"\\\\",
        b"con",
    ],
    rounds: 45,
};

fn seeds() -> Vec<Vec<u8>> {
    let manifest = String::from_utf8_lossy(scene().exported(MANIFEST_NAME)).into_owned();
    let (span, _) = scene().first_of("transcript.v1.");
    let file =
        |name: &str| manifest.replacen(&format!("\"{span}\"\n"), &format!("\"{name}\"\n"), 1);
    let others = [
        "fifo",
        "outside",
        "device",
        "folder",
        "circle",
        "../secret",
        "inside",
        "absent",
    ];
    let mut seeds: Vec<Vec<u8>> = others.iter().map(|name| file(name).into_bytes()).collect();
    seeds.extend(
        others
            .iter()
            .map(|name| manifest.replace("export-data.jsonl", name).into_bytes()),
    );
    let compressed = "\"compressed\": true,\n  \"artifacts\"";
    seeds.push(manifest.replace("\"artifacts\"", compressed).into_bytes());
    seeds.push(file(&format!("{span}.gz")).into_bytes());
    // Each of two artifacts has the other one's file.
    let (other, _) = scene().first_of("snapshot.");
    let line = |name: &str| format!("      \"{name}\"\n    ]");
    let swapped = manifest
        .replace(&line(span), "FILE")
        .replace(&line(other), &line(span))
        .replace("FILE", &line(other));
    assert_ne!(swapped, manifest, "the files were not found");
    seeds.push(swapped.into_bytes());
    seeds.push(manifest.into_bytes());
    seeds
}

/// A file outside the export that must not be read or changed.
struct Trap {
    base: TempDir,
}

const SECRET_KEY: &[u8] = b"kv.secret";

impl Trap {
    fn new() -> Trap {
        let base = temporary();
        let export = base.path().join("export");
        scene().put_export(&export);
        fs::create_dir(export.join("folder")).expect("a folder");
        fs::write(base.path().join("secret"), "[\"kv.secret\",\"told\"]\n")
            .expect("a file outside");
        let (span, bytes) = scene().first_of("transcript.v1.");
        fs::write(export.join(format!("{span}.gz")), bytes).expect("a file that is not gzip");
        scene().put_store(&base.path().join("source"));
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            use std::os::unix::fs::symlink;
            let fifo = export.join("fifo");
            mknodat(CWD, fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
            symlink("../secret", export.join("outside")).expect("a link");
            symlink("/dev/zero", export.join("device")).expect("a link");
            symlink("circle", export.join("circle")).expect("a link");
            symlink("export-data.jsonl", export.join("inside")).expect("a link");
        }
        Trap { base }
    }
}

thread_local! {
    static TRAP: Trap = Trap::new();
}

fn run(manifest: &[u8]) {
    TRAP.with(|trap| {
        let path = |name: &str| trap.base.path().join(name);
        let [export, store, other] = ["export", "store", "other"].map(path);
        fs::write(export.join(MANIFEST_NAME), manifest).expect("the manifest");
        drop(fs::remove_dir_all(&store));
        fs::create_dir(&store).expect("a directory for the store");
        let monitor = Monitor::default();
        let imported = allowed(import_from_directory(
            &export,
            &store,
            &ImportOptions::default(),
            &monitor,
        ));
        let files = names(&store);
        match imported {
            Some(_) => {
                assert_eq!(files, ["swingstore.sqlite"]);
                tell_nothing(&store);
            }
            None => assert!(files.is_empty(), "{files:?} is left"),
        }
        scene().put_pruned_store(&other);
        let options = RepopulateOptions::new(ArtifactMode::Debug);
        allowed(repopulate_from_directory(
            &export, &other, options, &monitor,
        ));
        allowed(repair_metadata(
            &export,
            &other,
            &RepairOptions::default(),
            &monitor,
        ));
        allowed(diff_stores(&export, &other, &Default::default(), &monitor));
        reuse(&export, &path("source"), &path("reused"));
        assert_eq!(
            names(trap.base.path()).len(),
            5,
            "something was made outside"
        );
    });
}

/// Exports the store `source`, and reuses files of the export. Asserts that the new export has the
/// artifacts of the store, whatever the manifest says.
fn reuse(export: &Path, source: &Path, to: &Path) {
    let options = ExportOptions {
        mode: Some(ArtifactMode::Debug),
        with_data: true,
        reuse: Some(export.to_owned()),
        verify_reused: true,
        ..ExportOptions::default()
    };
    let exported = export_to_directory(source, to, &options, &Monitor::default());
    if allowed(exported).is_none() {
        assert!(!to.exists(), "a failed export left something");
        return;
    }
    for (name, expected) in &scene().export {
        let found = fs::read(to.join(name)).expect("a file of the export");
        assert!(found == *expected, "{name} differs");
    }
    fs::remove_dir_all(to).expect("an export to be removed");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// Asserts that nothing from outside the export is in the store.
fn tell_nothing(store: &Path) {
    let exporter =
        swing_store::store::Exporter::open(store, ArtifactMode::Debug).expect("an exporter");
    let records = exporter.export_data();
    while let Some(batch) = records.next_batch().expect("export data") {
        assert!(batch.iter().all(|(key, _)| key != SECRET_KEY));
    }
    allowed(History::open(store).map(drop));
}
