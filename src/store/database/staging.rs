//! A database that comes into being out of sight.
//!
//! An import takes a while, and may fail or be killed. Until the caller commits, its database lies
//! in a [scratch](crate::store::fs::scratch) directory beside its final place, where nobody takes it for a
//! store. [`Staged::publish`] waits until it is on the disk, and moves it into place. Whatever
//! was there before stays until then.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::locate::{FILE_NAME, file_in_directory};
use super::swap_file::swap_file;
use super::{Database, Location, OpenOptions, SharedDatabase};
use crate::store::error::{Error, Result};
use crate::store::fs::flush::Flusher;
use crate::store::fs::open::check_beside;
use crate::store::fs::open_files;
use crate::store::fs::open_files::Unused;
use crate::store::fs::rename::rename;
use crate::store::fs::scratch::{Scratch, is_name, remove_leftovers, sync_directory};
use crate::store::fs::sidecar::{SIDECARS, sidecar};
use crate::store::tasks::lock;

/// What the names of scratch directories of imports begin with.
const PREFIX: &str = ".swing-store-import-";

/// Where a store is to be.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// In this directory, under the usual name. Whatever else was there when the work began is
    /// erased in the end, as by every function that makes a new store.
    Directory(PathBuf),
    /// This file. What SQLite has beside it goes with it.
    File(PathBuf),
}

impl StoreLocation {
    /// Fails if somebody has the store open that is there.
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

    /// Removes what killed imports to this place have left, which [`Staged::new`] would otherwise
    /// do. Large files take the file system a while.
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

/// A new database and where it is to be.
pub struct Staged {
    db: SharedDatabase,
    file: PathBuf,
    /// Has the file open, so it goes before the directory does.
    flusher: Mutex<Option<Flusher>>,
    place: Mutex<StagedAt>,
}

/// Where the database is now.
enum StagedAt {
    /// In the scratch directory; `erase` is what has to go when it is put in place, besides what
    /// SQLite has there, and `None` if nothing else may.
    Scratch {
        scratch: Scratch,
        erase: Option<Vec<PathBuf>>,
        /// Something else has the name of the store's directory, which is made in its place.
        displaces_file: bool,
    },
    /// Where it should be.
    Final,
    /// Nowhere.
    Discarded,
}

impl Staged {
    /// Makes an empty database for a store at `place`, whose directory is made if need be.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`] for a file in no directory; [`Error::Io`], also for a file beside
    /// which a link, a directory or the like has a name that SQLite uses; SQLite's errors.
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
                let erase = match displaces_file {
                    true => Vec::new(),
                    false => {
                        make_directory(&directory)?;
                        entries(&directory)?
                    }
                };
                (directory.join(FILE_NAME), Some(erase))
            }
            StoreLocation::File(file) => {
                let file = absolute(file)?;
                // Whatever else lies beside it is not to be erased.
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
        // What a killed import left was removed just now, and SQLite's files make room by
        // themselves: later, files of the new store have their names.
        let is_else = |path: &PathBuf| {
            *path != file && !names.contains(path) && path.symlink_metadata().is_ok()
        };
        let erase = erase.map(|all| all.into_iter().filter(is_else).collect());
        let db = SharedDatabase::open(Location::File(scratch.path().join(FILE_NAME)), options)?;
        db.lock().is_staged = true;
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

    /// The file that the database is in now.
    pub fn current_file(&self) -> PathBuf {
        match &*self.place() {
            StagedAt::Scratch { scratch, .. } => scratch.path().join(FILE_NAME),
            _ => self.file.clone(),
        }
    }

    /// The file that the database is in once it is published.
    pub(crate) fn final_file(&self) -> &Path {
        &self.file
    }

    fn place(&self) -> MutexGuard<'_, StagedAt> {
        lock::lock(&self.place)
    }

    /// Lets SQLite leave it to [`Staged::publish`] to wait for the disk. The file is brought onto
    /// it meanwhile.
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

    /// Waits until what was committed is on the disk, moves the database into place, and opens it
    /// there, safely or fast as [`Database::set_unsafe_fast_mode`] says. A database that was
    /// closed meanwhile stays closed. Does nothing the second time.
    ///
    /// Of whatever happens on the way, the outcome is the old state of the place or the new one,
    /// never a store that lacks something.
    ///
    /// # Errors
    /// [`Error::Statement`] while rows are being read from a tool's statement, or if something
    /// was written since the commit; [`Error::Torn`]; [`Error::StoreHeld`] while somebody has the file
    /// open that is to be replaced; [`Error::StoreInUse`] on Windows then; [`Error::Io`]; SQLite's errors. The database is still staged
    /// then, unless only opening it failed.
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
        // The longest part, for which nobody has to wait who wants to read meanwhile.
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
            // The new store is in place. What can't be erased is in nobody's way.
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

    /// Does away with the database, unless it is in its place.
    pub fn discard(&self) {
        let mut place = self.place();
        drop(self.flusher().take());
        if let StagedAt::Scratch { .. } = *place {
            self.db.lock().close();
            *place = StagedAt::Discarded;
        }
    }
}

/// How moving a database failed: with the file still in its old place, or already in the new one.
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
    /// Closes the connection, lets `move_it` move the file to `to`, and opens it there. Statements
    /// of tools survive.
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
        let sql = self.take_statements();
        let from = self.location.clone();
        if let Some(connection) = self.connection.take() {
            drop(connection.close());
            self.forget_file();
        }
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
            self.restore_statements(sql)
        });
        match (moved, opened) {
            (Err(error), _) => Err(MoveError::Before(error)),
            (Ok(()), Err(error)) => Err(MoveError::After(error)),
            (Ok(()), Ok(())) => Ok(()),
        }
    }
}

/// Makes the directory for a store.
fn make_directory(directory: &Path) -> Result<()> {
    let doing = || format!("making the directory {}", directory.display());
    fs::create_dir_all(directory).map_err(|error| Error::io(doing(), &error))
}

/// Makes a directory where something else has its name, which moves to `aside`, and does `put`.
///
/// # Errors
/// [`Error::Io`]; those of `put`. What had the name has it again then.
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

/// What is in a directory.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = |error| Error::io(format!("looking into {}", directory.display()), &error);
    let found = fs::read_dir(directory).map_err(doing)?;
    found
        .map(|entry| entry.map(|entry| entry.path()).map_err(doing))
        // An import under way is no business of ours, and a leftover is removed elsewhere.
        .filter(|path| !path.as_ref().is_ok_and(|path| is_scratch(path)))
        .collect()
}

fn is_scratch(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_name(name, PREFIX))
}

/// Waits until a staged file is on the disk.
///
/// Closing a file makes the system forget all locks that this process has on it, SQLite's own
/// included. Nobody else has the file of a staged database, so there they do not matter.
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
    fn what_has_the_name_of_the_directory_stays_until_the_store_is_published() {
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
        // It can't be put in place.
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
    fn what_is_no_file_beside_a_file_is_refused() {
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
        // A store's directory is emptied.
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
    fn the_log_of_the_old_store_goes_and_that_of_the_new_one_stays() {
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
