//! Compacts history: replaces the rows of historical items by compressed frames.
//!
//! Several threads read spans, check them against their hashes and compress them, without a lock.
//! Small transactions then replace the rows, if the span's record and the rows are still the same,
//! so a kernel can write in between. Each transaction leaves every item in the store, so the work
//! may end at any point, and another call continues from there.
//!
//! If the items of different spans are interleaved in the file, as a chain writes them, transactions
//! first only add frames, and others delete the rows in the order of the file (`FramedRows`). Until
//! then, these items are in the file twice, and the rows count.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::framed_rows::FramedRows;
use crate::store::database::Database;
use crate::store::database::compressed_items::NewFrame;
use crate::store::database::compressed_items::compaction::{
    CheckedSpan, FrameBuilder, ItemCopy, SpanState,
};
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::{SharedWriter, Space, TransactionStats};
use crate::store::encoding::fields;
use crate::store::error::history::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::{lock, parallel};

/// The duration after which a transaction replaces no further frame.
pub(super) const SOFT_LIMIT: Duration = Duration::from_millis(4);

/// How many items the spans have that one thread reads before it writes.
const ITEMS_AT_A_TIME: u64 = 1000;

/// How many bytes of frames are compressed before they are written, of a span whose frames do not
/// fit into memory.
const FRAMES_AT_A_TIME: usize = 1 << 20;

/// The maximum number of stale frames that one transaction deletes.
const STALE_AT_A_TIME: usize = 100;

/// How many damaged spans the report lists.
pub(super) const MAX_LISTED: usize = 1000;

/// Options of [`compact`] and [`expand`](super::expand::expand).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CompactOptions {
    /// The vat whose history is compacted; by default, all vats.
    #[serde(rename = "vatID")]
    pub vat_id: Option<String>,
    /// The maximum number of items to compact, rounded up to a whole span.
    #[serde(deserialize_with = "fields::optional_count")]
    pub limit: Option<u64>,
    /// Only count what would be compacted.
    pub dry_run: bool,
}

/// What was compacted or expanded or, with `dry_run`, would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    /// Spans that are finished.
    pub spans: u64,
    /// Items.
    pub items: u64,
    /// The size of these items in bytes. 0 with `dry_run`.
    pub item_bytes: u64,
    /// The size of their compressed frames in bytes. 0 with `dry_run`.
    pub compressed_bytes: u64,
    /// Spans that lack items, which were left as they are: pruned in part.
    pub incomplete: u64,
    /// The number of spans that do not match their hash, or whose frames cannot be read. They were
    /// left as they are.
    pub damaged_count: u64,
    /// The artifact names of the first thousand of these spans.
    #[serde(serialize_with = "fields::texts")]
    #[cfg_attr(feature = "cli", schemars(with = "Vec<String>"))]
    pub damaged: Vec<Vec<u8>>,
    /// Whether nothing is left to do, except for incomplete and damaged spans.
    pub done: bool,
    /// Statistics of the transactions.
    #[serde(rename = "locking")]
    pub transaction_stats: TransactionStats,
    /// The size of the file afterwards.
    pub space: Space,
}

impl Compacted {
    pub(super) fn add_damaged(&mut self, span: &SpanRecord) {
        self.damaged_count += 1;
        if self.damaged.len() < MAX_LISTED {
            self.damaged.push(span.artifact_name());
        }
    }

    fn add_all_damaged(&mut self, other: Compacted) {
        self.damaged_count += other.damaged_count;
        self.damaged.extend(other.damaged);
        self.damaged.truncate(MAX_LISTED);
    }
}

/// Compresses the historical items of the store in `directory`.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::StoreInUse`] while a kernel runs in unsafe fast mode;
/// [`Error::Aborted`]; SQLite's errors. What was compacted until then stays so; another call
/// continues from there.
pub fn compact(directory: &Path, options: &CompactOptions, monitor: &Monitor) -> Result<Compacted> {
    let mut compacted = Compacted::default();
    compact_into(directory, options, monitor, &mut compacted)?;
    Ok(compacted)
}

/// Like [`compact`], but also reports what was compacted before an error, in `compacted`.
///
/// # Errors
/// The errors of [`compact`].
pub fn compact_into(
    directory: &Path,
    options: &CompactOptions,
    monitor: &Monitor,
    compacted: &mut Compacted,
) -> Result<()> {
    if options.dry_run {
        *compacted = dry_run(directory, options, monitor, Database::compressible_spans)?;
        return Ok(());
    }
    let (mut writer, spans, is_all) =
        begin(directory, options, monitor, Database::compressible_spans)?;
    let rows = writer.read(monitor, |db| FramedRows::plan(db, &spans, monitor))?;
    let _read_ahead = rows.as_ref().and_then(|_| writer.read_ahead());
    let work = Compaction {
        directory,
        monitor,
        spans: &spans,
        readers: Mutex::default(),
        waiting_readers: writer.waiting_readers(),
        writing: Mutex::new(Writing {
            writer,
            compacted: std::mem::take(compacted),
            rows,
        }),
    };
    let outcome = work.run();
    let Writing {
        writer,
        compacted: found,
        ..
    } = lock::unlocked(work.writing);
    *compacted = found;
    compacted.damaged.sort();
    outcome?;
    finish(writer, is_all, monitor, compacted)
}

/// Opens the store, deletes stale frames, and finds the spans to work on. Also returns whether these
/// are all, or the limit left some out.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::StoreInUse`]; [`Error::Aborted`]; [`Error::History`] if there is no
/// such vat; SQLite's errors.
pub(super) fn begin(
    directory: &Path,
    options: &CompactOptions,
    monitor: &Monitor,
    find: FindSpans,
) -> Result<(SharedWriter, Vec<SpanItems>, bool)> {
    let mut writer = SharedWriter::open(directory, monitor)?;
    drop_stale_frames(&mut writer, monitor)?;
    let spans = writer.read(monitor, |db| find_spans(db, options, monitor, find))?;
    let (spans, is_all) = within(spans, options.limit);
    monitor.set_total(spans.len());
    monitor.begin(Stage::Working);
    Ok((writer, spans, is_all))
}

/// Closes the store, and completes the report.
///
/// # Errors
/// [`Error::Aborted`]; SQLite's errors.
pub(super) fn finish(
    mut writer: SharedWriter,
    is_all: bool,
    monitor: &Monitor,
    report: &mut Compacted,
) -> Result<()> {
    monitor.begin(Stage::Finishing);
    report.done = is_all;
    report.transaction_stats = writer.finish()?;
    report.space = writer.space(monitor)?;
    monitor.begin(Stage::Done);
    Ok(())
}

/// Deletes stale frames, as many in each transaction as its time allows: a vat that was terminated
/// may have had a large part of the history.
fn drop_stale_frames(writer: &mut SharedWriter, monitor: &Monitor) -> Result<()> {
    let frames = writer.read(monitor, Database::stale_frames)?;
    let mut rest = &frames[..];
    while !rest.is_empty() {
        let count = writer.write(monitor, |db| drop_some(db, rest))?;
        rest = &rest[count..];
    }
    Ok(())
}

/// Deletes the first stale frames, and returns how many were tried.
fn drop_some(db: &Database, rows: &[i64]) -> Result<usize> {
    let start = Instant::now();
    for (index, row) in rows.iter().enumerate().take(STALE_AT_A_TIME) {
        if index > 0 && start.elapsed() >= SOFT_LIMIT {
            return Ok(index);
        }
        db.drop_if_stale(*row)?;
    }
    Ok(rows.len().min(STALE_AT_A_TIME))
}

/// A span, and how many of its items are to be worked on.
type SpanItems = (SpanRecord, u64);

/// Finds the spans to work on: [`Database::compressible_spans`] or its counterpart.
pub(super) type FindSpans =
    fn(&Database, Option<&[u8]>, &Monitor) -> Result<Vec<(SpanRecord, u64)>>;

/// Finds the spans to work on.
///
/// # Errors
/// [`Error::History`] if there is no such vat; those of `find`.
fn find_spans(
    db: &Database,
    options: &CompactOptions,
    monitor: &Monitor,
    find: FindSpans,
) -> Result<Vec<(SpanRecord, u64)>> {
    let vat_id = options.vat_id.as_deref().map(str::as_bytes);
    if let Some(vat_id) = vat_id
        && !db.has_spans(vat_id)?
    {
        return Err(Fault::no_vat(vat_id));
    }
    find(db, vat_id, monitor)
}

/// Counts what would be done, in one read transaction. Needs no permission to write.
pub(super) fn dry_run(
    directory: &Path,
    options: &CompactOptions,
    monitor: &Monitor,
    find: FindSpans,
) -> Result<Compacted> {
    let counted = count(directory, options, monitor, find);
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    counted.with_store(directory)
}

fn count(
    directory: &Path,
    options: &CompactOptions,
    monitor: &Monitor,
    find: FindSpans,
) -> Result<Compacted> {
    let db = ReadView::open_one(directory, monitor)?;
    let found = find_spans(&db, options, monitor, find)?;
    let (spans, is_all) = within(found, options.limit);
    let compacted = Compacted {
        spans: spans.len() as u64,
        items: spans
            .iter()
            .fold(0, |sum, (_, items)| items.saturating_add(sum)),
        done: is_all && spans.is_empty(),
        space: Space::of(&db)?,
        ..Compacted::default()
    };
    monitor.begin(Stage::Done);
    Ok(compacted)
}

/// The first spans, up to the limit of items, and whether these are all.
fn within(mut spans: Vec<(SpanRecord, u64)>, limit: Option<u64>) -> (Vec<(SpanRecord, u64)>, bool) {
    let total = spans.len();
    if let Some(limit) = limit {
        let mut items = 0;
        let taken = spans.iter().take_while(|(_, of_span)| {
            let is_wanted = items < limit;
            items = of_span.saturating_add(items);
            is_wanted
        });
        let taken = taken.count();
        spans.truncate(taken);
    }
    let is_all = spans.len() == total;
    (spans, is_all)
}

/// Divides spans into groups that have about [`ITEMS_AT_A_TIME`] items each.
fn groups(spans: &[(SpanRecord, u64)]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < spans.len() {
        let mut items = 0;
        let wanted = spans[start..].iter().take_while(|(_, of_span)| {
            items = of_span.saturating_add(items);
            items <= ITEMS_AT_A_TIME
        });
        let end = start + wanted.count().max(1);
        groups.push(start..end);
        start = end;
    }
    groups
}

struct Compaction<'a> {
    directory: &'a Path,
    monitor: &'a Monitor,
    spans: &'a [SpanItems],
    /// Idle connections that read, each with its builder.
    readers: Mutex<Vec<(Database, FrameBuilder)>>,
    /// The number of threads that write within a read transaction.
    waiting_readers: Arc<AtomicUsize>,
    writing: Mutex<Writing<'a>>,
}

/// What one thread at a time uses.
struct Writing<'a> {
    writer: SharedWriter,
    compacted: Compacted,
    /// Set if rows are deleted in the order of the file.
    rows: Option<FramedRows<'a>>,
}

/// A span whose items match its hash.
struct SoundSpan<'a> {
    index: usize,
    record: &'a SpanRecord,
    /// Which items were checked.
    checked: ItemCopy,
    /// `None` if they do not fit into memory.
    frames: Option<Vec<NewFrame>>,
}

/// A span, and one of its frames.
type SpanFrame<'a> = (&'a SoundSpan<'a>, &'a NewFrame);

impl SoundSpan<'_> {
    /// Whether rows of items in frames may be deleted.
    fn may_delete_rows(&self) -> bool {
        self.checked == ItemCopy::Frame
    }

    /// The frames, if they fit into memory.
    fn held_frames(&self) -> impl Iterator<Item = SpanFrame<'_>> {
        let frames = self.frames.iter().flatten();
        frames.map(move |frame| (self, frame))
    }
}

impl<'a> Compaction<'a> {
    fn run(&self) -> Result<()> {
        let groups = groups(self.spans);
        parallel::run(
            groups.len(),
            |index| self.compact(groups[index].clone()),
            || Ok(()),
        )?;
        self.writing().delete_rest(self.monitor)
    }

    fn compact(&self, group: Range<usize>) -> Result<()> {
        self.monitor.check()?;
        let idle = lock::lock(&self.readers).pop();
        let (db, mut builder) = match idle {
            Some(reader) => reader,
            None => {
                let db = ReadView::open_one(self.directory, self.monitor)?;
                db.unpin_read()?;
                (db, FrameBuilder::new()?)
            }
        };
        let outcome = self.compact_with(&db, &mut builder, group);
        // An interrupted SQLite call returns its own error; the reason is the abort.
        self.monitor.check()?;
        outcome?;
        lock::lock(&self.readers).push((db, builder));
        Ok(())
    }

    /// Compacts spans, with one read transaction, so that the log is not kept for long.
    fn compact_with(
        &self,
        db: &Database,
        builder: &mut FrameBuilder,
        group: Range<usize>,
    ) -> Result<()> {
        let mut sound = Vec::new();
        let mut others = Compacted::default();
        db.execute("BEGIN")?;
        for index in group.clone() {
            let record = &self.spans[index].0;
            let tell = || {
                format!(
                    "compacting {}",
                    String::from_utf8_lossy(&record.artifact_name())
                )
            };
            self.monitor.tell(tell);
            let CheckedSpan {
                state,
                frames,
                checked,
            } = db.compress_span(record, builder, self.monitor)?;
            match state {
                SpanState::Sound => sound.push(SoundSpan {
                    index,
                    record,
                    checked,
                    frames,
                }),
                SpanState::Incomplete => {
                    others.incomplete += 1;
                    self.monitor.finish_piece();
                }
                SpanState::Damaged => {
                    others.add_damaged(record);
                    self.monitor.finish_piece();
                }
            }
        }
        self.waiting_readers.fetch_add(1, Ordering::Relaxed);
        let mut large = sound.iter().filter(|span| span.frames.is_none());
        let outcome = large.try_for_each(|span| self.compact_large(db, builder, span));
        self.waiting_readers.fetch_sub(1, Ordering::Relaxed);
        outcome?;
        // The writer may be waiting for this reader, so the lock comes after.
        db.unpin_read()?;
        let frames: Vec<SpanFrame<'_>> = sound.iter().flat_map(SoundSpan::held_frames).collect();
        let mut writing = self.writing();
        writing.store(&frames, self.monitor)?;
        self.monitor.finish_pieces(sound.len() as u64);
        writing.compacted.incomplete += others.incomplete;
        writing.compacted.add_all_damaged(others);
        writing.finish_group(group, &sound, self.monitor)
    }

    fn writing(&self) -> MutexGuard<'_, Writing<'a>> {
        lock::lock(&self.writing)
    }

    /// Compacts a span, which was checked in this read transaction, a few frames at a time.
    fn compact_large(
        &self,
        db: &Database,
        builder: &mut FrameBuilder,
        span: &SoundSpan<'_>,
    ) -> Result<()> {
        let end = span.record.end_pos;
        let mut next = span.record.start_pos;
        loop {
            let mut frames = Vec::new();
            let mut bytes = 0;
            while bytes < FRAMES_AT_A_TIME {
                self.monitor.check()?;
                let found = db.next_frame(span.record, next..end, span.checked, builder)?;
                let Some(frame) = found else {
                    break;
                };
                next = frame.end_pos;
                bytes += frame.frame.len();
                frames.push(frame);
            }
            if frames.is_empty() {
                return Ok(());
            }
            let frames: Vec<SpanFrame<'_>> = frames.iter().map(|frame| (span, frame)).collect();
            self.writing().store(&frames, self.monitor)?;
        }
    }
}

impl Writing<'_> {
    /// Stores frames, as many in each transaction as its time allows.
    fn store(&mut self, frames: &[SpanFrame<'_>], monitor: &Monitor) -> Result<()> {
        let keeps_rows = self.rows.is_some();
        let mut rest = frames;
        while !rest.is_empty() {
            let stored = self
                .writer
                .write(monitor, |db| store_some(db, rest, keeps_rows))?;
            for ((_, frame), is_stored) in rest.iter().zip(&stored) {
                if *is_stored {
                    self.compacted.items += frame.end_pos.abs_diff(frame.start_pos);
                    self.compacted.item_bytes += frame.item_bytes as u64;
                    self.compacted.compressed_bytes += frame.frame.len() as u64;
                    monitor.count(frame.item_bytes)?;
                }
            }
            rest = &rest[stored.len()..];
        }
        Ok(())
    }

    /// Deletes rows after the frames of a group of spans were stored.
    fn finish_group(
        &mut self,
        group: Range<usize>,
        sound: &[SoundSpan<'_>],
        monitor: &Monitor,
    ) -> Result<()> {
        for span in sound {
            if self.rows.is_some() && span.may_delete_rows() {
                continue;
            }
            // An interrupted compaction may have left rows.
            if span.may_delete_rows() {
                self.delete_framed(span.record, monitor)?;
            }
            self.compacted.spans += 1;
        }
        let Some(rows) = &mut self.rows else {
            return Ok(());
        };
        for index in group {
            let found = sound.iter().find(|span| span.index == index);
            rows.decide(index, found.is_some_and(SoundSpan::may_delete_rows));
        }
        self.delete_rows(monitor)
    }

    /// Deletes the rows that may be deleted now, in the order of the file. With a tenth of mainnet's
    /// history in the order of time, compaction writes 0.5 GB instead of 4.1 GB.
    fn delete_rows(&mut self, monitor: &Monitor) -> Result<()> {
        let Writing {
            writer,
            compacted,
            rows: Some(rows),
        } = self
        else {
            return Ok(());
        };
        while !rows.is_waiting() {
            compacted.spans += writer.write(monitor, |db| {
                rows.delete_some(db, (Instant::now(), SOFT_LIMIT))
            })?;
        }
        Ok(())
    }

    /// Deletes all rows that are left of items in frames.
    fn delete_rest(&mut self, monitor: &Monitor) -> Result<()> {
        self.delete_rows(monitor)?;
        let left = self.rows.as_ref().map_or_else(Vec::new, FramedRows::left);
        for span in left {
            self.delete_framed(span, monitor)?;
            self.compacted.spans += 1;
        }
        Ok(())
    }

    /// Deletes the rows of a span's items in frames, which were checked, span by span.
    fn delete_framed(&mut self, span: &SpanRecord, monitor: &Monitor) -> Result<()> {
        let ranges = self
            .writer
            .read(monitor, |db| db.framed_ranges_with_rows(span))?;
        let mut rest = &ranges[..];
        while !rest.is_empty() {
            let count = self.writer.write(monitor, |db| {
                let start = Instant::now();
                for (index, range) in rest.iter().enumerate() {
                    if index > 0 && start.elapsed() >= SOFT_LIMIT {
                        return Ok(index);
                    }
                    db.delete_framed_rows(span, range)?;
                }
                Ok(rest.len())
            })?;
            rest = &rest[count..];
        }
        Ok(())
    }
}

/// Stores the first frames in a transaction, in place of their rows or besides them. Returns for each
/// that was tried whether it was stored: a span may have been pruned or deleted meanwhile.
fn store_some(db: &Database, frames: &[SpanFrame<'_>], keeps_rows: bool) -> Result<Vec<bool>> {
    let start = Instant::now();
    let mut stored = Vec::new();
    for (span, frame) in frames {
        if !stored.is_empty() && start.elapsed() >= SOFT_LIMIT {
            break;
        }
        let outcome = if keeps_rows && span.may_delete_rows() {
            db.add_frame_of_rows(span.record, frame)
        } else {
            db.replace_with_frame(span.record, frame)
        };
        stored.push(match outcome {
            Ok(is_stored) => is_stored,
            // A frame that cannot be read overlaps this one. The report of the span says so.
            Err(Error::BadFrame { .. }) => false,
            Err(error) => return Err(error),
        });
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::substores::{Store, StoreOptions};

    /// A text that hardly compresses.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b' ' + ((state >> 40) % 94) as u8
        };
        (0..length).map(|_| byte()).collect()
    }

    #[test]
    fn a_full_log_does_not_stop_a_span_that_does_not_fit_into_memory() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(file_in_directory(directory.path()));
        let options = (OpenOptions::default(), StoreOptions::default());
        let mut store = Store::open(location, &options.0, false, options.1).unwrap();
        store.init_transcript(b"v1").unwrap();
        let count = 16;
        for number in 0..count {
            store.add_item(b"v1", &noise(number, 1 << 20)).unwrap();
        }
        store.rollover(b"v1", false).unwrap();
        store.commit().unwrap();
        let monitor = Monitor::default();
        let mut writer = SharedWriter::open(directory.path(), &monitor).unwrap();
        writer.set_max_log_pages(1);
        let find = |db: &Database| db.compressible_spans(None, &monitor);
        let spans = writer.read(&monitor, find).unwrap();
        let work = Compaction {
            directory: directory.path(),
            monitor: &monitor,
            spans: &spans,
            readers: Mutex::default(),
            waiting_readers: writer.waiting_readers(),
            writing: Mutex::new(Writing {
                writer,
                compacted: Compacted::default(),
                rows: None,
            }),
        };
        let (done, end) = mpsc::channel();
        let watched = &monitor;
        thread::scope(|scope| {
            scope.spawn(move || {
                if end.recv_timeout(Duration::from_secs(60)).is_err() {
                    watched.abort();
                }
            });
            let outcome = work.run();
            done.send(()).unwrap();
            outcome.unwrap();
        });
        let compacted = &work.writing().compacted;
        assert_eq!((compacted.spans, compacted.items), (1, count));
    }
}
