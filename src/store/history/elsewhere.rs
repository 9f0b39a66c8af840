//! Reads what the store has pruned from another place, for a history with such a place.

use std::sync::Mutex;

use super::entry::Entry;
use super::handle::History;
use super::plan::MissingPart;
use super::spans::SpanInfo;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::history_source::{FetchAhead, FetchedArtifact, Wanted, unless_lacking};

/// Items of a span that was fetched.
pub(super) struct FetchedItems {
    artifact: FetchedArtifact,
    /// The position of the artifact's next item.
    next_pos: i64,
    /// The positions to read, `end` exclusive.
    start: i64,
    end: i64,
    item: Vec<u8>,
}

impl FetchedItems {
    /// Fetches a span, whose items from `start` to `end`, exclusive, are read.
    ///
    /// # Errors
    /// As [`FetchAhead::take`].
    pub(super) fn take(
        ahead: &FetchAhead,
        wanted: &Wanted,
        start: i64,
        end: i64,
    ) -> Result<FetchedItems> {
        let Wanted::Span(span) = wanted else {
            return Err(Error::Internal("not a span".into()));
        };
        Ok(FetchedItems {
            artifact: ahead.take(wanted)?,
            next_pos: span.start_pos,
            start,
            end,
            item: Vec::new(),
        })
    }

    /// The next items; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn next_batch(&mut self) -> Result<Option<ItemBatch>> {
        let mut batch = ItemBatch::default();
        while self.next_pos < self.end
            && batch.bytes() < limits().item_batch_bytes
            && self.artifact.next_item(&mut self.item)?
        {
            if self.next_pos >= self.start {
                batch.add(self.next_pos, &self.item);
            }
            self.next_pos += 1;
        }
        Ok((batch.len() > 0).then_some(batch))
    }
}

impl History {
    /// Fetches artifacts that the store has pruned, if there is a place for them.
    pub(super) fn fetch_ahead(&self, order: Vec<Wanted>) -> Option<FetchAhead> {
        let source = self.source()?;
        Some(FetchAhead::new(source, order, self.closed()))
    }

    /// The artifact of this name, if the store has pruned it.
    pub(super) fn absent(&self, artifact: &str) -> Result<Option<Wanted>> {
        self.ask(|db| db.absent_artifact(artifact.as_bytes()))
    }

    /// The first entry of a span that the store has pruned; `None` if the place lacks it, too, or there
    /// is none.
    ///
    /// # Errors
    /// As [`FetchAhead::take`].
    pub(super) fn fetch_first_entry(&self, span: &SpanInfo) -> Result<Option<Entry>> {
        let Some(wanted) = self.absent(&span.artifact)? else {
            return Ok(None);
        };
        let Some(ahead) = self.fetch_ahead(Vec::new()) else {
            return Ok(None);
        };
        let Some(mut artifact) = unless_lacking(ahead.take(&wanted))? else {
            return Ok(None);
        };
        let mut item = Vec::new();
        let has_item = artifact.next_item(&mut item)?;
        Ok(has_item.then(|| Entry::parse_any(&item)))
    }

    /// Divides parts that the store lacks into those that the place has, and the others. Reads each to
    /// check it.
    ///
    /// # Errors
    /// As [`FetchAhead::take`], apart from artifacts that the place lacks; [`Error::Aborted`].
    pub(super) fn find_elsewhere(
        &self,
        missing: Vec<MissingPart>,
        monitor: &Monitor,
    ) -> Result<(Vec<MissingPart>, Vec<MissingPart>)> {
        let Some(source) = self.source() else {
            return Ok((Vec::new(), missing));
        };
        if missing.is_empty() {
            return Ok((Vec::new(), missing));
        }
        let mut wanted = Vec::with_capacity(missing.len());
        for part in &missing {
            wanted.push(self.absent(&part.artifact)?);
        }
        monitor.add_total(missing.len());
        let directory = std::env::temp_dir();
        let found = Mutex::new(vec![false; missing.len()]);
        let find = |index: usize| {
            self.check(monitor)?;
            if let Some(wanted) = &wanted[index] {
                let count = |chunk: &[u8]| monitor.count(chunk.len());
                let read = source.read(wanted, &directory, monitor, count);
                lock::lock(&found)[index] = unless_lacking(read)?.is_some();
            }
            monitor.finish_piece();
            Ok(())
        };
        parallel::run_on(source.threads()?, missing.len(), find, || Ok(()))?;
        let mut found = lock::unlocked(found).into_iter();
        Ok(missing
            .into_iter()
            .partition(|_| found.next().unwrap_or_default()))
    }
}
