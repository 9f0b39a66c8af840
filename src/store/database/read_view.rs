//! A consistent view of a store: several read-only connections that see the same commit.
//!
//! Work on a view can be divided among threads while a kernel commits. SQLite cannot give a second
//! connection the snapshot of the first, except with a compile-time option and unsafe code.
//! Therefore all connections begin a transaction in turn, and the WAL index shows whether anyone
//! has committed meanwhile; if so, they begin again. Blocks are seconds apart, and beginning takes
//! microseconds.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::connection::{OpenConnection, open_error};
use super::hints::WithFile;
use super::locate::{explain, find_file};
use super::schema::Part;
use super::wal_version::{WalVersion, is_in_wal_mode};
use super::{DEFAULT_BUSY_TIMEOUT, Database, Location, schema_check};
use crate::store::error::{Error, Result};
use crate::store::fs::sidecar::sidecar;
use crate::store::fs::{open, open_files};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::monitor::Monitor;

/// Number of attempts before falling back to one connection.
const ATTEMPTS: u32 = 100;

/// Number of virtual-machine steps between checks for an abort. A step takes less than a
/// microsecond, or the time to read a page.
const STEPS: i32 = 2000;

/// A consistent view of a store.
pub(crate) struct ReadView {
    connections: Vec<Database>,
}

/// How to open the file without changing it.
#[derive(Debug, Clone, Copy)]
enum Access {
    /// Opens the file for writing, but writes nothing, except that SQLite rolls back an unfinished
    /// transaction. A writable connection removes the log file that SQLite creates.
    ReadWrite,
    /// Opens the file read-only.
    ReadOnly,
    /// Opens the file as immutable, if SQLite cannot create a log and there is neither a log nor a
    /// journal. SQLite would read neither.
    Immutable,
}

impl ReadView {
    /// Opens the last commit of the store in a directory on `wanted` connections, or on one if
    /// others commit continually. Setting `stop`, or an abort of `monitor`, interrupts SQLite,
    /// which returns `SQLITE_INTERRUPT`.
    ///
    /// # Errors
    /// [`Error::NoStore`] if there is no SQLite file; [`Error::UnreadableLog`];
    /// [`Error::UnfinishedTransaction`]; [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn open(
        directory: &Path,
        wanted: usize,
        monitor: &Monitor,
        stop: &Arc<AtomicBool>,
    ) -> Result<ReadView> {
        ReadView::begin(directory, wanted, monitor, stop).with_store(directory)
    }

    fn begin(
        directory: &Path,
        wanted: usize,
        monitor: &Monitor,
        stop: &Arc<AtomicBool>,
    ) -> Result<ReadView> {
        let file = open::real(&find_file(directory)?);
        let (access, first) = open_first(&file).map_err(|error| explain(error, directory))?;
        let mut connections = vec![first];
        while connections.len() < wanted.max(1) {
            connections.push(open(&file, access)?);
        }
        for connection in &mut connections {
            // Fails if the schema cannot be read. A later read reports the same error.
            drop(
                connection
                    .execute_batch(&format!("PRAGMA cache_size=-{}", page_cache_kib::READ_VIEW)),
            );
            let (abort, stop) = (monitor.abort_flag(), stop.clone());
            let ended = move || abort.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed);
            connection.progress_handler(STEPS, Some(ended))?;
        }
        begin_at_same_commit(&mut connections, monitor)?;
        let over = |connection| {
            let connection = OpenConnection::new(connection, true);
            Database::from_connection(connection, Location::File(file.clone()))
        };
        Ok(ReadView {
            connections: connections.into_iter().map(over).collect(),
        })
    }

    /// Opens the last commit of the store in a directory on one connection, with empty tables in
    /// place of those that an old store may lack.
    ///
    /// # Errors
    /// Those of [`ReadView::open`]; [`Error::NoStore`] also for a database that is not a store.
    pub(crate) fn open_one(directory: &Path, monitor: &Monitor) -> Result<Database> {
        let mut connections = ReadView::open_stores(directory, 1, monitor)?;
        connections
            .pop()
            .ok_or_else(|| Error::Internal("no connection".into()))
    }

    /// Like [`ReadView::open_one`], on `wanted` connections, or on fewer if others commit
    /// continually.
    ///
    /// # Errors
    /// Those of [`ReadView::open_one`].
    pub(crate) fn open_stores(
        directory: &Path,
        wanted: usize,
        monitor: &Monitor,
    ) -> Result<Vec<Database>> {
        let view = ReadView::open(directory, wanted, monitor, &Arc::default())?;
        for db in &view.connections {
            db.check_is_store(directory).with_store(directory)?;
            db.check_tables().with_store(directory)?;
            db.check_columns_of(directory, &Part::STORED)
                .with_store(directory)?;
            db.make_missing_tables().with_store(directory)?;
            db.pin_read();
        }
        Ok(view.connections)
    }

    /// The connections, at least one.
    pub(crate) fn into_connections(self) -> Vec<Database> {
        self.connections
    }
}

fn open_first(file: &Path) -> Result<(Access, Connection)> {
    let is_there = |suffix| sidecar(file, suffix).symlink_metadata().is_ok();
    let mut access = if is_there("-wal") || is_there("-journal") {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    };
    let mut opened = open(file, access).and_then(check_readable);
    if has_code(&opened, "SQLITE_READONLY_ROLLBACK") {
        roll_back(file)?;
        opened = open(file, access).and_then(check_readable);
    }
    if is_access_denied(&opened) {
        if has_log(file) {
            // If the file itself cannot be opened, report that instead.
            drop(open(file, Access::ReadOnly)?);
            return Err(Error::UnreadableLog(file.to_owned()));
        }
        if has_hot_journal(file) {
            drop(open(file, Access::ReadOnly)?);
            return Err(Error::UnfinishedTransaction(file.to_owned()));
        }
        access = Access::Immutable;
        opened = open(file, access).and_then(check_readable);
    }
    match opened {
        Ok(connection) => Ok((access, connection)),
        // The schema is damaged, but the rest of the file may be readable.
        Err(Error::Sqlite { code, .. }) if code.starts_with("SQLITE_CORRUPT") => {
            Ok((Access::ReadOnly, open(file, Access::ReadOnly)?))
        }
        Err(error) => Err(error),
    }
}

/// Rolls back a transaction that a process without a WAL did not finish, as SQLite does whenever
/// the file is opened for writing. Before that, the file may contain uncommitted changes.
///
/// # Errors
/// [`Error::UnfinishedTransaction`] if this user lacks the permissions; SQLite's errors.
fn roll_back(file: &Path) -> Result<()> {
    // If the directory is not writable, SQLite would change the file and then fail to remove the
    // journal.
    if can_remove_from_directory(file) {
        let opened = open(file, Access::ReadWrite).and_then(check_readable);
        if !is_access_denied(&opened) {
            return opened.map(drop);
        }
    }
    Err(Error::UnfinishedTransaction(file.to_owned()))
}

/// Whether this user may remove files from the file's directory, as far as can be determined.
fn can_remove_from_directory(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, AtFlags, CWD, accessat};
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let directory = file.parent().unwrap_or(Path::new("."));
        accessat(CWD, directory, access, AtFlags::EACCESS).is_ok()
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        true
    }
}

/// Whether the log may contain commits, or another process may be writing to it.
fn has_log(file: &Path) -> bool {
    let look = |suffix| sidecar(file, suffix).symlink_metadata();
    look("-wal").is_ok_and(|found| found.len() > 0 || look("-shm").is_ok())
}

/// Whether there is a journal that may have to be rolled back. SQLite zeroes or truncates a
/// finished journal.
fn has_hot_journal(file: &Path) -> bool {
    let mut first = [0];
    match open::open(&sidecar(file, "-journal")) {
        Ok(mut journal) => !matches!(journal.read(&mut first), Ok(0)) && first != [0],
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn has_code<T>(outcome: &Result<T>, expected: &str) -> bool {
    matches!(outcome, Err(Error::Sqlite { code, .. }) if *code == expected)
}

/// Whether SQLite lacks permission to open or write the file or its sidecar files. Other causes,
/// such as a limit or a failing disk, do not count.
fn is_access_denied<T>(outcome: &Result<T>) -> bool {
    const OTHER_CAUSES: [&str; 6] = ["EMFILE", "ENFILE", "ENOMEM", "EIO", "ELOOP", "ENAMETOOLONG"];
    matches!(outcome, Err(Error::Sqlite { code, system, .. })
        if (code.starts_with("SQLITE_CANTOPEN") || code.starts_with("SQLITE_READONLY"))
            && !system.is_some_and(|system| OTHER_CAUSES.contains(&system)))
}

fn open(file: &Path, access: Access) -> Result<Connection> {
    open::check_database(file)?;
    let open = |name: &Path, more: OpenFlags| -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let opened = Connection::open_with_flags(name, flags);
        let connection = opened.map_err(|error| open_error(error, name))?;
        schema_check::distrust(&connection)?;
        Ok(connection)
    };
    let open = |name: &Path, more| open_files::open(file, || open(name, more));
    let connection = match access {
        Access::ReadWrite => {
            let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.execute_batch("PRAGMA query_only=1")?;
            connection
        }
        Access::ReadOnly => open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        Access::Immutable => open(
            Path::new(&immutable_uri(file)),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        )?,
    };
    connection.busy_timeout(DEFAULT_BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Reads the schema. SQLite opens the file only at the first read.
fn check_readable(connection: Connection) -> Result<Connection> {
    read_schema(&connection)?;
    Ok(connection)
}

fn read_schema(connection: &Connection) -> Result<()> {
    connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(())
}

fn immutable_uri(file: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Begins read transactions that all see the same commit.
fn begin_at_same_commit(connections: &mut Vec<Connection>, monitor: &Monitor) -> Result<()> {
    let is_wal = connections.first().is_some_and(is_in_wal_mode);
    let look = |connections: &[Connection]| {
        let first = connections.first().filter(|_| is_wal);
        first.and_then(WalVersion::read)
    };
    for attempt in 0..ATTEMPTS {
        monitor.check()?;
        let before = look(connections);
        for connection in connections.iter() {
            begin(connection)?;
        }
        // Without a log, the first connection's lock prevents commits.
        if connections.len() < 2 || before == look(connections) {
            return Ok(());
        }
        for connection in connections.iter() {
            connection.execute_batch("ROLLBACK")?;
        }
        thread::sleep(Duration::from_micros(u64::from(attempt) * 50));
    }
    connections.truncate(1);
    connections.iter().try_for_each(begin)
}

fn begin(connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN")?;
    match read_schema(connection) {
        // A later read reports the same error.
        Err(Error::Sqlite { code, .. }) if code.starts_with("SQLITE_CORRUPT") => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::OpenOptions;
    use crate::store::database::locate::file_in_directory;
    use crate::store::substores::{Store, StoreOptions};
    use std::fs;
    use std::path::PathBuf;

    fn store_in(directory: &Path) -> Store {
        let location = Location::File(file_in_directory(directory));
        let options = StoreOptions::default();
        Store::open(location, &OpenOptions::default(), false, options).unwrap()
    }

    fn view(directory: &Path, wanted: usize) -> Result<Vec<Database>> {
        ReadView::open(directory, wanted, &Monitor::default(), &Arc::default())
            .map(ReadView::into_connections)
    }

    #[test]
    fn all_connections_see_the_same_commit() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = store_in(directory.path());
        store.kernel_set(b"n", b"0").unwrap();
        store.commit().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    store
                        .kernel_set(b"n", number.to_string().as_bytes())
                        .unwrap();
                    store.commit().unwrap();
                }
            });
            for _ in 0..50 {
                let connections = view(directory.path(), 4).unwrap();
                let read = |db: &Database| db.kv_get(b"n", |value| value.map(<[u8]>::to_vec));
                let values: Vec<_> = connections.iter().map(|db| read(db).unwrap()).collect();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_closed_store_is_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        store_in(directory.path()).close().unwrap();
        let file = file_in_directory(directory.path());
        let before = fs::read(&file).unwrap();
        drop(view(directory.path(), 3).unwrap());
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_leftover_log_is_read_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let mut store = store_in(directory.path());
        store.kernel_set(b"n", b"in the log").unwrap();
        store.commit().unwrap();
        for name in ["swingstore.sqlite", "swingstore.sqlite-wal"] {
            fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        }
        let contents = |name: &str| fs::read(copy.path().join(name)).unwrap();
        let before = (
            contents("swingstore.sqlite"),
            contents("swingstore.sqlite-wal"),
        );
        for db in view(copy.path(), 2).unwrap() {
            let value = db.kv_get(b"n", |value| value.map(<[u8]>::to_vec)).unwrap();
            assert_eq!(value.unwrap(), b"in the log");
        }
        assert_eq!(
            (
                contents("swingstore.sqlite"),
                contents("swingstore.sqlite-wal")
            ),
            before
        );
    }

    /// Creates the files of a store without a WAL in the middle of a transaction that has changed
    /// the file. The value of `n` was "committed" before.
    fn leave_journal(directory: &Path) -> PathBuf {
        let living = tempfile::tempdir().unwrap();
        let mut store = store_in(living.path());
        store.kernel_set(b"n", b"committed").unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        let from = file_in_directory(living.path());
        let connection = Connection::open(&from).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode=DELETE; PRAGMA cache_size=1; BEGIN;
                 UPDATE kvStore SET value = 'never' WHERE key = 'n';
                 INSERT INTO bundles VALUES ('large', zeroblob(1000000));",
            )
            .unwrap();
        let to = file_in_directory(directory);
        for suffix in ["", "-journal"] {
            fs::copy(sidecar(&from, suffix), sidecar(&to, suffix)).unwrap();
        }
        let immutable = open(&to, Access::Immutable).unwrap();
        let sql = "SELECT value FROM kvStore WHERE key = 'n'";
        let value: String = immutable.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(value, "never");
        to
    }

    fn value_in(directory: &Path) -> Vec<u8> {
        let connections = view(directory, 2).unwrap();
        let read = |db: &Database| db.kv_get(b"n", |value| value.unwrap().to_vec()).unwrap();
        let values: Vec<_> = connections.iter().map(read).collect();
        assert_eq!(values[0], values[1]);
        values[0].clone()
    }

    #[test]
    fn an_unfinished_transaction_is_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let file = leave_journal(directory.path());
        assert_eq!(value_in(directory.path()), b"committed");
        assert!(!has_hot_journal(&file));

        // Through a link: the journal is next to the link's target.
        #[cfg(unix)]
        {
            let linked = tempfile::tempdir().unwrap();
            let file = leave_journal(directory.path());
            std::os::unix::fs::symlink(&file, file_in_directory(linked.path())).unwrap();
            assert_eq!(value_in(linked.path()), b"committed");
        }
    }

    #[test]
    fn a_finished_journal_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        store_in(directory.path()).close().unwrap();
        let file = file_in_directory(directory.path());
        let journal = sidecar(&file, "-journal");
        assert!(!has_hot_journal(&file));
        for (contents, is_left) in [(&b""[..], false), (&[0; 600], false), (&[0xd9; 600], true)] {
            fs::write(&journal, contents).unwrap();
            assert_eq!(has_hot_journal(&file), is_left);
        }
        // An empty log contains no commits.
        let log = sidecar(&file, "-wal");
        fs::write(&log, "").unwrap();
        assert!(!has_log(&file));
        fs::write(&log, "x").unwrap();
        assert!(has_log(&file));
    }

    #[test]
    fn characters_with_a_meaning_in_uris_are_escaped() {
        let base = tempfile::tempdir().unwrap();
        // Windows has no file names with a question mark.
        let mark = if cfg!(windows) { "&" } else { "?" };
        let directory = base.path().join(format!("a{mark}b#c%20 d"));
        fs::create_dir(&directory).unwrap();
        store_in(&directory).close().unwrap();
        let connection = open(&file_in_directory(&directory), Access::Immutable).unwrap();
        read_schema(&connection).unwrap();
    }

    #[test]
    fn anything_but_a_store_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |directory: &Path, words: &str| {
            let error = view(directory, 1).err().unwrap();
            assert!(matches!(error, Error::NoStore { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(&directory.path().join("missing"), "no such directory");
        refused(directory.path(), "has no swingstore.sqlite");
        fs::write(file_in_directory(directory.path()), b"text".repeat(1000)).unwrap();
        refused(directory.path(), "not a database");
    }
}
