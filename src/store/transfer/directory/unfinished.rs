//! How files of an export get their names, and how the next export undoes that for one that was
//! killed meanwhile.
//!
//! Without a manifest they are no export, but they would be in the way of one. Nothing but what an
//! export has put there may be removed, so what it has put there can be told from all else: each
//! file keeps a second name in the scratch directory until the manifest is in place. Where files
//! can't have two names, a list in the scratch directory says what they were: only a file of this
//! user with the number, size and time of the one that was moved is the same.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::MANIFEST_NAME;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::ownership::{is_own, number};
use crate::store::fs::rename::rename_to_new;
use crate::store::fs::scratch::clear_leftovers;

/// What the names of scratch directories of exports begin with.
pub(super) const PREFIX: &str = ".swing-store-export-";

/// The list of files that were moved, in the scratch directory: no artifact's file has this name.
const MOVED_NAME: &str = ".moved";

/// The longest such list, of some millions of files, in bytes.
const MAX_MOVED_BYTES: u64 = 512 << 20;

/// How exactly file systems without second names keep a file's time.
const TIME_STEP: u64 = 2;

/// Removes what killed exports have left in `directory`. What can't be removed is in the way, and
/// is said to be if the export needs its name.
pub(super) fn remove_unfinished(directory: &Path) {
    clear_leftovers(directory, PREFIX, |scratch| take_back(scratch, directory));
}

/// Removes the files that an export has put from `scratch` into `directory`, if it did not come as
/// far as its manifest.
///
/// The manifest is complete in `scratch` before the first file gets its name, and gone from there
/// as soon as it is in `directory`.
fn take_back(scratch: &Path, directory: &Path) {
    let is_there = |directory: &Path| fs::symlink_metadata(directory.join(MANIFEST_NAME)).is_ok();
    if !is_there(scratch) || is_there(directory) {
        return;
    }
    let Ok(files) = fs::read_dir(scratch) else {
        return;
    };
    for file in files.flatten() {
        let place = directory.join(file.file_name());
        if let Ok(kept) = fs::symlink_metadata(file.path())
            && let Ok(found) = fs::symlink_metadata(&place)
            && kept.is_file()
            && is_own(&kept)
            && is_same(&kept, &found)
        {
            drop(fs::remove_file(place));
        }
    }
    let mut moved = String::new();
    if let Ok(list) = open::open_own(File::options().read(true), &scratch.join(MOVED_NAME)) {
        let read = list.take(MAX_MOVED_BYTES).read_to_string(&mut moved);
        // Of a list of somebody else's, nothing.
        moved.truncate(read.unwrap_or_default());
    }
    for moved in moved.lines().filter_map(Moved::parse) {
        let place = directory.join(&moved.name);
        if fs::symlink_metadata(scratch.join(&moved.name)).is_err()
            && let Ok(found) = fs::symlink_metadata(&place)
            && moved.is(&found)
        {
            drop(fs::remove_file(place));
        }
    }
}

/// Whether these are of one file.
#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// Whether these are of one file, as far as can be told.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    let modified = |metadata: &Metadata| metadata.modified().ok();
    other.is_file() && one.len() == other.len() && modified(one) == modified(other)
}

/// A file that was moved: a line of the list.
struct Moved {
    bytes: u64,
    seconds: u64,
    number: u64,
    name: String,
}

impl Moved {
    fn new(name: &str, metadata: &Metadata) -> Moved {
        Moved {
            bytes: metadata.len(),
            seconds: seconds(metadata),
            number: number(metadata),
            name: name.to_owned(),
        }
    }

    fn line(&self) -> String {
        let Moved {
            bytes,
            seconds,
            number,
            name,
        } = self;
        format!("{bytes} {seconds} {number} {name}\n")
    }

    fn parse(line: &str) -> Option<Moved> {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next()?.parse().ok();
        let (bytes, seconds, number) = (next()?, next()?, next()?);
        let name = parts.next()?.to_owned();
        super::paths::problem_with(&name)
            .is_none()
            .then_some(Moved {
                bytes,
                seconds,
                number,
                name,
            })
    }

    fn is(&self, found: &Metadata) -> bool {
        found.is_file()
            && is_own(found)
            && number(found) == self.number
            && found.len() == self.bytes
            && seconds(found).abs_diff(self.seconds) <= TIME_STEP
    }
}

fn seconds(metadata: &Metadata) -> u64 {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH);
    since.as_ref().map_or(0, Duration::as_secs)
}

/// A file that got its name in the export.
pub(super) struct Placed {
    path: PathBuf,
    metadata: Metadata,
}

impl Placed {
    /// Removes the file, unless another one has its name by now, or it can't be removed.
    pub(super) fn remove(&self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| is_same(&self.metadata, &found)) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Gives a file of the scratch directory its name in the export, unless something has that name
/// already: another export may be doing the same.
///
/// # Errors
/// [`Error::Directory`]; [`Error::Io`].
pub(super) fn give_name(name: &str, scratch: &Path, directory: &Path) -> Result<Placed> {
    let (from, to) = (scratch.join(name), directory.join(name));
    let failed = |error| Error::io(format!("making {}", to.display()), &error);
    let metadata = fs::symlink_metadata(&from).map_err(failed)?;
    if let Err(error) = fs::hard_link(&from, &to) {
        if error.kind() == io::ErrorKind::AlreadyExists || fs::symlink_metadata(&to).is_ok() {
            return Err(Fault::exists(&to));
        }
        // Not every file system lets a file have two names.
        if let Err(error) = move_noted(name, scratch, &from, &to) {
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => Fault::exists(&to),
                _ => failed(error),
            });
        }
    }
    Ok(Placed { path: to, metadata })
}

/// Moves a file, and notes before that it is about to be moved.
fn move_noted(name: &str, scratch: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let moved = Moved::new(name, &fs::symlink_metadata(from)?);
    let list = scratch.join(MOVED_NAME);
    open::open_own(File::options().append(true).create(true), &list)?
        .write_all(moved.line().as_bytes())?;
    rename_to_new(from, to)
}

/// Puts the manifest in its place, from where on the export is whole.
///
/// # Errors
/// As [`give_name`].
pub(super) fn publish_manifest(scratch: &Path, directory: &Path) -> Result<Placed> {
    let placed = give_name(MANIFEST_NAME, scratch, directory)?;
    // The files are the export's now, and not for anybody to take back, should the manifest ever
    // be removed. Where it was moved it is gone already.
    drop(fs::remove_file(scratch.join(MANIFEST_NAME)));
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fs::scratch::leave;

    /// A scratch directory with the files of an export, in the directory of the export.
    fn leftover(directory: &Path) -> PathBuf {
        let scratch = leave(directory, PREFIX, 1);
        for name in ["a", "b", "c", MANIFEST_NAME] {
            fs::write(scratch.join(name), name).unwrap();
        }
        scratch
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_that_were_linked_or_moved_are_taken_back_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        give_name("a", &scratch, directory).unwrap();
        move_noted("b", &scratch, &scratch.join("b"), &directory.join("b")).unwrap();
        // Of a name that the export was yet to use, or of none of its names.
        fs::write(directory.join("c"), "c").unwrap();
        fs::write(directory.join("d"), "d").unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["c", "d"]);
    }

    #[test]
    fn a_file_that_took_the_place_of_one_that_was_moved_stays() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        move_noted("b", &scratch, &scratch.join("b"), &directory.join("b")).unwrap();
        fs::write(directory.join("b"), "of somebody else").unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["b"]);
    }

    #[test]
    fn what_somebody_else_s_list_names_stays() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        let victim = directory.join("victim");
        fs::write(&victim, "precious").unwrap();
        let found = fs::symlink_metadata(&victim).unwrap();
        // Another file of the same size and time has the name.
        let mut moved = Moved::new("victim", &found);
        moved.number += 1;
        fs::write(scratch.join(MOVED_NAME), moved.line()).unwrap();
        if cfg!(unix) {
            remove_unfinished(directory);
            assert_eq!(names(directory), ["victim"]);
        }
        // A planted directory, and a planted list in one that was left open to others.
        let line = Moved::new("victim", &found).line();
        let planted = directory.join(format!("{PREFIX}planted"));
        fs::create_dir(&planted).unwrap();
        let mut all = vec![planted];
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, chown};
            let open = leave(directory, PREFIX, 2);
            fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
            all.push(open);
            if rustix::process::geteuid().is_root() {
                let theirs = leave(directory, PREFIX, 3);
                chown(&theirs, Some(1234), Some(1234)).unwrap();
                chown(theirs.join("lock"), Some(1234), Some(1234)).unwrap();
                all.push(theirs);
                // Ours, but what it names has become another user's.
                let list = leave(directory, PREFIX, 4).join(MOVED_NAME);
                let other = directory.join("other");
                fs::write(&other, "").unwrap();
                let moved = Moved::new("other", &fs::symlink_metadata(&other).unwrap());
                chown(&other, Some(1234), None).unwrap();
                fs::write(list, moved.line()).unwrap();
            }
        }
        for scratch in &all {
            fs::write(scratch.join(MOVED_NAME), &line).unwrap();
            fs::write(scratch.join(MANIFEST_NAME), "").unwrap();
        }
        remove_unfinished(directory);
        assert!(victim.exists());
        assert!(all.iter().all(|scratch| scratch.exists()));
        #[cfg(unix)]
        if rustix::process::geteuid().is_root() {
            assert!(directory.join("other").exists());
        }
    }

    #[test]
    fn a_file_that_was_placed_is_removed_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        let [a, b] = ["a", "b"].map(|name| give_name(name, &scratch, directory).unwrap());
        fs::remove_file(directory.join("b")).unwrap();
        fs::write(directory.join("b"), "of somebody else").unwrap();
        a.remove();
        b.remove();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["b"]);
    }

    #[test]
    fn a_whole_export_stays_even_without_its_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        give_name("a", &scratch, directory).unwrap();
        publish_manifest(&scratch, directory).unwrap();
        fs::remove_file(directory.join(MANIFEST_NAME)).unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["a"]);

        // Killed between the two steps.
        let scratch = leftover(directory);
        fs::remove_file(directory.join("a")).unwrap();
        give_name("a", &scratch, directory).unwrap();
        give_name(MANIFEST_NAME, &scratch, directory).unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["a", MANIFEST_NAME]);
    }

    #[test]
    fn a_list_that_leads_elsewhere_is_not_followed() {
        for bad in [
            "1 2 3 ../x",
            "1 2 3 a/b",
            "x 2 3 a",
            "1",
            "",
            "1 2 3 ",
            "1 2 a",
        ] {
            assert!(Moved::parse(bad).is_none(), "{bad:?}");
        }
        let moved = Moved::parse("1 2 3 a b").unwrap();
        assert_eq!(
            (
                moved.bytes,
                moved.seconds,
                moved.number,
                moved.name.as_str()
            ),
            (1, 2, 3, "a b")
        );
    }
}
