//! A database built in a hidden directory and published atomically.
//!
//! An import takes time, and may fail or be killed. Until the caller commits, its database is in a
//! [scratch](crate::store::fs::scratch) directory next to its destination, where no program takes
//! it for a store. [`Staged::publish`] syncs it and moves it into place. The previous contents of
//! the destination stay until then.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::locate::{FILE_NAME, file_in_directory};
use super::swap_file::swap_file;
use super::tool_statement::ToolConnection;
use super::{Database, Location, OpenOptions, SharedDatabase};
use crate::store::error::{Error, Result};
use crate::store::fs::flush::Flusher;
use crate::store::fs::open::check_beside;
use crate::store::fs::open_files;
use crate::store::fs::open_files::Unused;
use crate::store::fs::rename::rename;
use crate::store::fs::scratch::{Scratch, is_name, remove_leftovers, sync_directory};
use crate::store::fs::sidecar::{SIDECARS, sidecar};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::lock;

/// Prefix of the names of imports' scratch directories.
const PREFIX: &str = ".swing-store-import-";

/// The destination of a store.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// This directory, under the usual file name. Everything else that was in the directory at the
    /// start is deleted at the end, as by every function that creates a store.
    Directory(PathBuf),
    /// This file. Its sidecar files are replaced, too.
    File(PathBuf),
}

impl StoreLocation {
    /// Fails if the store at the destination is open.
    ///
    /// # Errors
    /// [`Error::StoreHeld`].
    pub fn check_unused(&self, how: Unused) -> Result<()> {
        let file = match self {
            StoreLocation::Directory(directory) => &file_in_directory(directory),
            StoreLocation::File(file) => file,
        };
        open_files::check_unused(file, how)
    }

    /// Removes the leftovers of killed imports to this destination. [`Staged::new`] does the same,
    /// but deleting large files takes time.
    pub fn remove_leftovers(&self) {
        let parent = match self {
            StoreLocation::Directory(directory) => Some(directory.as_path()),
            StoreLocation::File(file) => file.parent(),
        };
        if let Some(parent) = parent {
            remove_leftovers(parent, PREFIX);
        }
    }
}

/// A new database and its destination.
pub struct Staged {
    db: SharedDatabase,
    file: PathBuf,
    /// Keeps the file open, so it must be dropped before the directory is removed.
    flusher: Mutex<Option<Flusher>>,
    place: Mutex<StagedAt>,
}

/// The current place of a staged database.
enum StagedAt {
    /// In the scratch directory. `erase` lists what publishing deletes besides SQLite's files;
    /// `None` if it must delete nothing else.
    Scratch {
        scratch: Scratch,
        erase: Option<Vec<PathBuf>>,
        /// A file has the name of the store's directory. Publishing replaces it with a directory.
        displaces_file: bool,
    },
    /// At its destination.
    Final,
    /// Deleted.
    Discarded,
}

impl Staged {
    /// Creates an empty database for a store at `place`. Creates the destination's directory if it
    /// is missing.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`] if the directory of a file does not exist; [`Error::Io`], also if
    /// a link, a directory or the like has the name of one of the file's sidecar files; SQLite's
    /// errors.
    pub fn new(place: &StoreLocation, options: &OpenOptions) -> Result<Staged> {
        let absolute = |path: &Path| {
            std::path::absolute(path)
                .map_err(|error| Error::io(format!("looking for {}", path.display()), &error))
        };
        let mut displaces_file = false;
        let (file, erase) = match place {
            StoreLocation::Directory(directory) => {
                let directory = absolute(directory)?;
                displaces_file = directory.symlink_metadata().is_ok() && !directory.is_dir();
                let erase = if displaces_file {
                    Vec::new()
                } else {
                    make_directory(&directory)?;
                    entries(&directory)?
                };
                (directory.join(FILE_NAME), Some(erase))
            }
            StoreLocation::File(file) => {
                let file = absolute(file)?;
                // Other files in its directory must not be deleted.
                check_beside(&file)?;
                (file, None)
            }
        };
        let mut parent = file.parent();
        if displaces_file {
            parent = parent.and_then(Path::parent);
        }
        let parent = match parent {
            Some(parent) if parent.is_dir() => parent,
            _ => return Err(Error::NoSuchDirectory),
        };
        let scratch = Scratch::new(parent, PREFIX)?;
        let names = SIDECARS.map(|suffix| sidecar(&file, suffix));
        // Leftovers of killed imports were just removed, and SQLite's files are replaced: later,
        // their names belong to files of the new store.
        let is_else = |path: &PathBuf| {
            *path != file && !names.contains(path) && path.symlink_metadata().is_ok()
        };
        let erase = erase.map(|all| all.into_iter().filter(is_else).collect());
        let db = SharedDatabase::open(Location::File(scratch.path().join(FILE_NAME)), options)?;
        {
            let mut db = db.lock();
            db.is_staged = true;
            db.execute(&format!("PRAGMA cache_size=-{}", page_cache_kib::IMPORT))?;
        }
        Ok(Staged {
            db,
            file,
            place: Mutex::new(StagedAt::Scratch {
                scratch,
                erase,
                displaces_file,
            }),
            flusher: Mutex::default(),
        })
    }

    /// The database.
    pub fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// The current file of the database.
    pub fn current_file(&self) -> PathBuf {
        match &*self.place() {
            StagedAt::Scratch { scratch, .. } => scratch.path().join(FILE_NAME),
            _ => self.file.clone(),
        }
    }

    /// The file of the database after it is published.
    pub(crate) fn final_file(&self) -> &Path {
        &self.file
    }

    fn place(&self) -> MutexGuard<'_, StagedAt> {
        lock::lock(&self.place)
    }

    /// Turns syncing off until [`Staged::publish`]. Meanwhile, a thread writes the file back to
    /// disk.
    ///
    /// # Errors
    /// SQLite's errors; [`Error::DatabaseClosed`].
    pub fn defer_sync(&self) -> Result<()> {
        self.db.lock().execute("PRAGMA synchronous=OFF")?;
        *self.flusher() = Some(Flusher::start(self.current_file()));
        Ok(())
    }

    fn flusher(&self) -> MutexGuard<'_, Option<Flusher>> {
        lock::lock(&self.flusher)
    }

    /// Syncs what was committed, moves the database to its destination, and reopens it there in the
    /// journal mode that `fast` selects (see [`Database::set_unsafe_fast_mode`]). A closed database
    /// stays closed. Has no effect on a published database.
    ///
    /// Whatever fails, the destination has either its old contents or the complete new store.
    ///
    /// # Errors
    /// [`Error::Statement`] while a tool's statement is being read, or if something was written
    /// since the commit; [`Error::Torn`]; [`Error::StoreHeld`], or on Windows
    /// [`Error::StoreInUse`], while the file to be replaced is open; [`Error::Io`]; SQLite's
    /// errors. Then the database is still staged, unless only reopening it failed.
    pub fn publish(&self, fast: bool) -> Result<()> {
        let mut place = self.place();
        let StagedAt::Scratch {
            scratch,
            erase,
            displaces_file,
        } = &*place
        else {
            return Ok(());
        };
        self.db.lock().check_intact()?;
        let from = scratch.path().join(FILE_NAME);
        drop(self.flusher().take());
        {
            let db = self.db.lock();
            if db.is_open() && !db.in_transaction() {
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
            }
        }
        // The slowest step, during which the database is not locked.
        sync_file(&from)?;
        let only_file = erase.is_none();
        let moved = self.db.lock().move_file(&self.file, fast, || {
            if only_file {
                check_beside(&self.file)?;
            }
            sync_file(&from)?;
            let put = || swap_file(&from, &self.file, scratch.path());
            match self.file.parent() {
                Some(directory) if *displaces_file => displace(directory, scratch.path(), put),
                _ => put(),
            }
        });
        if matches!(moved, Err(MoveError::Before(_))) {
            return moved.map_err(MoveError::into_error);
        }
        for path in erase.iter().flatten() {
            // The new store is in place. Files that cannot be deleted do no harm.
            drop(remove(path));
        }
        let directories = if *displaces_file { 2 } else { 1 };
        *place = StagedAt::Final;
        drop(place);
        for directory in self.file.ancestors().skip(1).take(directories) {
            sync_directory(directory)?;
        }
        moved.map_err(MoveError::into_error)
    }

    /// Deletes the database, unless it was published.
    pub fn discard(&self) {
        let mut place = self.place();
        drop(self.flusher().take());
        if let StagedAt::Scratch { .. } = *place {
            self.db.lock().close();
            *place = StagedAt::Discarded;
        }
    }
}

/// An error before or after the file was moved.
enum MoveError {
    Before(Error),
    After(Error),
}

impl MoveError {
    fn into_error(self) -> Error {
        match self {
            MoveError::Before(error) | MoveError::After(error) => error,
        }
    }
}

impl Database {
    /// Closes the connection, calls `move_it` to move the file to `to`, and opens it there.
    /// Prepared statements of tools stay usable.
    fn move_file(
        &mut self,
        to: &Path,
        fast: bool,
        move_it: impl FnOnce() -> Result<()>,
    ) -> std::result::Result<(), MoveError> {
        if !self.is_open() {
            return move_it().map_err(MoveError::Before);
        }
        self.check_can_reopen().map_err(MoveError::Before)?;
        self.save_readers();
        let closed = self.connection.take();
        let statements = closed.as_ref().map(ToolConnection::texts);
        drop(closed);
        let from = self.location.clone();
        let moved = move_it();
        self.is_staged = moved.is_err();
        let location = match moved {
            Ok(()) => Location::File(to.to_owned()),
            Err(_) => from,
        };
        let opened = Database::open(location, &OpenOptions::default()).and_then(|mut fresh| {
            self.connection = fresh.connection.take();
            self.location = fresh.location.clone();
            self.set_unsafe_fast_mode(fast)?;
            match (statements, &mut self.connection) {
                (Some(statements), Some(connection)) => connection.restore(statements),
                _ => Ok(()),
            }
        });
        match (moved, opened) {
            (Err(error), _) => Err(MoveError::Before(error)),
            (Ok(()), Err(error)) => Err(MoveError::After(error)),
            (Ok(()), Ok(())) => Ok(()),
        }
    }
}

/// Creates the directory of a store.
fn make_directory(directory: &Path) -> Result<()> {
    let doing = || format!("making the directory {}", directory.display());
    fs::create_dir_all(directory).map_err(|error| Error::io(doing(), &error))
}

/// Moves the file at `directory` to `aside`, creates a directory in its place, and calls `put`.
///
/// # Errors
/// [`Error::Io`]; those of `put`. Then the file is moved back.
fn displace(directory: &Path, aside: &Path, put: impl FnOnce() -> Result<()>) -> Result<()> {
    let failed = |error| Error::io(format!("replacing {}", directory.display()), &error);
    let kept = aside.join("displaced");
    rename(directory, &kept).map_err(failed)?;
    let outcome = fs::create_dir(directory)
        .map_err(failed)
        .and_then(|()| put());
    if outcome.is_err() && fs::remove_dir(directory).is_ok() {
        drop(rename(&kept, directory));
    }
    outcome
}

/// Lists a directory, except for scratch directories of imports.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = |error| Error::io(format!("looking into {}", directory.display()), &error);
    let found = fs::read_dir(directory).map_err(doing)?;
    found
        .map(|entry| entry.map(|entry| entry.path()).map_err(doing))
        // Another import may be in progress, and leftovers are removed elsewhere.
        .filter(|path| !path.as_ref().is_ok_and(|path| is_scratch(path)))
        .collect()
}

fn is_scratch(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_name(name, PREFIX))
}

/// Syncs a staged file.
///
/// When a process closes a file, it loses all its locks on that file, including SQLite's. This does
/// not matter for a staged database, which no other process opens.
fn sync_file(path: &Path) -> Result<()> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::io(format!("syncing {}", path.display()), &error))
}

fn remove(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_the_name_of_the_directory_stays_until_publication() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("place");
        fs::write(&file, "theirs").unwrap();
        let place = StoreLocation::Directory(file.clone());
        let is_untouched = || {
            fs::read(&file).is_ok_and(|found| found == b"theirs")
                && fs::read_dir(base.path()).unwrap().count() == 1
        };
        Staged::new(&place, &OpenOptions::default())
            .unwrap()
            .discard();
        assert!(is_untouched());
        // Creating the store in its place fails.
        let aside = base.path().join("aside");
        fs::create_dir(&aside).unwrap();
        let failing = || Err(Error::Aborted);
        displace(&file, &aside, failing).unwrap_err();
        fs::remove_dir(&aside).unwrap();
        assert!(is_untouched());
        let staged = Staged::new(&place, &OpenOptions::default()).unwrap();
        staged.publish(false).unwrap();
        staged.database().lock().close();
        drop(staged);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
        assert_eq!(entries(&file).unwrap(), [file.join(FILE_NAME)]);
    }

    #[cfg(unix)]
    #[test]
    fn sidecars_that_are_not_files_are_refused() {
        use std::os::unix::fs::symlink;
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("store");
        fs::write(&file, "theirs").unwrap();
        for suffix in SIDECARS {
            let beside = sidecar(&file, suffix);
            let place = StoreLocation::File(file.clone());
            let staged = Staged::new(&place, &OpenOptions::default()).unwrap();
            symlink("nowhere", &beside).unwrap();
            for outcome in [
                staged.publish(false),
                Staged::new(&place, &OpenOptions::default()).map(drop),
            ] {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains("not a regular file"), "{error}");
            }
            staged.discard();
            assert_eq!(fs::read(&file).unwrap(), b"theirs");
            fs::remove_file(&beside).unwrap();
        }
        // The directory of a store is emptied.
        let directory = base.path().join("directory");
        fs::create_dir(&directory).unwrap();
        symlink("nowhere", directory.join(format!("{FILE_NAME}-journal"))).unwrap();
        let place = StoreLocation::Directory(directory.clone());
        let staged = Staged::new(&place, &OpenOptions::default()).unwrap();
        staged.publish(false).unwrap();
        staged.database().lock().close();
        drop(staged);
        assert_eq!(entries(&directory).unwrap(), [directory.join(FILE_NAME)]);
    }

    #[test]
    fn the_old_log_is_deleted_and_the_new_log_stays() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join(FILE_NAME);
        let log = sidecar(&file, "-wal");
        fs::write(&file, "theirs").unwrap();
        fs::write(&log, "theirs").unwrap();
        let place = StoreLocation::Directory(base.path().to_owned());
        let staged = Staged::new(&place, &OpenOptions::default()).unwrap();
        let db = staged.database().lock();
        db.set_unsafe_fast_mode(false).unwrap();
        db.execute("CREATE TABLE t (x)").unwrap();
        drop(db);
        staged.publish(false).unwrap();
        let db = staged.database().lock();
        db.execute("INSERT INTO t VALUES (1)").unwrap();
        assert!(fs::metadata(&log).unwrap().len() > 6);
    }
}
