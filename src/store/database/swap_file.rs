//! Replaces a database file in one step.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Database, Location, OpenOptions};
use crate::store::error::system::is_in_use;
use crate::store::error::{Error, Result};
use crate::store::fs::ownership::keep_rights;
use crate::store::fs::rename::rename;
use crate::store::fs::sidecar::{SIDECARS, sidecar};
use crate::store::fs::{open, open_files};

/// Moves a closed database file to `to`, where another store may be. The new file gets the
/// permissions and owner of the old one. `aside` is a private directory on the same file system,
/// for files that must be moved away first.
///
/// # Errors
/// If any occurs, nothing has changed: [`Error::StoreHeld`], or on Windows [`Error::StoreInUse`],
/// while the other store is open; [`Error::Io`].
pub(crate) fn swap_file(from: &Path, to: &Path, aside: &Path) -> Result<()> {
    let doing = || format!("moving the new store to {}", to.display());
    let failed = |error: &io::Error| {
        if is_in_use(error) {
            Error::StoreInUse(
                "Windows cannot replace its file while a program has it open. Close it in all \
                 programs, including this process, and retry",
            )
        } else {
            Error::io(doing(), error)
        }
    };
    if !sidecars_of(from).is_empty() {
        return Err(Error::Internal(
            "the imported database did not close".into(),
        ));
    }
    // Claimed twice, because checkpointing the log closes the file.
    drop(open_files::claim(to)?);
    if !sidecars_of(to).is_empty() {
        checkpoint_log(to);
    }
    let _claim = open_files::claim(to)?;
    // SQLite creates its sidecar files with the permissions of the database.
    open::open_own(File::options().write(true), from)
        .and_then(|new| keep_rights(&new, to))
        .map_err(|error| Error::io(doing(), &error))?;
    // A single file is replaced in one step. If there are sidecar files, the old store is moved
    // away first: the new file must not be found with the old log, which SQLite would apply to it,
    // nor the old file without its log.
    let old = sidecars_of(to);
    let mut moved = Vec::new();
    if !old.is_empty() || to.is_dir() {
        let replaced = aside.join("replaced");
        fs::create_dir_all(&replaced).map_err(|error| Error::io(doing(), &error))?;
        let whole = to.symlink_metadata().is_ok().then(|| to.to_owned());
        for path in whole.into_iter().chain(old) {
            let kept = replaced.join(path.file_name().unwrap_or_default());
            if let Err(error) = rename(&path, &kept) {
                undo_moves(moved);
                return Err(failed(&error));
            }
            moved.push((kept, path));
        }
    }
    rename(from, to).map_err(|error| {
        undo_moves(moved);
        failed(&error)
    })
}

/// Existing sidecar files, including dangling links.
fn sidecars_of(file: &Path) -> Vec<PathBuf> {
    let paths = SIDECARS.iter().map(|suffix| sidecar(file, suffix));
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    paths.filter(is_there).collect()
}

/// Checkpoints the log of a store that was not closed, and removes the log, as opening and closing
/// the store does. If the store is in use or damaged, the log stays.
fn checkpoint_log(file: &Path) {
    let options = OpenOptions {
        must_exist: true,
        busy_timeout: Duration::ZERO,
        ..OpenOptions::default()
    };
    if let Ok(mut db) = Database::open(Location::File(file.to_owned()), &options) {
        drop(db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
        db.close();
    }
}

/// Undoes moves in reverse order.
fn undo_moves(moves: Vec<(PathBuf, PathBuf)>) {
    for (now, before) in moves.into_iter().rev() {
        drop(rename(&now, &before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Path) -> Database {
        Database::open(Location::File(file.to_owned()), &OpenOptions::default()).unwrap()
    }

    #[test]
    fn the_log_of_a_store_that_was_not_closed_is_checkpointed() {
        let directory = tempfile::tempdir().unwrap();
        let living = directory.path().join("living");
        let mut db = open(&living);
        db.set_unsafe_fast_mode(false).unwrap();
        db.execute("CREATE TABLE t (x)").unwrap();
        // A killed process leaves these files.
        let dead = directory.path().join("dead");
        for suffix in ["", "-wal"] {
            fs::copy(sidecar(&living, suffix), sidecar(&dead, suffix)).unwrap();
        }
        checkpoint_log(&dead);
        assert!(sidecars_of(&dead).is_empty());
        open(&dead).execute("INSERT INTO t VALUES (1)").unwrap();

        // The log of a store in use stays.
        checkpoint_log(&living);
        assert!(!sidecars_of(&living).is_empty());
        db.execute("INSERT INTO t VALUES (1)").unwrap();
        db.close();

        // A file that is not a database stays unchanged.
        let other = directory.path().join("other");
        fs::write(&other, "something else".repeat(100)).unwrap();
        fs::write(sidecar(&other, "-wal"), "a log").unwrap();
        checkpoint_log(&other);
        assert!(fs::read(&other).unwrap().starts_with(b"something"));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_store_has_the_rights_of_the_old_one() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let [from, to, aside] = ["from", "to", "aside"].map(|name| directory.path().join(name));
        let mut db = open(&to);
        db.execute("CREATE TABLE t (x)").unwrap();
        db.close();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        for is_linked in [false, true] {
            // Links with the names of sidecar files are moved away, wherever they lead.
            if is_linked {
                for suffix in SIDECARS {
                    symlink("nowhere", sidecar(&to, suffix)).unwrap();
                }
            }
            let mut db = open(&from);
            db.execute("CREATE TABLE new (x)").unwrap();
            db.close();
            swap_file(&from, &to, &aside).unwrap();
            assert_eq!(to.metadata().unwrap().mode() & 0o777, 0o600);
            assert!(sidecars_of(&to).is_empty());
            let mut db = open(&to);
            db.set_unsafe_fast_mode(false).unwrap();
            db.execute("INSERT INTO new VALUES (1)").unwrap();
            for suffix in ["-wal", "-shm"] {
                let mode = sidecar(&to, suffix).metadata().unwrap().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
            db.close();
        }
    }
}
