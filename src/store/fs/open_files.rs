//! Who has a store's file open: this process, through whichever library, or another one.
//!
//! SQLite keeps processes apart by POSIX locks. These belong to the process: whoever closes any
//! descriptor of a file drops all locks that the process has on it. Two SQLite libraries in one
//! process (two copies of this package, or better-sqlite3 beside it) know nothing of each other, so
//! each takes the other's locks away, and may remove the log that the other goes on writing to. So a
//! file is not opened while this process has it open by descriptors that are not ours. The system's
//! list of descriptors shows those of every library, whatever its version.
//!
//! A file that is about to be replaced must not be open at all: whoever has it would go on with one
//! that has no name any more.

#[cfg(unix)]
pub(crate) use posix::{adopt, check_unused, claim, forget, open};

/// Elsewhere locks belong to descriptors, and a file that is open can't be replaced.
#[cfg(not(unix))]
pub(crate) use other::{adopt, check_unused, claim, forget, open};

/// How strictly a file must be unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// Nobody may have it open.
    Entirely,
    /// This process may: it may be about to close it.
    ByOthers,
}

#[cfg(unix)]
mod posix {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs::{self, File};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, MutexGuard};

    use rustix::fs::{AtFlags, FlockOperation, fcntl_lock, statat};
    use rustix::io::Errno;

    use crate::store::error::{Error, Result};
    use crate::store::fs::open;
    use crate::store::fs::open_files::{Unused, others};
    use crate::store::fs::sidecar::sidecar;
    use crate::store::tasks::lock;

    /// Where the system lists this process's descriptors.
    const DESCRIPTORS: &str = if cfg!(any(target_os = "linux", target_os = "android")) {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };

    /// A file, whatever its names: device and inode.
    pub(crate) type Id = (u64, u64);

    pub(crate) fn id_of(path: &Path) -> Option<Id> {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }

    /// The descriptors by which this library has files open. Whoever opens a file or looks at who has,
    /// locks it.
    static OWN: Mutex<BTreeMap<Id, BTreeSet<u32>>> = Mutex::new(BTreeMap::new());

    type Own = MutexGuard<'static, BTreeMap<Id, BTreeSet<u32>>>;

    fn own() -> Own {
        // The sets are whole between any two statements.
        lock::lock(&OWN)
    }

    /// An open descriptor of a file.
    struct Descriptor {
        number: u32,
        id: Id,
        /// Whether it is for writing, as far as the system shows that.
        writes: bool,
    }

    /// This process's descriptors of these files.
    fn descriptors(files: &[Id]) -> Vec<Descriptor> {
        let Ok(directory) = File::open(DESCRIPTORS) else {
            return Vec::new();
        };
        let names = fs::read_dir(DESCRIPTORS).into_iter().flatten().flatten();
        let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let descriptor = |number: u32| {
            let name = number.to_string();
            let found = statat(&directory, &name, AtFlags::empty()).ok()?;
            let id = (found.st_dev as u64, found.st_ino as u64);
            if !files.contains(&id) {
                return None;
            }
            // The permissions of the link are those of the descriptor.
            let link = statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW);
            let is_for_writing = link.is_ok_and(|link| link.st_mode & 0o200 != 0);
            Some(Descriptor {
                number,
                id,
                writes: is_for_writing || DESCRIPTORS == "/dev/fd",
            })
        };
        numbers.filter_map(descriptor).collect()
    }

    /// Takes note of descriptors that were closed.
    fn prune(own: &mut Own) {
        own.retain(|id, numbers| {
            numbers.retain(|number| {
                id_of(&Path::new(DESCRIPTORS).join(number.to_string())) == Some(*id)
            });
            !numbers.is_empty()
        });
    }

    /// Opens a database file by SQLite, if nobody else in this process has it open.
    ///
    /// # Errors
    /// [`Error::OtherLibrary`], before the file is opened; whatever `open` returns.
    pub fn open<T>(file: &Path, open: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut own = own();
        prune(&mut own);
        let readers = match id_of(file) {
            Some(id) => check_library(file, id, own.get(&id))?,
            None => BTreeSet::new(),
        };
        let opened = open()?;
        take_note(&mut own, file, &readers);
        Ok(opened)
    }

    /// Takes note that this library may have opened these files, as SQL's `ATTACH` does.
    pub fn adopt(files: &[PathBuf]) {
        let mut own = own();
        for file in files {
            take_note(&mut own, file, &BTreeSet::new());
        }
    }

    /// Takes note of a file's descriptors, except for those of `others`. A descriptor that is taken for
    /// ours hides another library; one of ours that is not known would stand in its own way.
    fn take_note(own: &mut Own, file: &Path, others: &BTreeSet<u32>) {
        // A new file is there by now.
        if let Some(id) = id_of(file) {
            let found = descriptors(&[id]).into_iter().map(|found| found.number);
            let known = own.entry(id).or_default();
            known.extend(found.filter(|number| !others.contains(number)));
        }
    }

    /// Takes note that a connection was closed.
    pub fn forget() {
        prune(&mut own());
    }

    /// Fails if another SQLite library of this process has the file open. A descriptor for reading
    /// alone may be that of somebody who copies the file, unless the log's index is open, too. Returns
    /// those.
    fn check_library(file: &Path, id: Id, own: Option<&BTreeSet<u32>>) -> Result<BTreeSet<u32>> {
        let index = id_of(&sidecar(file, "-shm"));
        let files: Vec<Id> = [id].into_iter().chain(index).collect();
        let found = descriptors(&files);
        let is_own = |number| own.is_some_and(|own| own.contains(number));
        let foreign: Vec<_> = found
            .iter()
            .filter(|found| found.id == id && !is_own(&found.number))
            .collect();
        if foreign.is_empty() {
            return Ok(BTreeSet::new());
        }
        // Each library has the index open once.
        let indexes = found.iter().filter(|found| Some(found.id) == index).count();
        let is_library = indexes > usize::from(own.is_some());
        match is_library || foreign.iter().any(|found| found.writes) {
            true => Err(Error::OtherLibrary {
                file: file.to_owned(),
                others: others::libraries(),
            }),
            false => Ok(foreign.iter().map(|found| found.number).collect()),
        }
    }

    /// Keeps other processes from a file until it is dropped.
    pub struct Claim {
        _lock: Option<File>,
        _own: Own,
    }

    /// Makes sure that nobody has a file open, and keeps others from opening it.
    ///
    /// # Errors
    /// [`Error::StoreHeld`].
    pub fn claim(file: &Path) -> Result<Claim> {
        let own = own();
        let lock = match id_of(file) {
            Some(id) => take(file, id)?,
            None => None,
        };
        Ok(Claim {
            _lock: lock,
            _own: own,
        })
    }

    /// Fails if somebody has a file open.
    ///
    /// # Errors
    /// [`Error::StoreHeld`].
    pub fn check_unused(file: &Path, how: Unused) -> Result<()> {
        let own = own();
        let Some(id) = id_of(file) else {
            return Ok(());
        };
        // Locking and closing it would take this process's own locks.
        let outcome = match how == Unused::ByOthers && is_open_here(id) {
            true => Ok(()),
            false => take(file, id).map(drop),
        };
        drop(own);
        outcome
    }

    fn is_open_here(id: Id) -> bool {
        !descriptors(&[id]).is_empty()
    }

    fn take(file: &Path, id: Id) -> Result<Option<File>> {
        let held = |holder: String| Error::StoreHeld {
            file: file.to_owned(),
            holder,
        };
        if is_open_here(id) {
            return Err(held("this process".into()));
        }
        // Nobody here has it, so closing it again takes nobody's locks. What may not be written to, or
        // is no file, has no locks that could be asked for like this.
        let mut options = File::options();
        let mut lock = open::open_with(options.read(true).write(true), file).ok();
        if let Some(file) = &lock {
            match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::AGAIN | Errno::ACCESS) => {
                    let holder = others::process(id, |_| true);
                    return Err(held(holder.unwrap_or_else(|| "another process".into())));
                }
                Err(_) => lock = None,
                Ok(()) => {}
            }
        }
        // Without a log, in the unsafe fast mode, there are locks only while something is written.
        match others::process(id, |link| link.mode() & 0o200 != 0) {
            Some(holder) => Err(held(holder)),
            None => Ok(lock),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn descriptors_of_others_are_told_from_ours() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            let make = || {
                let mut options = File::options();
                options.read(true).write(true).create(true).truncate(false);
                options.open(&path).unwrap()
            };
            let try_it = || {
                let opened = open(&path, || Ok(make())).map(drop);
                forget();
                opened
            };
            let first = open(&path, || Ok(make())).unwrap();
            let second = open(&path, || Ok(make())).unwrap();
            assert!(check_unused(&path, Unused::Entirely).is_err());
            check_unused(&path, Unused::ByOthers).unwrap();
            drop(second);
            forget();
            // Somebody reads it, and then somebody has it as SQLite has.
            let reader = File::open(&path).unwrap();
            try_it().unwrap();
            let foreign = make();
            let code = "ERR_SWING_STORE_OTHER_LIBRARY";
            assert_eq!(try_it().unwrap_err().code(), code);
            drop(foreign);
            try_it().unwrap();
            // A reader that has the log's index open, too, is a library.
            let index = File::create(sidecar(&path, "-shm")).unwrap();
            try_it().unwrap();
            let another = File::open(sidecar(&path, "-shm")).unwrap();
            assert_eq!(try_it().unwrap_err().code(), code);
            drop((index, another, reader, first));
            forget();
            let held = claim(&path).unwrap();
            drop(held);
            check_unused(&path, Unused::Entirely).unwrap();
            check_unused(Path::new("/nowhere"), Unused::Entirely).unwrap();
        }
    }
}

/// What the system tells of this process's libraries, and of other processes.
#[cfg(unix)]
mod others {
    use std::collections::BTreeSet;
    use std::fs::{self, Metadata};
    use std::path::PathBuf;

    use crate::store::fs::open_files::posix::{Id, id_of};

    /// Libraries of Node.js in this process that may have an SQLite in them: this one first. Nothing
    /// where the system does not tell.
    pub(crate) fn libraries() -> Vec<PathBuf> {
        let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
            return Vec::new();
        };
        let here = libraries as *const () as usize;
        let mut own = None;
        let mut found = BTreeSet::new();
        for line in maps.lines() {
            let Some((range, path)) = line.split_once(' ').zip(line.find('/')) else {
                continue;
            };
            let path = PathBuf::from(&line[path..]);
            let bounds = range.0.split_once('-').and_then(|(from, to)| {
                let bound = |text| usize::from_str_radix(text, 16).ok();
                Some(bound(from)?..bound(to)?)
            });
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if bounds.is_some_and(|bounds| bounds.contains(&here)) {
                own = Some(path);
            } else if name.ends_with(".node")
                && ["swing", "sqlite"].iter().any(|word| name.contains(word))
            {
                found.insert(path);
            }
        }
        found.retain(|path| Some(path) != own.as_ref());
        own.into_iter().chain(found).collect()
    }

    /// Another process that has a file open by a descriptor for which this holds, as a message names it.
    pub(crate) fn process(id: Id, counts: impl Fn(&Metadata) -> bool) -> Option<String> {
        let own = std::process::id();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|number| *number != own).find_map(|number| {
            let descriptors = fs::read_dir(format!("/proc/{number}/fd")).ok()?;
            descriptors.flatten().find(|entry| {
                id_of(&entry.path()) == Some(id)
                    && entry
                        .path()
                        .symlink_metadata()
                        .is_ok_and(|link| counts(&link))
            })?;
            let name = fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
            Some(format!("process {number} ({})", name.trim()))
        })
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::File;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::{Path, PathBuf};

    use crate::store::error::system::is_in_use;
    use crate::store::error::{Error, Result};
    use crate::store::fs::open_files::Unused;

    /// Opens a database file.
    ///
    /// # Errors
    /// Whatever `open` returns.
    pub fn open<T>(_file: &Path, open: impl FnOnce() -> Result<T>) -> Result<T> {
        open()
    }

    /// There is nothing to take note of.
    pub fn forget() {}

    /// There is nothing to take note of.
    pub fn adopt(_files: &[PathBuf]) {}

    /// There is nothing to hold: a file that somebody has open can't be replaced.
    pub struct Claim;

    /// Leaves it to the system.
    ///
    /// # Errors
    /// None.
    pub fn claim(_file: &Path) -> Result<Claim> {
        Ok(Claim)
    }

    /// Fails if somebody has a file open.
    ///
    /// # Errors
    /// [`Error::StoreHeld`].
    pub fn check_unused(file: &Path, how: Unused) -> Result<()> {
        if how == Unused::ByOthers {
            return Ok(());
        }
        let alone = File::options().read(true).share_mode(0).open(file);
        match alone {
            Err(error) if is_in_use(&error) => Err(Error::StoreHeld {
                file: file.to_owned(),
                holder: "somebody".into(),
            }),
            _ => Ok(()),
        }
    }
}
