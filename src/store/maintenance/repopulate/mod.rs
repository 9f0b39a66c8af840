//! Repopulation: filling what was pruned, from artifacts that need not be trusted.
//!
//! The store has kept the hash of every span and snapshot. An artifact is read, checked against its
//! hash, compressed or cut into items, all without touching the store; only then it is inserted,
//! in one short transaction beside a kernel that may be running. So of each artifact all is in
//! the store or nothing. What is there already is left alone, and another run goes on where one
//! has ended.

mod damage;
mod directory;
mod incoming;
mod missing;
mod spool;
mod target;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

pub use directory::{repopulate_from_directory, repopulate_from_directory_into};
pub use incoming::Incoming;

use crate::store::database::shared_writer::{SharedWriter, TransactionStats};
use crate::store::encoding::fields;
use crate::store::error::{Error, Result, show};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Stage};
use target::ArtifactState;

/// The longest artifact that is taken unless the caller says otherwise, in bytes.
pub const DEFAULT_MAX_ARTIFACT_BYTES: u64 = 512 << 20;

/// How many refusals are listed one by one.
const MAX_REFUSED: usize = 1000;

/// Which artifacts to take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RepopulateOptions {
    /// Those that an export in this mode carries.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// The longest artifact that is taken, in bytes.
    #[serde(
        default = "default_max_artifact_bytes",
        deserialize_with = "fields::count"
    )]
    pub max_artifact_bytes: u64,
    /// About how many bytes of items to insert in one transaction. Without it each span is
    /// inserted in one, however large it is.
    #[serde(default, deserialize_with = "fields::optional_count")]
    pub max_transaction_bytes: Option<u64>,
    /// Whether contents that are there, of whichever mode, are replaced if they do not have the hash
    /// of their record. Each is replaced in one transaction.
    #[serde(default)]
    pub replace_damaged: bool,
}

fn default_max_artifact_bytes() -> u64 {
    DEFAULT_MAX_ARTIFACT_BYTES
}

impl RepopulateOptions {
    /// What is usual, in some mode.
    pub fn new(mode: ArtifactMode) -> RepopulateOptions {
        RepopulateOptions {
            mode,
            max_artifact_bytes: DEFAULT_MAX_ARTIFACT_BYTES,
            max_transaction_bytes: None,
            replace_damaged: false,
        }
    }
}

/// An artifact that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its name.
    #[serde(serialize_with = "fields::text")]
    pub name: Vec<u8>,
    /// A stable name for the reason.
    pub code: String,
    /// The reason.
    pub reason: String,
}

/// What became of the artifacts.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repopulated {
    /// The names of those that were filled in.
    #[serde(serialize_with = "fields::texts")]
    pub filled: Vec<Vec<u8>>,
    /// The names of those that took the place of damaged contents.
    #[serde(serialize_with = "fields::texts")]
    pub replaced: Vec<Vec<u8>>,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many were there already.
    pub present: u64,
    /// How many the mode does not ask for.
    pub unwanted: u64,
    /// How many were refused.
    pub refused_count: u64,
    /// Those that were refused: the first thousand.
    pub refused: Vec<Refused>,
    /// The names of those that the mode asks for and the store still lacks.
    #[serde(serialize_with = "fields::texts")]
    pub missing: Vec<Vec<u8>>,
    /// How the transactions went.
    #[serde(rename = "locking")]
    pub transacted: TransactionStats,
}

/// What became of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepopulateOutcome {
    Filled,
    Replaced,
    Present,
}

/// A repopulation of one store, to which several threads may bring artifacts.
pub struct Repopulation {
    options: RepopulateOptions,
    beside: Mutex<SharedWriter>,
    /// For looking, so that nobody who looks has to wait for those who write, or pause.
    reader: Mutex<SharedWriter>,
    /// Where temporary files of items are created.
    spool_directory: PathBuf,
    report: Mutex<Repopulated>,
}

impl Repopulation {
    /// Begins to repopulate the store in a directory.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::StoreInUse`]; [`Error::Aborted`]; SQLite's errors.
    pub fn open(
        directory: &Path,
        options: RepopulateOptions,
        monitor: &Monitor,
    ) -> Result<Repopulation> {
        let beside = SharedWriter::open(directory, monitor)?;
        let reader = SharedWriter::open(directory, monitor)?;
        monitor.begin(Stage::Working);
        Ok(Repopulation {
            options,
            beside: Mutex::new(beside),
            reader: Mutex::new(reader),
            spool_directory: directory.to_owned(),
            report: Mutex::default(),
        })
    }

    fn beside(&self) -> MutexGuard<'_, SharedWriter> {
        lock::lock(&self.beside)
    }

    fn reader(&self) -> MutexGuard<'_, SharedWriter> {
        lock::lock(&self.reader)
    }

    fn report(&self) -> MutexGuard<'_, Repopulated> {
        lock::lock(&self.report)
    }

    /// Begins to take an artifact. `None` if it is not needed, or refused, of which the report
    /// tells.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn begin(&self, name: &[u8], monitor: &Monitor) -> Result<Option<Incoming>> {
        let found = self.look(name, monitor).or_else(|error| match error {
            // What is wrong with one row is no reason to leave out others.
            Error::BadRow(_) => Ok((ArtifactState::Refused(error), false)),
            error => Err(error),
        })?;
        match found {
            (ArtifactState::Wanted(target) | ArtifactState::Suspect(target), replaces) => {
                return Ok(Some(Incoming::new(
                    name,
                    target,
                    replaces,
                    &self.options,
                    &self.spool_directory,
                )));
            }
            (ArtifactState::Present, _) => self.report().present += 1,
            (ArtifactState::Unwanted, _) => self.report().unwanted += 1,
            (ArtifactState::Refused(error), _) => {
                self.refuse(name, &error, monitor);
                return Ok(None);
            }
        }
        monitor.finish_piece();
        Ok(None)
    }

    /// What an artifact is for, and whether it replaces what is there. Contents that may be damaged
    /// are looked at.
    fn look(&self, name: &[u8], monitor: &Monitor) -> Result<(ArtifactState, bool)> {
        let RepopulateOptions {
            mode,
            replace_damaged,
            ..
        } = self.options;
        let mut reader = self.reader();
        let found = reader.read(monitor, |db| target::find(db, name, mode, replace_damaged))?;
        Ok(match found {
            ArtifactState::Suspect(target) => {
                match damage::is_damaged(&mut reader, name, &target, monitor)? {
                    true => (ArtifactState::Wanted(target), true),
                    false => (ArtifactState::Present, false),
                }
            }
            found => (found, false),
        })
    }

    /// Checks an artifact that was taken whole, and stores it.
    ///
    /// # Errors
    /// For what keeps the work from going on. That the artifact is refused is no error.
    pub fn end(&self, incoming: Incoming, monitor: &Monitor) -> Result<()> {
        let name = incoming.name().to_vec();
        let outcome = incoming.check().and_then(|checked| {
            let bytes = checked.bytes;
            let outcome = checked.store(&mut self.beside(), &self.options, monitor)?;
            Ok((outcome, bytes))
        });
        match outcome {
            Ok((RepopulateOutcome::Filled, bytes)) => {
                monitor.tell(|| format!("filled in {}", show(&name)));
                let mut report = self.report();
                report.filled.push(name);
                report.bytes += bytes;
            }
            Ok((RepopulateOutcome::Replaced, bytes)) => {
                monitor.tell(|| format!("replaced {}", show(&name)));
                let mut report = self.report();
                report.replaced.push(name);
                report.bytes += bytes;
            }
            Ok((RepopulateOutcome::Present, _)) => self.report().present += 1,
            Err(error) if is_refusal(&error) => {
                self.refuse(&name, &error, monitor);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        monitor.finish_piece();
        Ok(())
    }

    /// Gives up an artifact of which not all was taken. What it failed with may be the artifact's
    /// fault.
    ///
    /// # Errors
    /// The error itself, if it keeps the work from going on.
    pub fn give_up(&self, incoming: Incoming, error: Error, monitor: &Monitor) -> Result<()> {
        if !is_refusal(&error) {
            return Err(error);
        }
        self.refuse(incoming.name(), &error, monitor);
        Ok(())
    }

    fn refuse(&self, name: &[u8], error: &Error, monitor: &Monitor) {
        let refused = Refused {
            name: name.to_vec(),
            code: error.code().to_owned(),
            reason: error.to_string(),
        };
        self.note_refused(refused, monitor);
    }

    /// Takes note of an artifact that could not be read.
    pub fn note_refused(&self, refused: Refused, monitor: &Monitor) {
        monitor.finish_piece();
        monitor.tell(|| format!("refused {}: {}", show(&refused.name), refused.reason));
        let mut report = self.report();
        report.refused_count += 1;
        if report.refused.len() < MAX_REFUSED {
            report.refused.push(refused);
        }
    }

    /// What was done so far, when the work can't go on.
    fn so_far(&self) -> Repopulated {
        self.report().clone()
    }

    /// Ends the work: finds out what is still missing, and tells of all that was done.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn finish(&self, monitor: &Monitor) -> Result<Repopulated> {
        monitor.begin(Stage::Finishing);
        let mut beside = self.beside();
        let missing = missing::find(&mut beside, self.options.mode, monitor)?;
        let transacted = beside.finish()?;
        let mut report = self.report().clone();
        report.missing = missing;
        report.transacted = transacted;
        // Artifacts that were worked on at the same time end in any order.
        report.filled.sort();
        report.replaced.sort();
        report.refused.sort_by(|a, b| a.name.cmp(&b.name));
        monitor.begin(Stage::Done);
        Ok(report)
    }
}

/// Whether it is the artifact that is to blame.
fn is_refusal(error: &Error) -> bool {
    !matches!(
        error,
        Error::Aborted
            | Error::Sqlite { .. }
            | Error::Io { .. }
            | Error::Internal(_)
            | Error::DatabaseClosed
    )
}
