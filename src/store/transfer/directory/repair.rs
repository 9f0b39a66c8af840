//! Adds missing records to a store, from an export of the same block.
//!
//! Older imports only kept the records that the imported artifacts needed. The export data has the
//! records of the whole history, and with these records the history itself can be restored later.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::data;
use super::data::is_kv;
use super::export_files::ExportFiles;
use super::layout::{HEIGHT_KEY, height_or_zero};
use super::records::LatestRecords;
use crate::store::database::hints::WithFile;
use crate::store::database::locate::find_file;
use crate::store::database::schema::Part;
use crate::store::database::{Location, OpenOptions, SharedDatabase};
use crate::store::encoding::fields;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::substores::{ChangeTarget, Store, StoreOptions};
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::transfer::incomplete::Incomplete;

/// How to repair.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RepairOptions {
    /// The block height that export and store must have. They must always have the same one.
    pub block_height: Option<f64>,
}

/// The result of [`repair_metadata`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    /// The height of the block.
    #[serde(serialize_with = "fields::number")]
    #[cfg_attr(feature = "cli", schemars(with = "f64"))]
    pub block_height: f64,
    /// The number of records of spans, snapshots and bundles in the export.
    pub records: u64,
    /// How many of these records were added to the store.
    pub added: u64,
}

/// Compares the records of the store in `store` with those of the export in `directory`, and adds
/// those that are missing. Ignores key-value entries and artifacts. Other connections may read
/// meanwhile; a connection that writes blocks the repair.
///
/// All changes are in one transaction, which an error rolls back.
///
/// # Errors
/// [`Error::Directory`] if the manifest is malformed or without export data, or store and export
/// are of different blocks; [`Error::RepairMismatch`] or [`Error::UnexpectedBundleRecord`] if they
/// contradict each other; as [`Store::check_transcripts`], [`Store::check_snapshots`] and
/// [`Store::check_bundles`] if the store lacks what `operational` mode needs; [`Error::Aborted`];
/// [`Error::Io`]; SQLite's errors.
pub fn repair_metadata(
    directory: &Path,
    store: &Path,
    options: &RepairOptions,
    monitor: &Monitor,
) -> Result<Repaired> {
    monitor.check()?;
    let found = ExportFiles::open(directory)?;
    found.check_height(options.block_height)?;
    let data = found.data()?;
    let open = OpenOptions {
        must_exist: true,
        ..OpenOptions::default()
    };
    let store_options = StoreOptions {
        change_target: ChangeTarget::Discard,
        ..StoreOptions::default()
    };
    let location = Location::File(find_file(store)?);
    let directory = store;
    let opened = SharedDatabase::open(location, &open).and_then(|db| {
        db.lock().check_columns_of(directory, &Part::ALL)?;
        Store::initialize(&db, Some(false))?;
        Store::over(db, store_options)
    });
    let mut store = opened.with_store(directory)?;
    let repaired = repair(&mut store, found.manifest.block_height, &data, monitor);
    // Closing rolls back, unless the repair was committed.
    store.close()?;
    monitor.begin(Stage::Done);
    repaired.with_store(directory)
}

fn repair(
    store: &mut Store,
    block_height: f64,
    data: &Path,
    monitor: &Monitor,
) -> Result<Repaired> {
    store.begin()?;
    let height = height_or_zero(store.kv_get(HEIGHT_KEY)?.as_deref());
    if height != block_height {
        return Err(Fault::height("the store is", height, block_height));
    }
    monitor.begin(Stage::Working);
    let before = count(store)?;
    let db = store.database().clone();
    let latest = LatestRecords::create(&db)?;
    data::read(data, monitor, |batch| {
        let db = db.lock();
        batch
            .iter()
            .filter(|(key, _)| !is_kv(key))
            .try_for_each(|entry| latest.apply(&db, entry))
    })?;
    let records = latest.count()?;
    monitor.set_total(usize::try_from(records).unwrap_or(usize::MAX));
    latest.drain(monitor, |batch| {
        for (key, value) in &batch {
            repair_record(store, key, value)?;
            monitor.finish_piece();
        }
        Ok(())
    })?;
    const MODE: ArtifactMode = ArtifactMode::Operational;
    let complete = db.lock().check_all(MODE);
    complete.map_err(|error| Incomplete::Store.explain(&db.lock(), MODE, error))?;
    let added = count(store)?.saturating_sub(before);
    monitor.check()?;
    monitor.begin(Stage::Finishing);
    store.commit()?;
    Ok(Repaired {
        block_height,
        records,
        added,
    })
}

fn repair_record(store: &mut Store, key: &[u8], value: &[u8]) -> Result<()> {
    match names::kind(key) {
        b"bundle" => store.repair_bundle_record(key, value),
        b"snapshot" => store.repair_snapshot_record(key, value),
        b"transcript" => store.repair_span_record(key, value),
        _ => Err(Error::UnknownOnRepair(key.to_vec())),
    }
}

/// The number of records of spans and snapshots in a store.
fn count(store: &Store) -> Result<u64> {
    let db = store.database().lock();
    let rows = db.rows(
        "SELECT (SELECT count(*) FROM transcriptSpans) + (SELECT count(*) FROM snapshots)",
        [],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(rows.first().map_or(0, |count| count.unsigned_abs()))
}
