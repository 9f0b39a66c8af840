//! Reads transcript items: of a range of positions, a span, or an incarnation.
//!
//! A reader first counts the items, and fails before the first one if any is missing; the error
//! names the artifacts that contain the missing ones. It then returns items in batches. With another
//! place for what the store has pruned, it fetches these spans when it reaches them, and those that
//! follow meanwhile.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::elsewhere::FetchedItems;
use super::handle::History;
use super::incarnations::first_gap;
use super::spans::{Populated, SpanInfo};
use crate::store::error::history::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::substores::span_reader::SpanReader;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::history_source::{FetchAhead, Wanted, unless_lacking};

/// Which items of a vat to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Selection {
    /// A range of positions.
    Range {
        /// The first position; by default the vat's first one.
        start: Option<i64>,
        /// The end position, exclusive; by default the vat's last one.
        end: Option<i64>,
    },
    /// The span that starts at a position.
    Span(i64),
    /// An incarnation.
    Incarnation(i64),
}

/// A batch of items of one incarnation, in order.
#[derive(Debug)]
pub struct ItemsRun {
    /// The incarnation.
    pub incarnation: i64,
    /// The items and their positions.
    pub items: ItemBatch,
}

/// Positions of one incarnation, `end` exclusive.
struct Piece {
    start: i64,
    end: i64,
    incarnation: i64,
    /// The span to fetch that contains them, if the store lacks some of their items.
    wanted: Option<Wanted>,
}

/// The pieces to read.
struct Pieces {
    /// The remaining ones.
    left: VecDeque<Piece>,
    /// The reader of the first one, if it is open.
    reader: Option<PieceReader>,
    /// Fetches spans that the store lacks.
    ahead: Option<FetchAhead>,
}

enum PieceReader {
    Stored(SpanReader),
    Fetched(FetchedItems),
}

enum State {
    /// Nothing was read yet.
    New,
    Reading(Box<Pieces>),
    /// The reader failed or reached its end.
    Ended,
}

/// Reads items of a vat.
pub struct ItemsReader {
    history: Arc<History>,
    vat_id: String,
    selection: Selection,
    skip_missing: bool,
    state: Mutex<State>,
}

impl History {
    /// Returns a reader of a vat's items. With `skip_missing`, it skips missing items; without it,
    /// the first step fails if any item is missing.
    pub fn read_items(
        self: &Arc<History>,
        vat_id: &str,
        selection: Selection,
        skip_missing: bool,
    ) -> ItemsReader {
        ItemsReader {
            history: self.clone(),
            vat_id: vat_id.to_owned(),
            selection,
            skip_missing,
            state: Mutex::new(State::New),
        }
    }
}

impl ItemsReader {
    /// Returns the next items, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::History`] if there is no such vat, span, incarnation or position, if items are
    /// missing, or if the history was closed; SQLite's errors. With another place,
    /// [`Error::FromHistory`] if it lacks a span or has another one, [`Error::Remote`] and
    /// [`Error::RemoteFile`] if it fails, [`Error::Directory`] and [`Error::Io`]. After an error, the
    /// reader returns `None`.
    pub fn next_run(&self) -> Result<Option<ItemsRun>> {
        let mut state = lock::lock_sound(&self.state)?;
        let next = self.advance(&mut state);
        if !matches!(next, Ok(Some(_))) {
            *state = State::Ended;
        }
        // Another thread may close the history during a step.
        match next {
            Err(Error::DatabaseClosed | Error::Aborted) => Err(Fault::closed()),
            next => next,
        }
    }

    fn advance(&self, state: &mut State) -> Result<Option<ItemsRun>> {
        self.history.check_open()?;
        if let State::New = state {
            let left = self.find_pieces()?;
            let wanted = left.iter().filter_map(|piece| piece.wanted.clone());
            let ahead = self.history.fetch_ahead(wanted.collect());
            *state = State::Reading(Box::new(Pieces {
                left,
                reader: None,
                ahead,
            }));
        }
        let State::Reading(pieces) = state else {
            return Ok(None);
        };
        let Pieces {
            left,
            reader,
            ahead,
        } = &mut **pieces;
        while let Some(piece) = left.front() {
            let open = match reader {
                Some(reader) => reader,
                None => reader.insert(self.open(piece, ahead.as_ref())?),
            };
            let next = match open {
                PieceReader::Stored(reader) => self.history.with_file_hint(reader.next_batch()),
                PieceReader::Fetched(items) => items.next_batch(),
            };
            if let Some(items) = next? {
                let incarnation = piece.incarnation;
                return Ok(Some(ItemsRun { incarnation, items }));
            }
            *reader = None;
            left.pop_front();
        }
        Ok(None)
    }

    fn open(&self, piece: &Piece, ahead: Option<&FetchAhead>) -> Result<PieceReader> {
        if let (Some(wanted), Some(ahead)) = (&piece.wanted, ahead) {
            let fetched = FetchedItems::take(ahead, wanted, piece.start, piece.end);
            if !self.skip_missing {
                return fetched.map(PieceReader::Fetched);
            }
            if let Some(items) = unless_lacking(fetched)? {
                return Ok(PieceReader::Fetched(items));
            }
        }
        let shared = self.history.database();
        let vat_id = self.vat_id.as_bytes();
        let complete = !self.skip_missing;
        self.history.ask(|db| {
            let reader = SpanReader::new(shared, db, vat_id, piece.start, piece.end, complete);
            Ok(PieceReader::Stored(reader))
        })
    }

    /// Finds the positions to read. Fails if items are missing, unless they are skipped.
    fn find_pieces(&self) -> Result<VecDeque<Piece>> {
        let mut spans = select(
            &self.vat_id,
            self.history.span_records(&self.vat_id)?,
            self.selection,
        )?;
        let is_fetching = self.history.source().is_some();
        if !self.skip_missing || is_fetching {
            let monitor = Monitor::default();
            self.history.count_items(&mut spans, &monitor)?;
        }
        if !self.skip_missing {
            let missing: Vec<String> = spans
                .iter()
                .filter(|span| span.populated != Populated::All && !is_fetching)
                .map(|span| span.artifact.clone())
                .collect();
            if !missing.is_empty() {
                return Err(Fault::pruned(self.vat_id.as_bytes(), &missing));
            }
            if let Some((end, next_start)) = first_gap(&spans) {
                return Err(Fault::gap(self.vat_id.as_bytes(), end, next_start));
            }
        }
        let mut pieces: VecDeque<Piece> = VecDeque::new();
        for span in spans.iter().filter(|span| span.length() > 0) {
            let wanted = if is_fetching && span.populated != Populated::All {
                self.history.absent(&span.artifact)?
            } else {
                None
            };
            match pieces.back_mut() {
                Some(last)
                    if last.end == span.start_pos
                        && last.incarnation == span.incarnation
                        && last.wanted.is_none()
                        && wanted.is_none() =>
                {
                    last.end = span.end_pos;
                }
                _ => pieces.push_back(Piece {
                    start: span.start_pos,
                    end: span.end_pos,
                    incarnation: span.incarnation,
                    wanted,
                }),
            }
        }
        Ok(pieces)
    }
}

/// Selects spans, and trims them to the selected positions. They keep their artifact names.
fn select(vat_id: &str, spans: Vec<SpanInfo>, selection: Selection) -> Result<Vec<SpanInfo>> {
    match selection {
        Selection::Range { start, end } => {
            let first = spans.first().map_or(0, |span| span.start_pos);
            let last_end = spans.last().map_or(0, |span| span.end_pos);
            let (start, to) = (start.unwrap_or(first), end.unwrap_or(last_end));
            if start < first || start > to || to > last_end {
                let has = (first, last_end);
                return Err(Fault::bad_range(vat_id.as_bytes(), start, to, has));
            }
            let mut selected = spans;
            selected.retain(|span| span.start_pos < to && span.end_pos > start);
            for span in &mut selected {
                span.start_pos = span.start_pos.max(start);
                span.end_pos = span.end_pos.min(to);
            }
            Ok(selected)
        }
        Selection::Span(start_pos) => {
            let around = spans
                .iter()
                .find(|span| span.start_pos <= start_pos && start_pos < span.end_pos)
                .map(|span| (span.start_pos, span.end_pos));
            let mut selected = spans;
            selected.retain(|span| span.start_pos == start_pos);
            if selected.is_empty() {
                return Err(Fault::no_span(vat_id.as_bytes(), start_pos, around));
            }
            Ok(selected)
        }
        Selection::Incarnation(incarnation) => of_incarnation(vat_id, spans, incarnation),
    }
}

/// Selects the spans of an incarnation.
pub(super) fn of_incarnation(
    vat_id: &str,
    spans: Vec<SpanInfo>,
    incarnation: i64,
) -> Result<Vec<SpanInfo>> {
    let mut known: Vec<i64> = spans.iter().map(|span| span.incarnation).collect();
    known.dedup();
    let mut selected = spans;
    selected.retain(|span| span.incarnation == incarnation);
    if selected.is_empty() {
        let vat_id = vat_id.as_bytes();
        return Err(Fault::no_incarnation(vat_id, incarnation, &known));
    }
    Ok(selected)
}
