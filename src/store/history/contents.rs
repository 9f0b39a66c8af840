//! Snapshots and bundles: what is recorded of them, and whether their contents are there.

use rusqlite::{Row, params};
use serde::Serialize;

use super::spans::Populated;
use super::{History, readable};
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::records::names;
use crate::store::substores::kernel_keys::{BUNDLE_PREFIX, NAMED_BUNDLE_PREFIX};

/// A heap snapshot.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSummary {
    /// the vat
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// the position of the `save-snapshot` in the vat's transcript; the span that begins with
    /// loading the snapshot starts behind it
    pub snap_pos: i64,
    /// SHA-256 of the uncompressed image
    pub hash: String,
    /// whether the vat's worker is started from it
    pub in_use: bool,
    /// whether its image is there, all of it or nothing
    pub populated: Populated,
    /// bytes of the image, if they were noted
    pub uncompressed_size: Option<i64>,
    /// bytes of the image in the file, if they were noted
    pub compressed_size: Option<i64>,
    /// the artifact that has the image
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
            populated: match row.get(4)? {
                true => Populated::All,
                false => Populated::None,
            },
            uncompressed_size: row.get(5)?,
            compressed_size: row.get(6)?,
        })
    }
}

/// Where a bundle's contents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BundlePlace {
    /// in the bundle store
    BundleStore,
    /// in the key-value store, where kernels kept them before there was a bundle store
    KvStore,
}

/// A bundle.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleInfo {
    /// its ID
    #[serde(rename = "bundleID")]
    pub bundle_id: String,
    /// the names under which the kernel knows it
    pub names: Vec<String>,
    /// where its contents are; `None` if only its record is there
    pub stored_in: Option<BundlePlace>,
    /// how many bytes its contents have in the file
    pub bytes: Option<i64>,
    /// the artifact that has its contents
    pub artifact: String,
}

impl Database {
    /// Where a bundle's contents are, and how many bytes they have there.
    pub(super) fn find_bundle(&self, bundle_id: &[u8]) -> Result<Option<(BundlePlace, i64)>> {
        // An empty text is none.
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

    /// The snapshot of a vat at a position.
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

    /// The latest snapshot of a vat that has this hash.
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
    /// The snapshots of a vat, or of all, by vat and position.
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

    /// All bundles, by ID: those that the bundle store has, or has a record of, and those that are
    /// in the key-value store.
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
