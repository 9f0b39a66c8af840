//! Exports a store to a directory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::export_options::ExportOptions;
use super::exporters::Exporters;
use super::fetched::{FetchedFiles, remove_fetched};
use super::layout::{DATA_NAME, GZIP, HEIGHT_KEY, MANIFEST_NAME, height_or_zero};
use super::manifest::Manifest;
use super::paths::FileNames;
use super::reuse::{Previous, Reuse, Reused};
use super::row_order::{Output, RowOrder};
use super::unfinished::{PREFIX, PublishedFile, publish_file, publish_manifest, remove_unfinished};
use super::{artifacts, data};
use crate::store::database::hints::WithFile;
use crate::store::encoding::{fields, wtf8};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::scratch::{Scratch, sync_directory};
use crate::store::fs::writeback::{Disk, Writeback};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::{lock, parallel};
use crate::store::transfer::destination::check_destination;
use crate::store::transfer::exporter::Exporter;
use crate::store::transfer::history_source::{Absent, HistorySource, Wanted};

/// The result of [`export_to_directory`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// The block height in `host.height`; 0 if there is none.
    #[serde(serialize_with = "fields::number")]
    #[cfg_attr(feature = "cli", schemars(with = "f64"))]
    pub block_height: f64,
    /// The number of artifacts.
    pub artifacts: usize,
    /// The size of the artifacts' files and the export data, in bytes.
    pub bytes: u64,
    /// The number of artifacts that were taken from another place, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<usize>,
    /// What was reused of a previous export, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<Reused>,
}

/// Exports the last commit of the store in `store` to `directory`, which is created if it does not
/// exist.
///
/// Until the export is complete and on the disk, only a scratch directory is in `directory`. The
/// export never replaces a file: it fails if one has a name that it needs. It removes the files of
/// killed exports.
///
/// A reused file of a previous export is the same file as before if it can be linked, so a change of
/// one changes both.
///
/// With [`ExportOptions::history_from`], artifacts that the store has pruned are taken from another
/// place, several at a time. Each is checked against the hash in the store's record, so the place need
/// not be trusted.
///
/// # Errors
/// [`Error::Directory`] if there is an export or a file with a name that the export needs, the store
/// is of another block, or the directory to reuse files of has no export with export data;
/// [`Error::BadArgument`] if the directory is in the store's, or the options contradict each other;
/// [`Error::FromHistory`] if the place with history lacks an artifact or has another one;
/// [`Error::Remote`] and [`Error::RemoteFile`] if it fails; [`Error::Aborted`]; [`Error::Io`]; as
/// [`Exporter`] for an incomplete store.
pub fn export_to_directory(
    store: &Path,
    directory: &Path,
    options: &ExportOptions,
    monitor: &Monitor,
) -> Result<Exported> {
    let exported = export(store, directory, options, monitor);
    if exported.is_err() {
        // If the monitor interrupted SQLite, report the abort instead of SQLite's error.
        monitor.check()?;
    }
    exported.with_store(store)
}

fn export(
    store: &Path,
    directory: &Path,
    options: &ExportOptions,
    monitor: &Monitor,
) -> Result<Exported> {
    monitor.check()?;
    check_options(options)?;
    check_destination(store, directory, true, "an export")?;
    remove_unfinished(directory);
    let plan = Plan::new(store, directory, options, monitor)?;
    monitor.set_total(plan.artifacts.len() + usize::from(options.with_data));
    monitor.tell(|| format!("exporting block {}", plan.block_height));
    let created = !directory.exists();
    let written = plan.write(directory, monitor);
    let closed = plan.exporters.close();
    if written.is_err() && created {
        // Fails, as it should, if the directory is not empty.
        drop(fs::remove_dir(directory));
    }
    written?;
    closed?;
    monitor.begin(Stage::Done);
    Ok(Exported {
        block_height: plan.block_height,
        artifacts: plan.artifacts.len(),
        bytes: monitor.progress().bytes,
        fetched: plan
            .history
            .as_ref()
            .map(|_| plan.fetched.load(Ordering::Relaxed)),
        reused: plan.reuse.as_ref().map(Reuse::report),
    })
}

fn check_options(options: &ExportOptions) -> Result<()> {
    if options.history_from.is_some() {
        HistorySource::check_mode(options.mode)?;
    }
    let problem = match options {
        ExportOptions {
            verify_reused: true,
            reuse: None,
            ..
        } => "reused files can only be verified in an export that reuses a previous one",
        ExportOptions {
            mode: None,
            compress: true,
            ..
        } => "an export without artifacts has nothing to compress",
        ExportOptions {
            mode: None,
            reuse: Some(_),
            ..
        } => "an export without artifacts has nothing to reuse",
        _ => return Ok(()),
    };
    Err(Error::BadArgument(problem.into()))
}

/// The contents of the export.
struct Plan {
    exporters: Exporters,
    block_height: f64,
    /// The names and file names of the artifacts.
    artifacts: Vec<(Vec<u8>, String)>,
    mode: &'static str,
    with_data: bool,
    compress: bool,
    reuse: Option<Reuse>,
    history: Option<HistorySource>,
    /// The artifacts that the store has pruned, by their indices in `artifacts`.
    absent: BTreeMap<usize, Wanted>,
    /// How many of them were fetched.
    fetched: AtomicUsize,
}

impl Plan {
    fn new(
        store: &Path,
        directory: &Path,
        options: &ExportOptions,
        monitor: &Monitor,
    ) -> Result<Plan> {
        let manifest = directory.join(MANIFEST_NAME);
        if fs::symlink_metadata(&manifest).is_ok() {
            return Err(Fault::exists(&manifest));
        }
        let place = options.history_from.as_deref();
        let history = place.map(HistorySource::parse).transpose()?;
        let previous = options.reuse.as_deref().map(Previous::open).transpose()?;
        let mode = options.mode.unwrap_or(ArtifactMode::Operational);
        let exporters = Exporters::open(store, mode, monitor)?;
        let exporter = exporters.first();
        let block_height = height_or_zero(exporter.get_host_kv(HEIGHT_KEY)?.as_deref());
        if let Some(expected) = options.block_height
            && expected != block_height
        {
            return Err(Fault::height("the store is", block_height, expected));
        }
        let mut absent = Absent::nothing();
        let names = if options.mode.is_none() {
            Vec::new()
        } else if history.is_some() {
            absent = exporter.absent()?;
            exporter.check_complete_with(&absent)?;
            exporter.needed_names()?
        } else {
            exporter.check_complete_or_explain()?;
            exporter.artifact_names()?
        };
        let of_names = absent.artifacts.into_iter();
        let mut of_names: HashMap<_, _> = of_names.map(|one| (one.name(), one)).collect();
        let named = names.iter().enumerate();
        let absent = named
            .filter_map(|(index, name)| Some((index, of_names.remove(name)?)))
            .collect();
        let mut files = FileNames::new();
        let extension = if options.compress { GZIP } else { "" };
        let artifacts: Vec<(Vec<u8>, String)> = names
            .into_iter()
            .map(|name| {
                let file = files.name_for(&name, extension);
                (wtf8::as_read(&name).into_owned(), file)
            })
            .collect();
        let plan = Plan {
            exporters,
            block_height,
            artifacts,
            mode: options.mode.map_or("none", ArtifactMode::name),
            with_data: options.with_data,
            compress: options.compress,
            reuse: None,
            history,
            absent,
            fetched: AtomicUsize::new(0),
        };
        for name in plan.files() {
            let file = directory.join(name);
            if fs::symlink_metadata(&file).is_ok() {
                return Err(Fault::exists(&file));
            }
        }
        let Some(previous) = previous else {
            return Ok(plan);
        };
        let names: Vec<&[u8]> = plan.artifacts.iter().map(|(name, _)| &**name).collect();
        let reuse = previous.find(plan.exporters.first(), &names, options, monitor)?;
        Ok(Plan {
            reuse: Some(reuse),
            ..plan
        })
    }

    /// The names of all files except the manifest.
    fn files(&self) -> impl Iterator<Item = &str> {
        let data = self.with_data.then_some(DATA_NAME);
        data.into_iter()
            .chain(self.artifacts.iter().map(|(_, file)| file.as_str()))
    }

    fn manifest(&self) -> Manifest {
        let pair = |(name, file): &(Vec<u8>, String)| (name.clone(), file.clone().into_bytes());
        Manifest {
            block_height: self.block_height,
            artifact_mode: Some(self.mode.to_owned()),
            compressed: self.compress.then_some(true),
            data: self.with_data.then(|| DATA_NAME.into()),
            artifacts: self.artifacts.iter().map(pair).collect(),
        }
    }

    fn write(&self, directory: &Path, monitor: &Monitor) -> Result<()> {
        let Some(history) = &self.history else {
            remove_fetched(directory);
            return self.write_with(directory, None, monitor);
        };
        let files = FetchedFiles::open(directory)?;
        let written = self.write_with(directory, Some((history, &files)), monitor);
        if written.is_err() {
            files.leave();
        }
        written
    }

    /// Writes the export, with what the store has pruned from a place, by way of these files.
    fn write_with(
        &self,
        directory: &Path,
        history: Option<(&HistorySource, &FetchedFiles)>,
        monitor: &Monitor,
    ) -> Result<()> {
        let scratch = Scratch::in_made(directory, PREFIX)?;
        let disk = Disk::of(scratch.path())?;
        monitor.begin(Stage::Working);
        disk.keep_up(monitor, |writeback| {
            let Some((source, files)) = history else {
                return self.write_files(&scratch, writeback, monitor);
            };
            // First, because the place may lack one.
            let fetched = self.fetch_all(source, files, &scratch, writeback, monitor)?;
            self.write_files(&scratch, writeback, monitor)?;
            self.fetched.store(fetched.len(), Ordering::Relaxed);
            // Last, so that a failure leaves them to the next export.
            for index in fetched {
                files.move_to(scratch.path(), &self.artifacts[index].1)?;
            }
            Ok(())
        })?;
        let manifest = scratch.path().join(MANIFEST_NAME);
        File::create_new(&manifest)
            .and_then(|mut file| file.write_all(&self.manifest().to_json()))
            .map_err(|error| Error::io(format!("writing {}", manifest.display()), &error))?;
        monitor.begin(Stage::Finishing);
        disk.sync(self.files().chain([MANIFEST_NAME]))?;
        monitor.check()?;
        self.publish(&scratch, directory)
    }

    /// Writes the export data and the artifacts.
    fn write_files(
        &self,
        scratch: &Scratch,
        writeback: &Writeback,
        monitor: &Monitor,
    ) -> Result<()> {
        let data = || self.write_data(scratch, monitor);
        let artifact = |index| self.write_artifact(index, scratch, writeback, monitor);
        let Some(in_row_order) = self.row_order(monitor)? else {
            let stored = self.stored(|_| true);
            return parallel::run(stored.len(), |index| artifact(stored[index]), data);
        };
        let file_name = |index: usize| self.artifacts[index].1.as_str();
        let output = Output {
            directory: scratch.path(),
            file_name: &file_name,
            writeback,
        };
        let chosen: HashSet<usize> = in_row_order.artifacts().collect();
        let others = self.stored(|index| !chosen.contains(&index));
        let other = |index: usize| match index.checked_sub(1) {
            None => data(),
            Some(index) => artifact(others[index]),
        };
        let spans = || {
            let write = |exporter: &Exporter| in_row_order.write(exporter, &output, monitor);
            self.exporters.with(write)
        };
        let left = parallel::run(others.len() + 1, other, spans)?;
        parallel::run(left.len(), |index| artifact(left[index]), || Ok(()))
    }

    /// The indices of the artifacts that the store has, of those that `filter` chooses.
    fn stored(&self, filter: impl Fn(usize) -> bool) -> Vec<usize> {
        let all = 0..self.artifacts.len();
        all.filter(|index| !self.absent.contains_key(index) && filter(*index))
            .collect()
    }

    /// Fetches the artifacts that the store has pruned, unless they can be reused. Returns the indices of
    /// those that were fetched.
    fn fetch_all(
        &self,
        history: &HistorySource,
        files: &FetchedFiles,
        scratch: &Scratch,
        writeback: &Writeback,
        monitor: &Monitor,
    ) -> Result<Vec<usize>> {
        if self.absent.is_empty() {
            return Ok(Vec::new());
        }
        let absent: Vec<(usize, &Wanted)> = self
            .absent
            .iter()
            .map(|(index, wanted)| (*index, wanted))
            .collect();
        let fetched = Mutex::new(Vec::new());
        let fetch = |at: usize| {
            let (index, wanted) = absent[at];
            self.write_artifact_with(index, scratch, writeback, monitor, |_, _, file| {
                let written = files.fetch(history, wanted, file, self.compress, monitor)?;
                lock::lock(&fetched).push(index);
                Ok(written)
            })
        };
        parallel::run_on(history.threads()?, absent.len(), fetch, || Ok(()))?;
        Ok(lock::unlocked(fetched))
    }

    fn write_data(&self, scratch: &Scratch, monitor: &Monitor) -> Result<()> {
        if self.with_data {
            monitor.tell(|| format!("writing {DATA_NAME}"));
            let path = scratch.path().join(DATA_NAME);
            let write = |exporter: &Exporter| data::write(exporter, &path, monitor);
            self.exporters.with(write)?;
            monitor.finish_piece();
        }
        Ok(())
    }

    fn write_artifact(
        &self,
        index: usize,
        scratch: &Scratch,
        writeback: &Writeback,
        monitor: &Monitor,
    ) -> Result<()> {
        self.write_artifact_with(
            index,
            scratch,
            writeback,
            monitor,
            |exporter, name, file| {
                monitor.tell(|| format!("writing {file}"));
                let path = scratch.path().join(file);
                artifacts::write(exporter, name, &path, self.compress, monitor).map(Some)
            },
        )
    }

    /// Reuses the file of an artifact, or writes it.
    fn write_artifact_with(
        &self,
        index: usize,
        scratch: &Scratch,
        writeback: &Writeback,
        monitor: &Monitor,
        write: impl FnOnce(&Exporter, &[u8], &str) -> Result<Option<File>>,
    ) -> Result<()> {
        let (name, file) = &self.artifacts[index];
        let path = scratch.path().join(file);
        let written = self.exporters.with(|exporter| {
            let reused = match &self.reuse {
                Some(reuse) => reuse.take(index, exporter, name, &path, monitor)?,
                None => None,
            };
            if let Some(file) = reused {
                return Ok(file);
            }
            write(exporter, name, file)
        })?;
        if let Some(written) = written {
            writeback.add(written);
        }
        monitor.finish_piece();
        Ok(())
    }

    /// The spans to write in the order of their rows. Compressed files are not written like that:
    /// each open file has a compressor, with megabytes of buffers.
    fn row_order(&self, monitor: &Monitor) -> Result<Option<RowOrder>> {
        if self.compress {
            return Ok(None);
        }
        let names = self.artifacts.iter().enumerate();
        let wanted: HashMap<&[u8], usize> = names
            .filter(|(index, _)| !self.absent.contains_key(index))
            .filter(|(index, _)| !self.reuse.as_ref().is_some_and(|reuse| reuse.has(*index)))
            .map(|(index, (name, _))| (&**name, index))
            .collect();
        let find = |name: &[u8]| wanted.get(name).copied();
        RowOrder::plan(self.exporters.first(), monitor, find)
    }

    /// Moves all files into place, the manifest last. On failure, removes them.
    fn publish(&self, scratch: &Scratch, directory: &Path) -> Result<()> {
        let mut moved = Vec::new();
        let outcome = self.move_all(scratch, directory, &mut moved);
        if outcome.is_err() {
            // The manifest first, so that it never names a file that is gone.
            moved.iter().rev().for_each(PublishedFile::remove);
        }
        outcome
    }

    fn move_all(
        &self,
        scratch: &Scratch,
        directory: &Path,
        moved: &mut Vec<PublishedFile>,
    ) -> Result<()> {
        for name in self.files() {
            moved.push(publish_file(name, scratch.path(), directory)?);
        }
        sync_directory(directory)?;
        moved.push(publish_manifest(scratch.path(), directory)?);
        sync_directory(directory)
    }
}
