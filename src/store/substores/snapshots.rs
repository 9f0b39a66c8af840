//! `snapStore`: snapshots of XS heaps. A worker that starts from a snapshot need not replay the
//! whole transcript.
//!
//! A vat has at most one snapshot in use. The records of older snapshots stay when their contents
//! are pruned, because exports contain their hashes.

use rusqlite::{Row, params};

use super::Store;
use super::export_changes::ExportChanges;
use super::transcripts::{Budget, Deletion};
use crate::store::database::Database;
use crate::store::database::sql_text::{SqlBlob, SqlText};
use crate::store::encoding::number::to_number;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::gzip::{Compressed, Decompressor};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::SnapshotRecord;

/// The metadata of a vat's snapshot in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// the position in the vat's transcript
    pub snap_pos: i64,
    /// SHA-256 of the uncompressed snapshot
    pub hash: Vec<u8>,
    /// bytes, unless pruned
    pub uncompressed_size: Option<i64>,
    /// bytes, unless pruned
    pub compressed_size: Option<i64>,
}

/// A snapshot's row.
#[derive(Debug, Clone)]
pub struct SnapshotRow {
    /// the vat
    pub vat_id: Vec<u8>,
    /// whether it is in use
    pub in_use: bool,
    /// its metadata
    pub info: SnapshotInfo,
    /// its contents, if requested and not pruned
    pub compressed: Option<Vec<u8>>,
}

/// A snapshot that an artifact populates.
#[derive(Debug, Clone)]
pub struct SnapshotImport {
    name: Vec<u8>,
    vat_id: Vec<u8>,
    snap_pos: f64,
    hash: Vec<u8>,
}

impl SnapshotRow {
    /// Reads a row of `vatID, inUse, snapPos, hash, uncompressedSize, compressedSize` and,
    /// optionally, `compressedSnapshot`.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<SnapshotRow> {
        Ok(SnapshotRow {
            vat_id: wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned(),
            in_use: row.get::<_, Option<i64>>(1)?.unwrap_or(0) != 0,
            info: SnapshotInfo {
                snap_pos: row.get(2)?,
                hash: wtf8::as_read(row.get_ref(3)?.as_bytes()?).into_owned(),
                uncompressed_size: row.get(4)?,
                compressed_size: row.get(5)?,
            },
            compressed: if row.as_ref().column_count() > 6 {
                row.get(6)?
            } else {
                None
            },
        })
    }

    /// Its export record.
    pub(crate) fn record(&self) -> SnapshotRecord {
        SnapshotRecord {
            vat_id: self.vat_id.clone(),
            snap_pos: self.info.snap_pos,
            hash: self.info.hash.clone(),
            in_use: self.in_use,
        }
    }
}

impl Database {
    /// Reads snapshots. `rest` continues the SQL after the columns: more columns, if any, and `FROM`.
    fn snapshot_rows(&self, rest: &str) -> Result<Vec<SnapshotRow>> {
        self.peek_rows(
            &format!(
                "SELECT vatID, inUse, snapPos, hash, uncompressedSize, compressedSize{rest}
                 ORDER BY vatID, snapPos"
            ),
            [],
            SnapshotRow::read,
        )
    }

    /// The names of the snapshot artifacts of an export in this mode.
    pub(crate) fn snapshot_names(&self, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
        let mut rows = self
            .snapshot_rows(" FROM snapshots WHERE inUse = 1 AND compressedSnapshot IS NOT NULL")?;
        if mode == ArtifactMode::Debug {
            rows.extend(self.snapshot_rows(
                " FROM snapshots WHERE inUse IS NULL AND compressedSnapshot IS NOT NULL",
            )?);
        }
        Ok(rows
            .iter()
            .map(|row| names::snapshot_name(&row.vat_id, row.info.snap_pos))
            .collect())
    }

    /// The names of all snapshots in use, also of those that were pruned.
    pub(crate) fn names_of_snapshots_in_use(&self) -> Result<Vec<Vec<u8>>> {
        let rows = self.snapshot_rows(" FROM snapshots WHERE inUse = 1")?;
        Ok(rows
            .iter()
            .map(|row| names::snapshot_name(&row.vat_id, row.info.snap_pos))
            .collect())
    }

    /// Finds the snapshot of this name; returns its vat ID and position.
    ///
    /// # Errors
    /// [`Error::NotSnapshotName`]; [`Error::SnapshotNotAvailable`]; [`Error::SnapshotPruned`].
    pub(crate) fn find_snapshot<'n>(&self, name: &'n [u8]) -> Result<(&'n [u8], f64)> {
        let (vat_id, snap_pos) =
            names::parse_snapshot_name(name).ok_or_else(|| Error::NotSnapshotName {
                name: name.to_vec(),
                on_import: false,
            })?;
        let missing = || Error::SnapshotNotAvailable(name.to_vec());
        let snap_pos = to_number(snap_pos);
        let populated: bool = self
            .peek_value(
                "SELECT compressedSnapshot IS NOT NULL FROM snapshots
                 WHERE vatID = ? AND snapPos = ?",
                params![SqlText(vat_id), snap_pos],
            )?
            .ok_or_else(missing)?;
        if !populated {
            return Err(Error::SnapshotPruned(name.to_vec()));
        }
        Ok((vat_id, snap_pos))
    }

    /// Stores the contents of a snapshot that has a record.
    pub(crate) fn fill_snapshot(
        &self,
        vat_id: &[u8],
        snap_pos: impl rusqlite::ToSql,
        snapshot: &Compressed,
    ) -> Result<()> {
        self.run_unbuffered(
            "UPDATE snapshots SET
               uncompressedSize = ?, compressedSize = ?, compressedSnapshot = ?
             WHERE vatID = ? AND snapPos = ?",
            params![
                snapshot.uncompressed_size as i64,
                snapshot.bytes.len() as i64,
                SqlBlob(&snapshot.bytes),
                SqlText(vat_id),
                snap_pos,
            ],
        )?;
        Ok(())
    }

    /// The contents of the snapshot of this name, compressed.
    pub(crate) fn compressed_snapshot(&self, name: &[u8]) -> Result<Vec<u8>> {
        let (vat_id, snap_pos) = self.find_snapshot(name)?;
        let compressed: Option<Vec<u8>> = self
            .peek_value(
                "SELECT compressedSnapshot FROM snapshots WHERE vatID = ? AND snapPos = ?",
                params![SqlText(vat_id), snap_pos],
            )?
            .flatten();
        compressed.ok_or_else(|| Error::SnapshotPruned(name.to_vec()))
    }

    /// The contents of the snapshot of this name.
    pub(crate) fn export_snapshot(&self, name: &[u8]) -> Result<Decompressor> {
        Ok(Decompressor::new(self.compressed_snapshot(name)?, None))
    }
}

impl Store {
    /// Marks a vat's snapshot in use, if any, as no longer in use. Prunes its contents unless the
    /// store keeps snapshots.
    pub fn stop_using_last_snapshot(&mut self, vat_id: &[u8]) -> Result<()> {
        let keep = self.keep_snapshots;
        self.atomically(|db, changes, _| stop_using(db, changes, vat_id, keep))
    }

    /// Stores a snapshot as the vat's snapshot in use. Returns the key of its record.
    pub fn save_snapshot(
        &mut self,
        vat_id: &[u8],
        snap_pos: i64,
        snapshot: &Compressed,
    ) -> Result<Vec<u8>> {
        let keep = self.keep_snapshots;
        self.atomically(|db, changes, _| {
            stop_using(db, changes, vat_id, keep)?;
            db.run_unbuffered(
                "INSERT OR REPLACE INTO snapshots
                   (vatID, snapPos, inUse, hash, uncompressedSize, compressedSize,
                    compressedSnapshot)
                 VALUES (?, ?, 1, ?, ?, ?, ?)",
                params![
                    SqlText(vat_id),
                    snap_pos,
                    snapshot.hash,
                    snapshot.uncompressed_size as i64,
                    snapshot.bytes.len() as i64,
                    SqlBlob(&snapshot.bytes),
                ],
            )?;
            let record = SnapshotRecord {
                vat_id: vat_id.to_vec(),
                snap_pos,
                hash: snapshot.hash.clone().into_bytes(),
                in_use: true,
            };
            let name = names::snapshot_name(vat_id, snap_pos);
            changes.set(db, &name, record.to_json())?;
            changes.set(db, &names::current_snapshot_key(vat_id), &*name)?;
            Ok(name)
        })
    }

    /// The contents of a vat's snapshot in use. At the end, the decompressor checks their hash.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`].
    pub fn load_snapshot(&self, vat_id: &[u8]) -> Result<Decompressor> {
        let missing = || Error::NoSnapshot(vat_id.to_vec());
        let (hash, compressed) = self
            .db
            .lock()
            .peek_row(
                "SELECT hash, compressedSnapshot FROM snapshots WHERE vatID = ? AND inUse = 1",
                params![SqlText(vat_id)],
                |row| {
                    Ok((
                        row.get_ref(0)?.as_bytes()?.to_vec(),
                        row.get::<_, Option<Vec<u8>>>(1)?,
                    ))
                },
            )?
            .ok_or_else(missing)?;
        Ok(Decompressor::new(
            compressed.ok_or_else(missing)?,
            Some(hash),
        ))
    }

    /// The metadata of a vat's snapshot in use.
    pub fn get_snapshot_info(&self, vat_id: &[u8]) -> Result<Option<SnapshotInfo>> {
        self.db.lock().peek_row(
            "SELECT vatID, inUse, snapPos, hash, uncompressedSize, compressedSize
             FROM snapshots WHERE vatID = ? AND inUse = 1",
            params![SqlText(vat_id)],
            |row| SnapshotRow::read(row).map(|row| row.info),
        )
    }

    /// Deletes every snapshot that is not in use, with its record. Their hashes are lost, so that
    /// they can't be restored from an untrusted source.
    pub fn delete_all_unused_snapshots(&mut self) -> Result<()> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        db.run_unbuffered("DELETE FROM snapshots WHERE inUse IS NULL", [])?;
        Ok(())
    }

    /// Deletes a vat's snapshots with their records: all of them, or at most `budget`, newest
    /// first.
    ///
    /// # Errors
    /// [`Error::BadBudget`]; SQLite's `SQLITE_MISMATCH` for a budget that is not a whole number.
    pub fn delete_vat_snapshots(&mut self, vat_id: &[u8], budget: Option<f64>) -> Result<Deletion> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let budget = Budget::new(budget)?;
        drop(db);
        self.atomically(|db, changes, _| delete_snapshots(db, changes, vat_id, budget))
    }

    /// Whether a vat has a snapshot of this hash.
    pub fn has_hash(&self, vat_id: &[u8], hash: &[u8]) -> Result<bool> {
        Ok(self
            .db
            .lock()
            .peek_value::<i64>(
                "SELECT 1 FROM snapshots WHERE vatID = ? AND hash = ? LIMIT 1",
                params![SqlText(vat_id), SqlText(hash)],
            )?
            .is_some())
    }

    /// Deletes a vat's snapshots of this hash, without exporting the change.
    pub fn delete_snapshot_by_hash(&mut self, vat_id: &[u8], hash: &[u8]) -> Result<()> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        db.run_unbuffered(
            "DELETE FROM snapshots WHERE vatID = ? AND hash = ?",
            params![SqlText(vat_id), SqlText(hash)],
        )?;
        Ok(())
    }

    /// All snapshots, without their contents.
    pub fn list_all_snapshots(&self) -> Result<Vec<SnapshotRow>> {
        self.db.lock().snapshot_rows(" FROM snapshots")
    }

    /// All snapshots with their contents, or those in use only.
    pub fn dump_snapshots(&self, include_historical: bool) -> Result<Vec<SnapshotRow>> {
        self.db.lock().snapshot_rows(if include_historical {
            ", compressedSnapshot FROM snapshots"
        } else {
            ", compressedSnapshot FROM snapshots WHERE inUse = 1"
        })
    }

    /// The names of the snapshot artifacts of an export in this mode.
    pub fn snapshot_names(&self, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
        self.db.lock().snapshot_names(mode)
    }

    /// The contents of the snapshot artifact of this name.
    ///
    /// # Errors
    /// [`Error::NotSnapshotName`]; [`Error::SnapshotNotAvailable`]; [`Error::SnapshotPruned`].
    pub fn export_snapshot(&self, name: &[u8]) -> Result<Decompressor> {
        self.db.lock().export_snapshot(name)
    }

    /// Starts to import a snapshot artifact. `None` if an import in this mode skips it.
    ///
    /// # Errors
    /// [`Error::NotSnapshotName`]; [`Error::NoMetadata`].
    pub fn import_snapshot(
        &mut self,
        name: &[u8],
        mode: ArtifactMode,
    ) -> Result<Option<SnapshotImport>> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let (vat_id, snap_pos) =
            names::parse_snapshot_name(name).ok_or_else(|| Error::NotSnapshotName {
                name: name.to_vec(),
                on_import: true,
            })?;
        let missing = || Error::NoMetadata {
            kind: "snapshot",
            name: name.to_vec(),
        };
        let snap_pos = to_number(snap_pos);
        let (hash, in_use) = find_record(&db, vat_id, snap_pos)?.ok_or_else(missing)?;
        let wanted = in_use || mode == ArtifactMode::Debug;
        Ok(wanted.then(|| SnapshotImport {
            name: name.to_vec(),
            vat_id: vat_id.to_vec(),
            snap_pos,
            hash,
        }))
    }

    /// Stores the contents of a snapshot, whose hash must match its record.
    ///
    /// # Errors
    /// [`Error::SnapshotHashMismatch`].
    pub fn populate_snapshot(
        &mut self,
        import: SnapshotImport,
        snapshot: &Compressed,
    ) -> Result<()> {
        require_hash(&import.name, &snapshot.hash, &import.hash)?;
        self.db
            .lock()
            .fill_snapshot(&import.vat_id, import.snap_pos, snapshot)
    }
}

/// Marks a vat's snapshot in use, if any, as no longer in use. Prunes it unless `keep`.
fn stop_using(db: &Database, changes: &mut ExportChanges, vat_id: &[u8], keep: bool) -> Result<()> {
    let prior = db.peek_row(
        "SELECT snapPos, hash FROM snapshots WHERE vatID = ? AND inUse = 1",
        params![SqlText(vat_id)],
        |row| {
            Ok(SnapshotRecord {
                vat_id: vat_id.to_vec(),
                snap_pos: row.get(0)?,
                hash: wtf8::as_read(row.get_ref(1)?.as_bytes()?).into_owned(),
                in_use: false,
            })
        },
    )?;
    let Some(prior) = prior else {
        return Ok(());
    };
    let name = names::snapshot_name(vat_id, prior.snap_pos);
    changes.set(db, &name, prior.to_json())?;
    changes.delete(db, &names::current_snapshot_key(vat_id))?;
    db.run_unbuffered(
        if keep {
            "UPDATE snapshots SET inUse = NULL WHERE inUse = 1 AND vatID = ?"
        } else {
            "UPDATE snapshots SET inUse = NULL, compressedSnapshot = NULL
             WHERE inUse = 1 AND vatID = ?"
        },
        params![SqlText(vat_id)],
    )?;
    Ok(())
}

/// Deletes a vat's snapshots with their records.
fn delete_snapshots(
    db: &mut Database,
    changes: &mut ExportChanges,
    vat_id: &[u8],
    budget: Budget,
) -> Result<Deletion> {
    let place = |row: &Row<'_>| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, Option<i64>>(1)?.is_some(),
        ))
    };
    let (order, limit) = budget.order_and_limit();
    let snapshots = db.peek_rows(
        &format!(
            "SELECT snapPos, inUse FROM snapshots
             WHERE vatID = ? ORDER BY snapPos {order} LIMIT ?"
        ),
        params![SqlText(vat_id), limit],
        place,
    )?;
    let mut clear_current = budget == Budget::All;
    for (snap_pos, in_use) in &snapshots {
        clear_current |= in_use;
        changes.delete(db, &names::snapshot_name(vat_id, *snap_pos))?;
        if budget != Budget::All {
            db.run_unbuffered(
                "DELETE FROM snapshots WHERE vatID = ? AND snapPos = ?",
                params![SqlText(vat_id), snap_pos],
            )?;
        }
    }
    if budget == Budget::All {
        db.run_unbuffered(
            "DELETE FROM snapshots WHERE vatID = ?",
            params![SqlText(vat_id)],
        )?;
    }
    if clear_current {
        changes.delete(db, &names::current_snapshot_key(vat_id))?;
    }
    let has_more = || {
        db.peek_value::<i64>(
            "SELECT 1 FROM snapshots WHERE vatID = ? LIMIT 1",
            params![SqlText(vat_id)],
        )
    };
    Ok(Deletion {
        done: budget == Budget::All || has_more()?.is_none(),
        cleanups: snapshots.len(),
    })
}

/// Fails unless a heap image has the hash of its record.
///
/// # Errors
/// [`Error::SnapshotHashMismatch`].
pub(crate) fn require_hash(name: &[u8], actual: &str, expected: &[u8]) -> Result<()> {
    if actual.as_bytes() == expected {
        return Ok(());
    }
    Err(Error::SnapshotHashMismatch {
        name: name.to_vec(),
        actual: actual.to_owned(),
        expected: expected.to_vec(),
    })
}

/// The hash in a snapshot's record, and whether the snapshot is in use.
pub(crate) fn find_record(
    db: &Database,
    vat_id: &[u8],
    snap_pos: f64,
) -> Result<Option<(Vec<u8>, bool)>> {
    db.peek_row(
        "SELECT hash, inUse FROM snapshots WHERE vatID = ? AND snapPos = ?",
        params![SqlText(vat_id), snap_pos],
        |row| {
            Ok((
                wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned(),
                row.get::<_, Option<i64>>(1)?.is_some(),
            ))
        },
    )
}
