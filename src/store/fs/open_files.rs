//! Detects who has a store's file open: another library of this process, or another process.
//!
//! SQLite synchronizes processes by POSIX locks, which belong to a process: closing any descriptor
//! of a file releases all of the process's locks on it. Two SQLite libraries in one process (two
//! copies of this package, or better-sqlite3 in addition) do not know of each other, so each
//! releases the other's locks, and may remove the log that the other is writing to. Therefore a
//! file is not opened while this process has it open by descriptors that are not ours. The system's
//! list of descriptors includes those of every library, whatever its version.
//!
//! A file that will be replaced must not be open at all: its user would continue with a file that
//! has no name any more.

#[cfg(target_os = "linux")]
pub(crate) use posix::keep_open;
#[cfg(unix)]
pub(crate) use posix::{adopt, check_unused, claim, forget, open};

/// On other systems, locks belong to descriptors, and an open file cannot be replaced.
#[cfg(not(unix))]
pub(crate) use other::{adopt, check_unused, claim, forget, open};

/// Who must not have a file open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// Nobody.
    Entirely,
    /// Other processes. This process may be about to close it.
    ByOthers,
}

#[cfg(unix)]
mod posix {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs::{self, File};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, MutexGuard};

    use rustix::fs::{AtFlags, FlockOperation, fcntl_lock, statat};
    use rustix::io::Errno;

    use crate::store::error::{Error, Result};
    use crate::store::fs::open;
    use crate::store::fs::open_files::{Unused, others};
    use crate::store::fs::sidecar::sidecar;
    use crate::store::tasks::lock;

    /// The directory in which the system lists this process's descriptors.
    const DESCRIPTORS: &str = if cfg!(any(target_os = "linux", target_os = "android")) {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };

    /// Identifies a file: device and inode.
    pub(crate) type Id = (u64, u64);

    pub(crate) fn id_of(path: &Path) -> Option<Id> {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }

    /// The descriptors of files that this library has open. Locked while a file is opened or
    /// checked.
    static OWN: Mutex<BTreeMap<Id, BTreeSet<u32>>> = Mutex::new(BTreeMap::new());

    type Own = MutexGuard<'static, BTreeMap<Id, BTreeSet<u32>>>;

    fn own() -> Own {
        // The sets are consistent between any two statements.
        lock::lock(&OWN)
    }

    /// An open descriptor of a file.
    struct Descriptor {
        number: u32,
        id: Id,
        /// Whether it is open for writing, as far as the system reveals that.
        writes: bool,
    }

    /// Lists this process's descriptors of these files.
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
            // The link's permissions reflect the descriptor's access mode.
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

    /// Removes descriptors that were closed.
    fn prune(own: &mut Own) {
        own.retain(|id, numbers| {
            numbers.retain(|number| {
                id_of(&Path::new(DESCRIPTORS).join(number.to_string())) == Some(*id)
            });
            !numbers.is_empty()
        });
    }

    /// Calls `open` to open a database file with SQLite, unless another library of this process has
    /// it open.
    ///
    /// # Errors
    /// [`Error::OtherLibrary`], before the file is opened; those of `open`.
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

    /// Records that this library may have opened these files, as SQL's `ATTACH` does.
    pub fn adopt(files: &[PathBuf]) {
        let mut own = own();
        for file in files {
            take_note(&mut own, file, &BTreeSet::new());
        }
    }

    /// Records a file's descriptors except for `others` as ours. A foreign descriptor taken for
    /// ours would hide another library; one of ours that is not recorded would make us refuse our
    /// own file.
    fn take_note(own: &mut Own, file: &Path, others: &BTreeSet<u32>) {
        // A new file exists by now.
        if let Some(id) = id_of(file) {
            let found = descriptors(&[id]).into_iter().map(|found| found.number);
            let known = own.entry(id).or_default();
            known.extend(found.filter(|number| !others.contains(number)));
        }
    }

    /// Descriptors of [`keep_open`]. Locked after [`OWN`].
    static KEPT: Mutex<BTreeMap<Id, Arc<File>>> = Mutex::new(BTreeMap::new());

    /// Opens a database file that this library has open, for reading past SQLite. Closing it would
    /// release SQLite's locks, so it stays open until SQLite has closed the file and the caller has
    /// dropped this and called [`forget`]. `None` if the file is not open, or cannot be opened again.
    #[cfg(target_os = "linux")]
    pub fn keep_open(file: &Path) -> Option<Arc<File>> {
        use std::os::fd::AsRawFd;
        let mut own = own();
        prune(&mut own);
        let mut kept = lock::lock(&KEPT);
        let id = id_of(file).filter(|id| own.contains_key(id))?;
        if let Some(file) = kept.get(&id) {
            return Some(file.clone());
        }
        let file = Arc::new(open::open(file).ok()?);
        let found = file.metadata().ok()?;
        // The path may lead to another database by now.
        let id = (found.dev(), found.ino());
        let number = u32::try_from(file.as_raw_fd()).ok()?;
        own.entry(id).or_default().insert(number);
        kept.insert(id, file.clone());
        Some(file)
    }

    /// Records that a connection was closed.
    pub fn forget() {
        let mut own = own();
        prune(&mut own);
        let mut kept = lock::lock(&KEPT);
        // The kept descriptor is one of ours.
        kept.retain(|id, file| {
            own.get(id).is_some_and(|numbers| numbers.len() > 1) || Arc::strong_count(file) > 1
        });
        prune(&mut own);
    }

    /// Fails if another SQLite library of this process has the file open. A read-only descriptor
    /// may belong to code that copies the file, unless the WAL index is open, too. Returns such
    /// descriptors.
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
        // Each library opens the index once.
        let indexes = found.iter().filter(|found| Some(found.id) == index).count();
        let is_library = indexes > usize::from(own.is_some());
        if is_library || foreign.iter().any(|found| found.writes) {
            return Err(Error::OtherLibrary {
                file: file.to_owned(),
                others: others::libraries(),
            });
        }
        Ok(foreign.iter().map(|found| found.number).collect())
    }

    /// Prevents other processes from opening a file until it is dropped.
    pub struct Claim {
        _lock: Option<File>,
        _own: Own,
    }

    /// Checks that nobody has a file open, and prevents others from opening it.
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

    /// Fails if a file is open.
    ///
    /// # Errors
    /// [`Error::StoreHeld`].
    pub fn check_unused(file: &Path, how: Unused) -> Result<()> {
        let own = own();
        let Some(id) = id_of(file) else {
            return Ok(());
        };
        // Locking and closing the file would release this process's own locks.
        let outcome = if how == Unused::ByOthers && is_open_here(id) {
            Ok(())
        } else {
            take(file, id).map(drop)
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
        // This process does not have the file open, so closing it releases no locks. Something that
        // is not writable, or not a file, has no such locks.
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
        // In the unsafe fast mode there is no log, and locks exist only during writes.
        match others::process(id, |link| link.mode() & 0o200 != 0) {
            Some(holder) => Err(held(holder)),
            None => Ok(lock),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        #[cfg(target_os = "linux")]
        fn a_kept_descriptor_is_closed_after_all_others() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            let make = || File::create(&path).unwrap();
            drop(make());
            assert!(keep_open(&path).is_none(), "no database is open");
            let database = open(&path, || Ok(make())).unwrap();
            let kept = keep_open(&path).unwrap();
            let count = || descriptors(&[id_of(&path).unwrap()]).len();
            let another = keep_open(&path).unwrap();
            assert_eq!(count(), 2, "all users share one descriptor");
            drop((kept, another));
            forget();
            assert_eq!(count(), 2, "closing it would release SQLite's locks");
            // It is one of ours, so the file can be opened again.
            let second = open(&path, || Ok(make())).unwrap();
            drop(database);
            forget();
            assert_eq!(count(), 2);
            let kept = keep_open(&path).unwrap();
            drop(second);
            forget();
            assert_eq!(count(), 1, "it is still in use");
            drop(kept);
            forget();
            assert_eq!(count(), 0);
            check_unused(&path, Unused::Entirely).unwrap();
        }

        #[test]
        fn foreign_descriptors_are_distinguished_from_ours() {
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
            // A reader, and then a descriptor like SQLite's.
            let reader = File::open(&path).unwrap();
            try_it().unwrap();
            let foreign = make();
            let code = "ERR_SWING_STORE_OTHER_LIBRARY";
            assert_eq!(try_it().unwrap_err().code(), code);
            drop(foreign);
            try_it().unwrap();
            // A reader that also has the WAL index open is a library.
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

/// Queries the system about this process's libraries and about other processes.
#[cfg(unix)]
mod others {
    use std::collections::BTreeSet;
    use std::fs::{self, Metadata};
    use std::path::PathBuf;

    use crate::store::fs::open_files::posix::{Id, id_of};

    /// Lists the Node.js addons of this process that may contain SQLite, this one first. Empty if
    /// the system does not list them.
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

    /// Another process that has a file open by a descriptor that satisfies `counts`, described for
    /// a message.
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

    /// Calls `open` to open a database file.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open<T>(_file: &Path, open: impl FnOnce() -> Result<T>) -> Result<T> {
        open()
    }

    /// Has no effect on this system.
    pub fn forget() {}

    /// Has no effect on this system.
    pub fn adopt(_files: &[PathBuf]) {}

    /// Holds nothing: on this system an open file cannot be replaced.
    pub struct Claim;

    /// Leaves the check to the system.
    ///
    /// # Errors
    /// None.
    pub fn claim(_file: &Path) -> Result<Claim> {
        Ok(Claim)
    }

    /// Fails if a file is open.
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
