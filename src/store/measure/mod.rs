//! Measures the contents of a store, while a kernel may be running.
//!
//! One read transaction reads the records of spans, snapshots and bundles, and looks up the first and
//! the last item of each span. That tells whether the items are stored, since pruning deletes whole
//! spans, and reads little of the file. `verify` checks every item.

mod archive;
mod contents;
mod spans;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use archive::ArchiveLag;
pub use contents::{BundlesByState, Completeness, SnapshotsByState, VatsByState};
pub use spans::SpansByForm;

use crate::store::database::Database;
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::Space;
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::fs::sidecar::sidecar;
use crate::store::metrics::running::SizeByForm;
use crate::store::places::Place;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::transfer::directory::{HEIGHT_KEY, height_or_zero};
use spans::MeasuredSpan;

/// What to measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MeasureOptions {
    /// Whether to report positions of each vat.
    pub per_vat: bool,
    /// How many of the newest historical spans of each vat to look for in the archive; `None` for
    /// all.
    #[serde(deserialize_with = "fields::optional_count")]
    pub newest_spans: Option<u64>,
}

/// The metrics of a store's contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct StoreMetrics {
    /// The size of the log in bytes.
    #[serde(rename = "swing_store_log_bytes")]
    pub log_bytes: u64,
    /// The size of the file in bytes, without its log.
    #[serde(rename = "swing_store_file_bytes")]
    pub file_bytes: u64,
    /// The size of the file's free pages in bytes.
    #[serde(rename = "swing_store_free_bytes")]
    pub free_bytes: u64,
    /// The block height in `host.height`; 0 if there is none.
    #[serde(rename = "swing_store_block_height", serialize_with = "fields::number")]
    pub block_height: f64,
    /// When the file or its log was last written, in seconds since 1970.
    #[serde(rename = "swing_store_last_commit_timestamp_seconds")]
    pub last_commit: f64,
    /// The number of vats.
    #[serde(rename = "swing_store_vats")]
    pub vats: VatsByState,
    /// The number of spans.
    #[serde(rename = "swing_store_spans")]
    pub spans: SpansByForm,
    /// The number of their items, whether stored or pruned.
    #[serde(rename = "swing_store_items")]
    pub items: SpansByForm,
    /// The number of snapshots.
    #[serde(rename = "swing_store_snapshots")]
    pub snapshots: SnapshotsByState,
    /// The size of the stored snapshots in bytes.
    #[serde(rename = "swing_store_snapshot_bytes")]
    pub snapshot_bytes: SizeByForm,
    /// The number of bundles.
    #[serde(rename = "swing_store_bundles")]
    pub bundles: BundlesByState,
    /// Whether the store has what an export needs, as 1 or 0.
    #[serde(rename = "swing_store_complete")]
    pub complete: Completeness,
    /// For each vat, the end position of its transcript.
    #[serde(
        rename = "swing_store_vat_end_position",
        skip_serializing_if = "Option::is_none"
    )]
    pub vat_end: Option<BTreeMap<String, i64>>,
    /// For each vat, the oldest position from which all items are stored.
    #[serde(
        rename = "swing_store_vat_oldest_position",
        skip_serializing_if = "Option::is_none"
    )]
    pub vat_oldest: Option<BTreeMap<String, i64>>,
    /// For each vat, the number of items in its current span.
    #[serde(
        rename = "swing_store_vat_current_items",
        skip_serializing_if = "Option::is_none"
    )]
    pub vat_current: Option<BTreeMap<String, i64>>,
    /// 1 if the archive could be read, otherwise 0; absent without an archive.
    #[serde(
        rename = "swing_store_archive_up",
        skip_serializing_if = "Option::is_none"
    )]
    pub archive_up: Option<u8>,
    /// Why the archive could not be read, if it could not.
    #[serde(rename = "archiveProblem", skip_serializing_if = "Option::is_none")]
    pub archive_problem: Option<String>,
    /// What the archive lacks; absent if it could not be read.
    #[serde(flatten)]
    pub archive: Option<ArchiveLag>,
    /// When the store was measured, in seconds since 1970.
    #[serde(rename = "swing_store_measured_timestamp_seconds")]
    pub measured: f64,
}

/// Measures the store in `directory`, as of its last commit, and what `archive` lacks of it. Writes
/// nothing. An archive that cannot be read is not an error.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::UnreadableLog`]; [`Error::Aborted`]; SQLite's errors.
pub fn measure_store(
    directory: &Path,
    archive: Option<&Place>,
    options: &MeasureOptions,
    monitor: &Monitor,
) -> Result<StoreMetrics> {
    let measured = ReadView::open_one(directory, monitor).and_then(|db| {
        let measured = measure(&db, options, monitor);
        measured.with_file(db.file())
    });
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    // The transaction has ended: the kernel's log can be reused while the archive is asked.
    let (mut metrics, spans, snapshots) = measured.with_store(directory)?;
    if let Some(place) = archive {
        let wanted = archive::Wanted::new(&spans, snapshots, options.newest_spans);
        match wanted.look(place, monitor) {
            Ok(lag) => metrics.archive = Some(lag),
            Err(Error::Aborted) => return Err(Error::Aborted),
            Err(error) => metrics.archive_problem = Some(error.to_string()),
        }
        metrics.archive_up = Some(u8::from(metrics.archive.is_some()));
    }
    monitor.begin(Stage::Done);
    Ok(metrics)
}

/// The names of artifacts.
type Names = Vec<Vec<u8>>;

/// Measures everything but the archive. Also returns the spans, and the names of stored snapshots.
fn measure(
    db: &Database,
    options: &MeasureOptions,
    monitor: &Monitor,
) -> Result<(StoreMetrics, Vec<MeasuredSpan>, Names)> {
    let space = Space::of(db)?;
    let spans = spans::measure(db, monitor)?;
    let snapshots = contents::snapshots(db)?;
    let metrics = StoreMetrics {
        log_bytes: space.log_bytes,
        file_bytes: space.file_bytes,
        free_bytes: space.free_bytes,
        block_height: db.kv_get(HEIGHT_KEY, height_or_zero)?,
        last_commit: db.file().map_or(0.0, last_written),
        vats: contents::vats(&spans),
        spans: SpansByForm::of(&spans, |_| 1),
        items: SpansByForm::of(&spans, MeasuredSpan::length),
        snapshots: snapshots.by_state,
        snapshot_bytes: snapshots.bytes,
        bundles: contents::bundles(db)?,
        complete: contents::completeness(db, &spans)?,
        vat_end: options.per_vat.then(|| spans::end_positions(&spans)),
        vat_oldest: options.per_vat.then(|| spans::oldest_positions(&spans)),
        vat_current: options.per_vat.then(|| spans::current_items(&spans)),
        archive_up: None,
        archive_problem: None,
        archive: None,
        measured: seconds(SystemTime::now()),
    };
    Ok((metrics, spans, snapshots.stored))
}

/// When a file or its log was last written.
fn last_written(file: &Path) -> f64 {
    let written = [file.to_owned(), sidecar(file, "-wal")].map(|file| {
        let found = fs::metadata(file);
        // A reader creates an empty log.
        let written = found.ok().filter(|found| found.len() > 0);
        let time = written.and_then(|found| found.modified().ok());
        time.map_or(0.0, seconds)
    });
    written[0].max(written[1])
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH);
    // Milliseconds are precise enough, and short to print.
    since.map_or(0.0, |since| since.as_millis() as f64 / 1000.0)
}
