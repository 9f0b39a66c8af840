//! A repopulation of one store: finds the target of each artifact, and stores checked ones.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::incoming::Incoming;
use super::options::RepopulateOptions;
use super::report::{Refused, RepopulateOutcome, Repopulated};
use super::target::ArtifactState;
use super::{damage, missing, target};
use crate::store::database::shared_writer::SharedWriter;
use crate::store::error::{Error, Result, show};
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many rejected artifacts the report lists.
const MAX_REFUSED: usize = 1000;

/// A repopulation of one store. Several threads may add artifacts.
pub struct Repopulation {
    options: RepopulateOptions,
    writer: Mutex<SharedWriter>,
    /// For reads, which would otherwise wait for writers and their pauses.
    reader: Mutex<SharedWriter>,
    /// The directory for temporary files of items.
    spool_directory: PathBuf,
    report: Mutex<Repopulated>,
}

impl Repopulation {
    /// Opens the store in `directory` for a repopulation.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::StoreInUse`]; [`Error::Aborted`]; SQLite's errors.
    pub fn open(
        directory: &Path,
        options: RepopulateOptions,
        monitor: &Monitor,
    ) -> Result<Repopulation> {
        let writer = SharedWriter::open(directory, monitor)?;
        let reader = SharedWriter::open(directory, monitor)?;
        monitor.begin(Stage::Working);
        Ok(Repopulation {
            options,
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            spool_directory: directory.to_owned(),
            report: Mutex::default(),
        })
    }

    fn writer(&self) -> MutexGuard<'_, SharedWriter> {
        lock::lock(&self.writer)
    }

    fn reader(&self) -> MutexGuard<'_, SharedWriter> {
        lock::lock(&self.reader)
    }

    fn report(&self) -> MutexGuard<'_, Repopulated> {
        lock::lock(&self.report)
    }

    /// The names of the artifacts to look for in a place that is not listed: those that the store
    /// lacks; to replace damaged contents, all.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub(super) fn wanted_names(&self, monitor: &Monitor) -> Result<Vec<Vec<u8>>> {
        let mode = self.options.mode;
        let mut reader = self.reader();
        if self.options.replace_damaged {
            missing::all(&mut reader, mode, monitor)
        } else {
            missing::find(&mut reader, mode, monitor)
        }
    }

    /// The directory for temporary files.
    pub(super) fn spool_directory(&self) -> &Path {
        &self.spool_directory
    }

    /// Starts to take an artifact. Returns `None` if it is not needed or is rejected; the report
    /// counts it.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn begin(&self, name: &[u8], monitor: &Monitor) -> Result<Option<Incoming>> {
        let found = self
            .find_target(name, monitor)
            .or_else(|error| match error {
                // A malformed row only concerns its own artifact.
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

    /// Finds the target of an artifact, and whether the artifact replaces present contents. Checks
    /// contents that may be damaged.
    fn find_target(&self, name: &[u8], monitor: &Monitor) -> Result<(ArtifactState, bool)> {
        let RepopulateOptions {
            mode,
            replace_damaged,
            ..
        } = self.options;
        let mut reader = self.reader();
        let found = reader.read(monitor, |db| target::find(db, name, mode, replace_damaged))?;
        Ok(match found {
            ArtifactState::Suspect(target) => {
                if damage::is_damaged(&mut reader, name, &target, monitor)? {
                    (ArtifactState::Wanted(target), true)
                } else {
                    (ArtifactState::Present, false)
                }
            }
            found => (found, false),
        })
    }

    /// Checks a complete artifact, and stores it.
    ///
    /// # Errors
    /// The errors that end the repopulation. A rejected artifact is not an error.
    pub fn end(&self, incoming: Incoming, monitor: &Monitor) -> Result<()> {
        let name = incoming.name().to_vec();
        let outcome = incoming.check().and_then(|checked| {
            let bytes = checked.bytes;
            let outcome = checked.store(&mut self.writer(), &self.options, monitor)?;
            Ok((outcome, bytes))
        });
        match outcome {
            Ok((RepopulateOutcome::Filled, bytes)) => {
                monitor.tell(|| format!("restored {}", show(&name)));
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

    /// Drops an incomplete artifact after an error. Rejects the artifact if the error concerns only
    /// the artifact.
    ///
    /// # Errors
    /// The error itself, if it ends the repopulation.
    pub fn give_up(&self, incoming: Incoming, error: Error, monitor: &Monitor) -> Result<()> {
        if !is_refusal(&error) {
            return Err(error);
        }
        self.refuse(incoming.name(), &error, monitor);
        Ok(())
    }

    pub(super) fn refuse(&self, name: &[u8], error: &Error, monitor: &Monitor) {
        let refused = Refused {
            name: name.to_vec(),
            code: error.code().to_owned(),
            reason: error.to_string(),
        };
        self.note_refused(refused, monitor);
    }

    /// Records an artifact that was rejected or could not be read.
    pub fn note_refused(&self, refused: Refused, monitor: &Monitor) {
        monitor.finish_piece();
        monitor.tell(|| format!("refused {}: {}", show(&refused.name), refused.reason));
        let mut report = self.report();
        report.refused_count += 1;
        if report.refused.len() < MAX_REFUSED {
            report.refused.push(refused);
        }
    }

    /// What was done so far, for a repopulation that ends with an error.
    pub(super) fn partial_report(&self) -> Repopulated {
        self.report().clone()
    }

    /// Finishes the repopulation: finds what is still missing, and returns the report.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn finish(&self, monitor: &Monitor) -> Result<Repopulated> {
        monitor.begin(Stage::Finishing);
        let mut writer = self.writer();
        let missing = missing::find(&mut writer, self.options.mode, monitor)?;
        let transaction_stats = writer.finish()?;
        let mut report = self.report().clone();
        report.missing = missing;
        report.transaction_stats = transaction_stats;
        // Parallel work ends in any order.
        report.filled.sort();
        report.replaced.sort();
        report.refused.sort_by(|a, b| a.name.cmp(&b.name));
        monitor.begin(Stage::Done);
        Ok(report)
    }
}

/// Whether an error only concerns the artifact.
fn is_refusal(error: &Error) -> bool {
    !matches!(
        error,
        Error::Aborted
            | Error::Sqlite { .. }
            | Error::Io { .. }
            | Error::Remote { .. }
            | Error::Internal(_)
            | Error::DatabaseClosed
    )
}
