//! Archives the spans and snapshots of a store.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::file::{ArchiveFile, remove_unfinished};
use super::gzip::Output;
use super::name::file_name;
use super::span::write_items;
use crate::store::database::hints::WithFile;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::scratch::Scratch;
use crate::store::places::{self, Place, Remote};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::substores::span_reader::SpanReader;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::parallel;
use crate::store::transfer::destination::check_destination;
use crate::store::transfer::exporter::{Artifact, Exporter};

/// The prefix of the names of an archive's scratch directories.
const PREFIX: &str = ".swing-store-archive-";

/// How long one view of the store is used. SQLite cannot reuse the log of a running kernel while a
/// view needs it.
const VIEW_TIME: Duration = Duration::from_secs(30);

/// The pause between two looks for new artifacts.
const WATCH_PAUSE: Duration = Duration::from_secs(2);

/// How often a pause checks whether the task was aborted.
const POLL: Duration = Duration::from_millis(20);

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
    /// Whether to continue with spans that end and snapshots that are saved later, until the monitor
    /// aborts the task. This is not an error then.
    pub watch: bool,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        ArchiveOptions {
            mode: ArtifactMode::Debug,
            current_spans: false,
            check: false,
            watch: false,
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

/// Writes the spans and snapshots of the store in `store` to the directory `directory`: as
/// [`archive_store_to`].
///
/// # Errors
/// As [`archive_store_to`].
pub fn archive_store(
    store: &Path,
    directory: &Path,
    options: &ArchiveOptions,
    monitor: &Monitor,
) -> Result<Archived> {
    let place = Place::Directory(directory.to_owned());
    archive_store_to(store, &place, options, monitor)
}

/// Writes the spans and snapshots of the store in `store` to a place, several at a time. Creates a
/// directory if it does not exist. Skips files that exist, so that running it again completes an
/// interrupted archive or one that a kernel adds to.
///
/// A running kernel may write to the store, and others may add to the archive, at the same time.
///
/// # Errors
/// [`Error::Aborted`]; [`Error::Io`]; [`Error::Remote`] and [`Error::RemoteFile`];
/// [`Error::BadArgument`] if the directory is the store's own, the place can only be read, or the
/// options contradict each other; as [`Exporter`] for a store that is damaged or lacks what the mode
/// needs.
pub fn archive_store_to(
    store: &Path,
    place: &Place,
    options: &ArchiveOptions,
    monitor: &Monitor,
) -> Result<Archived> {
    monitor.check()?;
    if options.watch && options.current_spans {
        return Err(Error::BadArgument(
            "current spans cannot be watched, because each commit would be another file. Archive \
             current spans once, or watch without them"
                .into(),
        ));
    }
    match place {
        Place::Directory(directory) => check_destination(store, directory, false, "an archive")?,
        Place::Remote(remote) => remote.require_writable()?,
    }
    let archiving = Archiving {
        store,
        place,
        options,
        monitor,
        counts: ArchiveCounts::default(),
        done: Mutex::default(),
    };
    match archiving.run() {
        Err(Error::Aborted) if options.watch => {}
        outcome => outcome?,
    }
    monitor.begin(Stage::Done);
    Ok(archiving.counts.take())
}

/// An archiving, in one or several passes, each with a view of its own of the store.
struct Archiving<'a> {
    store: &'a Path,
    place: &'a Place,
    options: &'a ArchiveOptions,
    monitor: &'a Monitor,
    counts: ArchiveCounts,
    /// The names of the artifacts that are in the archive.
    done: Mutex<HashSet<Vec<u8>>>,
}

impl Archiving<'_> {
    fn run(&self) -> Result<()> {
        let mut is_first = true;
        loop {
            let is_complete = self.pass(is_first)?;
            is_first = false;
            if is_complete {
                if !self.options.watch {
                    return Ok(());
                }
                self.pause()?;
            }
        }
    }

    /// Waits before the next look.
    fn pause(&self) -> Result<()> {
        let end = Instant::now() + WATCH_PAUSE;
        while Instant::now() < end {
            self.monitor.check()?;
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Archives what the store has now. Returns false if it ended early, to begin with a new view.
    fn pass(&self, is_first: bool) -> Result<bool> {
        let exporter = Exporter::open_to_read(self.store, self.options.mode, self.monitor)?;
        let passed = self.archive(&exporter, is_first);
        let closed = exporter.close();
        if passed.is_err() {
            // If the monitor interrupted SQLite, report the abort instead of SQLite's error.
            self.monitor.check()?;
        }
        let is_complete = passed.with_store(self.store)?;
        closed.with_store(self.store)?;
        Ok(is_complete)
    }

    fn archive(&self, exporter: &Exporter, is_first: bool) -> Result<bool> {
        let Archiving {
            options, monitor, ..
        } = *self;
        if is_first {
            exporter.check_complete_or_explain()?;
        }
        let mut names = exporter.artifact_names()?;
        let current = if options.current_spans {
            HashSet::new()
        } else {
            exporter.current_span_names()?
        };
        let known = {
            let done = lock::lock(&self.done);
            names.retain(|name| {
                names::kind(name) != b"bundle" && !current.contains(name) && !done.contains(name)
            });
            done.len()
        };
        monitor.set_total(known + names.len());
        let target = match self.place {
            Place::Directory(directory) => {
                remove_unfinished(directory);
                let scratch = Scratch::in_made(directory, PREFIX)?;
                Target::Directory(directory, scratch)
            }
            Place::Remote(remote) => Target::Remote(remote),
        };
        let archiver = Archiver {
            exporter,
            target: &target,
            check: options.check,
            monitor,
            counts: &self.counts,
        };
        monitor.begin(Stage::Working);
        let begin = Instant::now();
        let one = |index: usize| {
            monitor.check()?;
            if begin.elapsed() < VIEW_TIME {
                archiver.archive(&names[index])?;
                lock::lock(&self.done).insert(names[index].clone());
                monitor.finish_piece();
            }
            Ok(())
        };
        parallel::run_on(target.threads(), names.len(), one, || Ok(()))?;
        Ok(lock::lock(&self.done).len() == known + names.len())
    }
}

/// Where files go.
enum Target<'a> {
    /// A directory, and one in it for unfinished files.
    Directory(&'a Path, Scratch),
    Remote(&'a Remote),
}

impl Target<'_> {
    /// How many files are written at a time.
    fn threads(&self) -> usize {
        match self {
            Target::Directory(..) => parallel::threads(),
            Target::Remote(_) => places::PARALLEL,
        }
    }

    /// The path or URL of a file, for messages.
    fn path(&self, file: &str) -> PathBuf {
        match self {
            Target::Directory(directory, _) => directory.join(file),
            Target::Remote(remote) => format!("{}/{file}", remote.url()).into(),
        }
    }

    fn has(&self, file: &str, monitor: &Monitor) -> Result<bool> {
        match self {
            Target::Directory(directory, _) => {
                Ok(fs::symlink_metadata(directory.join(file)).is_ok())
            }
            Target::Remote(remote) => remote.has(file, monitor),
        }
    }

    /// Opens a file. A file that can't be opened counts as different from what it should be; if it
    /// can't be replaced, the write fails.
    fn open(&self, file: &str, monitor: &Monitor) -> Result<Option<File>> {
        match self {
            Target::Directory(directory, _) => Ok(open::open(&directory.join(file)).ok()),
            Target::Remote(remote) => remote.fetch(file, &std::env::temp_dir(), u64::MAX, monitor),
        }
    }
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
    target: &'a Target<'a>,
    check: bool,
    monitor: &'a Monitor,
    counts: &'a ArchiveCounts,
}

impl Archiver<'_> {
    /// Archives an artifact unless its file exists.
    fn archive(&self, name: &[u8]) -> Result<()> {
        let Some(file) = file_name(name) else {
            count(&self.counts.unnamable, 1);
            return Ok(());
        };
        let is_there = self.target.has(&file, self.monitor)?;
        if is_there {
            if !self.check || self.is_same(name, &file)? {
                count(&self.counts.existing, 1);
                return Ok(());
            }
            self.monitor.tell(|| format!("replacing {file}"));
        } else {
            self.monitor.tell(|| format!("writing {file}"));
        }
        match self.write(name, &file, is_there)? {
            Some(bytes) => {
                count(&self.counts.written, 1);
                count(&self.counts.bytes, bytes);
                count(&self.counts.replaced, u64::from(is_there));
            }
            None => count(&self.counts.existing, 1),
        }
        Ok(())
    }

    /// Writes an artifact's file; returns its size. `None` if another process wrote it meanwhile, to
    /// a place where that is noticed.
    fn write(&self, name: &[u8], file: &str, replace: bool) -> Result<Option<u64>> {
        match self.target {
            Target::Directory(directory, unfinished) => {
                let to = ArchiveFile::new(directory, unfinished.path(), name)?;
                let (to, bytes) = self.write_contents(name, to)?;
                to.publish()?;
                Ok(Some(bytes))
            }
            Target::Remote(remote) => {
                let (contents, bytes) = self.write_contents(name, places::temporary())?;
                let is_new = remote.put(file, contents, replace, self.monitor)?;
                Ok(is_new.then_some(bytes))
            }
        }
    }

    /// Writes an artifact as a gzip file. Returns the file and its size.
    fn write_contents<F: Output>(&self, name: &[u8], mut to: F) -> Result<(F, u64)> {
        if names::kind(name) == b"snapshot" {
            let compressed = self.exporter.compressed_snapshot(name)?;
            self.monitor.count(compressed.len())?;
            to.write(&compressed)?;
            return Ok((to, compressed.len() as u64));
        }
        write_items(&self.span(name)?, to, self.monitor)
    }

    fn span(&self, name: &[u8]) -> Result<SpanReader> {
        match self.exporter.artifact(name)? {
            Artifact::Span(reader) => Ok(reader),
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// Whether a file contains the artifact.
    fn is_same(&self, name: &[u8], file: &str) -> Result<bool> {
        let Some(found) = self.target.open(file, self.monitor)? else {
            return Ok(false);
        };
        let place = self.target.path(file);
        self.has_contents(name, found, &place)
    }

    /// Whether the file at `place` contains the artifact.
    fn has_contents(&self, name: &[u8], file: File, place: &Path) -> Result<bool> {
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
            Artifact::Bundle(_) | Artifact::Fetched(_) => {
                return Err(Error::InvalidArtifactType(name.to_vec()));
            }
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
