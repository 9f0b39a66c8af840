//! The state of an open span reader, and the items that were saved for it.

use std::sync::Arc;

use super::item_changes::Change;
use super::item_source::ItemSource;
use super::saved_items::{SavedRange, SharedItems};
use super::span_view::SpanView;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::{ITEM_BYTES, ItemBatch};

/// Where a reader reads items that were not saved.
pub(crate) enum Source {
    /// The store's own connection.
    Own,
    /// A read transaction on another connection.
    View(Arc<SpanView>),
}

impl Source {
    /// The database to read from, if `own` is the store's.
    fn database<'a>(&'a self, own: &'a dyn ItemSource) -> &'a dyn ItemSource {
        match self {
            Source::Own => own,
            Source::View(view) => &**view,
        }
    }
}

/// A range of items saved for a reader.
pub(crate) struct Saved {
    start_pos: i64,
    end_pos: i64,
    range: Arc<SavedRange>,
}

/// The state of a span reader.
pub(crate) struct ReaderState {
    pub(crate) vat_id: Vec<u8>,
    pub(crate) next_pos: i64,
    pub(crate) end_pos: i64,
    pub(crate) source: Source,
    /// Saved ranges, which do not overlap, in order.
    pub(crate) saved: Vec<Saved>,
    /// Why items could not be saved.
    pub(crate) failure: Option<Error>,
    /// The number of items fetched, which is compared with `expected` at the end.
    pub(crate) found: i64,
    /// The expected number of items; `None` to skip the check.
    pub(crate) expected: Option<i64>,
    /// Fetched items. Those from index `read` on were not returned yet.
    pub(crate) fetched: ItemBatch,
    pub(crate) read: usize,
    /// A consumed batch, whose memory is reused.
    pub(crate) spare: ItemBatch,
    pub(crate) exhausted: bool,
    /// Whether the reader stays usable after the database is closed.
    pub(crate) survives_close: bool,
}

impl ReaderState {
    pub(crate) fn has_items(&self) -> bool {
        self.read < self.fetched.len()
    }

    /// Whether changes of the store affect it.
    pub(super) fn depends_on_store(&self) -> bool {
        !self.exhausted && matches!(self.source, Source::Own)
    }

    /// Fetches about `limit` bytes of items; at least one item if any is left. `own` is the store.
    pub(crate) fn fetch(&mut self, own: &dyn ItemSource, limit: usize) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut bytes = 0;
        while !self.exhausted && bytes <= limit {
            while self
                .saved
                .first()
                .is_some_and(|saved| saved.end_pos <= self.next_pos)
            {
                self.saved.remove(0);
            }
            let (vat_id, start_pos) = (&self.vat_id, self.next_pos);
            let (fetched, found, next_pos) =
                (&mut self.fetched, &mut self.found, &mut self.next_pos);
            let mut take = |position: i64, item: &[u8], is_within_frame: bool| {
                bytes += item.len() + ITEM_BYTES;
                fetched.add(position, item);
                *found += 1;
                *next_pos = position.saturating_add(1);
                // The rest of a frame would have to be decompressed again.
                bytes <= limit || is_within_frame
            };
            let saved = self.saved.first();
            let (end_pos, has_all) = match saved.filter(|saved| saved.start_pos <= start_pos) {
                Some(saved) => {
                    let has_all =
                        saved
                            .range
                            .read(start_pos, saved.end_pos, |position, item| {
                                take(position, item, false)
                            })?;
                    (saved.end_pos, has_all)
                }
                None => {
                    let end_pos = saved.map_or(self.end_pos, |saved| saved.start_pos);
                    let source = self.source.database(own);
                    let has_all = source.read_items(vat_id, start_pos..end_pos, &mut take)?;
                    (end_pos, has_all)
                }
            };
            if has_all {
                self.next_pos = end_pos;
            }
            if self.next_pos >= self.end_pos {
                self.exhaust();
            }
        }
        Ok(())
    }

    /// Marks the reader as exhausted and releases what it holds.
    pub(crate) fn exhaust(&mut self) {
        self.exhausted = true;
        self.saved = Vec::new();
        self.source = Source::Own;
    }

    /// The parts of `start_pos` to `end_pos` (exclusive) that were neither read nor saved.
    fn unsaved(&self, start_pos: i64, end_pos: i64) -> Vec<(i64, i64)> {
        let mut unsaved = Vec::new();
        let mut start_pos = start_pos.max(self.next_pos);
        let end_pos = end_pos.min(self.end_pos);
        for saved in &self.saved {
            if start_pos < saved.start_pos.min(end_pos) {
                unsaved.push((start_pos, saved.start_pos.min(end_pos)));
            }
            start_pos = start_pos.max(saved.end_pos);
        }
        if start_pos < end_pos {
            unsaved.push((start_pos, end_pos));
        }
        unsaved
    }

    /// Saves the items of a range that were not read yet.
    pub(crate) fn save(&mut self, saving: &mut Saving<'_>, start_pos: i64, end_pos: i64) {
        if self.exhausted || self.failure.is_some() {
            return;
        }
        for (start_pos, end_pos) in self.unsaved(start_pos, end_pos) {
            match saving.save(&self.vat_id, &self.source, start_pos, end_pos) {
                Ok(saved) => self.saved.extend(saved),
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            }
        }
        self.saved.sort_by_key(|saved| saved.start_pos);
    }

    /// Saves all items that were not read yet.
    pub(crate) fn save_rest(&mut self, saving: &mut Saving<'_>) {
        self.save(saving, self.next_pos, self.end_pos);
    }

    /// Saves the items of a change that were not read yet.
    pub(super) fn save_change(&mut self, saving: &mut Saving<'_>, change: &Change) {
        match change {
            Change::Any => self.save_rest(saving),
            Change::Range {
                vat_id,
                start_pos,
                end_pos,
            } if *vat_id == self.vat_id => self.save(saving, *start_pos, *end_pos),
            Change::Range { .. } => {}
        }
    }

    pub(crate) fn check_count(&self) -> Result<()> {
        match self.expected {
            Some(expected) if expected != self.found => Err(Error::MissingTranscriptItems {
                found: self.found,
                expected,
            }),
            _ => Ok(()),
        }
    }
}

/// Saves items for several readers; readers of the same items share them.
pub(crate) struct Saving<'a> {
    own: &'a dyn ItemSource,
    items: &'a SharedItems,
    done: Vec<(Vec<u8>, Saved)>,
}

impl<'a> Saving<'a> {
    /// Saves items of `own`, the store, in `items`.
    pub(crate) fn new(own: &'a dyn ItemSource, items: &'a SharedItems) -> Saving<'a> {
        Saving {
            own,
            items,
            done: Vec::new(),
        }
    }

    pub(crate) fn save(
        &mut self,
        vat_id: &[u8],
        source: &Source,
        mut start_pos: i64,
        end_pos: i64,
    ) -> Result<Vec<Saved>> {
        let mut parts = Vec::new();
        while start_pos < end_pos {
            let shares = |(of, saved): &&(Vec<u8>, Saved)| {
                of == vat_id && saved.start_pos <= start_pos && start_pos < saved.end_pos
            };
            // Different views may see different commits.
            let found = match source {
                Source::Own => self.done.iter().find(shares),
                Source::View(_) => None,
            };
            let (to, range) = match found {
                Some((_, saved)) => (saved.end_pos.min(end_pos), saved.range.clone()),
                None => (end_pos, self.copy(vat_id, source, start_pos, end_pos)?),
            };
            parts.push(Saved {
                start_pos,
                end_pos: to,
                range,
            });
            start_pos = to;
        }
        Ok(parts)
    }

    fn copy(
        &mut self,
        vat_id: &[u8],
        source: &Source,
        start_pos: i64,
        end_pos: i64,
    ) -> Result<Arc<SavedRange>> {
        let items = self.items.get()?;
        let copied = SavedRange::new(&items, |add| {
            let mut outcome = Ok(());
            let mut take = |position: i64, item: &[u8], _: bool| {
                outcome = add(position, item);
                outcome.is_ok()
            };
            let database = source.database(self.own);
            database.read_items(vat_id, start_pos..end_pos, &mut take)?;
            outcome
        });
        // A temporary database that has failed once is not used again.
        let range = copied.inspect_err(|_| self.items.forget())?;
        if matches!(source, Source::Own) {
            let saved = Saved {
                start_pos,
                end_pos,
                range: range.clone(),
            };
            self.done.push((vat_id.to_vec(), saved));
        }
        Ok(range)
    }
}
