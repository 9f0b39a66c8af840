//! Pruning: deleting the contents of what is historical, while its hashes stay.
//!
//! What is pruned is still part of the export data, so a later import, or a
//! [repopulation](super::repopulate), can check what anybody offers for it.
//!
//! All is done in small transactions beside a kernel. They go from the oldest items to the
//! youngest, across all vats, since these lie side by side in the file. So whenever the work ends,
//! what is left of each vat is the younger part of its history, without gaps. A span is deleted in
//! one transaction unless it is larger than the budget; then, for a while, it lacks its first
//! items, and like every span that lacks any it counts as pruned.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::store::database::Database;
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::{SharedWriter, Space, TransactionStats};
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many items a transaction deletes unless the caller says otherwise.
pub const DEFAULT_BUDGET: u64 = 1000;

/// How many items are deleted between two looks at the clock.
const STEP: i64 = 50;

/// A transaction that has taken so long begins no further span.
const SOFT_LIMIT: Duration = Duration::from_millis(4);

/// A transaction that has taken so long ends even in the middle of a span.
const HARD_LIMIT: Duration = Duration::from_millis(20);

/// What to delete, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PruneOptions {
    /// The spans that exports in this mode carry stay; `debug` keeps all.
    pub keep_transcripts: ArtifactMode,
    /// The snapshots that exports in this mode carry stay; `debug` keeps all.
    pub keep_snapshots: ArtifactMode,
    /// The most items to delete in one transaction.
    #[serde(default = "default_budget", deserialize_with = "fields::count")]
    pub budget: u64,
    /// The most items to delete in all, to the nearest whole span.
    #[serde(default, deserialize_with = "fields::optional_count")]
    pub limit: Option<u64>,
    /// Only find out what there is to do.
    #[serde(default)]
    pub dry_run: bool,
}

fn default_budget() -> u64 {
    DEFAULT_BUDGET
}

/// What was deleted or, of a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Spans of which nothing is left.
    pub spans: u64,
    /// Items.
    pub items: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Bytes of these snapshots, compressed.
    pub snapshot_bytes: u64,
    /// Whether nothing is left to delete.
    pub done: bool,
    /// How the transactions went.
    #[serde(rename = "locking")]
    pub transacted: TransactionStats,
    /// What the file takes up now.
    pub space: Space,
}

/// Deletes what is historical from the store in a directory, except for what is to stay.
///
/// # Errors
/// [`Error::BadBudget`]; [`Error::NoStore`]; [`Error::StoreInUse`] while somebody runs it in the
/// unsafe fast mode; [`Error::Aborted`]; SQLite's errors. What was deleted up to then stays
/// deleted; another call goes on from there.
pub fn prune(directory: &Path, options: &PruneOptions, monitor: &Monitor) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    prune_into(directory, options, monitor, &mut pruned)?;
    Ok(pruned)
}

/// As [`prune`], and puts what was deleted into `pruned`: if it fails, what was deleted until then.
///
/// # Errors
/// As [`prune`].
pub fn prune_into(
    directory: &Path,
    options: &PruneOptions,
    monitor: &Monitor,
    pruned: &mut Pruned,
) -> Result<()> {
    if options.budget == 0 {
        return Err(Error::BadBudget);
    }
    if options.dry_run {
        *pruned = look(directory, options, monitor)?;
        return Ok(());
    }
    let mut beside = SharedWriter::open(directory, monitor)?;
    let keep = options.keep_snapshots;
    let snapshots = beside.read(monitor, |db| prunable_snapshots(db, keep))?;
    let keep = options.keep_transcripts;
    let spans = oldest_first(beside.read(monitor, |db| prunable_spans(db, keep, monitor))?);
    monitor.set_total(snapshots.len() + spans.len());
    monitor.begin(Stage::Working);
    let mut pruning = Pruning {
        beside,
        options,
        monitor,
        pruned,
    };
    pruning.snapshots(&snapshots)?;
    pruning.spans(&spans)?;
    monitor.begin(Stage::Finishing);
    let Pruning {
        mut beside, pruned, ..
    } = pruning;
    pruned.transacted = beside.finish()?;
    pruned.space = beside.space(monitor)?;
    monitor.begin(Stage::Done);
    Ok(())
}

/// Finds out what there is to delete, in one read transaction, for which nobody need be allowed to
/// write.
fn look(directory: &Path, options: &PruneOptions, monitor: &Monitor) -> Result<Pruned> {
    let counted = count(directory, options, monitor);
    // Whatever SQLite was doing when it was interrupted, this is the reason.
    monitor.check()?;
    counted.with_store(directory)
}

fn count(directory: &Path, options: &PruneOptions, monitor: &Monitor) -> Result<Pruned> {
    let db = ReadView::open_one(directory, monitor)?;
    let snapshots = prunable_snapshots(&db, options.keep_snapshots)?;
    let spans = prunable_spans(&db, options.keep_transcripts, monitor)?;
    monitor.set_total(snapshots.len() + spans.len());
    monitor.begin(Stage::Working);
    let mut pruned = Pruned {
        snapshots: snapshots.len() as u64,
        snapshot_bytes: snapshots.iter().map(|snapshot| snapshot.bytes).sum(),
        spans: spans.len() as u64,
        done: snapshots.is_empty() && spans.is_empty(),
        ..Pruned::default()
    };
    for span in &spans {
        monitor.check()?;
        let items = db.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
        pruned.items += items.unsigned_abs();
        monitor.finish_piece();
    }
    pruned.space = Space::of(&db)?;
    monitor.begin(Stage::Done);
    Ok(pruned)
}

/// A historical span that has items.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OldSpan {
    vat_id: Vec<u8>,
    start_pos: i64,
    end_pos: i64,
    /// SQLite's number for its first item, which grows with every item that is added.
    place: i64,
}

/// A historical snapshot that has its contents.
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
        "SELECT s.vatID, s.startPos, s.endPos, (
           SELECT i.rowid FROM transcriptItems i
           WHERE i.vatID = s.vatID AND s.startPos <= i.position AND i.position < s.endPos
           ORDER BY i.position LIMIT 1
         )
         FROM transcriptSpans s
         LEFT JOIN transcriptSpans c ON c.vatID = s.vatID AND c.isCurrent = 1
         WHERE s.isCurrent IS NULL {condition}
         ORDER BY s.vatID, s.startPos"
    ))?;
    let mut rows = statement.query([])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        monitor.check()?;
        let Some(place) = row.get(3)? else {
            continue;
        };
        spans.push(OldSpan {
            vat_id: row.get_ref(0)?.as_bytes()?.to_vec(),
            start_pos: row.get(1)?,
            end_pos: row.get(2)?,
            place,
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

/// Puts spans, which come vat by vat and in the order of their positions, into the order of their
/// age. Items that were filled in later are no younger than those behind them.
fn oldest_first(mut spans: Vec<OldSpan>) -> Vec<OldSpan> {
    for at in (1..spans.len()).rev() {
        if spans[at - 1].vat_id == spans[at].vat_id {
            spans[at - 1].place = spans[at - 1].place.min(spans[at].place);
        }
    }
    spans.sort_by_key(|span| span.place);
    spans
}

struct Pruning<'a> {
    beside: SharedWriter,
    options: &'a PruneOptions,
    monitor: &'a Monitor,
    pruned: &'a mut Pruned,
}

/// What one transaction did.
#[derive(Default)]
struct Step {
    /// How many spans are finished.
    spans: usize,
    items: u64,
    /// Where to go on in the span behind them.
    next_pos: Option<i64>,
}

impl Pruning<'_> {
    fn snapshots(&mut self, snapshots: &[OldSnapshot]) -> Result<()> {
        for snapshot in snapshots {
            let changed = self.beside.write(self.monitor, |db| {
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

    fn spans(&mut self, spans: &[OldSpan]) -> Result<()> {
        let mut rest = spans;
        let mut from = None;
        while !rest.is_empty() {
            let left = match self.options.limit {
                Some(limit) => limit.saturating_sub(self.pruned.items),
                None => u64::MAX,
            };
            if left == 0 && from.is_none() {
                return Ok(());
            }
            let budget = self.options.budget;
            let step = self.beside.write(self.monitor, |db| {
                delete_some(db, rest, from, budget, left, Instant::now())
            })?;
            self.pruned.items += step.items;
            self.pruned.spans += step.spans as u64;
            for _ in 0..step.spans {
                self.monitor.finish_piece();
            }
            rest = &rest[step.spans..];
            from = step.next_pos;
        }
        self.pruned.done = true;
        Ok(())
    }
}

/// Deletes the items of some spans, the first from position `from` on: of as many as fit into the
/// budget, but something in any case.
fn delete_some(
    db: &mut Database,
    spans: &[OldSpan],
    mut from: Option<i64>,
    budget: u64,
    left: u64,
    began: Instant,
) -> Result<Step> {
    let mut step = Step::default();
    for span in spans {
        let room = budget.saturating_sub(step.items);
        let next_pos = from.take().unwrap_or(span.start_pos);
        if step.spans > 0 {
            let length = u64::try_from(span.end_pos.saturating_sub(next_pos)).unwrap_or(0);
            if length > room || step.items >= left || began.elapsed() >= SOFT_LIMIT {
                break;
            }
        }
        if is_historical(db, span)? {
            step.next_pos = delete_items(db, span, next_pos, room, began, &mut step.items)?;
            if step.next_pos.is_some() {
                break;
            }
        }
        step.spans += 1;
    }
    Ok(step)
}

/// Whether the store still has a span as it was found, and not as its vat's current one.
fn is_historical(db: &Database, span: &OldSpan) -> Result<bool> {
    Ok(db
        .peek_value::<i64>(
            "SELECT 1 FROM transcriptSpans
             WHERE vatID = ? AND startPos = ? AND endPos = ? AND isCurrent IS NULL",
            params![SqlText(&span.vat_id), span.start_pos, span.end_pos],
        )?
        .is_some())
}

/// Deletes items of a span, at most `room`, and adds their number to `count`. Returns where to go
/// on if there may be more.
fn delete_items(
    db: &mut Database,
    span: &OldSpan,
    mut next_pos: i64,
    room: u64,
    began: Instant,
    count: &mut u64,
) -> Result<Option<i64>> {
    let mut room = i64::try_from(room).unwrap_or(i64::MAX);
    loop {
        let step = STEP.min(room);
        // Positions are counted and not computed: of a span that lacks items there may be few.
        let end: Option<i64> = db.peek_value(
            "SELECT position FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ?
             ORDER BY position LIMIT 1 OFFSET ?",
            params![SqlText(&span.vat_id), next_pos, span.end_pos, step],
        )?;
        let deleted = db.delete_items(&span.vat_id, next_pos, end.unwrap_or(span.end_pos))?;
        *count += deleted as u64;
        let Some(end) = end else {
            return Ok(None);
        };
        next_pos = end;
        room -= step;
        if room <= 0 || began.elapsed() >= HARD_LIMIT {
            return Ok(Some(next_pos));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::substores::{Store, StoreOptions};

    fn span(vat_id: &str, start_pos: i64, place: i64) -> OldSpan {
        OldSpan {
            vat_id: vat_id.into(),
            start_pos,
            end_pos: start_pos + 10,
            place,
        }
    }

    #[test]
    fn a_span_that_takes_too_long_is_finished_by_the_next_transactions() {
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
            place: 1,
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

    /// A store with a vat whose spans have so many items, and these spans.
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
                place: start_pos,
            });
            start_pos = end_pos;
        }
        store.commit().unwrap();
        (store, spans)
    }

    /// A beginning that no transaction is late after.
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
    fn the_oldest_go_first_and_no_vat_gets_gaps() {
        let ordered = oldest_first(vec![
            // Filled in later.
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
