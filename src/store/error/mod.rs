//! The errors of a store, and their messages.
//!
//! Callers of the reference match its messages, so they are part of the contract, and all of them
//! are defined here. A message has two forms: SES, under its default error taming, hides values
//! that were not explicitly declared safe, and prints `(a string)` in their place.

mod class;
pub(crate) mod directory;
mod fault;
pub(crate) mod history;
pub(crate) mod refusal;
mod show;
pub(crate) mod sqlite;
pub(crate) mod system;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::encoding::quote;
use fault::Fault;
use refusal::Refusal;

pub use class::Class;
pub(crate) use show::{show, show_number};

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether a message shows the values that SES hides by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every value is shown, as under `errorTaming: 'unsafe'`.
    Shown,
    /// Values that may be secret are replaced by their types, as SES does by default.
    Hidden,
}

/// A value in a message: its text, and its type in parentheses, which replaces hidden values.
pub type Described = (String, &'static str);

/// An error of a store operation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// An argument has the wrong type: `WrongType("key", "a string")`.
    WrongType(&'static str, &'static str),
    /// A position below zero.
    NegativePosition,
    /// A position that is not an integer within JavaScript's safe range.
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
    /// The directory of a database does not exist.
    NoSuchDirectory,
    /// There is no store in a directory.
    NoStore {
        /// the directory that was named
        directory: PathBuf,
        /// what was found there, and what to do
        problem: String,
    },
    /// A store has a log (the path is that of its file) that cannot be read, because its directory
    /// is not writable.
    UnreadableLog(PathBuf),
    /// A store has the journal of an unfinished transaction (the path is that of its file), which
    /// this user may not roll back.
    UnfinishedTransaction(PathBuf),
    /// A database's schema differs from a store's.
    Schema {
        /// the file, unless the database is in memory
        file: Option<PathBuf>,
        /// the difference
        problem: String,
    },
    /// SQLite refused the journal mode that the store needs.
    JournalMode {
        /// the mode asked for
        wanted: &'static str,
        /// the mode that SQLite chose
        found: String,
    },
    /// The disk failed during a transaction without a journal, which cannot be rolled back.
    Torn,
    /// A panic may have left the state of a store in memory half changed.
    Faulted,
    /// A panic ended a task, which cannot continue.
    WorkFaulted,
    /// The commit that was being read is lost: the disk failed, and another commit followed.
    PinnedReadLost,
    /// A change of the journal mode during a transaction.
    InTransaction,

    /// `startCrank` inside a crank.
    CrankInCrank,
    /// A crank operation outside of a crank; the operation's name.
    OutsideCrank(&'static str),
    /// An operation, by name, that must run between blocks.
    InBlock(&'static str),
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
    /// A span whose end precedes its start.
    SpanEndsBeforeStart {
        /// first position
        start_pos: i64,
        /// end position, exclusive
        end_pos: i64,
    },
    /// Fewer items were found than the span's record says.
    MissingTranscriptItems {
        /// how many were found
        found: i64,
        /// how many were expected
        expected: i64,
    },
    /// Compressed items that cannot be read.
    BadFrame {
        /// the vat
        vat_id: Vec<u8>,
        /// the first position
        start_pos: i64,
        /// the end position, exclusive
        end_pos: i64,
        /// what is wrong with them
        problem: String,
    },
    /// A name that is not that of a transcript artifact.
    NotTranscriptName {
        /// the name
        name: Vec<u8>,
        /// whether the message quotes the name twice, as the reference does on import
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
    /// The snapshot has a record, but no contents.
    SnapshotPruned(Vec<u8>),
    /// The vat has no snapshot to load.
    NoSnapshot(Vec<u8>),
    /// The bundle is not in the store.
    BundleNotFound(Vec<u8>),
    /// The bundle has a record, but no contents.
    BundlePruned(Vec<u8>),
    /// There is no record for the bundle's contents.
    BundleRecordMissing(Vec<u8>),
    /// A bundle ID that starts with neither `b0-` nor `b1-`.
    UnsupportedBundleId {
        /// the ID
        bundle_id: Vec<u8>,
        /// whether the message shows it even where values are hidden
        declassified: bool,
    },
    /// A row with such an ID, which neither the reference nor this package writes.
    UnsupportedBundleIdFound(Vec<u8>),
    /// A bundle of a format that its ID does not allow.
    UnsupportedBundleFormat {
        /// `b0` or `b1`
        version: &'static str,
        /// the format, as JSON text
        format: String,
    },
    /// A bundle's contents do not match the hash in its ID.
    BundleMismatch {
        /// the ID
        bundle_id: Vec<u8>,
        /// whether the contents are an artifact being imported
        artifact: bool,
    },
    /// A bundle that was refused, with the message of the check.
    BundleRefused(Refusal),
    /// The type of an artifact's name is unknown to the exporter.
    InvalidArtifactType(Vec<u8>),
    /// An export record that is not JSON. The addon replaces it by the error of JavaScript's
    /// parser.
    NotJson(Vec<u8>),
    /// Reading a field of JSON `null`, with JavaScript's message.
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
    /// A transcript record whose key does not match its contents.
    KeyMismatch {
        /// the key
        key: Vec<u8>,
        /// the record
        metadata: Described,
    },
    /// Two values that should be the same and are not, with their types in JavaScript.
    NotSame {
        /// the value found
        actual: Described,
        /// the value expected
        expected: Described,
    },
    /// A record that contradicts the store's.
    RepairMismatch {
        /// the method that reports it
        method: &'static str,
        /// what the store has, as JSON text
        existing: String,
        /// what the record says
        metadata: Described,
    },
    /// A repair with the record of a bundle that the store does not have.
    UnexpectedBundleRecord(Vec<u8>),
    /// An artifact without a record.
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
    /// Bytes that are not a valid gzip file.
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
    /// Another error, with details.
    Explained {
        /// the error
        error: Box<Error>,
        /// the details, and what to do
        more: String,
    },
    /// Snapshots in use without contents; their vats, separated by commas.
    CurrentSnapshotsPruned(Vec<u8>),
    /// Bundles without contents; their IDs, separated by commas.
    BundlesMissing(Vec<u8>),
    /// There is no completeness check for this mode.
    NoSuchCheck(&'static str),
    /// An unknown mode of a completeness check, quoted.
    UnknownCheckMode(Vec<u8>),
    /// An export record or an artifact of an unknown kind.
    UnknownOnImport {
        /// `export-data` or `artifact`
        what: &'static str,
        /// the part of its name before the first dot
        kind: Vec<u8>,
    },
    /// A query of a store's history that failed.
    History(Fault),
    /// An artifact, or one of its items, that is too long.
    ArtifactTooLong {
        /// the artifact's name
        name: Vec<u8>,
        /// the maximum length in bytes
        limit: u64,
    },
    /// An artifact of a span that ends at another position in this store.
    SpanEndsElsewhere {
        /// the artifact's name
        name: Vec<u8>,
        /// the end position of the store's span
        end_pos: i64,
    },
    /// An artifact without a record in the store.
    UnknownArtifact(Vec<u8>),
    /// The record of an artifact was changed or deleted while the artifact was being read.
    ArtifactOvertaken(Vec<u8>),
    /// Another user of the store prevents the operation; the string says how.
    StoreInUse(&'static str),
    /// A store's file that would be replaced is open.
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
        /// this library, followed by others that it may be, as far as known
        others: Vec<PathBuf>,
    },
    /// The disk has too little free space.
    NoRoom {
        /// the directory
        directory: PathBuf,
        /// required bytes
        needed: u64,
        /// available bytes
        available: u64,
    },
    /// An invalid argument; the message says what was found and what to do.
    BadArgument(String),
    /// A repair with an export record of an unknown kind; its key.
    UnknownOnRepair(Vec<u8>),
    /// An export directory has a fault.
    Directory(Fault),
    /// The operation was aborted.
    Aborted,

    /// A stream yielded something other than bytes.
    NotBytes {
        /// which stream
        stream: &'static str,
    },

    /// A statement was misused, with better-sqlite3's message.
    Statement {
        /// the constructor
        class: Class,
        /// the message
        message: String,
    },
    /// A string or blob that is longer than SQLite allows.
    TooBig,
    /// An error of SQLite.
    Sqlite {
        /// SQLite's name for the extended result code, such as `SQLITE_BUSY`
        code: &'static str,
        /// SQLite's message
        message: String,
        /// the name of the system error that SQLite encountered, such as `EMFILE`, if any
        system: Option<&'static str>,
    },
    /// A row with a value that no store writes.
    BadRow(String),
    /// An error of the file system.
    Io {
        /// the operation
        doing: String,
        /// the name of the error, such as `ENOENT`
        code: String,
        /// the system's message
        message: String,
    },
    /// A place in an object store or on a web server failed.
    Remote {
        /// the operation
        doing: String,
        /// why it failed
        reason: String,
        /// what to do
        advice: String,
    },
    /// A file in an object store or on a web server cannot be read.
    RemoteFile {
        /// the file
        file: String,
        /// why it cannot be read
        reason: String,
        /// what to do
        advice: String,
    },
    /// An archive, by its path or URL, does not have an artifact.
    NotArchived(String),
    /// An artifact that the store lacks and another place should have, which is missing there or not the
    /// one that the store's record describes.
    FromHistory {
        /// the artifact's name
        name: Vec<u8>,
        /// the place, by its path or URL
        place: String,
        /// what is wrong with it
        error: Box<Error>,
    },
    /// A fault of this package, not of the caller.
    Internal(String),
}

/// Maximum length of a message, in bytes. The values that it quotes are shorter.
const MAX_MESSAGE_BYTES: usize = 20_000;

impl Error {
    /// The JavaScript constructor of this error.
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

    /// A stable name for the kind of error, which is the `code` of the JavaScript error.
    pub fn code(&self) -> &str {
        match self {
            Error::Sqlite { code, .. } => code,
            Error::Explained { error, .. } | Error::FromHistory { error, .. } => error.code(),
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
            Error::Remote { .. } | Error::RemoteFile { .. } => "ERR_SWING_STORE_REMOTE",
            Error::InTransaction
            | Error::CrankInCrank
            | Error::OutsideCrank(_)
            | Error::InBlock(_)
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
            | Error::NotArchived(_)
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

    /// The message, with values shown or hidden as `detail` says. It is truncated to 20,000 bytes,
    /// because parts of it may come from anybody.
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
                 index (-shm) or write to it, and this user must be allowed to read all three. \
                 Permit that, or read a copy of the store with its log",
                file.display()
            ),
            Error::UnfinishedTransaction(file) => format!(
                "{} has the journal (-journal) of a transaction that a program did not finish. It \
                 must be rolled back before the store can be read, and this user may not do that. As \
                 a user who may write to the file, the journal and their directory, run \
                 `swing-store verify`, which rolls it back; or copy the file and the journal, under \
                 the same names, to a directory of your own, and read that copy",
                file.display()
            ),
            Error::Schema { file, problem } => format!(
                "the schema of {} is not that of a swing-store: {problem}. Nothing was written. \
                 `swing-store verify` lists all such differences. Restore the store from a backup or \
                 with state-sync",
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
                "a step of a transaction failed that has no journal and cannot be rolled back (in the \
                 unsafe fast mode, which imports use): the database is damaged. Close it, and repeat \
                 the import or restore the store from a backup"
                    .into()
            }
            Error::Faulted => {
                "an earlier call ended in a fault of swing-store-native, so the state of this store \
                 in memory may be wrong, and it can no longer be read, written or committed. Close \
                 it and open it again: the last commit is intact (except in the unsafe fast mode: \
                 restore the store from a backup)"
                    .into()
            }
            Error::WorkFaulted => {
                "an earlier call ended in a fault of swing-store-native, so this cannot continue. \
                 Start it again"
                    .into()
            }
            Error::PinnedReadLost => "the disk failed while a store was being read, which ended the \
                 read transaction, and the store has committed since: the state that was being read \
                 is lost. Start again"
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
                "vat {} has no current span, so its incarnation is unknown",
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
            Error::InBlock(operation) => format!(
                "{operation} cannot run in a crank or with uncommitted changes: call it after \
                 hostStorage.commit()"
            ),
            Error::BadFrame {
                vat_id,
                start_pos,
                end_pos,
                problem,
            } => format!(
                "the compressed items {start_pos} to {} of vat {} cannot be read: {problem}. Run \
                 swing-store verify, and repopulate --replace-damaged to replace them",
                end_pos.saturating_sub(1),
                string(vat_id)
            ),
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
                "artifact {} belongs to another span: the span in this store ends at {}",
                string(name),
                number(*end_pos)
            ),
            Error::UnknownArtifact(name) => {
                format!("this store has no record of artifact {}", string(name))
            }
            Error::ArtifactOvertaken(name) => format!(
                "the record of artifact {} was changed or deleted while the artifact was being read",
                string(name)
            ),
            Error::StoreInUse(what) => format!("the store is in use: {what}"),
            Error::StoreHeld { file, holder } => format!(
                "the store is in use: {holder} has {} open, and would continue with a file that no \
                 longer exists. Close the store everywhere (stop the kernel and programs that read the \
                 store), and retry",
                file.display()
            ),
            Error::OtherLibrary { file, others } => other_library(file, others),
            Error::NoRoom {
                directory,
                needed,
                available,
            } => format!(
                "there is too little space in {}: {needed} bytes are needed, {available} are \
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
            Error::NotArchived(place) => {
                format!("it is not in {place}. Archive it first, with `swing-store archive`")
            }
            Error::FromHistory { name, place, error } => {
                let name = string(name);
                if matches!(**error, Error::NotArchived(_)) {
                    return format!(
                        "artifact {name} is pruned from the store, and it is not in {place}. Add it there \
                         with `swing-store archive` from a node that has it, or choose a place that has it"
                    );
                }
                format!(
                    "artifact {name} is pruned from the store, and that in {place} cannot be used: {}. \
                     Replace it there with `swing-store archive --check` from a node that has it, \
                     or choose another place",
                    error.message(detail)
                )
            }
            Error::Remote {
                doing,
                reason,
                advice,
            } => format!("{doing}: {reason}. {advice}"),
            Error::RemoteFile {
                file,
                reason,
                advice,
            } => format!("{file} cannot be read: {reason}. {advice}"),
            Error::Internal(message) => {
                format!("a fault in swing-store-native, please report it: {message}")
            }
        }
    }

    /// Creates an error of the file system for an operation, such as `writing FILE`.
    pub fn io(doing: impl Into<String>, error: &std::io::Error) -> Error {
        let code = system::code(error);
        let message = match code {
            // The file is not the cause.
            "EMFILE" | "ENFILE" => match system::hint(code) {
                Some(hint) => format!("{error}. {hint}"),
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

    /// Creates the error for a failure to start a necessary thread.
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
                    // Opening a store writes this first. SQLite's message does not explain it.
                    message.push_str(
                        ": the store's WAL index (-shm) cannot be extended. Is the disk full?",
                    );
                }
                Error::Sqlite {
                    code: sqlite::name(failure.extended_code),
                    message,
                    system,
                }
            }
            // SQL that cannot be prepared. rusqlite's message repeats the statement.
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
        "another SQLite library of this process has {} open: a second copy of swing-store-native, \
         @agoric/swing-store or better-sqlite3.{known} Two libraries in one process release each other's \
         file locks, and commits are lost. Use one library at a time, or a single copy: \
         \"npm ls swing-store-native @agoric/swing-store better-sqlite3\" lists the copies; \"overrides\" \
         in package.json (\"resolutions\" with Yarn) and \"npm dedupe\" unify them. Use this package's \
         Database instead of better-sqlite3",
        file.display()
    )
}
