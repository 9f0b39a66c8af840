//! Everything that can go wrong in a store, and the words for it.
//!
//! Callers of the reference match on its messages, so they are part of the contract and all of
//! them stand here. A message comes in two forms: SES, under its default error taming, hides
//! values that were not explicitly declared fit to show, and writes `(a string)` in their place.

pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod refusal;
pub(crate) mod sqlite;
pub(crate) mod system;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::encoding::quote;
use directory::Fault;
use history::HistoryFault;
use refusal::Refusal;

/// What an operation of a store returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether a message shows the values that SES hides by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every value is shown, as under `errorTaming: 'unsafe'`.
    Shown,
    /// Values that may be secret are replaced by their type, as SES does by default.
    Hidden,
}

/// A value in a message: as it is shown, and its type in parentheses, which is shown where values
/// are hidden.
pub type Described = (String, &'static str);

/// Which JavaScript constructor stands for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `Error`
    Error,
    /// `TypeError`
    TypeError,
    /// `RangeError`
    RangeError,
    /// `SyntaxError`
    SyntaxError,
    /// `SqliteError`, an error of SQLite itself, whose `code` is SQLite's.
    SqliteError,
}

/// One failure of a store operation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// An argument has the wrong type: `WrongType("key", "a string")`.
    WrongType(&'static str, &'static str),
    /// A position below zero.
    NegativePosition,
    /// A position, which must be a whole number that JavaScript holds exactly, is not.
    InexactPosition {
        /// which argument
        what: &'static str,
        /// what was given
        found: f64,
    },
    /// A deletion budget that is not a positive number.
    BadBudget,
    /// A `host.` key was given to the kernel's store.
    KernelRefusesHostKey,
    /// A key without `host.` was given to the host's store.
    HostRequiresHostKey,
    /// A key without `host.` was given to an exporter's `getHostKV`.
    ExporterRequiresHostKey,
    /// Not one of the four artifact modes.
    InvalidArtifactMode(Vec<u8>),

    /// The store was closed.
    StoreClosed,
    /// The database handle was closed.
    DatabaseClosed,
    /// The directory in which a database was to be opened is not there.
    NoSuchDirectory,
    /// There is no store in a directory.
    NoStore {
        /// the directory that was named
        directory: PathBuf,
        /// what was found there, and what to do
        problem: String,
    },
    /// A store's file has a log beside it that can't be read, since its directory can't be written
    /// to; the file.
    UnreadableLog(PathBuf),
    /// A store's file has a journal beside it of a transaction that was not finished, which this
    /// user may not roll back; the file.
    UnfinishedTransaction(PathBuf),
    /// A database declares something that no store does.
    Schema {
        /// the file, if it is not in memory
        file: Option<PathBuf>,
        /// what it declares
        problem: String,
    },
    /// The database could not be put into the journal mode that the store needs.
    JournalMode {
        /// the mode asked for
        wanted: &'static str,
        /// the mode that SQLite answered with
        found: String,
    },
    /// The disk failed while something was written without a journal, by which it could be undone.
    Torn,
    /// A panic may have left what a store has in memory half changed.
    Faulted,
    /// A panic ended a piece of work, which can't go on.
    WorkFaulted,
    /// The state that was being read is gone: the disk failed, and somebody has committed since.
    PinnedReadLost,
    /// A change of journal mode in the middle of a transaction.
    InTransaction,

    /// `startCrank` inside a crank.
    CrankInCrank,
    /// A crank operation outside of a crank; the operation's name.
    OutsideCrank(&'static str),
    /// `rollbackCrank` to a savepoint that was not established; its name, quoted.
    NoSuchSavepoint(String),

    /// The vat has no current span.
    NoCurrentTranscript(Vec<u8>),
    /// The vat has no span that starts there.
    NoTranscriptSpan {
        /// the vat
        vat_id: Vec<u8>,
        /// where the span was said to start
        start_pos: f64,
    },
    /// A span whose end lies before its start.
    SpanEndsBeforeStart {
        /// first position
        start_pos: i64,
        /// position behind the last
        end_pos: i64,
    },
    /// Fewer items were found than the span's record says.
    MissingTranscriptItems {
        /// how many there were
        found: i64,
        /// how many there should have been
        expected: i64,
    },
    /// A name that is not that of a transcript artifact; `double_quoted` is the importer's form.
    NotTranscriptName {
        /// the name
        name: Vec<u8>,
        /// whether the reference's message puts the quoted name into quotes once more
        double_quoted: bool,
    },
    /// A name that is not that of a snapshot artifact.
    NotSnapshotName {
        /// the name
        name: Vec<u8>,
        /// true for the importer's form of the message
        on_import: bool,
    },
    /// A name that is not that of a bundle artifact.
    NotBundleName(Vec<u8>),
    /// The span is not in the store.
    SpanNotAvailable(Vec<u8>),
    /// The snapshot is not in the store.
    SnapshotNotAvailable(Vec<u8>),
    /// The snapshot's record is there, its contents are not.
    SnapshotPruned(Vec<u8>),
    /// The vat has no snapshot to load.
    NoSnapshot(Vec<u8>),
    /// The bundle is not in the store.
    BundleNotFound(Vec<u8>),
    /// The bundle's record is there, its contents are not.
    BundlePruned(Vec<u8>),
    /// There is no record that the bundle's contents could be put into.
    BundleRecordMissing(Vec<u8>),
    /// A bundle ID that starts with neither `b0-` nor `b1-`; `declassified` shows it always.
    UnsupportedBundleId {
        /// the ID
        bundle_id: Vec<u8>,
        /// whether the message shows it even where values are hidden
        declassified: bool,
    },
    /// A row with such an ID, which no store of ours or the reference's writes.
    UnsupportedBundleIdFound(Vec<u8>),
    /// A bundle of a format that its ID does not allow.
    UnsupportedBundleFormat {
        /// `b0` or `b1`
        version: &'static str,
        /// the format, as JSON text
        format: String,
    },
    /// A bundle's contents do not have the hash that its ID says.
    BundleMismatch {
        /// the ID
        bundle_id: Vec<u8>,
        /// whether the contents are an artifact being imported
        artifact: bool,
    },
    /// A bundle that was refused, in the words of the check that refused it.
    BundleRefused(Refusal),
    /// The type of an artifact's name is unknown to the exporter.
    InvalidArtifactType(Vec<u8>),
    /// An export record that is not JSON. JavaScript's own parser words it better.
    NotJson(Vec<u8>),
    /// Reading a field of JSON that is `null`, as JavaScript says it.
    NotAnObject {
        /// the first field that was looked for
        field: &'static str,
    },

    /// A record lacks a field.
    MetadataMissing {
        /// `transcript` or `snapshot`
        kind: &'static str,
        /// the field
        field: &'static str,
        /// the record
        metadata: Described,
    },
    /// A field of a record has a type that no exporter writes.
    MetadataType {
        /// `transcript` or `snapshot`
        kind: &'static str,
        /// the field
        field: &'static str,
        /// the record
        metadata: Described,
    },
    /// A transcript record's key says something else than the record.
    KeyMismatch {
        /// the key
        key: Vec<u8>,
        /// the record
        metadata: Described,
    },
    /// Two values that must be the same are not; their types, as JavaScript names them.
    NotSame {
        /// the value found
        actual: Described,
        /// the value expected
        expected: Described,
    },
    /// A record contradicts the one that the store has.
    RepairMismatch {
        /// the method that found it
        method: &'static str,
        /// what the store has, as JSON text
        existing: String,
        /// what the record says
        metadata: Described,
    },
    /// A repair brought a bundle that the store does not have.
    UnexpectedBundleRecord(Vec<u8>),
    /// An artifact for which there is no record.
    NoMetadata {
        /// `transcript span` or `snapshot`
        kind: &'static str,
        /// the artifact's name
        name: Vec<u8>,
    },
    /// The vat of a span has no current span, so its incarnation is unknown.
    NoCurrentIncarnation(Vec<u8>),
    /// A transcript artifact with more or fewer items than its record says.
    IncompleteArtifact(Vec<u8>),
    /// A transcript artifact whose hash is not the record's.
    SpanHashMismatch {
        /// the artifact's name
        name: Vec<u8>,
        /// the hash of its contents
        actual: String,
        /// the hash in its record
        expected: Vec<u8>,
    },
    /// A snapshot artifact whose hash is not the record's.
    SnapshotHashMismatch {
        /// the artifact's name
        name: Vec<u8>,
        /// the hash of its contents
        actual: String,
        /// the hash in its record
        expected: Vec<u8>,
    },
    /// A stored snapshot that does not have its hash.
    LoadedHashMismatch {
        /// the hash of its contents
        actual: String,
        /// the hash in its record
        expected: Vec<u8>,
    },
    /// Bytes that are not the gzip file they should be.
    BadGzip(String),

    /// A current span lacks items.
    IncompleteCurrentSpan {
        /// how many there are
        count: i64,
        /// the span's row, as JSON text
        span: String,
    },
    /// A current incarnation lacks items.
    IncompleteIncarnation(i64),
    /// A vat's history lacks items.
    IncompleteArchive {
        /// how many there are
        count: i64,
        /// how many there should be
        expected: i64,
    },
    /// Another error, and more about it.
    Explained {
        /// what went wrong
        error: Box<Error>,
        /// what exactly, and what to do
        more: String,
    },
    /// Snapshots in use whose contents are gone; their vats, joined by commas.
    CurrentSnapshotsPruned(Vec<u8>),
    /// Bundles whose contents are gone; their IDs, joined by commas.
    BundlesMissing(Vec<u8>),
    /// The completeness check is not made for this mode.
    NoSuchCheck(&'static str),
    /// There is no such mode that completeness could be checked for; the mode, quoted.
    UnknownCheckMode(Vec<u8>),
    /// A record, or an artifact, of a kind that no store has.
    UnknownOnImport {
        /// `export-data` or `artifact`
        what: &'static str,
        /// the part of its name before the first dot
        kind: Vec<u8>,
    },
    /// A question about a store's history that has no answer.
    History(HistoryFault),
    /// An artifact, or one item of it, that is longer than any is expected to be.
    ArtifactTooLong {
        /// the artifact's name
        name: Vec<u8>,
        /// the most bytes that are taken
        limit: u64,
    },
    /// An artifact of a span that ends elsewhere in this store.
    SpanEndsElsewhere {
        /// the artifact's name
        name: Vec<u8>,
        /// where the store's span ends
        end_pos: i64,
    },
    /// An artifact that the store knows nothing of.
    UnknownArtifact(Vec<u8>),
    /// What an artifact is for was changed or deleted while it was being read.
    ArtifactOvertaken(Vec<u8>),
    /// Somebody has the store open who must not; says what is in the way.
    StoreInUse(&'static str),
    /// Somebody has a store's file open that is about to be replaced.
    StoreHeld {
        /// the file
        file: PathBuf,
        /// who has it open
        holder: String,
    },
    /// Another SQLite library of this process has the file open.
    OtherLibrary {
        /// the file
        file: PathBuf,
        /// the library that this is, and others that it may be, as far as is known
        others: Vec<PathBuf>,
    },
    /// The disk has too little room for what is to be done.
    NoRoom {
        /// where
        directory: PathBuf,
        /// bytes that are needed
        needed: u64,
        /// bytes that there are
        available: u64,
    },
    /// An argument that does not make sense; says what was found and what to do.
    BadArgument(String),
    /// An export record of a kind that no store has was to repair one; its key.
    UnknownOnRepair(Vec<u8>),
    /// Something is wrong with an export's directory.
    Directory(Fault),
    /// The work was ended from outside.
    Aborted,

    /// Something that is not bytes came out of a stream.
    NotBytes {
        /// which stream
        stream: &'static str,
    },

    /// A statement was used in a way that it does not allow; better-sqlite3's words.
    Statement {
        /// the constructor that stands for it
        class: Class,
        /// the message
        message: String,
    },
    /// A string or blob that is longer than any that a store holds.
    TooBig,
    /// SQLite refused.
    Sqlite {
        /// SQLite's name for the extended result code, such as `SQLITE_BUSY`
        code: &'static str,
        /// SQLite's own words
        message: String,
        /// the system's name for the failure that SQLite met, such as `EMFILE`, if it was one
        system: Option<&'static str>,
    },
    /// A row holds something that no store writes.
    BadRow(String),
    /// The file system refused.
    Io {
        /// what was being done
        doing: String,
        /// the system's name for the failure, such as `ENOENT`
        code: String,
        /// the system's own words
        message: String,
    },
    /// A fault of this package, never the caller's.
    Internal(String),
}

/// The longest message, in bytes. The values that it quotes are shorter.
const MAX_MESSAGE_BYTES: usize = 20_000;

impl Error {
    /// The JavaScript constructor that stands for this error.
    pub fn class(&self) -> Class {
        match self {
            Error::DatabaseClosed | Error::NoSuchDirectory | Error::NotAnObject { .. } => {
                Class::TypeError
            }
            Error::NotSame { .. } | Error::TooBig => Class::RangeError,
            Error::NotJson(_) => Class::SyntaxError,
            Error::Sqlite { .. } => Class::SqliteError,
            Error::Statement { class, .. } => *class,
            Error::BundleRefused(refusal) => refusal.class(),
            _ => Class::Error,
        }
    }

    /// A stable name for the error's kind, given to JavaScript as the error's `code`.
    pub fn code(&self) -> &str {
        match self {
            Error::Sqlite { code, .. } => code,
            Error::Explained { error, .. } => error.code(),
            Error::Io { code, .. } => code,
            Error::WrongType(..)
            | Error::NegativePosition
            | Error::InexactPosition { .. }
            | Error::BadBudget
            | Error::InvalidArtifactMode(_)
            | Error::NotBytes { .. }
            | Error::UnknownOnImport { .. }
            | Error::BadArgument(_)
            | Error::UnknownOnRepair(_)
            | Error::TooBig
            | Error::Statement { .. } => "ERR_SWING_STORE_ARGUMENT",
            Error::Directory(fault) => fault.code(),
            Error::History(fault) => fault.code(),
            Error::Aborted => "ABORT_ERR",
            Error::KernelRefusesHostKey
            | Error::HostRequiresHostKey
            | Error::ExporterRequiresHostKey => "ERR_SWING_STORE_KEY",
            Error::StoreClosed | Error::DatabaseClosed => "ERR_SWING_STORE_CLOSED",
            Error::NoSuchDirectory
            | Error::NoStore { .. }
            | Error::UnreadableLog(_)
            | Error::UnfinishedTransaction(_)
            | Error::JournalMode { .. } => "ERR_SWING_STORE_OPEN",
            Error::Schema { .. } => "ERR_SWING_STORE_SCHEMA",
            Error::Torn | Error::Faulted => "ERR_SWING_STORE_TORN",
            Error::PinnedReadLost => "ERR_SWING_STORE_OVERTAKEN",
            Error::StoreInUse(_) | Error::StoreHeld { .. } => "ERR_SWING_STORE_IN_USE",
            Error::OtherLibrary { .. } => "ERR_SWING_STORE_OTHER_LIBRARY",
            Error::NoRoom { .. } => "ENOSPC",
            Error::InTransaction
            | Error::CrankInCrank
            | Error::OutsideCrank(_)
            | Error::NoSuchSavepoint(_) => "ERR_SWING_STORE_CRANK",
            Error::NoCurrentTranscript(_)
            | Error::NoTranscriptSpan { .. }
            | Error::SpanNotAvailable(_)
            | Error::SnapshotNotAvailable(_)
            | Error::SnapshotPruned(_)
            | Error::NoSnapshot(_)
            | Error::BundleNotFound(_)
            | Error::BundlePruned(_)
            | Error::BundleRecordMissing(_)
            | Error::UnknownArtifact(_)
            | Error::NoMetadata { .. } => "ERR_SWING_STORE_NOT_FOUND",
            Error::NotTranscriptName { .. }
            | Error::NotSnapshotName { .. }
            | Error::NotBundleName(_)
            | Error::InvalidArtifactType(_)
            | Error::NoSuchCheck(_)
            | Error::UnknownCheckMode(_) => "ERR_SWING_STORE_NAME",
            Error::MissingTranscriptItems { .. }
            | Error::IncompleteCurrentSpan { .. }
            | Error::IncompleteIncarnation(_)
            | Error::IncompleteArchive { .. }
            | Error::CurrentSnapshotsPruned(_)
            | Error::BundlesMissing(_) => "ERR_SWING_STORE_INCOMPLETE",
            Error::Internal(_) | Error::WorkFaulted => "ERR_SWING_STORE_INTERNAL",
            _ => "ERR_SWING_STORE_INVALID",
        }
    }

    /// The message, with values shown or hidden as `detail` says, and without what exceeds
    /// 20,000 bytes: parts of it may be anybody's.
    pub fn message(&self, detail: Detail) -> String {
        quote::cut(self.whole_message(detail), MAX_MESSAGE_BYTES)
    }

    fn whole_message(&self, detail: Detail) -> String {
        let hide = |shown: String, hidden: &str| match detail {
            Detail::Shown => shown,
            Detail::Hidden => hidden.to_owned(),
        };
        let string = |value: &[u8]| hide(show(value), "(a string)");
        let number = |value: i64| hide(value.to_string(), "(a number)");
        let object = |value: &str| hide(value.to_owned(), "(an object)");
        let described = |(shown, hidden): &Described| hide(shown.clone(), hidden);
        match self {
            Error::WrongType(what, wanted) => format!("{what} must be {wanted}"),
            Error::NegativePosition => "position must not be negative".into(),
            Error::InexactPosition { what, found } => {
                format!("{what} must be a whole number, not {found}")
            }
            Error::BadBudget => "budget must be undefined or positive".into(),
            Error::KernelRefusesHostKey => "kernelKVStore refuses host keys".into(),
            Error::HostRequiresHostKey => "hostKVStore requires host keys".into(),
            Error::ExporterRequiresHostKey => "getHostKV requires host keys".into(),
            Error::InvalidArtifactMode(mode) => {
                format!("invalid artifactMode {}", String::from_utf8_lossy(mode))
            }
            Error::StoreClosed => "db not initialized".into(),
            Error::DatabaseClosed => "The database connection is not open".into(),
            Error::NoSuchDirectory => {
                "Cannot open database because the directory does not exist".into()
            }
            Error::NoStore { directory, problem } => {
                format!("there is no store in {}: {problem}", directory.display())
            }
            Error::UnreadableLog(file) => format!(
                "{} has a log beside it (-wal), and to read that SQLite must make a file for its \
                 index (-shm) or write to it, and this user be allowed to read all three. Allow \
                 that, or read a copy of the store with its log",
                file.display()
            ),
            Error::UnfinishedTransaction(file) => format!(
                "{} has the journal of a transaction beside it (-journal) that a program began and \
                 did not finish. It has to be rolled back before the store can be read, and this \
                 user may not do so. Have a user who may write to the file, the journal and their \
                 directory run `swing-store verify`, which rolls it back; or copy the file and the \
                 journal, under the same names, to a directory of your own, and read that copy",
                file.display()
            ),
            Error::Schema { file, problem } => format!(
                "{} is not declared as a swing-store is: {problem}. Nothing was written. `swing-store \
                 verify` lists all such differences; restore the store from a backup, or by state-sync",
                match file {
                    Some(file) => file.display().to_string(),
                    None => "the database".into(),
                }
            ),
            Error::JournalMode { wanted, found } => format!(
                "Couldn't set swing-store DB to {} mode (is {})",
                string(wanted.as_bytes()),
                string(found.as_bytes())
            ),
            Error::Torn => {
                "the disk failed, or refused one step of several, in the middle of a transaction \
                 without a journal (in the unsafe fast mode, as imports are made), which can't be \
                 undone: the database is damaged. Close it, and import it anew or restore it from a backup"
                    .into()
            }
            Error::Faulted => {
                "an earlier call ended in a fault of swing-store-native, so what this \
                 store has in memory can't be relied on, and nothing of it can be read, written or \
                 committed. Close it and open it again: the last commit is intact (in \
                 the unsafe fast mode there is none to go back to: restore it from a backup)"
                    .into()
            }
            Error::WorkFaulted => {
                "an earlier call ended in a fault of swing-store-native, so this \
                 can't go on. Begin it again"
                    .into()
            }
            Error::PinnedReadLost => "the disk failed while a store was being read, which ended the \
                 read transaction, and the store has gone on since: the state that was being read \
                 is gone. Begin anew"
                .into(),
            Error::InTransaction => "must not be in a transaction".into(),
            Error::CrankInCrank => "startCrank while already in a crank".into(),
            Error::OutsideCrank(operation) => format!("{operation} outside of crank"),
            Error::NoSuchSavepoint(name) => format!("no such savepoint as \"{name}\""),
            Error::NoCurrentTranscript(vat_id) => {
                format!("no current transcript for {}", show(vat_id))
            }
            Error::NoTranscriptSpan { vat_id, start_pos } => format!(
                "no transcript span for {} at {}",
                show(vat_id),
                show_number(*start_pos)
            ),
            Error::SpanEndsBeforeStart { start_pos, end_pos } => {
                format!("{start_pos} <= {end_pos}}}")
            }
            Error::MissingTranscriptItems { found, expected } => {
                format!("read {found} transcript entries (expected {expected})")
            }
            Error::NotTranscriptName {
                name,
                double_quoted,
            } => {
                let form = "transcript.{vatID}.{startPos}.{endPos}";
                let quote = if *double_quoted { "'" } else { "" };
                let name = show(name);
                format!("expected artifact name of the form '{form}', saw {quote}{name}{quote}")
            }
            Error::NotSnapshotName { name, on_import } => {
                let form = "snapshot.{vatID}.{snapPos}";
                let name = show(name);
                if *on_import {
                    format!("expected snapshot name of the form '{form}', saw '{name}'")
                } else {
                    format!("expected artifact name of the form '{form}', saw {name}")
                }
            }
            Error::NotBundleName(name) => format!(
                "expected artifact name of the form 'bundle.{{bundleID}}', saw {}",
                show(name)
            ),
            Error::SpanNotAvailable(name) => {
                format!("transcript span {} not available", show(name))
            }
            Error::SnapshotNotAvailable(name) => format!("snapshot {} not available", show(name)),
            Error::SnapshotPruned(name) => format!("artifact {} is not available", show(name)),
            Error::NoSnapshot(vat_id) => {
                format!("no snapshot available for vat {}", show(vat_id))
            }
            Error::BundleNotFound(id) => format!("bundle {} not found", show(id)),
            Error::BundlePruned(id) => format!("bundle {} pruned", show(id)),
            Error::BundleRecordMissing(id) => format!("missing {}", string(id)),
            Error::UnsupportedBundleId {
                bundle_id,
                declassified,
            } => {
                let id = if *declassified {
                    show(bundle_id)
                } else {
                    string(bundle_id)
                };
                format!("unsupported BundleID {id}")
            }
            Error::UnsupportedBundleIdFound(id) => {
                format!("somehow found unsupported BundleID {}", show(id))
            }
            Error::UnsupportedBundleFormat { version, format } => {
                format!("unsupported {version}- module format {format}")
            }
            Error::BundleMismatch {
                bundle_id,
                artifact,
            } => {
                let tail = if *artifact { " artifact" } else { "" };
                format!("bundleID {} does not match bundle{tail}", show(bundle_id))
            }
            Error::BundleRefused(refusal) => refusal.message().to_owned(),
            Error::InvalidArtifactType(name) => {
                format!("invalid type in artifact name {}", show(name))
            }
            Error::NotJson(text) => format!("{} is not valid JSON", show(text)),
            Error::NotAnObject { field } => {
                format!("Cannot destructure property '{field}' of 'metadata' as it is null.")
            }
            Error::MetadataMissing {
                kind,
                field,
                metadata,
            } => format!("{kind} metadata missing {field}: {}", described(metadata)),
            Error::MetadataType {
                kind,
                field,
                metadata,
            } => format!(
                "{kind} metadata has {field} of the wrong type: {}",
                described(metadata)
            ),
            Error::KeyMismatch { key, metadata } => format!(
                "transcript key {} mismatches metadata {}",
                string(key),
                described(metadata)
            ),
            Error::NotSame { actual, expected } => format!(
                "Expected {} is same as {}",
                described(actual),
                described(expected)
            ),
            Error::RepairMismatch {
                method,
                existing,
                metadata,
            } => format!(
                "{method} metadata mismatch: {} vs {}",
                object(existing),
                described(metadata)
            ),
            Error::UnexpectedBundleRecord(id) => format!(
                "unexpected new bundle record for {} during repair",
                string(id)
            ),
            Error::NoMetadata { kind, name } => format!("no metadata for {kind} {}", string(name)),
            Error::NoCurrentIncarnation(vat_id) => format!(
                "vat {} has no current span, so which incarnation to take is unknown",
                show(vat_id)
            ),
            Error::IncompleteArtifact(name) => {
                format!("artifact {} is not complete", string(name))
            }
            Error::SpanHashMismatch {
                name,
                actual,
                expected,
            } => format!(
                "artifact {} hash is \"{actual}\", metadata says {}",
                string(name),
                show(expected)
            ),
            Error::SnapshotHashMismatch {
                name,
                actual,
                expected,
            } => format!(
                "snapshot {} hash is \"{actual}\", metadata says {}",
                show(name),
                show(expected)
            ),
            Error::LoadedHashMismatch { actual, expected } => {
                format!("actual hash \"{actual}\" !== expected {}", show(expected))
            }
            Error::BadGzip(message) => message.clone(),
            Error::IncompleteCurrentSpan { count, span } => format!(
                "incomplete current transcript span: {} items, {}",
                number(*count),
                object(span)
            ),
            Error::IncompleteIncarnation(count) => format!(
                "incomplete current incarnation transcript: {} items",
                number(*count)
            ),
            Error::IncompleteArchive { count, expected } => format!(
                "incomplete archival transcript: {} vs {}",
                number(*count),
                number(*expected)
            ),
            Error::Explained { error, more } => format!("{}. {more}", error.message(detail)),
            Error::CurrentSnapshotsPruned(vats) => {
                format!("current snapshots are pruned for vats {}", string(vats))
            }
            Error::BundlesMissing(ids) => format!("missing bundles for: {}", string(ids)),
            Error::NoSuchCheck(mode) => (*mode).into(),
            Error::UnknownCheckMode(mode) => {
                let mode = String::from_utf8_lossy(mode).into_owned();
                let hidden = match mode.as_str() {
                    "\"[undefined]\"" => "(an undefined)",
                    _ => "(a string)",
                };
                format!("unknown checkMode {}", hide(mode, hidden))
            }
            Error::UnknownOnImport { what, kind } => {
                format!("unknown {what} type {} on import", show(kind))
            }
            Error::ArtifactTooLong { name, limit } => format!(
                "artifact {} is too long: more than {limit} bytes",
                string(name)
            ),
            Error::SpanEndsElsewhere { name, end_pos } => format!(
                "artifact {} is of another span: the one of this store ends at {}",
                string(name),
                number(*end_pos)
            ),
            Error::UnknownArtifact(name) => {
                format!("this store has no record of artifact {}", string(name))
            }
            Error::ArtifactOvertaken(name) => format!(
                "what artifact {} is for was changed or deleted meanwhile",
                string(name)
            ),
            Error::StoreInUse(what) => format!("the store is in use: {what}"),
            Error::StoreHeld { file, holder } => format!(
                "the store is in use: {holder} has {} open, and would go on writing to a file that is no \
                 longer there. Close the store wherever it is open (stop the kernel, end what reads it), \
                 and try again",
                file.display()
            ),
            Error::OtherLibrary { file, others } => other_library(file, others),
            Error::NoRoom {
                directory,
                needed,
                available,
            } => format!(
                "there is too little room in {}: {needed} bytes are needed, {available} are \
                 available",
                directory.display()
            ),
            Error::BadArgument(message) => message.clone(),
            Error::UnknownOnRepair(key) => format!(
                "unknown export-data type in key {} on repairMetadata",
                show(key)
            ),
            Error::Directory(fault) => fault.to_string(),
            Error::History(fault) => fault.to_string(),
            Error::Aborted => "the operation was aborted".into(),
            Error::NotBytes { stream } => {
                format!("{stream} must yield Uint8Arrays or strings; it yielded something else")
            }
            Error::Statement { message, .. } | Error::Sqlite { message, .. } => message.clone(),
            Error::TooBig => "The bound string, buffer, or bigint is too big".into(),
            Error::BadRow(message) => {
                format!("the database holds a value that no swing-store writes: {message}")
            }
            Error::Io { doing, message, .. } => format!("{doing}: {message}"),
            Error::Internal(message) => {
                format!("a fault in swing-store-native, please report it: {message}")
            }
        }
    }

    /// An error of the file system while `doing` something.
    pub fn io(doing: impl Into<String>, error: &std::io::Error) -> Error {
        let code = system::code(error);
        let message = match code {
            // Which file it was has nothing to do with it.
            "EMFILE" | "ENFILE" => match system::hint(code) {
                Some(advice) => format!("{error}. {advice}"),
                None => error.to_string(),
            },
            _ => error.to_string(),
        };
        Error::Io {
            doing: doing.into(),
            code: code.to_owned(),
            message,
        }
    }

    /// No thread could be started, and nothing can be done without one.
    pub fn no_thread() -> Error {
        Error::Io {
            doing: "starting a thread".into(),
            code: "EAGAIN".into(),
            message: system::NO_THREAD.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Detail::Shown))
    }
}

impl std::error::Error for Error {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::BundleRefused(refusal)
    }
}

impl From<rusqlite::types::FromSqlError> for Error {
    fn from(error: rusqlite::types::FromSqlError) -> Error {
        Error::BadRow(error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let system = match failure.extended_code & 0xff {
                    rusqlite::ffi::SQLITE_CANTOPEN
                    | rusqlite::ffi::SQLITE_IOERR
                    | rusqlite::ffi::SQLITE_READONLY => system::last(),
                    _ => None,
                };
                let mut message = message.unwrap_or_else(|| {
                    rusqlite::ffi::code_to_str(failure.extended_code).to_owned()
                });
                if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE {
                    // The first thing that opening a store writes. SQLite has no words for it.
                    message.push_str(
                        ": the WAL-index (the file beside the store that ends in -shm) can't be \
                         made larger. Is the disk full?",
                    );
                }
                Error::Sqlite {
                    code: sqlite::name(failure.extended_code),
                    message,
                    system,
                }
            }
            // SQL that can't be prepared. rusqlite's own words repeat the statement.
            rusqlite::Error::SqlInputError { error, msg, .. } => Error::Sqlite {
                code: sqlite::name(error.extended_code),
                message: msg,
                system: None,
            },
            rusqlite::Error::ToSqlConversionFailure(error) => match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(error) => Error::Internal(error.to_string()),
            },
            other => Error::BadRow(other.to_string()),
        }
    }
}

fn other_library(file: &Path, libraries: &[PathBuf]) -> String {
    let known = match libraries {
        [own, others @ ..] if !others.is_empty() => {
            let others: Vec<_> = others
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            format!(
                " This is {}; there is {}, too.",
                own.display(),
                others.join(" and ")
            )
        }
        _ => String::new(),
    };
    format!(
        "{} is open in this process by another SQLite library: a second copy of swing-store-native, \
         @agoric/swing-store or better-sqlite3.{known} Two of them in one process undo each other's file \
         locks, and commits are lost. Let one have the file at a time, or use one copy for everything: \
         \"npm ls swing-store-native @agoric/swing-store better-sqlite3\" shows who depends on which; \
         \"overrides\" in package.json (\"resolutions\" with Yarn) and \"npm dedupe\" make them one. \
         Better-sqlite3's handle is replaced by this package's Database",
        file.display()
    )
}

/// A string as a message shows it.
pub(crate) fn show(value: &[u8]) -> String {
    quote::string(value)
}

/// A number as a message shows it.
pub(crate) fn show_number(number: f64) -> String {
    let text = ryu_js::Buffer::new().format(number).to_owned();
    match number.is_finite() {
        true => text,
        false => format!("\"[{text}]\""),
    }
}
