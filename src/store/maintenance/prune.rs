//! Prunes history: deletes historical items and heap images, and keeps their hashes.
//!
//! Pruned contents remain part of the export data, so a later import or
//! [repopulation](super::repopulate) can check untrusted artifacts against their hashes.
//!
//! Pruning uses small transactions, so that a running kernel can write between them. It deletes the
//! oldest items of all vats first, which are neighbors in the file. If it stops early, each vat
//! keeps the later part of its history without gaps. If the items of the spans are interleaved in the
//! file, they are deleted in the order of the file (`OldestFirst`), all vats in turn.
//! Otherwise a span is deleted in one transaction, unless it exceeds the budget. A span that lacks its
//! first items until the next transactions, like every incomplete span, counts as pruned.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::archived::ArchiveCheck;
use super::oldest_first::OldestFirstPlan;
use super::repopulate::Refused;
use crate::store::database::Database;
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::{SharedWriter, Space, TransactionStats};
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::fields;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result, show};
use crate::store::places::Place;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::transfer::history_source::Wanted;

/// The default number of items that a transaction deletes.
pub const DEFAULT_BUDGET: u64 = 1000;

/// How many items are deleted between two checks of the elapsed time.
const STEP: i64 = 50;

/// The duration after which a transaction starts no further span.
const SOFT_LIMIT: Duration = Duration::from_millis(4);

/// The duration after which a transaction ends, even within a span.
const HARD_LIMIT: Duration = Duration::from_millis(20);

/// How many spans or snapshots the archive is checked for before they are deleted.
const CHECKED: usize = 64;

/// How many spans and snapshots that the archive lacks the report lists.
const MAX_UNARCHIVED: usize = 1000;

/// Options of [`prune`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PruneOptions {
    /// Keep the spans that an export in this mode contains; `debug` keeps all.
    pub keep_transcripts: ArtifactMode,
    /// Keep the snapshots that an export in this mode contains; `debug` keeps all.
    pub keep_snapshots: ArtifactMode,
    /// The maximum number of items that one transaction deletes.
    #[serde(default = "default_budget", deserialize_with = "fields::count")]
    pub budget: u64,
    /// The maximum number of items to delete, rounded up to a whole span.
    #[serde(default, deserialize_with = "fields::optional_count")]
    pub limit: Option<u64>,
    /// Only count what would be deleted.
    #[serde(default)]
    pub dry_run: bool,
}

fn default_budget() -> u64 {
    DEFAULT_BUDGET
}

/// What was deleted or, with `dry_run`, would be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Spans that have no items left.
    pub spans: u64,
    /// Deleted items.
    pub items: u64,
    /// Deleted snapshots.
    pub snapshots: u64,
    /// The compressed size of these snapshots in bytes.
    pub snapshot_bytes: u64,
    /// Whether nothing is left to delete.
    pub done: bool,
    /// The number of spans and snapshots that were kept because the archive lacks them.
    pub unarchived_count: u64,
    /// The first thousand of these.
    pub unarchived: Vec<Refused>,
    /// Statistics of the transactions.
    #[serde(rename = "locking")]
    pub transaction_stats: TransactionStats,
    /// The size of the file afterwards.
    pub space: Space,
}

/// Deletes the history of the store in `directory`, except what the options keep.
///
/// # Errors
/// [`Error::BadBudget`]; [`Error::NoStore`]; [`Error::StoreInUse`] while a kernel runs in unsafe
/// fast mode; [`Error::Aborted`]; SQLite's errors. Deletions up to the error are committed; another
/// call continues from there.
pub fn prune(directory: &Path, options: &PruneOptions, monitor: &Monitor) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    prune_into(directory, options, None, monitor, &mut pruned)?;
    Ok(pruned)
}

/// Like [`prune`], but also reports what was deleted before an error, in `pruned`. With an archive,
/// keeps what the archive does not have: each artifact is read there, and compared with its hash.
///
/// # Errors
/// The errors of [`prune`]; if the archive cannot be read, [`Error::Directory`], [`Error::Io`] or
/// [`Error::Remote`].
pub fn prune_into(
    directory: &Path,
    options: &PruneOptions,
    archive: Option<&Place>,
    monitor: &Monitor,
    pruned: &mut Pruned,
) -> Result<()> {
    if options.budget == 0 {
        return Err(Error::BadBudget);
    }
    let archive = archive
        .map(|archive| ArchiveCheck::open(archive, directory))
        .transpose()?;
    if options.dry_run {
        *pruned = dry_run(directory, options, archive.as_ref(), monitor)?;
        return Ok(());
    }
    let mut writer = SharedWriter::open(directory, monitor)?;
    let keep = options.keep_snapshots;
    let snapshots = writer.read(monitor, |db| prunable_snapshots(db, keep))?;
    let keep = options.keep_transcripts;
    let spans = oldest_first(writer.read(monitor, |db| prunable_spans(db, keep, monitor))?);
    monitor.set_total(snapshots.len() + spans.len());
    monitor.begin(Stage::Working);
    let mut pruning = Pruning {
        writer,
        options,
        archive: archive.as_ref(),
        monitor,
        pruned,
    };
    pruning.all_snapshots(snapshots)?;
    pruning.all_spans(spans)?;
    monitor.begin(Stage::Finishing);
    let Pruning {
        mut writer, pruned, ..
    } = pruning;
    pruned.transaction_stats = writer.finish()?;
    pruned.space = writer.space(monitor)?;
    monitor.begin(Stage::Done);
    Ok(())
}

/// Counts what would be deleted, in one read transaction. Needs no permission to write.
fn dry_run(
    directory: &Path,
    options: &PruneOptions,
    archive: Option<&ArchiveCheck<'_>>,
    monitor: &Monitor,
) -> Result<Pruned> {
    let counted = count(directory, options, archive, monitor);
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    counted.with_store(directory)
}

fn count(
    directory: &Path,
    options: &PruneOptions,
    archive: Option<&ArchiveCheck<'_>>,
    monitor: &Monitor,
) -> Result<Pruned> {
    let db = ReadView::open_one(directory, monitor)?;
    let mut snapshots = prunable_snapshots(&db, options.keep_snapshots)?;
    let mut spans = prunable_spans(&db, options.keep_transcripts, monitor)?;
    monitor.set_total(snapshots.len() + spans.len());
    monitor.begin(Stage::Working);
    let mut kept = Pruned::default();
    if let Some(archive) = archive {
        keep_unarchived(&db, &mut snapshots, archive, monitor, &mut kept)?;
        keep_unarchived(&db, &mut spans, archive, monitor, &mut kept)?;
    }
    let mut pruned = Pruned {
        snapshots: snapshots.len() as u64,
        snapshot_bytes: snapshots.iter().map(|snapshot| snapshot.bytes).sum(),
        spans: spans.len() as u64,
        done: snapshots.is_empty() && spans.is_empty(),
        ..kept
    };
    for span in &spans {
        monitor.check()?;
        let items = db.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
        // The positions of a damaged store may be any numbers.
        pruned.items = pruned.items.saturating_add(items.unsigned_abs());
        monitor.finish_piece();
    }
    pruned.space = Space::of(&db)?;
    monitor.begin(Stage::Done);
    Ok(pruned)
}

/// A historical span with items.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OldSpan {
    vat_id: Vec<u8>,
    start_pos: i64,
    end_pos: i64,
    /// When its first items were inserted, as [`Database::age_of_items`] orders them.
    age: i64,
}

/// A historical snapshot with contents.
struct OldSnapshot {
    vat_id: Vec<u8>,
    snap_pos: i64,
    bytes: u64,
}

fn prunable_spans(db: &Database, keep: ArtifactMode, monitor: &Monitor) -> Result<Vec<OldSpan>> {
    let condition = match keep {
        ArtifactMode::Operational => "",
        ArtifactMode::Replay => "AND s.incarnation IS NOT c.incarnation",
        ArtifactMode::Archival => "AND c.vatID IS NULL",
        ArtifactMode::Debug => return Ok(Vec::new()),
    };
    let mut statement = db.prepare_directly(&format!(
        "SELECT s.vatID, s.startPos, s.endPos FROM transcriptSpans s
         LEFT JOIN transcriptSpans c ON c.vatID = s.vatID AND c.isCurrent = 1
         WHERE s.isCurrent IS NULL {condition}
         ORDER BY s.vatID, s.startPos"
    ))?;
    let mut rows = statement.query([])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        monitor.check()?;
        let vat_id = row.get_ref(0)?.as_bytes()?.to_vec();
        let (start_pos, end_pos) = (row.get(1)?, row.get(2)?);
        let Some(age) = db.age_of_items(&vat_id, start_pos..end_pos)? else {
            continue;
        };
        spans.push(OldSpan {
            vat_id,
            start_pos,
            end_pos,
            age,
        });
    }
    Ok(spans)
}

fn prunable_snapshots(db: &Database, keep: ArtifactMode) -> Result<Vec<OldSnapshot>> {
    if keep == ArtifactMode::Debug {
        return Ok(Vec::new());
    }
    db.peek_rows(
        "SELECT vatID, snapPos, length(compressedSnapshot) FROM snapshots
         WHERE inUse IS NULL AND compressedSnapshot IS NOT NULL ORDER BY vatID, snapPos",
        [],
        |row| {
            Ok(OldSnapshot {
                vat_id: row.get_ref(0)?.as_bytes()?.to_vec(),
                snap_pos: row.get(1)?,
                bytes: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        },
    )
}

/// Sorts spans by age. They come in the order of vats and positions. Items that were restored later
/// count as no newer than the items after them.
fn oldest_first(mut spans: Vec<OldSpan>) -> Vec<OldSpan> {
    for at in (1..spans.len()).rev() {
        if spans[at - 1].vat_id == spans[at].vat_id {
            spans[at - 1].age = spans[at - 1].age.min(spans[at].age);
        }
    }
    spans.sort_by_key(|span| span.age);
    spans
}

/// A span or a snapshot whose contents may be deleted.
trait Prunable {
    /// What an archive must have before. `None` if the store has no longer a record of it.
    fn archivable(&self, db: &Database) -> Result<Option<Wanted>>;
}

impl Prunable for OldSpan {
    fn archivable(&self, db: &Database) -> Result<Option<Wanted>> {
        Ok(db.span_at(&self.vat_id, self.start_pos)?.map(Wanted::Span))
    }
}

impl Prunable for OldSnapshot {
    fn archivable(&self, db: &Database) -> Result<Option<Wanted>> {
        db.peek_row(
            "SELECT hash FROM snapshots WHERE vatID = ? AND snapPos = ?",
            params![SqlText(&self.vat_id), self.snap_pos],
            |row| {
                let vat_id = wtf8::as_read(&self.vat_id);
                Ok(Wanted::Snapshot {
                    name: names::snapshot_name(&vat_id, self.snap_pos),
                    hash: wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned(),
                    size: None,
                })
            },
        )
    }
}

/// Removes from `found` what the archive lacks, and reports it in `pruned`.
fn keep_unarchived<T: Prunable>(
    db: &Database,
    found: &mut Vec<T>,
    archive: &ArchiveCheck<'_>,
    monitor: &Monitor,
    pruned: &mut Pruned,
) -> Result<()> {
    let mut wanted = Vec::with_capacity(found.len());
    for one in found.iter() {
        wanted.push(one.archivable(db)?);
    }
    keep(found, archive.problems(&wanted, monitor)?, monitor, pruned);
    Ok(())
}

/// Removes artifacts with a problem from `found`, and reports them in `pruned`.
fn keep<T>(
    found: &mut Vec<T>,
    problems: Vec<Option<Refused>>,
    monitor: &Monitor,
    pruned: &mut Pruned,
) {
    let mut problems = problems.into_iter();
    found.retain(|_| {
        let Some(problem) = problems.next().flatten() else {
            return true;
        };
        monitor.finish_piece();
        monitor.tell(|| format!("kept {}: {}", show(&problem.name), problem.reason));
        pruned.unarchived_count += 1;
        if pruned.unarchived.len() < MAX_UNARCHIVED {
            pruned.unarchived.push(problem);
        }
        false
    });
}

struct Pruning<'a> {
    writer: SharedWriter,
    options: &'a PruneOptions,
    archive: Option<&'a ArchiveCheck<'a>>,
    monitor: &'a Monitor,
    pruned: &'a mut Pruned,
}

/// What one transaction did.
#[derive(Default)]
struct Step {
    /// The number of finished spans.
    spans: usize,
    items: u64,
    /// The position at which to continue in the next span, if part of it was deleted.
    next_pos: Option<i64>,
}

impl Pruning<'_> {
    /// Deletes snapshots, after the archive was checked for some at a time.
    fn all_snapshots(&mut self, snapshots: Vec<OldSnapshot>) -> Result<()> {
        for some in self.parts(snapshots) {
            let archived = self.archived(some)?;
            self.snapshots(&archived)?;
        }
        Ok(())
    }

    /// Deletes spans up to the limit, after the archive was checked for some at a time.
    fn all_spans(&mut self, spans: Vec<OldSpan>) -> Result<()> {
        for some in self.parts(spans) {
            // Nothing more is read from the archive after the limit was reached.
            let limit = self.options.limit;
            if limit.is_some_and(|limit| self.pruned.items >= limit) {
                return Ok(());
            }
            let archived = self.archived(some)?;
            if !self.spans(&archived)? {
                return Ok(());
            }
        }
        self.pruned.done = true;
        Ok(())
    }

    /// Divides what was found, so that with a limit only some of it is read from the archive.
    fn parts<T>(&self, mut found: Vec<T>) -> Vec<Vec<T>> {
        let most = match (self.archive, self.options.limit) {
            (Some(_), Some(_)) => CHECKED,
            _ => found.len().max(1),
        };
        let mut parts = Vec::new();
        while !found.is_empty() {
            let rest = found.split_off(most.min(found.len()));
            parts.push(found);
            found = rest;
        }
        parts
    }

    /// Removes what the archive lacks.
    fn archived<T: Prunable>(&mut self, mut found: Vec<T>) -> Result<Vec<T>> {
        let Some(archive) = self.archive else {
            return Ok(found);
        };
        let wanted = self.writer.read(self.monitor, |db| {
            found
                .iter()
                .map(|one| one.archivable(db))
                .collect::<Result<Vec<_>>>()
        })?;
        let problems = archive.problems(&wanted, self.monitor)?;
        keep(&mut found, problems, self.monitor, self.pruned);
        Ok(found)
    }

    fn snapshots(&mut self, snapshots: &[OldSnapshot]) -> Result<()> {
        for snapshot in snapshots {
            let changed = self.writer.write(self.monitor, |db| {
                db.run_unbuffered(
                    "UPDATE snapshots SET compressedSnapshot = NULL
                     WHERE vatID = ? AND snapPos = ? AND inUse IS NULL
                       AND compressedSnapshot IS NOT NULL",
                    params![SqlText(&snapshot.vat_id), snapshot.snap_pos],
                )
            })?;
            if changed > 0 {
                self.pruned.snapshots += 1;
                self.pruned.snapshot_bytes += snapshot.bytes;
            }
            self.monitor.finish_piece();
        }
        Ok(())
    }

    /// Deletes spans. Returns false if the limit was reached before the end.
    fn spans(&mut self, spans: &[OldSpan]) -> Result<bool> {
        // With a limit, the first spans are deleted completely.
        let finished = match self.options.limit {
            None => self.sweep(spans)?,
            Some(_) => HashSet::new(),
        };
        let left = spans.iter().enumerate();
        let left: Vec<OldSpan> = left
            .filter(|(index, _)| !finished.contains(index))
            .map(|(_, span)| span.clone())
            .collect();
        self.span_by_span(&left)
    }

    /// Deletes items in the order of their rows, if that is faster. Returns the indices of the spans
    /// that have none left. With a tenth of mainnet's history in the order of time, this writes an
    /// eighth of the bytes, in a third of the time.
    fn sweep(&mut self, spans: &[OldSpan]) -> Result<HashSet<usize>> {
        let mut finished = HashSet::new();
        let monitor = self.monitor;
        let planned = self.writer.read(monitor, |db| {
            let mut plan = OldestFirstPlan::default();
            for (index, span) in spans.iter().enumerate() {
                monitor.check()?;
                plan.add(db, index, &span.vat_id, span.start_pos..span.end_pos)?;
            }
            Ok(plan.choose())
        })?;
        let Some(mut sweep) = planned else {
            return Ok(finished);
        };
        let _read_ahead = self.writer.read_ahead();
        while !sweep.is_done() {
            let swept = self.writer.write(monitor, |db| {
                let db = &*db;
                let limits = (Instant::now(), SOFT_LIMIT);
                let is_historical = |index: usize| is_historical(db, &spans[index]);
                sweep.delete_some(db, self.options.budget, limits, is_historical)
            })?;
            self.pruned.items = self.pruned.items.saturating_add(swept.items);
            self.pruned.spans += swept.finished.len() as u64;
            monitor.finish_pieces(swept.finished.len() as u64);
            finished.extend(swept.finished);
        }
        Ok(finished)
    }

    fn span_by_span(&mut self, spans: &[OldSpan]) -> Result<bool> {
        let mut rest = spans;
        let mut from = None;
        while !rest.is_empty() {
            let left = match self.options.limit {
                Some(limit) => limit.saturating_sub(self.pruned.items),
                None => u64::MAX,
            };
            if left == 0 && from.is_none() {
                return Ok(false);
            }
            let budget = self.options.budget;
            let step = self.writer.write(self.monitor, |db| {
                delete_some(db, rest, from, budget, left, Instant::now())
            })?;
            self.pruned.items = self.pruned.items.saturating_add(step.items);
            self.pruned.spans += step.spans as u64;
            for _ in 0..step.spans {
                self.monitor.finish_piece();
            }
            rest = &rest[step.spans..];
            from = step.next_pos;
        }
        Ok(true)
    }
}

/// Deletes the items of the first spans, as many as the budget allows, but at least some. Starts at
/// position `from` of the first span.
fn delete_some(
    db: &mut Database,
    spans: &[OldSpan],
    mut from: Option<i64>,
    budget: u64,
    left: u64,
    start: Instant,
) -> Result<Step> {
    let mut step = Step::default();
    for span in spans {
        let room = budget.saturating_sub(step.items);
        let next_pos = from.take().unwrap_or(span.start_pos);
        if step.spans > 0 {
            let length = u64::try_from(span.end_pos.saturating_sub(next_pos)).unwrap_or(0);
            if length > room || step.items >= left || start.elapsed() >= SOFT_LIMIT {
                break;
            }
        }
        if is_historical(db, span)? {
            step.next_pos = delete_items(db, span, next_pos, room, start, &mut step.items)?;
            if step.next_pos.is_some() {
                break;
            }
        }
        step.spans += 1;
    }
    Ok(step)
}

/// Whether a span is unchanged and still historical.
fn is_historical(db: &Database, span: &OldSpan) -> Result<bool> {
    Ok(db
        .peek_value::<i64>(
            "SELECT 1 FROM transcriptSpans
             WHERE vatID = ? AND startPos = ? AND endPos = ? AND isCurrent IS NULL",
            params![SqlText(&span.vat_id), span.start_pos, span.end_pos],
        )?
        .is_some())
}

/// Deletes up to `room` items of a span, and adds their number to `count`. Returns the position at
/// which to continue if there may be more.
fn delete_items(
    db: &mut Database,
    span: &OldSpan,
    mut next_pos: i64,
    room: u64,
    start: Instant,
    count: &mut u64,
) -> Result<Option<i64>> {
    let mut room = i64::try_from(room).unwrap_or(i64::MAX);
    loop {
        let step = STEP.min(room);
        let end = db.step_of_items(&span.vat_id, next_pos..span.end_pos, step)?;
        let deleted = db.delete_items(&span.vat_id, next_pos, end.unwrap_or(span.end_pos))?;
        *count = count.saturating_add(deleted as u64);
        let Some(end) = end else {
            return Ok(None);
        };
        next_pos = end;
        room -= i64::try_from(deleted).unwrap_or(room);
        if room <= 0 || start.elapsed() >= HARD_LIMIT {
            return Ok(Some(next_pos));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::gzip::Compressor;
    use crate::store::substores::{Store, StoreOptions};

    fn span(vat_id: &str, start_pos: i64, age: i64) -> OldSpan {
        OldSpan {
            vat_id: vat_id.into(),
            start_pos,
            end_pos: start_pos + 10,
            age,
        }
    }

    #[test]
    fn several_transactions_delete_a_span_that_takes_too_long() {
        let options = (OpenOptions::default(), StoreOptions::default());
        let mut store = Store::open(Location::Memory, &options.0, false, options.1).unwrap();
        store.init_transcript(b"v1").unwrap();
        let items = STEP * 2 + 10;
        for _ in 0..items {
            store.add_item(b"v1", b"item").unwrap();
        }
        store.rollover(b"v1", false).unwrap();
        store.commit().unwrap();
        let spans = [OldSpan {
            vat_id: b"v1".to_vec(),
            start_pos: 0,
            end_pos: items,
            age: 1,
        }];
        let mut db = store.database().lock();
        let mut from = None;
        let mut deleted = 0;
        let late = Instant::now() - HARD_LIMIT;
        for left in [items - STEP, items - 2 * STEP, 0] {
            let step = delete_some(&mut db, &spans, from, u64::MAX, u64::MAX, late).unwrap();
            deleted += step.items as i64;
            assert_eq!(deleted, items - left);
            assert_eq!(db.count_items(b"v1", 0, items).unwrap(), left);
            assert_eq!(step.spans, usize::from(left == 0));
            assert_eq!(step.next_pos, (left > 0).then_some(items - left));
            from = step.next_pos;
        }
    }

    /// A store with a vat whose spans have these numbers of items, and the spans.
    fn store_with(lengths: &[i64]) -> (Store, Vec<OldSpan>) {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.init_transcript(b"v1").unwrap();
        let mut spans = Vec::new();
        let mut start_pos = 0;
        for length in lengths {
            for _ in 0..*length {
                store.add_item(b"v1", b"item").unwrap();
            }
            store.rollover(b"v1", false).unwrap();
            let end_pos = start_pos + length;
            spans.push(OldSpan {
                vat_id: b"v1".to_vec(),
                start_pos,
                end_pos,
                age: start_pos,
            });
            start_pos = end_pos;
        }
        store.commit().unwrap();
        (store, spans)
    }

    /// A start time that is within all limits.
    fn in_time() -> Instant {
        Instant::now() + Duration::from_secs(1000)
    }

    #[test]
    fn a_transaction_takes_as_many_spans_as_it_may() {
        for (budget, left, began, expected) in [
            (100, 100, in_time(), 3),
            (30, 100, in_time(), 3),
            (29, 100, in_time(), 2),
            (20, 100, in_time(), 2),
            (100, 21, in_time(), 3),
            (100, 20, in_time(), 2),
            (100, 10, in_time(), 1),
            (100, 100, Instant::now() - SOFT_LIMIT, 1),
        ] {
            let (store, spans) = store_with(&[10, 10, 10]);
            let mut db = store.database().lock();
            let step = delete_some(&mut db, &spans, None, budget, left, began).unwrap();
            assert_eq!(step.spans, expected, "budget {budget}, {left} left");
            assert_eq!(step.items, 10 * expected as u64);
            assert_eq!(step.next_pos, None);
            let rest = db.count_items(b"v1", 0, 30).unwrap();
            assert_eq!(rest, 30 - 10 * expected as i64);
        }
    }

    #[test]
    fn a_transaction_takes_no_more_of_a_large_span_than_its_budget() {
        let (store, spans) = store_with(&[STEP * 4]);
        let mut db = store.database().lock();
        let budget = STEP as u64 * 2 + 20;
        let step = delete_some(&mut db, &spans, None, budget, u64::MAX, in_time()).unwrap();
        assert_eq!((step.spans, step.items), (0, budget));
        assert_eq!(step.next_pos, Some(budget as i64));
    }

    #[test]
    fn a_span_that_is_not_as_it_was_found_keeps_its_items() {
        let (store, mut spans) = store_with(&[10]);
        spans[0].end_pos = 9;
        let mut db = store.database().lock();
        let step = delete_some(&mut db, &spans, None, 100, 100, in_time()).unwrap();
        assert_eq!((step.spans, step.items), (1, 0));
        assert_eq!(db.count_items(b"v1", 0, 10).unwrap(), 10);
    }

    #[test]
    fn only_snapshots_that_still_have_contents_count() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(file_in_directory(directory.path()));
        let options = (OpenOptions::default(), StoreOptions::default());
        let mut store = Store::open(location, &options.0, false, options.1).unwrap();
        for snap_pos in [1, 2] {
            let image = Compressor::default().finish().unwrap();
            store.save_snapshot(b"v1", snap_pos, &image).unwrap();
        }
        store.commit().unwrap();
        store.close().unwrap();
        let monitor = Monitor::default();
        let keep = ArtifactMode::Debug;
        let mut pruning = Pruning {
            writer: SharedWriter::open(directory.path(), &monitor).unwrap(),
            options: &PruneOptions {
                keep_transcripts: keep,
                keep_snapshots: keep,
                budget: 1,
                limit: None,
                dry_run: false,
            },
            archive: None,
            monitor: &monitor,
            pruned: &mut Pruned::default(),
        };
        // The first was pruned when the second was saved, which is in use.
        let found = [1, 2].map(|snap_pos| OldSnapshot {
            vat_id: b"v1".to_vec(),
            snap_pos,
            bytes: 7,
        });
        pruning.snapshots(&found).unwrap();
        assert_eq!(
            (pruning.pruned.snapshots, pruning.pruned.snapshot_bytes),
            (0, 0)
        );
        assert_eq!(monitor.progress().done, 2);
    }

    #[test]
    fn spans_with_rows_in_turn_are_counted_as_others_are() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(file_in_directory(directory.path()));
        let options = (OpenOptions::default(), StoreOptions::default());
        let mut store = Store::open(location, &options.0, false, options.1).unwrap();
        let vats = [b"v1", b"v2", b"v3", b"v4"];
        for vat in vats {
            store.init_transcript(vat).unwrap();
        }
        for _ in 0..3 {
            for _ in 0..200 {
                for vat in vats {
                    store.add_item(vat, b"item").unwrap();
                }
            }
            for vat in vats {
                store.rollover(vat, false).unwrap();
            }
        }
        store.commit().unwrap();
        store.close().unwrap();
        let monitor = Monitor::default();
        let mut writer = SharedWriter::open(directory.path(), &monitor).unwrap();
        let keep = ArtifactMode::Operational;
        let found = writer
            .read(&monitor, |db| prunable_spans(db, keep, &monitor))
            .unwrap();
        assert_eq!(found.len(), 12);
        let mut pruning = Pruning {
            writer,
            options: &PruneOptions {
                keep_transcripts: keep,
                keep_snapshots: keep,
                budget: 500,
                limit: None,
                dry_run: false,
            },
            archive: None,
            monitor: &monitor,
            pruned: &mut Pruned::default(),
        };
        let finished = pruning.sweep(&found).unwrap();
        assert_eq!(finished.len(), 12);
        assert_eq!((pruning.pruned.spans, pruning.pruned.items), (12, 2400));
        assert_eq!(monitor.progress().done, 12);
    }

    #[test]
    fn the_report_lists_the_first_thousand_that_the_archive_lacks() {
        let refused = |index: usize| {
            index.is_multiple_of(2).then(|| Refused {
                name: format!("{index}").into(),
                code: String::new(),
                reason: String::new(),
            })
        };
        let count = 2 * MAX_UNARCHIVED + 10;
        let mut found: Vec<usize> = (0..count).collect();
        let mut pruned = Pruned::default();
        let problems = (0..count).map(refused).collect();
        keep(&mut found, problems, &Monitor::default(), &mut pruned);
        assert!(found.iter().all(|index| index % 2 == 1));
        assert_eq!(found.len(), count / 2);
        assert_eq!(pruned.unarchived_count, count as u64 / 2);
        assert_eq!(pruned.unarchived.len(), MAX_UNARCHIVED);
    }

    #[test]
    fn the_oldest_spans_come_first_without_gaps_in_any_vat() {
        let ordered = oldest_first(vec![
            // Restored later.
            span("v1", 0, 900),
            span("v1", 10, 30),
            span("v1", 20, 50),
            span("v2", 0, 10),
            span("v2", 10, 40),
        ]);
        let order: Vec<(String, i64)> = ordered
            .iter()
            .map(|span| (String::from_utf8_lossy(&span.vat_id).into(), span.start_pos))
            .collect();
        let expected = [("v2", 0), ("v1", 0), ("v1", 10), ("v2", 10), ("v1", 20)];
        assert_eq!(order, expected.map(|(vat, start)| (vat.to_owned(), start)));
    }
}
