//! Export: a store's records and artifacts, as of one moment.
//!
//! An exporter is a read transaction on a connection of its own. The kernel goes on committing;
//! the exporter does not see it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::params;

use super::shortfall::Incomplete;
use crate::store::database::locate::file_in_directory;
use crate::store::database::read_view::ReadView;
use crate::store::database::schema::Part;
use crate::store::database::sql_text::SqlText;
use crate::store::database::{Database, Location, OpenOptions, SharedDatabase, schema_check};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::gzip::Decompressor;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::RECORD_PREFIX;
use crate::store::records::record::SpanRecord;
use crate::store::substores::Store;
use crate::store::substores::bundles::export_bundle;
use crate::store::substores::kv::{KeyType, key_type};
use crate::store::substores::snapshots::SnapshotRow;
use crate::store::substores::span_reader::SpanReader;
use crate::store::substores::transcripts::export_span;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// An export record: a key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// How much of the file an exporter keeps in memory, in KiB: little while it reads each page about
/// once, more while it reads rows in the order of their keys, which lie anywhere.
const CACHE_KIB: u32 = 4000;
const CACHE_KIB_FOR_RECORDS: u32 = 16_000;

/// A store as it was at one moment.
pub struct Exporter {
    db: SharedDatabase,
    mode: ArtifactMode,
    cache_kib: AtomicU32,
}

/// What an artifact consists of.
pub enum Artifact {
    /// A snapshot's image.
    Snapshot(Box<Decompressor>),
    /// A span's items.
    Span(SpanReader),
    /// A bundle.
    Bundle(Vec<u8>),
}

impl Exporter {
    /// An exporter of the store in a directory, as of its last commit.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`]; SQLite's errors, such as `SQLITE_NOTADB`, or `SQLITE_ERROR`
    /// where there is no store. No file is made there.
    pub fn open(directory: &Path, mode: ArtifactMode) -> Result<Exporter> {
        let file = file_in_directory(directory);
        // Where that can't be found out, opening the file says why.
        let is_missing = directory.is_dir() && matches!(file.try_exists(), Ok(false));
        let location = if is_missing {
            Location::Memory
        } else {
            Location::File(file)
        };
        let db = SharedDatabase::open(location, &OpenOptions::default())?;
        {
            let db = db.lock();
            schema_check::distrust(db.connection()?)?;
            db.execute("BEGIN TRANSACTION")?;
            // Reads the schema, which fixes the moment.
            db.check_tables()?;
            db.make_missing_tables()?;
            db.check_columns(&Part::STORED)?;
            // Without a kvStore it is no store.
            db.kv_get(b"", |_| ())?;
        }
        Ok(Exporter::over(db, mode))
    }

    /// An exporter of the store in a directory, as of its last commit, for functions of our own:
    /// it needs no permission to write, unless there is a log.
    ///
    /// # Errors
    /// As [`ReadView::open_one`]. What SQLite says when it is interrupted is
    /// [`Error::Aborted`] if `monitor` is asked.
    pub(crate) fn open_to_read(
        directory: &Path,
        mode: ArtifactMode,
        monitor: &Monitor,
    ) -> Result<Exporter> {
        let db = ReadView::open_one(directory, monitor)?;
        Ok(Exporter::over(SharedDatabase::new(db), mode))
    }

    /// An exporter over a database that is in a read transaction.
    pub(crate) fn over(db: SharedDatabase, mode: ArtifactMode) -> Exporter {
        let exporter = Exporter {
            db,
            mode,
            cache_kib: AtomicU32::new(0),
        };
        exporter.set_cache(CACHE_KIB);
        exporter.db.lock().pin_read();
        exporter
    }

    /// The database that is read.
    #[cfg(test)]
    pub(crate) fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// Should it fail, reading will, too, and say why.
    fn set_cache(&self, kib: u32) {
        if self.cache_kib.swap(kib, Ordering::Relaxed) != kib {
            let db = self.db.lock();
            drop(db.execute(&format!("PRAGMA cache_size=-{kib}")));
        }
    }

    /// The mode that was asked for.
    pub fn mode(&self) -> ArtifactMode {
        self.mode
    }

    /// Fails after [`Exporter::close`].
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn check_open(&self) -> Result<()> {
        self.db.lock().connection().map(drop)
    }

    /// The value of a host key.
    ///
    /// # Errors
    /// [`Error::ExporterRequiresHostKey`].
    pub fn get_host_kv(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if key_type(key) != KeyType::Host {
            return Err(Error::ExporterRequiresHostKey);
        }
        self.db
            .lock()
            .kv_get(key, |value| value.map(<[u8]>::to_vec))
    }

    /// All export records.
    pub fn export_data(&self) -> ExportRecords {
        self.records(&[
            Section::Kv,
            Section::Snapshots(true),
            Section::Snapshots(false),
            Section::Spans(true),
            Section::Bundles,
        ])
    }

    /// The export records of all but the key-value store.
    pub(crate) fn export_data_without_kv(&self) -> ExportRecords {
        self.records(&[
            Section::Snapshots(true),
            Section::Snapshots(false),
            Section::Spans(true),
            Section::Bundles,
        ])
    }

    fn records(&self, sections: &[Section]) -> ExportRecords {
        self.set_cache(CACHE_KIB_FOR_RECORDS);
        ExportRecords::new(&self.db, sections)
    }

    /// Fails unless everything is there that the mode needs. In `debug` mode nothing is.
    ///
    /// # Errors
    /// The first gap that was found.
    pub fn check_complete(&self) -> Result<()> {
        if self.mode == ArtifactMode::Debug {
            return Ok(());
        }
        let db = self.db.lock();
        db.check_bundles(self.mode)?;
        db.check_transcripts(self.mode)?;
        db.check_snapshots(self.mode)
    }

    /// As [`Exporter::check_complete`], with an error that also says what is missing, and what to do.
    ///
    /// # Errors
    /// The first gap that was found.
    pub(crate) fn check_complete_or_explain(&self) -> Result<()> {
        self.check_complete()
            .map_err(|error| Incomplete::Store.explain(&self.db.lock(), self.mode, error))
    }

    /// The names of all artifacts of the mode.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn artifact_names(&self) -> Result<Vec<Vec<u8>>> {
        let db = self.db.lock();
        let mut names = db.snapshot_names(self.mode)?;
        names.extend(db.span_names(self.mode)?);
        names.extend(
            db.bundle_ids()?
                .iter()
                .map(|bundle_id| names::bundle_name(bundle_id)),
        );
        Ok(names)
    }

    /// The names of the spans that are yet to end.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub(crate) fn current_span_names(&self) -> Result<HashSet<Vec<u8>>> {
        let names = self.db.lock().span_names(ArtifactMode::Operational)?;
        Ok(names.into_iter().collect())
    }

    /// A snapshot as the gzip file that the store has.
    ///
    /// # Errors
    /// [`Error::NotSnapshotName`]; [`Error::SnapshotNotAvailable`]; [`Error::SnapshotPruned`].
    pub(crate) fn compressed_snapshot(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.db.lock().compressed_snapshot(name)
    }

    /// Fails where [`Exporter::artifact`] would fail for the artifact's name alone.
    ///
    /// # Errors
    /// [`Error::InvalidArtifactType`]; for snapshots, all that [`Exporter::artifact`] says.
    pub fn check_artifact_name(&self, name: &[u8]) -> Result<()> {
        match names::kind(name) {
            b"snapshot" => self.db.lock().find_snapshot(name).map(drop),
            b"transcript" | b"bundle" => Ok(()),
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// An artifact.
    ///
    /// # Errors
    /// For a name that is malformed, and for an artifact that is not there.
    pub fn artifact(&self, name: &[u8]) -> Result<Artifact> {
        self.set_cache(CACHE_KIB);
        match names::kind(name) {
            b"snapshot" => Ok(Artifact::Snapshot(Box::new(
                self.db.lock().export_snapshot(name)?,
            ))),
            b"transcript" => Ok(Artifact::Span(export_span(&self.db, name)?)),
            b"bundle" => Ok(Artifact::Bundle(export_bundle(&self.db, name)?)),
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// Ends the read transaction and closes the connection. What is open fails from now on.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`] the second time.
    pub fn close(&self) -> Result<()> {
        let mut db = self.db.lock();
        let ended = db.unpin_read();
        if matches!(ended, Err(Error::DatabaseClosed)) {
            return ended;
        }
        db.close();
        ended
    }
}

/// One table's worth of export records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Kv,
    /// Snapshots that are in use, or that are not.
    Snapshots(bool),
    /// Spans: all of them, or the current ones only.
    Spans(bool),
    Bundles,
}

/// Export records, batch by batch, in the order in which exports give them.
pub struct ExportRecords {
    db: SharedDatabase,
    place: Mutex<RecordCursor>,
}

struct RecordCursor {
    /// The sections yet to be read, the next one last.
    sections: Vec<Section>,
    /// The last key, or vat and position, that was read in the present section.
    after: Option<(Vec<u8>, i64)>,
}

impl ExportRecords {
    fn new(db: &SharedDatabase, sections: &[Section]) -> ExportRecords {
        ExportRecords {
            db: db.clone(),
            place: Mutex::new(RecordCursor {
                sections: sections.iter().rev().copied().collect(),
                after: None,
            }),
        }
    }

    /// The next records; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn next_batch(&self) -> Result<Option<Vec<Record>>> {
        let mut records = Vec::new();
        let more = self.next_batch_with(|key, value| records.push((key.to_vec(), value.to_vec())));
        Ok(more?.then_some(records))
    }

    /// Gives `take` the keys and values of the next records; false if there were none left.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn next_batch_with(&self, mut take: impl FnMut(&[u8], &[u8])) -> Result<bool> {
        let db = self.db.lock();
        db.connection()?;
        let mut place = lock::lock(&self.place);
        while let Some(section) = place.sections.last().copied() {
            let mut batch = Batch {
                take: &mut take,
                bytes: 0,
                is_empty: true,
            };
            let after = section.read(&db, place.after.take(), &mut batch)?;
            let is_empty = batch.is_empty;
            if after.is_none() {
                place.sections.pop();
            }
            place.after = after;
            if !is_empty {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Records on their way to whoever asked for them.
struct Batch<'t> {
    take: &'t mut dyn FnMut(&[u8], &[u8]),
    bytes: usize,
    is_empty: bool,
}

impl Batch<'_> {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        (self.take)(key, value);
        self.bytes += key.len() + value.len();
        self.is_empty = false;
    }
}

impl Section {
    /// Reads on behind `after`, and returns where it stopped; `None` at the section's end.
    fn read(
        self,
        db: &Database,
        after: Option<(Vec<u8>, i64)>,
        batch: &mut Batch<'_>,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        const SNAPSHOT: &str =
            "SELECT vatID, inUse, snapPos, hash, uncompressedSize, compressedSize FROM snapshots";
        const SPAN: &str = "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation
                            FROM transcriptSpans";
        // An empty key is a key, so the first batch starts at it and not behind it.
        let op = if after.is_none() { ">=" } else { ">" };
        let sql = match self {
            Section::Kv => {
                format!("SELECT key, value FROM kvStore WHERE key {op} ?1 ORDER BY key")
            }
            Section::Snapshots(in_use) => format!(
                "{SNAPSHOT} WHERE inUse IS {} AND (vatID, snapPos) > (?1, ?2)
                 ORDER BY vatID, snapPos",
                if in_use { "1" } else { "NULL" }
            ),
            Section::Spans(all) => format!(
                "{SPAN} WHERE (vatID, startPos) > (?1, ?2) {}
                 ORDER BY vatID, startPos",
                if all { "" } else { "AND isCurrent = 1" }
            ),
            Section::Bundles => {
                format!("SELECT bundleID FROM bundles WHERE bundleID {op} ?1 ORDER BY bundleID")
            }
        };
        let (key, position) = after.unwrap_or((Vec::new(), i64::MIN));
        let mut statement = db.prepare(&sql)?;
        let mut rows = match self {
            Section::Kv | Section::Bundles => statement.query(params![SqlText(&key)])?,
            _ => statement.query(params![SqlText(&key), position])?,
        };
        let limit = limits().record_batch_bytes;
        // The key of a record, and that of its row.
        let (mut record_key, mut place) = (Vec::new(), (Vec::new(), 0));
        while let Some(row) = rows.next()? {
            match self {
                Section::Kv => {
                    let key = wtf8::in_column(row.get_ref(0)?)?;
                    if key_type(key) == KeyType::Consensus {
                        record_key.clear();
                        record_key.extend_from_slice(RECORD_PREFIX);
                        record_key.extend_from_slice(key);
                        batch.add(&record_key, row.get_ref(1)?.as_bytes()?);
                    }
                    // What is passed over takes time, too.
                    batch.bytes += key.len();
                    place.0.clear();
                    place.0.extend_from_slice(key);
                }
                Section::Snapshots(_) => {
                    // As the table has it, which is not how it is read.
                    let vat_id = wtf8::in_column(row.get_ref(0)?)?.to_vec();
                    let row = SnapshotRow::read(row)?;
                    let name = names::snapshot_name(&row.vat_id, row.info.snap_pos);
                    batch.add(&name, &row.record().to_json());
                    if row.in_use {
                        batch.add(&names::current_snapshot_key(&row.vat_id), &name);
                    }
                    place = (vat_id, row.info.snap_pos);
                }
                Section::Spans(_) => {
                    let vat_id = wtf8::in_column(row.get_ref(0)?)?.to_vec();
                    let span = SpanRecord::from_row(row)?;
                    batch.add(&span.key(), &span.to_json());
                    place = (vat_id, span.start_pos);
                }
                Section::Bundles => {
                    let id = wtf8::in_column(row.get_ref(0)?)?;
                    batch.add(&names::bundle_name(id), &wtf8::as_read(id));
                    place = (id.to_vec(), 0);
                }
            }
            if batch.bytes >= limit {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

impl Store {
    /// The export records of the spans: of all, or of the current ones only.
    pub fn span_records(&self, include_historical: bool) -> ExportRecords {
        ExportRecords::new(self.database(), &[Section::Spans(include_historical)])
    }

    /// The export records of the snapshots: of all, or of those in use only.
    pub fn snapshot_records(&self, include_historical: bool) -> ExportRecords {
        let sections = [Section::Snapshots(true), Section::Snapshots(false)];
        ExportRecords::new(
            self.database(),
            &sections[..if include_historical { 2 } else { 1 }],
        )
    }

    /// The export records of the bundles.
    pub fn bundle_records(&self) -> ExportRecords {
        ExportRecords::new(self.database(), &[Section::Bundles])
    }
}
