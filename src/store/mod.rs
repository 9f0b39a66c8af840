//! The store: key-value state, transcripts, snapshots and bundles of a SwingSet kernel, in one
//! SQLite file that is committed once per block.
//!
//! [`Store`] is the state of one facade over a database: its crank, and where changes of the export
//! data are recorded. Each sub-store is an `impl Store` in its own file, which contains all of the
//! SQL for its tables.
//!
//! ```
//! use swing_store::store::{Store, StoreOptions};
//! # fn main() -> swing_store::store::Result<()> {
//! let mut store = Store::in_memory(StoreOptions::default())?;
//! store.start_crank()?;
//! store.kernel_set(b"v1.greeting", b"hello")?;
//! let hashes = store.emit_crank_hashes()?;
//! store.end_crank()?;
//! store.finish_crank();
//! store.commit()?;
//! assert_eq!(store.kv_get(b"activityhash")?, Some(hashes.activityhash.into_bytes()));
//! # Ok(())
//! # }
//! ```

pub mod bundle_check;
pub(crate) mod database;
pub mod diff;
pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod fs;
pub(crate) mod gzip;
pub mod history;
pub mod log;
pub(crate) mod maintenance;
pub(crate) mod measure;
pub(crate) mod metrics;
pub(crate) mod places;
pub(crate) mod records;
pub(crate) mod substores;
pub(crate) mod tasks;
pub(crate) mod transfer;
pub mod verify;
pub use database::cache_signal::{CacheSignal, CacheSignalReadout, CacheState};
pub use database::locate::{FILE_NAME, file_in_directory};
pub use database::schema::Part;
pub use database::shared_writer::{Space, TransactionStats};
pub use database::staging::{Staged, StoreLocation};
pub use database::tool_statement::{Bindings, Changes, Column, SqlValue};
pub use database::{DEFAULT_BUSY_TIMEOUT, Database, Location, OpenOptions, SharedDatabase};
pub use diff::diff_stores;
pub use encoding::hash::Sha256;
pub use encoding::json;
pub use encoding::wtf8::{
    as_read as text_as_read, for_hash as text_for_hash, from_utf16, has_replacement,
};
pub use error::{Class, Described, Detail, Error, Result};
pub use fs::atomic_file::AtomicFile;
pub use fs::open_files::Unused;
pub use gzip::{Compressed, Compressor, Decompressor};
pub use history::History;
pub use maintenance::{compact, expand, prune, reclaim, repopulate};
pub use measure::{MeasureOptions, StoreMetrics, measure_store};
pub use metrics::definitions::{METRICS, Metric, MetricType};
pub use metrics::histogram::{Bucket, HistogramValues};
pub use metrics::running::{EndedSpansByForm, RunningMetrics, SizeByForm};
pub use metrics::text::render as metrics_as_text;
pub use places::Place;
pub use records::change::{ExportChange, Exports};
pub use records::item_batch::ItemBatch;
pub use records::mode::ArtifactMode;
pub use records::names::bundle_id_from_name;
pub use records::span::Span;
pub use substores::bundles::{
    BundleContents, MAX_BUNDLE_BYTES, NewBundle, check_bundle_artifact, gather_bundle,
};
pub use substores::compaction_state::CompactionStep;
pub use substores::crank::{ACTIVITYHASH, CrankHashes, next_activityhash};
pub use substores::kv::{KeyType, kernel_key_type, key_type, require_host_key};
pub use substores::snapshots::{SnapshotImport, SnapshotInfo, SnapshotRow};
pub use substores::span_reader::SpanReader;
pub use substores::transcripts::{Deletion, ItemRow};
pub use substores::{ChangeTarget, HistoricalSpans, Store, StoreOptions, Transactions};
pub use tasks::limits::{Limits, limits, set_limits};
pub use tasks::monitor::{Monitor, Progress, Stage};
pub use transfer::exporter::{Artifact, ExportRecords, Exporter, Record};
pub use transfer::span_import::SpanImport;
pub use transfer::{archive, directory};
pub use verify::verify_store;
