//! The state of compressing history in the store's own connection: all of it in steps, between a
//! host's blocks (`compact_history.rs`), or each span when it ends.
//!
//! A step takes a few milliseconds. It reads and checks a part of a span, or replaces some of a
//! checked span's rows in a transaction of its own. So the work may end after any step, and another
//! call continues with what is left.

use std::collections::VecDeque;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::params;
use serde::Serialize;

use crate::store::database::Database;
use crate::store::database::compressed_items::NewFrame;
use crate::store::database::compressed_items::compaction::{
    CheckedSpan, FrameBuilder, ItemCopy, SpanCheck, SpanState,
};
use crate::store::database::item_source::{ItemSource, StoredItem};
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::records::record::SpanRecord;

/// The duration after which a step starts nothing further.
const STEP_TIME: Duration = Duration::from_millis(4);

/// How many bytes of items a step checks.
const STEP_BYTES: usize = 1 << 20;

/// How many bytes of items of ended spans are held in memory until the commit.
const MAX_ENDED_BYTES: usize = 32 << 20;

/// What a step has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompactionStep {
    /// Spans that are finished.
    pub spans: u64,
    /// Items that were compressed.
    pub items: u64,
    /// The size of these items in bytes.
    pub item_bytes: u64,
    /// The size of their compressed frames in bytes.
    pub compressed_bytes: u64,
    /// Spans that lack items, and stay as they are.
    pub incomplete: u64,
    /// The artifact names of spans that do not match their hash, and stay as they are.
    #[serde(serialize_with = "fields::texts")]
    pub damaged: Vec<Vec<u8>>,
    /// Whether nothing is left to do.
    pub done: bool,
    /// Whether a block has begun, so that nothing can be done now.
    pub is_in_block: bool,
}

/// The state of compressing history in steps.
#[derive(Default)]
pub(super) struct Compaction {
    builder: Option<FrameBuilder>,
    /// The vat and the start of the last span that was finished.
    after: Option<(Vec<u8>, i64)>,
    work: Option<Work>,
}

/// A span, and what is left to do.
enum Work {
    /// To check the rest of its items.
    Check(SpanRecord, Box<SpanCheck>),
    /// To store these frames.
    Store(SpanRecord, VecDeque<NewFrame>),
    /// To compress and store the rows from a position on.
    StoreRest(SpanRecord, i64),
}

impl Compaction {
    pub(super) fn step(&mut self, db: &Database, step: &mut CompactionStep) -> Result<()> {
        let mut builder = match self.builder.take() {
            Some(builder) => builder,
            None => FrameBuilder::new()?,
        };
        let start = Instant::now();
        let mut has_stored = false;
        while !has_stored && start.elapsed() < STEP_TIME {
            let work = match self.work.take() {
                Some(work) => work,
                None => match next_span(db, self.after.as_ref())? {
                    Some(span) => {
                        self.after = Some((span.vat_id.clone(), span.start_pos));
                        let check = Box::new(SpanCheck::new(&span, ItemCopy::Row));
                        Work::Check(span, check)
                    }
                    None => {
                        step.done = true;
                        break;
                    }
                },
            };
            self.work = match work {
                Work::Check(span, check) => check_some(db, span, check, &mut builder, step)?,
                Work::Store(span, frames) => {
                    has_stored = true;
                    store_some(db, span, frames, start, step)?
                }
                Work::StoreRest(span, next) => {
                    has_stored = true;
                    store_next(db, span, next, &mut builder, step)?
                }
            };
        }
        self.builder = Some(builder);
        Ok(())
    }
}

/// The next historical span with rows, in the order of vats and positions.
fn next_span(db: &Database, after: Option<&(Vec<u8>, i64)>) -> Result<Option<SpanRecord>> {
    // No vat ID sorts before the empty one.
    let (vat_id, start_pos) = match after {
        Some((vat_id, start_pos)) => (vat_id.as_slice(), *start_pos),
        None => (&b""[..], i64::MIN),
    };
    db.row(
        "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation FROM transcriptSpans s
         WHERE isCurrent IS NULL AND (vatID, startPos) > (?, ?)
           AND EXISTS (SELECT 1 FROM transcriptItems i WHERE i.vatID = s.vatID
             AND i.position >= s.startPos AND i.position < s.endPos)
         ORDER BY vatID, startPos LIMIT 1",
        params![SqlText(vat_id), start_pos],
        SpanRecord::from_row,
    )
}

/// Checks more items of a span.
fn check_some(
    db: &Database,
    span: SpanRecord,
    mut check: Box<SpanCheck>,
    builder: &mut FrameBuilder,
    step: &mut CompactionStep,
) -> Result<Option<Work>> {
    let mut bytes = 0;
    let range = check.next_pos()..span.end_pos;
    let visited = db.visit_items(&span.vat_id, range, &mut |found: StoredItem<'_>| {
        bytes += found.item.as_bytes().map_or(0, <[u8]>::len) + 1;
        let goes_on = check.add(&span, &found, builder)?;
        Ok(goes_on && (bytes < STEP_BYTES || found.is_within_frame()))
    });
    match visited {
        Ok(false) if check.is_sound() => return Ok(Some(Work::Check(span, check))),
        Ok(_) => {}
        Err(Error::BadFrame { .. }) => check.set_damaged(),
        Err(error) => return Err(error),
    }
    let CheckedSpan { state, frames, .. } = check.finish(&span, builder)?;
    Ok(match (state, frames) {
        (SpanState::Sound, Some(frames)) => Some(Work::Store(span, frames.into())),
        (SpanState::Sound, None) => {
            let start_pos = span.start_pos;
            Some(Work::StoreRest(span, start_pos))
        }
        (SpanState::Incomplete, _) => {
            step.incomplete += 1;
            None
        }
        (SpanState::Damaged, _) => {
            step.damaged.push(span.artifact_name());
            None
        }
    })
}

/// Stores frames of a checked span, in one transaction.
fn store_some(
    db: &Database,
    span: SpanRecord,
    mut frames: VecDeque<NewFrame>,
    start: Instant,
    step: &mut CompactionStep,
) -> Result<Option<Work>> {
    in_transaction(db, |db| {
        let mut is_first = true;
        while (is_first || start.elapsed() < STEP_TIME)
            && let Some(frame) = frames.pop_front()
        {
            is_first = false;
            store_frame(db, &span, &frame, step)?;
        }
        Ok(())
    })?;
    if frames.is_empty() {
        step.spans += 1;
        return Ok(None);
    }
    Ok(Some(Work::Store(span, frames)))
}

/// Compresses and stores the next rows of a checked span whose frames were too large to be held.
fn store_next(
    db: &Database,
    span: SpanRecord,
    next: i64,
    builder: &mut FrameBuilder,
    step: &mut CompactionStep,
) -> Result<Option<Work>> {
    let Some(frame) = db.next_frame(&span, next..span.end_pos, ItemCopy::Row, builder)? else {
        step.spans += 1;
        return Ok(None);
    };
    in_transaction(db, |db| store_frame(db, &span, &frame, step))?;
    Ok(Some(Work::StoreRest(span, frame.end_pos)))
}

fn store_frame(
    db: &Database,
    span: &SpanRecord,
    frame: &NewFrame,
    step: &mut CompactionStep,
) -> Result<()> {
    match db.replace_with_frame(span, frame) {
        Ok(true) => {
            step.items += frame.end_pos.abs_diff(frame.start_pos);
            step.item_bytes += frame.item_bytes as u64;
            step.compressed_bytes += frame.frame.len() as u64;
            Ok(())
        }
        Ok(false) | Err(Error::BadFrame { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn in_transaction(db: &Database, work: impl FnOnce(&Database) -> Result<()>) -> Result<()> {
    db.begin()?;
    let outcome = work(db).and_then(|()| db.commit());
    if outcome.is_err() && db.in_transaction() {
        db.execute("ROLLBACK")?;
        db.transaction_lost();
    }
    outcome
}

/// A span that has ended in this block, and the thread that compresses its items.
pub(super) struct EndedSpan {
    span: SpanRecord,
    bytes: usize,
    frames: JoinHandle<Option<Vec<NewFrame>>>,
}

/// The spans that have ended since the last commit.
#[derive(Default)]
pub(super) struct EndedSpans(Vec<EndedSpan>);

impl EndedSpans {
    /// Compresses the items of a span that has just ended, on another thread. Leaves the span alone
    /// if its items take too much memory.
    pub(super) fn add(&mut self, db: &Database, span: &SpanRecord) -> Result<()> {
        // The crank that ended it may have been rolled back, and end it again.
        let is_same = |other: &EndedSpan| {
            other.span.vat_id == span.vat_id && other.span.start_pos == span.start_pos
        };
        self.0.retain(|other| !is_same(other));
        let held: usize = self.0.iter().map(|other| other.bytes).sum();
        let room = MAX_ENDED_BYTES.saturating_sub(held);
        let mut items = ItemBatch::default();
        let fits = db.read_items(
            &span.vat_id,
            span.start_pos..span.end_pos,
            &mut |position, item, _| {
                items.add(position, item);
                items.bytes() <= room
            },
        )?;
        if !fits || items.bytes() == 0 {
            return Ok(());
        }
        let (own, bytes) = (span.clone(), items.bytes());
        let work = move || compress(&own, &items).ok().flatten();
        // Without a thread, the span stays as it is.
        if let Ok(frames) = thread::Builder::new()
            .name("swing-store".into())
            .spawn(work)
        {
            let span = span.clone();
            self.0.push(EndedSpan {
                span,
                bytes,
                frames,
            });
        }
        Ok(())
    }

    /// Replaces the rows of the spans by their frames, before a commit. A span that a rollback has
    /// taken back, or that was deleted, has another record.
    ///
    /// # Errors
    /// SQLite's errors, after which each span has its rows or its frames.
    pub(super) fn store(&mut self, db: &mut Database) -> Result<()> {
        for EndedSpan { span, frames, .. } in self.0.drain(..) {
            let Ok(Some(frames)) = frames.join() else {
                continue;
            };
            // The host may commit again after a failure, so rows must not be missing then.
            db.atomically(|db| {
                frames
                    .iter()
                    .try_for_each(|frame| match db.replace_with_frame(&span, frame) {
                        Ok(_) | Err(Error::BadFrame { .. }) => Ok(()),
                        Err(error) => Err(error),
                    })
            })?;
        }
        Ok(())
    }
}

/// Compresses the items of a span; `None` if they do not match its hash.
fn compress(span: &SpanRecord, items: &ItemBatch) -> Result<Option<Vec<NewFrame>>> {
    let mut builder = FrameBuilder::new()?;
    let mut check = SpanCheck::new(span, ItemCopy::Row);
    for (position, item) in items.iter() {
        check.add(
            span,
            &StoredItem::row(position, item, span.incarnation),
            &mut builder,
        )?;
    }
    Ok(check.finish(span, &mut builder)?.frames)
}

#[cfg(test)]
mod tests {
    use crate::store::substores::{HistoricalSpans, Store, StoreOptions};

    #[test]
    fn a_failed_commit_does_not_lose_the_items_of_ended_spans() {
        let mut store = Store::in_memory(StoreOptions {
            historical_spans: HistoricalSpans::Compressed,
            ..StoreOptions::default()
        })
        .unwrap();
        store.init_transcript(b"v1").unwrap();
        for _ in 0..5 {
            store.add_item(b"v1", b"item").unwrap();
        }
        store.rollover(b"v1", false).unwrap();
        let sql = |store: &Store, sql: &str| store.database().lock().execute(sql).unwrap();
        store.database().lock().create_compressed_items().unwrap();
        sql(
            &store,
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON compressedItems
             BEGIN SELECT RAISE(ABORT, 'no room'); END",
        );
        let error = store.commit().unwrap_err();
        assert!(error.to_string().contains("no room"), "{error}");
        sql(&store, "DROP TRIGGER refuse");
        store.commit().unwrap();
        let count = store.database().lock().count_items(b"v1", 0, 5);
        assert_eq!(count.unwrap(), 5);
    }
}
