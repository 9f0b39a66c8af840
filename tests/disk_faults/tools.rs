//! Tools that process whole stores, on a failing disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use swing_store::store::archive::{ArchiveOptions, archive_store};
use swing_store::store::diff::DiffOptions;
use swing_store::store::directory::{
    ExportDirectory, ExportOptions, ImportOptions, MANIFEST_NAME, RepairOptions,
    export_to_directory, repair_metadata,
};
use swing_store::store::history::Selection;
use swing_store::store::prune::{PruneOptions, prune};
use swing_store::store::reclaim::{Method, reclaim};
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::verify::VerifyOptions;
use swing_store::store::{
    Artifact, ArtifactMode, ChangeTarget, Exporter, History, Monitor, OpenOptions, Result, Staged,
    Store, StoreLocation, StoreOptions, check_bundle_artifact, diff_stores, file_in_directory,
    verify_store,
};

use super::kernel::{self, BLOCKS};
use super::plan::{self, SHORT_READ};
use super::state::{check_sound, copy, digest, files_in, names_in};
use super::sweep::{Attempt, Sweep};

const FILE: &str = "swingstore.sqlite";

/// The directories of an attempt.
struct Places {
    store: PathBuf,
    pruned: PathBuf,
    export: PathBuf,
    /// The result of importing the export.
    imported: PathBuf,
    /// The result of repairing a store with missing records.
    repaired: PathBuf,
    to: PathBuf,
}

impl Places {
    fn of(base: &Path) -> Places {
        let place = |name| base.join(name);
        Places {
            store: place("store"),
            pruned: place("pruned"),
            export: place("export"),
            imported: place("imported"),
            repaired: place("repaired"),
            to: place("to"),
        }
    }

    /// Creates a store, a pruned one, and a complete export.
    fn fill(&self) {
        let mut kernel = kernel::open(&self.store).unwrap();
        kernel::run_to(&mut kernel, BLOCKS).unwrap();
        kernel.close().unwrap();
        copy(&self.store, &self.pruned);
        prune_store(&self.pruned).unwrap();
        export(&self.store, &self.export).unwrap();
    }

    fn fill_imported(&self) {
        import_directory(&self.export, &self.imported).unwrap();
    }

    fn fill_repaired(&self) {
        copy(&self.pruned, &self.repaired);
        forget_records(&self.repaired);
        repair(&self.export, &self.repaired).unwrap();
    }
}

fn sweep(name: &str, work: impl Fn(&Places, &Attempt<'_>) -> Result<()>) {
    sweep_with(Sweep::new(name), |_| {}, work);
}

/// Like [`sweep`], for work that only reads, and that notices wrong contents.
fn sweep_reading(name: &str, work: impl Fn(&Places, &Attempt<'_>) -> Result<()>) {
    sweep_with(Sweep::new(name).with(SHORT_READ), |_| {}, work);
}

/// Like [`sweep`], for imports.
fn sweep_import(name: &str, work: impl Fn(&Places, &Attempt<'_>) -> Result<()>) {
    sweep_with(Sweep::new(name), Places::fill_imported, work);
}

fn sweep_with(
    sweep: Sweep<'_>,
    fill_more: impl FnOnce(&Places),
    work: impl Fn(&Places, &Attempt<'_>) -> Result<()>,
) {
    let template = Places::of(&sweep.template());
    template.fill();
    fill_more(&template);
    sweep.run(|attempt| work(&Places::of(attempt.base), attempt));
}

/// Runs `work` with the fault, and again without it. In between, `look` checks the state that the first
/// run left, and whether it succeeded. The second run has to succeed.
fn twice<T>(
    attempt: &Attempt<'_>,
    work: impl Fn() -> Result<T>,
    look: impl FnOnce(bool),
) -> Result<()> {
    let outcome = work();
    plan::disarm();
    look(outcome.is_ok());
    if outcome.is_err() {
        work().unwrap_or_else(|error| panic!("{}: again: {error}", attempt.what));
    }
    outcome.map(drop)
}

fn export(store: &Path, to: &Path) -> Result<()> {
    let options = ExportOptions {
        mode: Some(ArtifactMode::Debug),
        with_data: true,
        block_height: None,
        ..ExportOptions::default()
    };
    export_to_directory(store, to, &options, &Monitor::default()).map(drop)
}

fn prune_store(store: &Path) -> Result<()> {
    let options = PruneOptions {
        keep_transcripts: ArtifactMode::Operational,
        keep_snapshots: ArtifactMode::Operational,
        budget: 8,
        limit: None,
        dry_run: false,
    };
    prune(store, &options, &Monitor::default()).map(drop)
}

/// Asserts that no unfinished file is left.
fn check_tidy(directory: &Path, what: &str) {
    let names = names_in(directory);
    assert!(
        names.iter().all(|name| !name.starts_with('.')),
        "{what}: {names:?}"
    );
}

#[test]
fn an_export() {
    sweep("export", |at, attempt| {
        let look = |done: bool| {
            if !done {
                assert!(!at.to.exists(), "{}: {:?}", attempt.what, names_in(&at.to));
            }
        };
        let outcome = twice(attempt, || export(&at.store, &at.to), look);
        let but_manifest = |directory: &Path| {
            let mut files = files_in(directory);
            files.retain(|(name, _)| name != MANIFEST_NAME);
            files
        };
        assert!(
            but_manifest(&at.to) == but_manifest(&at.export),
            "{}",
            attempt.what
        );
        outcome
    });
}

/// Fills a staged database, and publishes it.
fn import_directory(export: &Path, to: &Path) -> Result<()> {
    let monitor = Monitor::default();
    let export = ExportDirectory::open(export, to, &ImportOptions::default())?;
    let place = StoreLocation::Directory(to.to_owned());
    let staged = Staged::new(&place, &OpenOptions::default())?;
    let done = export
        .import(&staged, &monitor)
        .and_then(|()| staged.publish(false));
    staged.discard();
    staged.database().lock().close();
    done
}

/// Asserts that the directory contains a complete new store, or its previous contents.
fn check_imported(at: &Places, done: bool, before: Option<&str>, what: &str) {
    check_tidy(&at.to, what);
    let expected = digest(&at.imported);
    if at.to.join(FILE).exists() {
        let found = digest(&at.to);
        assert!(
            found == expected || (!done && Some(&*found) == before),
            "{what}"
        );
        check_sound(&at.to, what);
    } else {
        assert!(!done && before.is_none(), "{what}");
    }
}

#[test]
fn an_import() {
    sweep_import("import", |at, attempt| {
        let look = |done| check_imported(at, done, None, &attempt.what);
        let outcome = twice(attempt, || import_directory(&at.export, &at.to), look);
        check_imported(at, true, None, &attempt.what);
        outcome
    });
}

#[test]
fn an_import_over_another_store() {
    sweep_import("import over another", |at, attempt| {
        plan::disarm();
        copy(&at.pruned, &at.to);
        let before = digest(&at.pruned);
        plan::arm(attempt.planned);
        let look = |done| check_imported(at, done, Some(&before), &attempt.what);
        let outcome = twice(attempt, || import_directory(&at.export, &at.to), look);
        check_imported(at, true, None, &attempt.what);
        outcome
    });
}

/// Imports piece by piece, like JavaScript, and commits once or twice.
fn import_pieces(at: &Places, gives_up: bool) -> Result<()> {
    let exporter = Exporter::open(&at.store, ArtifactMode::Debug)?;
    let place = StoreLocation::Directory(at.to.clone());
    let staged = Staged::new(&place, &OpenOptions::default())?;
    let done = fill(&exporter, &staged).and_then(|mut store| {
        let commit = |store: &mut Store| {
            kernel::commit(store)?;
            staged.publish(false)
        };
        match commit(&mut store) {
            Err(_) if !gives_up => {
                plan::disarm();
                commit(&mut store)
            }
            done => done,
        }
    });
    staged.discard();
    staged.database().lock().close();
    done
}

fn fill(exporter: &Exporter, staged: &Staged) -> Result<Store> {
    Store::initialize(staged.database(), Some(true))?;
    staged.defer_sync()?;
    staged.database().lock().execute("PRAGMA cache_size=5")?;
    let options = StoreOptions {
        change_target: ChangeTarget::Discard,
        ..StoreOptions::default()
    };
    let mut store = Store::over(staged.database().clone(), options)?;
    let records = exporter.export_data();
    while let Some(batch) = records.next_batch()? {
        for (key, value) in batch {
            if let Some(key) = key.strip_prefix(b"kv.") {
                if key.starts_with(b"host.") {
                    store.host_set(key, &value)?;
                } else {
                    store.kernel_set(key, &value)?;
                }
            } else if key.starts_with(b"snapshot.") {
                store.import_snapshot_record(&key, &value)?;
            } else if key.starts_with(b"bundle.") {
                store.import_bundle_record(&key, &value)?;
            } else {
                store.import_span_record(&key, &value)?;
            }
        }
    }
    for name in exporter.artifact_names()? {
        fill_artifact(exporter, &mut store, &name)?;
    }
    Ok(store)
}

fn fill_artifact(exporter: &Exporter, store: &mut Store, name: &[u8]) -> Result<()> {
    match exporter.artifact(name)? {
        Artifact::Span(reader) => {
            let Some(mut import) = store.import_span(name, ArtifactMode::Debug)? else {
                return Ok(());
            };
            while let Some(chunk) = reader.next_chunk()? {
                import.add(&chunk)?;
            }
            import.finish()
        }
        Artifact::Snapshot(mut image) => {
            let Some(import) = store.import_snapshot(name, ArtifactMode::Debug)? else {
                return Ok(());
            };
            let mut compressor = swing_store::store::Compressor::default();
            while let Some(chunk) = image.next_chunk()? {
                compressor.add(&chunk)?;
            }
            store.populate_snapshot(import, &compressor.finish()?)
        }
        Artifact::Fetched(_) => unreachable!(),
        Artifact::Bundle(data) => {
            let contents = check_bundle_artifact(name, data)?;
            let id = name.strip_prefix(b"bundle.").unwrap();
            store.populate_bundle(id, &contents)
        }
    }
}

#[test]
fn an_import_by_pieces() {
    for gives_up in [true, false] {
        let name = if gives_up {
            "import by pieces"
        } else {
            "import by pieces, commits again"
        };
        sweep_import(name, |at, attempt| {
            let look = |done| check_imported(at, done, None, &attempt.what);
            let outcome = twice(attempt, || import_pieces(at, gives_up), look);
            check_imported(at, true, None, &attempt.what);
            outcome
        });
    }
}

#[test]
fn pruning() {
    sweep("prune", |at, attempt| {
        let look = |_| check_sound(&at.store, &attempt.what);
        let outcome = twice(attempt, || prune_store(&at.store), look);
        assert_eq!(digest(&at.store), digest(&at.pruned), "{}", attempt.what);
        outcome
    });
}

#[test]
fn repopulation() {
    sweep("repopulate", |at, attempt| {
        let look = |_| {
            check_sound(&at.pruned, &attempt.what);
            check_tidy(&at.pruned, &attempt.what);
        };
        let fill = || {
            let options = RepopulateOptions::new(ArtifactMode::Debug);
            let monitor = Monitor::default();
            let done = repopulate_from_directory(&at.export, &at.pruned, options, &monitor)?;
            assert!(
                done.refused.is_empty(),
                "{}: {:?}",
                attempt.what,
                done.refused
            );
            Ok(())
        };
        let outcome = twice(attempt, fill, look);
        assert_eq!(digest(&at.store), digest(&at.pruned), "{}", attempt.what);
        outcome
    });
}

#[test]
fn reclaiming() {
    sweep("reclaim", |at, attempt| {
        plan::disarm();
        let before = digest(&at.pruned);
        plan::arm(attempt.planned);
        let look = |_| {
            check_sound(&at.pruned, &attempt.what);
            assert_eq!(digest(&at.pruned), before, "{}", attempt.what);
        };
        let monitor = Monitor::default();
        let work = || reclaim(&at.pruned, Method::Rewrite, &monitor);
        let outcome = twice(attempt, work, look);
        assert_eq!(digest(&at.pruned), before, "{}", attempt.what);
        let length = |store: &Path| fs::metadata(file_in_directory(store)).unwrap().len();
        assert!(length(&at.pruned) < length(&at.store), "{}", attempt.what);
        outcome
    });
}

/// Deletes the historical records of a store that has no historical contents.
fn forget_records(store: &Path) {
    let connection = Connection::open(file_in_directory(store)).unwrap();
    let forget = "DELETE FROM transcriptSpans WHERE isCurrent IS NULL;
                  DELETE FROM snapshots WHERE inUse IS NULL";
    connection.execute_batch(forget).unwrap();
    connection.close().unwrap();
}

fn repair(export: &Path, store: &Path) -> Result<()> {
    repair_metadata(
        export,
        store,
        &RepairOptions::default(),
        &Monitor::default(),
    )
    .map(drop)
}

#[test]
fn repairing() {
    sweep_with(
        Sweep::new("repair"),
        Places::fill_repaired,
        |at, attempt| {
            // Without a fault: only the repair may fail.
            plan::disarm();
            forget_records(&at.pruned);
            let before = digest(&at.pruned);
            let expected = digest(&at.repaired);
            plan::arm(attempt.planned);
            let look = |_| {
                let found = digest(&at.pruned);
                assert!(found == before || found == expected, "{}", attempt.what);
            };
            let repair = || repair(&at.export, &at.pruned);
            let outcome = twice(attempt, repair, look);
            assert_eq!(digest(&at.pruned), expected, "{}", attempt.what);
            check_sound(&at.pruned, &attempt.what);
            outcome
        },
    );
}

#[test]
fn verification() {
    sweep_reading("verify", |at, attempt| {
        let options = VerifyOptions {
            mode: ArtifactMode::Debug,
            ..VerifyOptions::default()
        };
        // A read failure may be an error or a finding.
        let verify = || verify_store(&at.store, &options, &Monitor::default());
        let outcome = twice(attempt, verify, |_| {});
        check_sound(&at.store, &attempt.what);
        outcome
    });
}

#[test]
fn comparison() {
    sweep("diff", |at, attempt| {
        let options = DiffOptions {
            contents: true,
            ..DiffOptions::default()
        };
        let compare = || {
            let found = diff_stores(&at.store, &at.export, &options, &Monitor::default())?;
            // An unreadable artifact counts as a difference, with this message.
            let unread = |detail: &Option<String>| {
                detail
                    .as_ref()
                    .is_some_and(|detail| detail.contains("cannot be read"))
            };
            let differences = &found.differences;
            assert!(
                differences
                    .iter()
                    .all(|difference| unread(&difference.detail)),
                "{}: {differences:?}",
                attempt.what
            );
            Ok(())
        };
        twice(attempt, compare, |_| {})
    });
}

#[test]
fn archiving() {
    sweep_reading("archive", |at, attempt| {
        let archive = |check| {
            let options = ArchiveOptions {
                check,
                ..ArchiveOptions::default()
            };
            archive_store(&at.store, &at.to, &options, &Monitor::default())
        };
        let look = |_| {
            check_tidy(&at.to, &attempt.what);
            let again = archive(true).unwrap();
            assert_eq!(again.replaced, 0, "{}", attempt.what);
        };
        twice(attempt, || archive(false), look)
    });
}

#[test]
fn history() {
    sweep_reading("history", |at, attempt| {
        let read = || {
            let history = Arc::new(History::open(&at.store)?);
            let monitor = Monitor::default();
            let mut items = 0;
            for vat in history.vats(&monitor)? {
                history.incarnations(&vat.vat_id, &monitor)?;
                history.spans(&vat.vat_id, &monitor)?;
                let all = Selection::Range {
                    start: None,
                    end: None,
                };
                let reader = history.read_items(&vat.vat_id, all, false);
                while let Some(run) = reader.next_run()? {
                    items += run.items.iter().count();
                }
            }
            history.close()?;
            Ok(items)
        };
        let outcome = read();
        plan::disarm();
        if let Ok(items) = outcome {
            assert_eq!(items, 5 * 4 * 2, "{}", attempt.what);
        }
        outcome.map(drop)
    });
}
