//! The file format: six tables and an index, declared as in the reference, and a seventh table in
//! stores with compressed history.
//!
//! There are two versions of the `snapshots` table. The older one has the extra constraint
//! `CHECK(compressedSnapshot is not null or inUse is null)`. Tables are created only if they do not
//! exist, so such a file is used unchanged.
//!
//! `isCurrent` and `inUse` are 1 or NULL, never 0: the UNIQUE constraints allow one current span
//! and one snapshot in use for each vat, and any number of historical ones.
//!
//! A file whose tables lack a column, like those from before incarnations were recorded, is refused
//! before anything is written to it.

/// The extra constraint of the older `snapshots` table.
pub(crate) const OLDER_SNAPSHOTS_CONSTRAINT: &str =
    "CHECK(compressedSnapshot is not null or inUse is null)";

/// The table of compressed items, which the reference does not have. It is created when something is
/// compressed first. All columns except the last two are in its key, so queries about frames read
/// only the index.
pub(crate) const COMPRESSED_ITEMS: &str = "CREATE TABLE IF NOT EXISTS compressedItems (
   vatID TEXT,
   startPos INTEGER, -- the first position of the frame
   endPos INTEGER, -- the end position, exclusive
   spanStart INTEGER, -- the first position of its span
   spanHash BLOB, -- the hash of its span, 32 bytes
   itemBytes INTEGER, -- the size of its items
   frame BLOB, -- the items, compressed
   PRIMARY KEY (vatID, startPos, endPos, spanStart, spanHash)
 )";

/// The part of the schema that belongs to a sub-store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// key-value state
    Kv,
    /// transcript items and spans
    Transcripts,
    /// heap snapshots
    Snapshots,
    /// code bundles
    Bundles,
    /// changes of the export data that were not yet passed to the callback
    PendingExports,
}

/// Removes comments and white space from SQL, and converts it to lower case.
pub(crate) fn normalize_sql(sql: &str) -> String {
    sql.lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

impl Part {
    /// All parts, in the order in which the reference creates them.
    pub const ALL: [Part; 5] = [
        Part::PendingExports,
        Part::Kv,
        Part::Transcripts,
        Part::Snapshots,
        Part::Bundles,
    ];

    /// The parts that an export contains.
    pub(crate) const STORED: [Part; 4] =
        [Part::Kv, Part::Transcripts, Part::Snapshots, Part::Bundles];

    /// The statements that create this part's tables if they do not exist.
    pub fn sql(self) -> &'static str {
        match self {
            Part::Kv => {
                "CREATE TABLE IF NOT EXISTS kvStore (
                   key TEXT,
                   value TEXT,
                   PRIMARY KEY (key)
                 )"
            }
            Part::Transcripts => {
                "CREATE TABLE IF NOT EXISTS transcriptItems (
                   vatID TEXT,
                   position INTEGER,
                   item TEXT,
                   incarnation INTEGER,
                   PRIMARY KEY (vatID, position)
                 );
                 CREATE TABLE IF NOT EXISTS transcriptSpans (
                   vatID TEXT,
                   startPos INTEGER, -- the first position of the span
                   endPos INTEGER, -- the end position, exclusive
                   hash TEXT, -- over all of its items
                   isCurrent INTEGER CHECK (isCurrent = 1),
                   incarnation INTEGER,
                   PRIMARY KEY (vatID, startPos),
                   UNIQUE (vatID, isCurrent)
                 );
                 CREATE INDEX IF NOT EXISTS currentTranscriptIndex
                 ON transcriptSpans (vatID, isCurrent)"
            }
            Part::Snapshots => {
                "CREATE TABLE IF NOT EXISTS snapshots (
                   vatID TEXT,
                   snapPos INTEGER,
                   inUse INTEGER CHECK(inUse = 1),
                   hash TEXT,
                   uncompressedSize INTEGER,
                   compressedSize INTEGER,
                   compressedSnapshot BLOB,
                   PRIMARY KEY (vatID, snapPos),
                   UNIQUE (vatID, inUse)
                 )"
            }
            Part::Bundles => {
                "CREATE TABLE IF NOT EXISTS bundles (
                   bundleID TEXT,
                   bundle BLOB,
                   PRIMARY KEY (bundleID)
                 )"
            }
            Part::PendingExports => {
                "CREATE TABLE IF NOT EXISTS pendingExports (
                   key TEXT,
                   value TEXT,
                   PRIMARY KEY (key)
                 )"
            }
        }
    }

    /// Statements that can be prepared only if this part's tables have all columns, in the order in
    /// which the reference notices a missing one.
    pub(super) fn probes(self) -> &'static [&'static str] {
        match self {
            Part::Kv => &["SELECT value, key FROM kvStore"],
            Part::Transcripts => &[
                "SELECT incarnation, startPos, endPos, isCurrent, vatID FROM transcriptSpans",
                "INSERT INTO transcriptSpans (vatID, startPos, endPos, hash, isCurrent, incarnation)
                 VALUES (?, ?, ?, ?, ?, ?)",
                "SELECT item, position, vatID FROM transcriptItems",
                "INSERT INTO transcriptItems (vatID, item, position, incarnation)
                 VALUES (?, ?, ?, ?)",
            ],
            Part::Snapshots => &[
                "SELECT hash, compressedSnapshot, snapPos, inUse, vatID FROM snapshots",
                "INSERT INTO snapshots (vatID, snapPos, inUse, hash, uncompressedSize,
                   compressedSize, compressedSnapshot)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            ],
            Part::Bundles => &["INSERT INTO bundles (bundleID, bundle) VALUES (?, ?)"],
            Part::PendingExports => &["INSERT INTO pendingExports (key, value) VALUES (?, ?)"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::{Database, Location, OpenOptions};

    #[test]
    fn white_space_and_comments_do_not_matter() {
        let sql = "CREATE TABLE t ( -- it's a table\n  a INTEGER CHECK (a = 1)\n)";
        assert_eq!(normalize_sql(sql), "createtablet(aintegercheck(a=1))");
    }

    #[test]
    fn every_missing_column_is_noticed() {
        let mut tried = 0;
        for part in Part::ALL {
            let db = || Database::open(Location::Memory, &OpenOptions::default()).unwrap();
            db().check_columns(&Part::ALL).unwrap();
            let whole = db();
            whole.create(part).unwrap();
            whole.check_columns(&Part::ALL).unwrap();
            let columns = whole
                .rows(
                    "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                     WHERE t.type = 'table'",
                    [],
                    |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
                )
                .unwrap();
            for (table, column) in columns {
                let lacking = db();
                lacking.create(part).unwrap();
                let sql = format!("ALTER TABLE {table} RENAME COLUMN {column} TO another");
                lacking.execute(&sql).unwrap();
                let error = lacking.check_columns(&[part]).unwrap_err();
                let said = error.to_string();
                assert!(
                    said.contains(&format!("column: {column}"))
                        || said.ends_with(&format!("column named {column}")),
                    "{said}"
                );
                tried += 1;
            }
        }
        assert_eq!(tried, 23);
    }
}
