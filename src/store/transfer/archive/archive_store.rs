//! Archiving what a store has.

use std::collections::HashSet;
use std::fs;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::file::{ArchiveFile, remove_unfinished};
use super::file_name;
use super::gzip::GzipFile;
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

/// What the names of scratch directories of archives begin with.
const PREFIX: &str = ".swing-store-archive-";

/// What to archive.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveOptions {
    /// Which spans and snapshots. In `debug` mode all that there are; in any other, those that an
    /// export in this mode has, which it is an error to lack.
    pub mode: ArtifactMode,
    /// Whether to archive current spans, too, as they are now. They go on growing, and have another
    /// name once they have.
    pub current_spans: bool,
    /// Whether files that are there already are compared with the store, and replaced if they
    /// differ.
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

/// What was archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// How many files were written.
    pub written: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many of them took the place of files that were damaged, or of something else.
    pub replaced: u64,
    /// How many files were there already.
    pub existing: u64,
    /// How many artifacts have a name that no file can have, and were left out.
    pub unnamable: u64,
}

/// Writes the spans and snapshots that the store in `store` has to the directory `directory`, which
/// is made if need be, several at a time. What is there already is left alone, so that an archive
/// that was interrupted, or one that a kernel adds to, is completed by doing it again.
///
/// A kernel may be running on the store, and adding to the archive, meanwhile.
///
/// # Errors
/// [`Error::Aborted`]; [`Error::Io`]; [`Error::BadArgument`] if the directory is the store's
/// own; as [`Exporter`] for a store that lacks what the mode asks for,
/// or is damaged.
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
        // Whatever SQLite was doing when it was interrupted, this is the reason.
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
    let current = match options.current_spans {
        true => HashSet::new(),
        false => exporter.current_span_names()?,
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

/// [`Archived`] while it is being counted.
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
    /// Archives an artifact, unless it is archived.
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

    /// Writes an artifact's file, and returns how many bytes it has.
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

    /// Whether the file at `place` holds the artifact.
    fn is_same(&self, name: &[u8], place: &Path) -> Result<bool> {
        let file = match open::open(place) {
            Ok(file) => file,
            // Whatever it is: if it is in the way, writing will say so.
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

/// What an error says about a file: that it is not what it should be, or nothing, because it
/// can't be read.
fn damaged(error: &std::io::Error, place: &Path) -> Result<bool> {
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::IsADirectory => Ok(false),
        _ => Err(Error::io(format!("reading {}", place.display()), error)),
    }
}
