//! Writing a store's export.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::manifest::Manifest;
use super::paths::FileNames;
use super::unfinished::{PREFIX, Placed, give_name, publish_manifest, remove_unfinished};
use super::{DATA_NAME, HEIGHT_KEY, MANIFEST_NAME, artifacts, data, height_of};
use crate::store::database::hints::WithFile;
use crate::store::encoding::wtf8;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::scratch::{Scratch, sync_directory};
use crate::store::fs::writeback::{Disk, Writeback};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::parallel;
use crate::store::transfer::destination::check_destination;
use crate::store::transfer::exporter::Exporter;

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Which artifacts; `None` for none at all.
    pub mode: Option<ArtifactMode>,
    /// Whether to write the export data.
    pub with_data: bool,
    /// The block that the store must be at.
    pub block_height: Option<f64>,
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exported {
    /// The height of the block, as the host has it; 0 if it has none.
    pub block_height: f64,
    /// How many artifacts there are.
    pub artifacts: usize,
    /// How many bytes the artifacts and the export data have.
    pub bytes: u64,
}

/// Writes the last commit of the store in `store` to `directory`, which is made if need be.
///
/// Until all of it is on the disk, nothing but a scratch directory is in `directory`. What is
/// there already stays as it is: it is an error if the export would take its place. Only what
/// killed exports have put there is removed.
///
/// # Errors
/// [`Error::Directory`] if there is an export, or a file in the way, or the store is at another
/// block; [`Error::BadArgument`] if the directory is not apart from the store's; [`Error::Aborted`]; [`Error::Io`]; as [`Exporter`] for a store that lacks something.
pub fn export_to_directory(
    store: &Path,
    directory: &Path,
    options: &ExportOptions,
    monitor: &Monitor,
) -> Result<Exported> {
    let exported = export(store, directory, options, monitor);
    if exported.is_err() {
        // Whatever SQLite was doing when it was interrupted, this is the reason.
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
    check_destination(store, directory, true, "an export")?;
    remove_unfinished(directory);
    let plan = Plan::new(store, directory, options, monitor)?;
    monitor.set_total(plan.artifacts.len() + usize::from(options.with_data));
    monitor.tell(|| format!("exporting block {}", plan.block_height));
    let made = !directory.exists();
    let written = plan.write(directory, monitor);
    let closed = plan.exporter.close();
    if written.is_err() && made {
        // Only if nobody else has put something there.
        drop(fs::remove_dir(directory));
    }
    written?;
    closed?;
    monitor.begin(Stage::Done);
    Ok(Exported {
        block_height: plan.block_height,
        artifacts: plan.artifacts.len(),
        bytes: monitor.progress().bytes,
    })
}

/// What is to be written.
struct Plan {
    exporter: Exporter,
    block_height: f64,
    /// Names of artifacts, and of their files.
    artifacts: Vec<(Vec<u8>, String)>,
    mode: &'static str,
    with_data: bool,
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
        let mode = options.mode.unwrap_or(ArtifactMode::Operational);
        let exporter = Exporter::open_to_read(store, mode, monitor)?;
        let block_height = height_of(exporter.get_host_kv(HEIGHT_KEY)?.as_deref());
        if let Some(expected) = options.block_height
            && expected != block_height
        {
            return Err(Fault::height("the store is", block_height, expected));
        }
        let names = match options.mode {
            None => Vec::new(),
            Some(_) => {
                exporter.check_complete_or_explain()?;
                exporter.artifact_names()?
            }
        };
        let mut files = FileNames::new();
        let artifacts: Vec<(Vec<u8>, String)> = names
            .into_iter()
            .map(|name| (wtf8::as_read(&name).into_owned(), files.name_for(&name)))
            .collect();
        let plan = Plan {
            exporter,
            block_height,
            artifacts,
            mode: options.mode.map_or("none", ArtifactMode::name),
            with_data: options.with_data,
        };
        for name in plan.files() {
            let file = directory.join(name);
            if fs::symlink_metadata(&file).is_ok() {
                return Err(Fault::exists(&file));
            }
        }
        Ok(plan)
    }

    /// The names of all files but the manifest.
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
            data: self.with_data.then(|| DATA_NAME.into()),
            artifacts: self.artifacts.iter().map(pair).collect(),
        }
    }

    fn write(&self, directory: &Path, monitor: &Monitor) -> Result<()> {
        let scratch = Scratch::in_made(directory, PREFIX)?;
        let disk = Disk::of(scratch.path())?;
        monitor.begin(Stage::Working);
        disk.keep_up(monitor, |writeback| {
            self.write_files(&scratch, writeback, monitor)
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
        let data = || {
            if self.with_data {
                monitor.tell(|| format!("writing {DATA_NAME}"));
                data::write(&self.exporter, &scratch.path().join(DATA_NAME), monitor)?;
                monitor.finish_piece();
            }
            Ok(())
        };
        let artifact = |index: usize| {
            let (name, file) = &self.artifacts[index];
            let path = scratch.path().join(file);
            monitor.tell(|| format!("writing {file}"));
            writeback.add(artifacts::write(&self.exporter, name, &path, monitor)?);
            monitor.finish_piece();
            Ok(())
        };
        parallel::run(self.artifacts.len(), artifact, data)
    }

    /// Moves everything to its place, the manifest last.
    fn publish(&self, scratch: &Scratch, directory: &Path) -> Result<()> {
        let mut moved = Vec::new();
        let outcome = self.move_all(scratch, directory, &mut moved);
        if outcome.is_err() {
            // The manifest first: it must not name what is gone.
            moved.iter().rev().for_each(Placed::remove);
        }
        outcome
    }

    fn move_all(&self, scratch: &Scratch, directory: &Path, moved: &mut Vec<Placed>) -> Result<()> {
        for name in self.files() {
            moved.push(give_name(name, scratch.path(), directory)?);
        }
        sync_directory(directory)?;
        moved.push(publish_manifest(scratch.path(), directory)?);
        sync_directory(directory)
    }
}
