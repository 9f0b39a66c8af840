//! Exporter: the export records and artifacts of a store as of one commit.
//!
//! An exporter holds a read transaction on a connection of its own. The kernel can commit
//! meanwhile; the exporter does not see these commits.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::params;

use super::history_source::{Absent, FetchAhead, FetchedArtifact, HistorySource, Wanted};
use super::incomplete::Incomplete;
use crate::store::database::locate::file_in_directory;
use crate::store::database::read_view::ReadView;
use crate::store::database::schema::Part;
use crate::store::database::sql_text::SqlText;
use crate::store::database::{Database, Location, OpenOptions, SharedDatabase, schema_check};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::fs::read_ahead::ReadAhead;
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
use crate::store::tasks::limits::{limits, page_cache_kib};
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// An export record: a key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Reads the export records and artifacts of a store as of one commit.
pub struct Exporter {
    db: SharedDatabase,
    mode: ArtifactMode,
    cache_kib: AtomicU32,
    /// The number of spans that were requested.
    spans: AtomicU32,
    read_ahead: Mutex<Option<ReadAhead>>,
    /// Has what the store has pruned.
    history: Option<PrunedHistory>,
}

/// History that the store has pruned, from another place.
struct PrunedHistory {
    source: Arc<HistorySource>,
    /// For the names that were listed last.
    ahead: Mutex<Arc<FetchAhead>>,
    closed: Arc<AtomicBool>,
}

impl PrunedHistory {
    fn new(source: HistorySource) -> PrunedHistory {
        let source = Arc::new(source);
        let closed = Arc::default();
        PrunedHistory {
            ahead: Mutex::new(Arc::new(FetchAhead::new(&source, Vec::new(), &closed))),
            source,
            closed,
        }
    }

    /// Announces the order in which a caller will take artifacts, if it takes all.
    fn expect(&self, order: Vec<Wanted>) {
        let ahead = FetchAhead::new(&self.source, order, &self.closed);
        *lock::lock(&self.ahead) = Arc::new(ahead);
    }

    fn take(&self, wanted: &Wanted) -> Result<FetchedArtifact> {
        let ahead = lock::lock(&self.ahead).clone();
        ahead.take(wanted)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.expect(Vec::new());
    }
}

/// How many spans are requested before the file is read ahead: a caller that wants a few should not
/// cause more.
const SPANS_BEFORE_READ_AHEAD: u32 = 8;

/// The contents of an artifact.
pub enum Artifact {
    /// The XS heap of a snapshot.
    Snapshot(Box<Decompressor>),
    /// The items of a span.
    Span(SpanReader),
    /// A bundle.
    Bundle(Vec<u8>),
    /// An artifact that the store has pruned.
    Fetched(FetchedArtifact),
}

impl Exporter {
    /// Opens an exporter of the store in a directory, as of its last commit.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`]; SQLite's errors, such as `SQLITE_NOTADB`, or `SQLITE_ERROR` if
    /// the directory has no store. No file is created.
    pub fn open(directory: &Path, mode: ArtifactMode) -> Result<Exporter> {
        let file = file_in_directory(directory);
        // If the check fails, opening the file reports the reason.
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
            // The first read starts the read transaction.
            db.check_tables()?;
            db.make_missing_tables()?;
            db.check_columns(&Part::STORED)?;
            // Fails if the file is not a store.
            db.kv_get(b"", |_| ())?;
        }
        Ok(Exporter::over(db, mode))
    }

    /// Like [`Exporter::open`], with artifacts that the store has pruned from the place `history`: a
    /// path or a URL. Each artifact is checked against the store's record of it, so the place need not
    /// be trusted.
    ///
    /// # Errors
    /// Those of [`Exporter::open`] and [`Place::parse`](crate::store::places::Place::parse);
    /// [`Error::BadArgument`] if the mode needs no history. An artifact that can't be taken is an error
    /// of [`Artifact::Fetched`].
    pub fn open_with_history(
        directory: &Path,
        mode: ArtifactMode,
        history: &Path,
    ) -> Result<Exporter> {
        HistorySource::check_mode(Some(mode))?;
        let source = HistorySource::parse(history)?;
        Ok(Exporter {
            history: Some(PrunedHistory::new(source)),
            ..Exporter::open(directory, mode)?
        })
    }

    /// Opens an exporter for functions that the reference does not have. Unlike [`Exporter::open`],
    /// it needs no write permission, unless the database has a WAL.
    ///
    /// # Errors
    /// As [`ReadView::open_one`]. SQLite's error after an interruption becomes [`Error::Aborted`]
    /// when the caller checks `monitor`.
    pub(crate) fn open_to_read(
        directory: &Path,
        mode: ArtifactMode,
        monitor: &Monitor,
    ) -> Result<Exporter> {
        let db = ReadView::open_one(directory, monitor)?;
        Ok(Exporter::over(SharedDatabase::new(db), mode))
    }

    /// Like [`Exporter::open_to_read`], with `wanted` exporters of the same commit, or fewer if others
    /// commit continually.
    ///
    /// # Errors
    /// Those of [`Exporter::open_to_read`].
    pub(crate) fn open_several_to_read(
        directory: &Path,
        mode: ArtifactMode,
        wanted: usize,
        monitor: &Monitor,
    ) -> Result<Vec<Exporter>> {
        let connections = ReadView::open_stores(directory, wanted, monitor)?;
        let over = |db| Exporter::over(SharedDatabase::new(db), mode);
        Ok(connections.into_iter().map(over).collect())
    }

    /// Creates an exporter over a database in a read transaction.
    pub(crate) fn over(db: SharedDatabase, mode: ArtifactMode) -> Exporter {
        let exporter = Exporter {
            db,
            mode,
            cache_kib: AtomicU32::new(0),
            spans: AtomicU32::new(0),
            read_ahead: Mutex::default(),
            history: None,
        };
        exporter.set_cache(page_cache_kib::EXPORTER);
        exporter.db.lock().pin_read();
        exporter
    }

    /// The exporter's database.
    pub(crate) fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// Sets the size of the page cache. An error is ignored: reads report it.
    fn set_cache(&self, kib: u32) {
        if self.cache_kib.swap(kib, Ordering::Relaxed) != kib {
            let db = self.db.lock();
            drop(db.execute(&format!("PRAGMA cache_size=-{kib}")));
        }
    }

    /// The artifact mode.
    pub fn mode(&self) -> ArtifactMode {
        self.mode
    }

    /// Checks that the exporter is open.
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
        self.set_cache(page_cache_kib::EXPORTER_OF_RECORDS);
        ExportRecords::new(&self.db, sections)
    }

    /// Checks that the store has everything that the mode needs. `debug` mode needs nothing.
    ///
    /// # Errors
    /// The first gap.
    pub fn check_complete(&self) -> Result<()> {
        if self.mode == ArtifactMode::Debug {
            return Ok(());
        }
        let db = self.db.lock();
        if self.history.is_some() {
            return db.check_all_with(self.mode, &db.absent(self.mode)?);
        }
        db.check_all(self.mode)
    }

    /// As [`Exporter::check_complete`], with an error that names the missing artifacts and a
    /// remedy.
    ///
    /// # Errors
    /// The first gap.
    pub(crate) fn check_complete_or_explain(&self) -> Result<()> {
        self.check_complete()
            .map_err(|error| Incomplete::Store.explain(&self.db.lock(), self.mode, error))
    }

    /// As [`Exporter::check_complete_or_explain`], apart from artifacts that another place has.
    ///
    /// # Errors
    /// The first gap.
    pub(crate) fn check_complete_with(&self, absent: &Absent) -> Result<()> {
        let checked = self.db.lock().check_all_with(self.mode, absent);
        checked.map_err(|error| Incomplete::no_record(self.mode, error))
    }

    /// The artifacts of the mode whose contents the store lacks.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub(crate) fn absent(&self) -> Result<Absent> {
        self.db.lock().absent(self.mode)
    }

    /// The names of the artifacts of an export in this mode.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn artifact_names(&self) -> Result<Vec<Vec<u8>>> {
        let db = self.db.lock();
        let Some(history) = &self.history else {
            let snapshots = db.snapshot_names(self.mode)?;
            return self.names_after(&db, snapshots);
        };
        history.expect(db.absent(self.mode)?.artifacts);
        let snapshots = db.names_of_snapshots_in_use()?;
        self.names_after(&db, snapshots)
    }

    /// The names of the artifacts that the mode needs, whether the store has them or not.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub(crate) fn needed_names(&self) -> Result<Vec<Vec<u8>>> {
        let db = self.db.lock();
        let snapshots = db.names_of_snapshots_in_use()?;
        self.names_after(&db, snapshots)
    }

    /// Adds the names of spans and bundles to those of snapshots.
    fn names_after(&self, db: &Database, snapshots: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        let mut names = snapshots;
        names.extend(db.span_names(self.mode)?);
        names.extend(
            db.bundle_ids()?
                .iter()
                .map(|bundle_id| names::bundle_name(bundle_id)),
        );
        Ok(names)
    }

    /// The spans of an export in this mode.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub(crate) fn spans(&self) -> Result<Vec<SpanRecord>> {
        self.db.lock().spans_of_mode(self.mode)
    }

    /// The artifact names of the current spans.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub(crate) fn current_span_names(&self) -> Result<HashSet<Vec<u8>>> {
        let names = self.db.lock().span_names(ArtifactMode::Operational)?;
        Ok(names.into_iter().collect())
    }

    /// A snapshot as gzip data, as the store has it.
    ///
    /// # Errors
    /// [`Error::NotSnapshotName`]; [`Error::SnapshotNotAvailable`]; [`Error::SnapshotPruned`].
    pub(crate) fn compressed_snapshot(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.db.lock().compressed_snapshot(name)
    }

    /// Checks an artifact's name as [`Exporter::artifact`] does.
    ///
    /// # Errors
    /// [`Error::InvalidArtifactType`]; for snapshots, as [`Exporter::artifact`].
    pub fn check_artifact_name(&self, name: &[u8]) -> Result<()> {
        match names::kind(name) {
            b"snapshot" => {
                let found = self.db.lock().find_snapshot(name).map(drop);
                match found {
                    Err(Error::SnapshotPruned(_)) if self.history.is_some() => Ok(()),
                    found => found,
                }
            }
            b"transcript" | b"bundle" => Ok(()),
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// The artifact of this name.
    ///
    /// # Errors
    /// If the name is malformed, or the store does not have the artifact; with history from another
    /// place, also [`Error::FromHistory`] if that lacks the artifact or has another one, and
    /// [`Error::Remote`], [`Error::RemoteFile`], [`Error::Directory`] and [`Error::Io`].
    pub fn artifact(&self, name: &[u8]) -> Result<Artifact> {
        if let Some(history) = &self.history {
            let absent = self.db.lock().absent_artifact(name)?;
            if let Some(wanted) = absent {
                return match history.take(&wanted) {
                    // The exporter was closed meanwhile.
                    Err(Error::Aborted) => Err(Error::DatabaseClosed),
                    fetched => fetched.map(Artifact::Fetched),
                };
            }
        }
        self.set_cache(page_cache_kib::EXPORTER);
        match names::kind(name) {
            b"snapshot" => Ok(Artifact::Snapshot(Box::new(
                self.db.lock().export_snapshot(name)?,
            ))),
            b"transcript" => {
                if self.spans.fetch_add(1, Ordering::Relaxed) == SPANS_BEFORE_READ_AHEAD {
                    self.read_ahead();
                }
                Ok(Artifact::Span(export_span(&self.db, name)?))
            }
            b"bundle" => Ok(Artifact::Bundle(export_bundle(&self.db, name)?)),
            _ => Err(Error::InvalidArtifactType(name.to_vec())),
        }
    }

    /// Starts to read the file into the system's page cache, unless the mode needs only a small part
    /// of it.
    fn read_ahead(&self) {
        let db = self.db.lock();
        if self.mode != ArtifactMode::Operational
            && let Some(file) = db.file()
        {
            *lock::lock(&self.read_ahead) = Some(ReadAhead::start(file));
        }
    }

    /// Ends the read transaction and closes the connection. Further reads of open artifacts and
    /// records fail.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`] if the exporter is closed.
    pub fn close(&self) -> Result<()> {
        if let Some(history) = &self.history {
            history.close();
        }
        // Its descriptor is closed after SQLite's.
        drop(lock::lock(&self.read_ahead).take());
        let mut db = self.db.lock();
        let ended = db.unpin_read();
        if matches!(ended, Err(Error::DatabaseClosed)) {
            return ended;
        }
        db.close();
        ended
    }
}

/// A part of the export data: the records of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Kv,
    /// Snapshots in use (true) or not in use (false).
    Snapshots(bool),
    /// All spans (true) or current spans only (false).
    Spans(bool),
    Bundles,
}

/// Reads export records in batches, in the order of an export.
pub struct ExportRecords {
    db: SharedDatabase,
    place: Mutex<RecordCursor>,
}

struct RecordCursor {
    /// The remaining sections, in reverse order.
    sections: Vec<Section>,
    /// The last key, or vat ID and position, that was read in the current section.
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

    /// The next records; `None` after the last record.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn next_batch(&self) -> Result<Option<Vec<Record>>> {
        let mut records = Vec::new();
        let more = self.next_batch_with(|key, value| records.push((key.to_vec(), value.to_vec())));
        Ok(more?.then_some(records))
    }

    /// Calls `take` with the key and value of each record in the next batch. Returns false after
    /// the last record.
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

/// Passes records to `take`, and counts their bytes.
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
    /// Reads a batch of records after the row `after`. Returns the last row that was read; `None`
    /// at the end of the section.
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
        // The empty key is a valid key, so the first batch includes it.
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
        // The key of the record, and the key of its row.
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
                    // Skipped rows count, too, because they take time.
                    batch.bytes += key.len();
                    place.0.clear();
                    place.0.extend_from_slice(key);
                }
                Section::Snapshots(_) => {
                    // The bytes in the table, before conversion to well-formed Unicode.
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
    /// The export records of all spans, or of the current spans only.
    pub fn span_records(&self, include_historical: bool) -> ExportRecords {
        ExportRecords::new(self.database(), &[Section::Spans(include_historical)])
    }

    /// The export records of all snapshots, or of those in use only.
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
