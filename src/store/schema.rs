//! The file format: six tables and an index, as the reference declares them.
//!
//! There are two versions of the `snapshots` table in the field. The older one has the extra
//! constraint `CHECK(compressedSnapshot is not null or inUse is null)`; as the tables are only
//! made where they are missing, such a file is used as it is.
//!
//! `isCurrent` and `inUse` are 1 or NULL, never 0: the UNIQUE constraints let a vat have one
//! current span and one snapshot in use, but any number of historical ones.

/// A sub-store's part of the schema.
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
    /// changes to the export data that the callback has yet to be told
    PendingExports,
}

impl Part {
    /// All parts, in the order in which the reference makes them.
    pub const ALL: [Part; 5] = [
        Part::PendingExports,
        Part::Kv,
        Part::Transcripts,
        Part::Snapshots,
        Part::Bundles,
    ];

    /// The statements that make this part where it is missing.
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
                   endPos INTEGER, -- the position behind its last
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
}
