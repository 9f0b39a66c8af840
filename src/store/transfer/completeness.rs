//! Checks that a store has all that an export in a mode needs.

use crate::store::database::Database;
use crate::store::error::{Error, Result, show};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::record::SpanRecord;
use crate::store::substores::Store;
use crate::store::transfer::history_source::Absent;

impl Database {
    /// Checks that every bundle has its contents.
    pub(crate) fn check_bundles(&self, mode: ArtifactMode) -> Result<()> {
        refuse_debug(mode)?;
        let pruned = self.rows(
            "SELECT bundleID FROM bundles WHERE bundle IS NULL ORDER BY bundleID",
            [],
            |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()),
        )?;
        if pruned.is_empty() {
            return Ok(());
        }
        Err(Error::BundlesMissing(pruned.join(&b',')))
    }

    /// Checks that every vat with a current span has all items that the mode needs.
    pub(crate) fn check_transcripts(&self, mode: ArtifactMode) -> Result<()> {
        self.check_transcripts_with(mode, &Absent::nothing())
    }

    /// Checks that the store has everything that the mode needs. Fails with the first gap.
    pub(crate) fn check_all(&self, mode: ArtifactMode) -> Result<()> {
        self.check_bundles(mode)?;
        self.check_transcripts(mode)?;
        self.check_snapshots(mode)
    }

    /// Checks that the store has everything that the mode needs, apart from these artifacts.
    pub(crate) fn check_all_with(&self, mode: ArtifactMode, absent: &Absent) -> Result<()> {
        // They contain all bundles and snapshots that are missing.
        self.check_transcripts_with(mode, absent)
    }

    fn check_transcripts_with(&self, mode: ArtifactMode, absent: &Absent) -> Result<()> {
        refuse_debug(mode)?;
        let spans = self.current_spans()?;
        for span in spans {
            let SpanRecord {
                vat_id,
                start_pos,
                end_pos,
                incarnation,
                ..
            } = &span;
            let count_from = |first: i64| -> Result<i64> {
                let count = self.count_items(vat_id, first, *end_pos)?;
                Ok(count.saturating_add(absent.items_from(vat_id, first)))
            };
            match mode {
                ArtifactMode::Operational => {
                    let count = count_from(*start_pos)?;
                    if count != end_pos.saturating_sub(*start_pos) {
                        return Err(Error::IncompleteCurrentSpan {
                            count,
                            span: show_span(&span),
                        });
                    }
                }
                ArtifactMode::Replay => {
                    let first = self
                        .incarnation_start(vat_id, *incarnation)?
                        .unwrap_or(*start_pos);
                    let count = count_from(first)?;
                    if count != end_pos.saturating_sub(first) {
                        return Err(Error::IncompleteIncarnation(count));
                    }
                }
                ArtifactMode::Archival => {
                    let count = count_from(0)?;
                    if count != *end_pos {
                        return Err(Error::IncompleteArchive {
                            count,
                            expected: *end_pos,
                        });
                    }
                }
                ArtifactMode::Debug => {}
            }
        }
        Ok(())
    }

    /// Checks that every snapshot in use has its contents.
    pub(crate) fn check_snapshots(&self, mode: ArtifactMode) -> Result<()> {
        refuse_debug(mode)?;
        let vats = self.rows(
            "SELECT vatID FROM snapshots
             WHERE inUse = 1 AND compressedSnapshot IS NULL ORDER BY vatID",
            [],
            |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()),
        )?;
        if vats.is_empty() {
            return Ok(());
        }
        Err(Error::CurrentSnapshotsPruned(vats.join(&b',')))
    }
}

impl Store {
    /// Checks that every bundle has its contents.
    ///
    /// # Errors
    /// [`Error::BundlesMissing`]; [`Error::NoSuchCheck`] for `debug`.
    pub fn check_bundles(&self, mode: ArtifactMode) -> Result<()> {
        self.database().lock().check_bundles(mode)
    }

    /// Checks that every vat with a current span has all items that the mode needs.
    ///
    /// # Errors
    /// [`Error::IncompleteCurrentSpan`]; [`Error::IncompleteIncarnation`];
    /// [`Error::IncompleteArchive`]; [`Error::NoSuchCheck`] for `debug`.
    pub fn check_transcripts(&self, mode: ArtifactMode) -> Result<()> {
        self.database().lock().check_transcripts(mode)
    }

    /// Checks that every snapshot in use has its contents.
    ///
    /// # Errors
    /// [`Error::CurrentSnapshotsPruned`]; [`Error::NoSuchCheck`] for `debug`.
    pub fn check_snapshots(&self, mode: ArtifactMode) -> Result<()> {
        self.database().lock().check_snapshots(mode)
    }
}

/// Fails for `debug` mode, in which nothing needs to be complete.
fn refuse_debug(mode: ArtifactMode) -> Result<()> {
    match mode {
        ArtifactMode::Debug => Err(Error::NoSuchCheck("debug")),
        _ => Ok(()),
    }
}

/// A row of `transcriptSpans` as an error message shows it.
fn show_span(span: &SpanRecord) -> String {
    format!(
        "{{\"endPos\":{},\"hash\":{},\"incarnation\":{},\"isCurrent\":1,\"startPos\":{},\"vatID\":{}}}",
        span.end_pos,
        show(&span.hash),
        span.incarnation,
        span.start_pos,
        show(&span.vat_id)
    )
}
