//! Archives the spans and snapshots of a store.

use std::collections::HashSet;
use std::fs;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::file::{ArchiveFile, remove_unfinished};
use super::gzip::GzipFile;
use super::name::file_name;
use super::span::write_items;
use crate::store::database::hints::WithFile;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::scratch::Scratch;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::parallel;
use crate::store::transfer::destination::check_destination;
use crate::store::transfer::exporter::{Artifact, Exporter};

/// The prefix of the names of an archive's scratch directories.
const PREFIX: &str = ".swing-store-archive-";

/// What to archive.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ArchiveOptions {
    /// Which spans and snapshots to archive. In `debug` mode, all that the store has; in other
    /// modes, those of an export in this mode, and it is an error if one is missing.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// Whether to archive current spans, too. Such a file does not become the file of the complete
    /// span: the name changes when the span grows.
    pub current_spans: bool,
    /// Whether to compare existing files with the store, and replace those that differ.
    #[serde(rename = "checkExisting")]
    pub check: bool,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        ArchiveOptions {
            mode: ArtifactMode::Debug,
            current_spans: false,
            check: false,
        }
    }
}

/// The result of [`archive_store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Archived {
    /// The number of files written.
    pub written: u64,
    /// How many of them replaced an existing file.
    pub replaced: u64,
    /// The number of files that existed already.
    pub existing: u64,
    /// How many artifacts were omitted because their name is not a valid file name.
    pub unnamable: u64,
    /// The size of the files written.
    pub bytes: u64,
}

/// Writes the spans and snapshots of the store in `store` to the directory `directory`, several at
/// a time. Creates the directory if it does not exist. Skips files that exist, so that running it
/// again completes an interrupted archive or one that a kernel adds to.
///
/// A running kernel may write to the store and add to the archive at the same time.
///
/// # Errors
/// [`Error::Aborted`]; [`Error::Io`]; [`Error::BadArgument`] if the directory is the store's own;
/// as [`Exporter`] for a store that is damaged or lacks what the mode needs.
pub fn archive_store(
    store: &Path,
    directory: &Path,
    options: &ArchiveOptions,
    monitor: &Monitor,
) -> Result<Archived> {
    monitor.check()?;
    check_destination(store, directory, false, "an archive")?;
    let exporter = Exporter::open_to_read(store, options.mode, monitor)?;
    let archived = archive(&exporter, directory, options, monitor);
    let closed = exporter.close();
    if archived.is_err() {
        // If the monitor interrupted SQLite, report the abort instead of SQLite's error.
        monitor.check()?;
    }
    let archived = archived.with_store(store)?;
    closed.with_store(store)?;
    monitor.begin(Stage::Done);
    Ok(archived)
}

fn archive(
    exporter: &Exporter,
    directory: &Path,
    options: &ArchiveOptions,
    monitor: &Monitor,
) -> Result<Archived> {
    exporter.check_complete_or_explain()?;
    let mut names = exporter.artifact_names()?;
    let current = if options.current_spans {
        HashSet::new()
    } else {
        exporter.current_span_names()?
    };
    names.retain(|name| names::kind(name) != b"bundle" && !current.contains(name));
    monitor.set_total(names.len());
    remove_unfinished(directory);
    let scratch = Scratch::in_made(directory, PREFIX)?;
    let archiver = Archiver {
        exporter,
        directory,
        unfinished: scratch.path(),
        check: options.check,
        monitor,
        counts: ArchiveCounts::default(),
    };
    monitor.begin(Stage::Working);
    let one = |index: usize| {
        monitor.check()?;
        archiver.archive(&names[index])?;
        monitor.finish_piece();
        Ok(())
    };
    parallel::run(names.len(), one, || Ok(()))?;
    Ok(archiver.counts.take())
}

/// The counts of [`Archived`], updated by several threads.
#[derive(Default)]
struct ArchiveCounts {
    written: AtomicU64,
    bytes: AtomicU64,
    replaced: AtomicU64,
    existing: AtomicU64,
    unnamable: AtomicU64,
}

impl ArchiveCounts {
    fn take(self) -> Archived {
        Archived {
            written: self.written.into_inner(),
            bytes: self.bytes.into_inner(),
            replaced: self.replaced.into_inner(),
            existing: self.existing.into_inner(),
            unnamable: self.unnamable.into_inner(),
        }
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

struct Archiver<'a> {
    exporter: &'a Exporter,
    directory: &'a Path,
    unfinished: &'a Path,
    check: bool,
    monitor: &'a Monitor,
    counts: ArchiveCounts,
}

impl Archiver<'_> {
    /// Archives an artifact unless its file exists.
    fn archive(&self, name: &[u8]) -> Result<()> {
        let Some(file) = file_name(name) else {
            count(&self.counts.unnamable, 1);
            return Ok(());
        };
        let place = self.directory.join(&file);
        let is_there = fs::symlink_metadata(&place).is_ok();
        if is_there {
            if !self.check || self.is_same(name, &place)? {
                count(&self.counts.existing, 1);
                return Ok(());
            }
            self.monitor.tell(|| format!("replacing {file}"));
        } else {
            self.monitor.tell(|| format!("writing {file}"));
        }
        let bytes = self.write(name)?;
        count(&self.counts.written, 1);
        count(&self.counts.bytes, bytes);
        count(&self.counts.replaced, u64::from(is_there));
        Ok(())
    }

    /// Writes an artifact's file; returns its size.
    fn write(&self, name: &[u8]) -> Result<u64> {
        let mut file = ArchiveFile::new(self.directory, self.unfinished, name)?;
        if names::kind(name) == b"snapshot" {
            let compressed = self.exporter.compressed_snapshot(name)?;
            self.monitor.count(compressed.len())?;
            file.write(&compressed)?;
            file.publish()?;
            return Ok(compressed.len() as u64);
        }
        match self.exporter.artifact(name)? {
            Artifact::Span(reader) => {
                write_items(&reader, GzipFile::new(file), self.monitor)?.publish()
            }
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// Whether the file at `place` contains the artifact.
    fn is_same(&self, name: &[u8], place: &Path) -> Result<bool> {
        let file = match open::open(place) {
            Ok(file) => file,
            // A file that can't be opened counts as different. If it can't be replaced, the write
            // fails.
            Err(_) => return Ok(false),
        };
        let mut found = MultiGzDecoder::new(BufReader::new(file));
        let mut is_next = |expected: &[u8]| {
            self.monitor.count(expected.len())?;
            let mut chunk = vec![0; expected.len()];
            match found.read_exact(&mut chunk) {
                Ok(()) => Ok(chunk == expected),
                Err(error) => damaged(&error, place),
            }
        };
        match self.exporter.artifact(name)? {
            Artifact::Span(reader) => {
                while let Some(chunk) = reader.next_chunk()? {
                    if !is_next(&chunk)? {
                        return Ok(false);
                    }
                }
            }
            Artifact::Snapshot(mut image) => {
                while let Some(chunk) = image.next_chunk()? {
                    if !is_next(&chunk)? {
                        return Ok(false);
                    }
                }
            }
            Artifact::Bundle(_) => return Err(Error::InvalidArtifactType(name.to_vec())),
        }
        match found.read(&mut [0]) {
            Ok(length) => Ok(length == 0),
            Err(error) => damaged(&error, place),
        }
    }
}

/// Returns `Ok(false)` for a read error that shows damaged contents; other errors as they are.
fn damaged(error: &std::io::Error, place: &Path) -> Result<bool> {
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::IsADirectory => Ok(false),
        _ => Err(Error::io(format!("reading {}", place.display()), error)),
    }
}
