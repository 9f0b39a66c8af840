//! The records of snapshots and bundles, and whether their contents are present.

use rusqlite::{Row, params};
use serde::Serialize;

use super::handle::{History, readable};
use super::spans::Populated;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::records::names;
use crate::store::substores::kernel_keys::{BUNDLE_PREFIX, NAMED_BUNDLE_PREFIX};

/// A heap snapshot.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSummary {
    /// The vat.
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// The position of the `save-snapshot` in the vat's transcript; the span that loads the
    /// snapshot starts at the next position.
    pub snap_pos: i64,
    /// SHA-256 of the uncompressed image
    pub hash: String,
    /// Whether it is in use, so that the vat's worker starts from it.
    pub in_use: bool,
    /// Whether its image is present; never [`Populated::Some`].
    pub populated: Populated,
    /// The size of the image in bytes, if recorded.
    pub uncompressed_size: Option<i64>,
    /// The size of the compressed image in bytes, if recorded.
    pub compressed_size: Option<i64>,
    /// The name of its artifact.
    pub artifact: String,
}

impl SnapshotSummary {
    const COLUMNS: &str = "vatID, snapPos, hash, inUse, compressedSnapshot IS NOT NULL,
                           uncompressedSize, compressedSize";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<SnapshotSummary> {
        let vat_id = wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned();
        let snap_pos = row.get(1)?;
        Ok(SnapshotSummary {
            artifact: readable(&names::snapshot_name(&vat_id, snap_pos)),
            vat_id: readable(&vat_id),
            snap_pos,
            hash: readable(row.get_ref(2)?.as_bytes()?),
            in_use: row.get::<_, Option<i64>>(3)?.unwrap_or(0) != 0,
            populated: if row.get(4)? {
                Populated::All
            } else {
                Populated::None
            },
            uncompressed_size: row.get(5)?,
            compressed_size: row.get(6)?,
        })
    }
}

/// Where the contents of a bundle are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum BundlePlace {
    /// In the bundle store.
    BundleStore,
    /// In the key-value store, which kernels used before the bundle store existed.
    KvStore,
}

/// A bundle.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BundleInfo {
    /// Its ID.
    #[serde(rename = "bundleID")]
    pub bundle_id: String,
    /// The names that the kernel has for it.
    pub names: Vec<String>,
    /// Where its contents are stored; `None` if it has only a record.
    pub stored_in: Option<BundlePlace>,
    /// The size of its contents in bytes.
    pub bytes: Option<i64>,
    /// The name of its artifact.
    pub artifact: String,
}

impl Database {
    /// Finds the contents of a bundle: where they are stored, and their size in bytes.
    pub(super) fn find_bundle(&self, bundle_id: &[u8]) -> Result<Option<(BundlePlace, i64)>> {
        // An empty text counts as missing.
        let stored: Option<Option<i64>> = self.peek_value(
            "SELECT CASE WHEN typeof(bundle) = 'blob' OR octet_length(bundle) > 0
                    THEN octet_length(bundle) END
             FROM bundles WHERE bundleID = ?",
            params![SqlText(bundle_id)],
        )?;
        if let Some(bytes) = stored.flatten() {
            return Ok(Some((BundlePlace::BundleStore, bytes)));
        }
        let key = [BUNDLE_PREFIX, bundle_id].concat();
        let stored: Option<Option<i64>> = self.peek_value(
            "SELECT octet_length(value) FROM kvStore WHERE key = ?",
            params![SqlText(&key)],
        )?;
        Ok(stored.flatten().map(|bytes| (BundlePlace::KvStore, bytes)))
    }

    /// Returns the snapshot of a vat at a position.
    pub(super) fn find_snapshot_at(
        &self,
        vat_id: &str,
        snap_pos: i64,
    ) -> Result<Option<SnapshotSummary>> {
        self.peek_row(
            &format!(
                "SELECT {} FROM snapshots WHERE vatID = ? AND snapPos = ?",
                SnapshotSummary::COLUMNS
            ),
            params![SqlText(vat_id.as_bytes()), snap_pos],
            SnapshotSummary::from_row,
        )
    }

    /// Returns the latest snapshot of a vat with this hash.
    pub(super) fn find_snapshot_of_hash(
        &self,
        vat_id: &str,
        hash: &str,
    ) -> Result<Option<SnapshotSummary>> {
        self.peek_row(
            &format!(
                "SELECT {} FROM snapshots WHERE vatID = ? AND hash = ?
                 ORDER BY snapPos DESC LIMIT 1",
                SnapshotSummary::COLUMNS
            ),
            params![SqlText(vat_id.as_bytes()), SqlText(hash.as_bytes())],
            SnapshotSummary::from_row,
        )
    }
}

impl History {
    /// Returns the snapshots of a vat, or of all vats, in the order of vats and positions.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`]; SQLite's errors.
    pub fn snapshots(&self, vat_id: Option<&str>) -> Result<Vec<SnapshotSummary>> {
        let columns = SnapshotSummary::COLUMNS;
        self.ask(|db| match vat_id {
            Some(vat_id) => db.peek_rows(
                &format!("SELECT {columns} FROM snapshots WHERE vatID = ? ORDER BY snapPos"),
                params![SqlText(vat_id.as_bytes())],
                SnapshotSummary::from_row,
            ),
            None => db.peek_rows(
                &format!("SELECT {columns} FROM snapshots ORDER BY vatID, snapPos"),
                [],
                SnapshotSummary::from_row,
            ),
        })
    }

    /// Returns all bundles in the order of their IDs: those in the bundle store, including records
    /// without contents, and those in the key-value store.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`]; SQLite's errors.
    pub fn bundles(&self) -> Result<Vec<BundleInfo>> {
        self.ask(|db| {
            let mut ids = db.bundle_ids()?;
            ids.extend(db.suffixes(BUNDLE_PREFIX)?);
            ids.sort_unstable();
            ids.dedup();
            let mut names = Vec::new();
            for name in db.suffixes(NAMED_BUNDLE_PREFIX)? {
                let key = [NAMED_BUNDLE_PREFIX, &name].concat();
                let bundle_id = db.kv_get(&key, |value| value.map(<[u8]>::to_vec))?;
                names.push((bundle_id, name));
            }
            ids.into_iter()
                .map(|id| {
                    let found = db.find_bundle(&id)?;
                    let of_this = names.iter().filter(|(of, _)| of.as_ref() == Some(&id));
                    Ok(BundleInfo {
                        names: of_this.map(|(_, name)| readable(name)).collect(),
                        stored_in: found.map(|(place, _)| place),
                        bytes: found.map(|(_, bytes)| bytes),
                        artifact: readable(&names::bundle_name(&id)),
                        bundle_id: readable(&id),
                    })
                })
                .collect()
        })
    }
}
