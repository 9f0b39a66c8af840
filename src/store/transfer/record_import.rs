//! Imports export records of spans and snapshots. An import adds spans and snapshots without
//! contents. A repair adds the missing ones and compares the others with those in the store.

use rusqlite::params;

use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::number::to_number;
use crate::store::error::{Error, Result, show};
use crate::store::records::record::{
    Metadata, SnapshotRecord, SpanRecord, described_number, described_text, record_key,
};
use crate::store::substores::Store;
use crate::store::substores::snapshots::find_record;

impl Store {
    /// Adds a span without its items, from its export record.
    ///
    /// # Errors
    /// If the record is malformed or contradicts its key; SQLite's `SQLITE_CONSTRAINT_…` for a
    /// second span at the same position.
    pub fn import_span_record(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let db = self.database().lock();
        self.ensure_txn(&db)?;
        let (key_vat_id, key_start_pos) = record_key("transcript", key)?;
        let metadata = Metadata::parse("transcript", value)?;
        let mismatch = || Error::KeyMismatch {
            key: key.to_vec(),
            metadata: metadata.show(),
        };
        if key.ends_with(b".current") != metadata.is_truthy("isCurrent") {
            return Err(mismatch());
        }
        metadata.require_truthy("vatID")?;
        metadata.require("startPos")?;
        metadata.require("endPos")?;
        metadata.require_truthy("hash")?;
        metadata.require("isCurrent")?;
        metadata.require("incarnation")?;
        if key_start_pos != b"current" && metadata.number("startPos") != to_number(key_start_pos) {
            return Err(mismatch());
        }
        require_same_vat(key_vat_id, &metadata).map_err(|_| mismatch())?;
        db.insert_span(&span_record(&metadata)?)
    }

    /// Adds a span's record if it is missing. Fails if the store's record differs.
    ///
    /// # Errors
    /// [`Error::RepairMismatch`]; if the record is malformed or contradicts its key.
    pub fn repair_span_record(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let db = self.database().lock();
        self.ensure_txn(&db)?;
        let (key_vat_id, key_start_pos) = record_key("transcript", key)?;
        let metadata = Metadata::parse("transcript", value)?;
        require_same_vat(key_vat_id, &metadata)?;
        if key_start_pos != b"current" && metadata.number("startPos") != to_number(key_start_pos) {
            return Err(Error::KeyMismatch {
                key: key.to_vec(),
                metadata: metadata.show(),
            });
        }
        let span = span_record(&metadata);
        match db.span_at(key_vat_id, metadata.integer("startPos")?)? {
            None => db.insert_span(&span?),
            Some(existing) if span.as_ref().is_ok_and(|span| *span == existing) => Ok(()),
            Some(existing) => Err(Error::RepairMismatch {
                method: "repairTranscriptSpanRecord",
                existing: show_existing(&existing),
                metadata: metadata.show(),
            }),
        }
    }

    /// Adds a snapshot without its contents, from its export record. Ignores records of the current
    /// snapshot, whose information the other records contain.
    ///
    /// # Errors
    /// If the record is malformed; SQLite's `SQLITE_CONSTRAINT_…` for a second snapshot at the same
    /// position.
    pub fn import_snapshot_record(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let db = self.database().lock();
        self.ensure_txn(&db)?;
        let (_, position) = record_key("snapshot", key)?;
        if position == b"current" {
            return Ok(());
        }
        let metadata = Metadata::parse("snapshot", value)?;
        metadata.require_truthy("vatID")?;
        metadata.require("snapPos")?;
        metadata.require_truthy("hash")?;
        metadata.require("inUse")?;
        insert_record(&db, &snapshot_record(&metadata)?)
    }

    /// Adds a snapshot's record if it is missing. Fails if the store's record differs.
    ///
    /// # Errors
    /// [`Error::RepairMismatch`]; if the record is malformed or contradicts its key.
    pub fn repair_snapshot_record(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let db = self.database().lock();
        self.ensure_txn(&db)?;
        let (key_vat_id, position) = record_key("snapshot", key)?;
        if position == b"current" {
            return Ok(());
        }
        let metadata = Metadata::parse("snapshot", value)?;
        require_same_vat(key_vat_id, &metadata)?;
        let snap_pos = metadata.number("snapPos");
        if snap_pos != to_number(position) {
            return Err(Error::NotSame {
                actual: described_number(to_number(position)),
                expected: metadata.described("snapPos"),
            });
        }
        let record = snapshot_record(&metadata);
        match find_record(&db, key_vat_id, snap_pos)? {
            None => insert_record(&db, &record?),
            Some((hash, in_use))
                if record
                    .as_ref()
                    .is_ok_and(|record| hash == record.hash && in_use == record.in_use) =>
            {
                Ok(())
            }
            Some((hash, in_use)) => Err(Error::RepairMismatch {
                method: "repairSnapshotRecord",
                existing: format!(
                    "{{\"hash\":{},\"inUse\":{}}}",
                    show(&hash),
                    if in_use { "1" } else { "null" }
                ),
                metadata: metadata.show(),
            }),
        }
    }
}

/// Checks that a record and its key name the same vat.
fn require_same_vat(key_vat_id: &[u8], metadata: &Metadata) -> Result<()> {
    match metadata.text("vatID") {
        Ok(vat_id) if vat_id == key_vat_id => Ok(()),
        _ => Err(Error::NotSame {
            actual: described_text(key_vat_id),
            expected: metadata.described("vatID"),
        }),
    }
}

fn span_record(metadata: &Metadata) -> Result<SpanRecord> {
    Ok(SpanRecord {
        vat_id: metadata.text("vatID")?,
        start_pos: metadata.integer("startPos")?,
        end_pos: metadata.integer("endPos")?,
        hash: metadata.text("hash")?,
        is_current: metadata.is_truthy("isCurrent"),
        incarnation: metadata.integer("incarnation")?,
    })
}

/// A row of `transcriptSpans` as an error message shows it.
fn show_existing(span: &SpanRecord) -> String {
    format!(
        "{{\"endPos\":{},\"hash\":{},\"incarnation\":{},\"isCurrent\":{}}}",
        span.end_pos,
        show(&span.hash),
        span.incarnation,
        if span.is_current { "1" } else { "null" },
    )
}

fn snapshot_record(metadata: &Metadata) -> Result<SnapshotRecord> {
    Ok(SnapshotRecord {
        vat_id: metadata.text("vatID")?,
        snap_pos: metadata.integer("snapPos")?,
        hash: metadata.text("hash")?,
        in_use: metadata.is_truthy("inUse"),
    })
}

fn insert_record(db: &Database, record: &SnapshotRecord) -> Result<()> {
    db.run(
        "INSERT INTO snapshots (vatID, snapPos, hash, inUse) VALUES (?, ?, ?, ?)",
        params![
            SqlText(&record.vat_id),
            record.snap_pos,
            SqlText(&record.hash),
            record.in_use.then_some(1),
        ],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    fn store() -> Store {
        Store::in_memory(StoreOptions::default()).unwrap()
    }

    fn span(vat_id: &str, end_pos: i64, incarnation: i64) -> Vec<u8> {
        format!(
            "{{\"vatID\":\"{vat_id}\",\"startPos\":0,\"endPos\":{end_pos},\"hash\":\"abc\",\
             \"isCurrent\":0,\"incarnation\":{incarnation}}}"
        )
        .into_bytes()
    }

    fn snapshot(vat_id: &str, hash: &str, in_use: u8) -> Vec<u8> {
        format!("{{\"vatID\":\"{vat_id}\",\"snapPos\":7,\"hash\":\"{hash}\",\"inUse\":{in_use}}}")
            .into_bytes()
    }

    #[test]
    fn a_span_that_is_missing_is_added_and_another_one_is_refused() {
        let mut store = store();
        let key = b"transcript.v1.0";
        store.repair_span_record(key, &span("v1", 5, 0)).unwrap();
        let found = store.database().lock().span_at(b"v1", 0.0).unwrap();
        assert_eq!(found.unwrap().end_pos, 5);
        store.repair_span_record(key, &span("v1", 5, 0)).unwrap();
        for (end_pos, incarnation) in [(6, 0), (5, 1)] {
            let record = span("v1", end_pos, incarnation);
            let error = store.repair_span_record(key, &record).unwrap_err();
            let message = error.to_string();
            let existing = r#"{"endPos":5,"hash":"abc","incarnation":0,"isCurrent":null}"#;
            assert!(message.contains(existing), "{message}");
        }
        let found = store.database().lock().span_at(b"v1", 0.0).unwrap();
        assert_eq!(found.unwrap().end_pos, 5);
    }

    #[test]
    fn a_snapshot_that_is_missing_is_added_and_another_one_is_refused() {
        let mut store = store();
        let key = b"snapshot.v1.7";
        let repair = |store: &mut Store, hash: &str, in_use| {
            store.repair_snapshot_record(key, &snapshot("v1", hash, in_use))
        };
        repair(&mut store, "abc", 1).unwrap();
        let found = find_record(&store.database().lock(), b"v1", 7.0).unwrap();
        assert_eq!(found, Some((b"abc".to_vec(), true)));
        repair(&mut store, "abc", 1).unwrap();
        for (hash, in_use) in [("abc", 0), ("abd", 1)] {
            let error = repair(&mut store, hash, in_use).unwrap_err();
            assert!(matches!(error, Error::RepairMismatch { .. }), "{error}");
        }
        let found = find_record(&store.database().lock(), b"v1", 7.0).unwrap();
        assert_eq!(found, Some((b"abc".to_vec(), true)));
    }

    #[test]
    fn a_record_of_another_vat_is_refused() {
        let mut store = store();
        let other = span("v2", 5, 0);
        let error = store.repair_span_record(b"transcript.v1.0", &other);
        assert!(matches!(error, Err(Error::NotSame { .. })), "{error:?}");
        let error = store.import_span_record(b"transcript.v1.0", &other);
        assert!(matches!(error, Err(Error::KeyMismatch { .. })), "{error:?}");
        let other = snapshot("v2", "abc", 1);
        let error = store.repair_snapshot_record(b"snapshot.v1.7", &other);
        assert!(matches!(error, Err(Error::NotSame { .. })), "{error:?}");
    }
}
