//! Moves the files of an export into place, and removes the files of killed exports.
//!
//! Files without a manifest are not an export, but they block the next export. An export must not
//! remove anything except the files of a killed export. It identifies them by a hard link: each
//! file keeps its name in the scratch directory until the manifest is in place. On file systems
//! without hard links, the export records each file in a list in the scratch directory before it
//! moves it. A file matches its entry if it belongs to this user and has the inode number, size and
//! time of the moved file.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::layout::MANIFEST_NAME;
use super::paths::file_name_problem;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::ownership::{is_own, number};
use crate::store::fs::rename::rename_to_new;
use crate::store::fs::scratch::clear_leftovers;

/// The prefix of the names of an export's scratch directories.
pub(super) const PREFIX: &str = ".swing-store-export-";

/// The name of the list of moved files in the scratch directory. No artifact's file has this name.
const MOVED_NAME: &str = ".moved";

/// The longest such list, in bytes; enough for millions of files.
const MAX_MOVED_BYTES: u64 = 512 << 20;

/// The precision of file times on file systems without hard links, in seconds.
const TIME_STEP: u64 = 2;

/// Removes the files of killed exports in `directory`. A file that can't be removed stays, and the
/// export fails if it needs the file's name.
pub(super) fn remove_unfinished(directory: &Path) {
    clear_leftovers(directory, PREFIX, |scratch| {
        remove_moved(scratch, directory)
    });
}

/// Removes the files that an export moved from `scratch` to `directory`, unless it finished.
///
/// The manifest is complete in `scratch` before the first file is moved. It is removed from
/// `scratch` as soon as it is in `directory`.
fn remove_moved(scratch: &Path, directory: &Path) {
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
        // On an error, ignore the whole list.
        moved.truncate(read.unwrap_or_default());
    }
    for moved in moved.lines().filter_map(MovedFile::parse) {
        let place = directory.join(&moved.name);
        if fs::symlink_metadata(scratch.join(&moved.name)).is_err()
            && let Ok(found) = fs::symlink_metadata(&place)
            && moved.matches(&found)
        {
            drop(fs::remove_file(place));
        }
    }
}

/// Whether both belong to the same file.
#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// Whether both may belong to the same file, by size and time.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    let modified = |metadata: &Metadata| metadata.modified().ok();
    other.is_file() && one.len() == other.len() && modified(one) == modified(other)
}

/// A line in the list of moved files.
struct MovedFile {
    bytes: u64,
    seconds: u64,
    number: u64,
    name: String,
}

impl MovedFile {
    fn new(name: &str, metadata: &Metadata) -> MovedFile {
        MovedFile {
            bytes: metadata.len(),
            seconds: seconds(metadata),
            number: number(metadata),
            name: name.to_owned(),
        }
    }

    fn line(&self) -> String {
        let MovedFile {
            bytes,
            seconds,
            number,
            name,
        } = self;
        format!("{bytes} {seconds} {number} {name}\n")
    }

    fn parse(line: &str) -> Option<MovedFile> {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next()?.parse().ok();
        let (bytes, seconds, number) = (next()?, next()?, next()?);
        let name = parts.next()?.to_owned();
        file_name_problem(&name).is_none().then_some(MovedFile {
            bytes,
            seconds,
            number,
            name,
        })
    }

    fn matches(&self, found: &Metadata) -> bool {
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

/// A file in its place in the export.
pub(super) struct PublishedFile {
    path: PathBuf,
    metadata: Metadata,
}

impl PublishedFile {
    /// Removes the file, unless another file has taken its name. Ignores errors.
    pub(super) fn remove(&self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| is_same(&self.metadata, &found)) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Links or moves a file from the scratch directory to the export. Never replaces a file, because
/// another export may be running.
///
/// # Errors
/// [`Error::Directory`]; [`Error::Io`].
pub(super) fn publish_file(name: &str, scratch: &Path, directory: &Path) -> Result<PublishedFile> {
    let (from, to) = (scratch.join(name), directory.join(name));
    let failed = |error| Error::io(format!("making {}", to.display()), &error);
    let metadata = fs::symlink_metadata(&from).map_err(failed)?;
    if let Err(error) = fs::hard_link(&from, &to) {
        if error.kind() == io::ErrorKind::AlreadyExists || fs::symlink_metadata(&to).is_ok() {
            return Err(Fault::exists(&to));
        }
        // The file system may not support hard links.
        if let Err(error) = move_recorded(name, scratch, &from, &to) {
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => Fault::exists(&to),
                _ => failed(error),
            });
        }
    }
    Ok(PublishedFile { path: to, metadata })
}

/// Adds a file to the list of moved files, and moves it.
fn move_recorded(name: &str, scratch: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let moved = MovedFile::new(name, &fs::symlink_metadata(from)?);
    let list = scratch.join(MOVED_NAME);
    open::open_own(File::options().append(true).create(true), &list)?
        .write_all(moved.line().as_bytes())?;
    rename_to_new(from, to)
}

/// Moves the manifest into place, which completes the export.
///
/// # Errors
/// As [`publish_file`].
pub(super) fn publish_manifest(scratch: &Path, directory: &Path) -> Result<PublishedFile> {
    let placed = publish_file(MANIFEST_NAME, scratch, directory)?;
    // Without this manifest, later exports no longer remove the files, even if the export's
    // manifest is deleted. If the manifest was moved, not linked, it is gone already.
    drop(fs::remove_file(scratch.join(MANIFEST_NAME)));
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fs::scratch::leave;

    /// Creates the scratch directory of a killed export, with its files.
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
    fn only_linked_and_moved_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        publish_file("a", &scratch, directory).unwrap();
        move_recorded("b", &scratch, &scratch.join("b"), &directory.join("b")).unwrap();
        assert_eq!(&names(directory)[1..], ["a", "b"]);
        // One has a name that the export was going to use, one an unrelated name.
        fs::write(directory.join("c"), "c").unwrap();
        fs::write(directory.join("d"), "d").unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["c", "d"]);
    }

    #[test]
    fn a_file_that_replaced_a_moved_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        move_recorded("b", &scratch, &scratch.join("b"), &directory.join("b")).unwrap();
        fs::write(directory.join("b"), "of somebody else").unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["b"]);
    }

    #[test]
    fn files_in_the_list_of_another_user_stay() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        let victim = directory.join("victim");
        fs::write(&victim, "precious").unwrap();
        let found = fs::symlink_metadata(&victim).unwrap();
        // Another file with the same size and time has the name.
        let mut moved = MovedFile::new("victim", &found);
        moved.number += 1;
        fs::write(scratch.join(MOVED_NAME), moved.line()).unwrap();
        if cfg!(unix) {
            remove_unfinished(directory);
            assert_eq!(names(directory), ["victim"]);
        }
        // A planted directory, and a planted list in a directory that others can write to.
        let line = MovedFile::new("victim", &found).line();
        let planted = directory.join(format!("{PREFIX}planted"));
        fs::create_dir(&planted).unwrap();
        let mut all = vec![planted];
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, chown};
            let open = leave(directory, PREFIX, 2);
            fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
            all.push(open);
            // The list is ours, but names a symbolic link.
            let list = |number: u64, name: &str| {
                let moved =
                    MovedFile::new(name, &fs::symlink_metadata(directory.join(name)).unwrap());
                let scratch = leave(directory, PREFIX, number);
                fs::write(scratch.join(MOVED_NAME), moved.line()).unwrap();
                fs::write(scratch.join(MANIFEST_NAME), "").unwrap();
            };
            std::os::unix::fs::symlink("victim", directory.join("link")).unwrap();
            list(4, "link");
            if rustix::process::geteuid().is_root() {
                let theirs = leave(directory, PREFIX, 3);
                chown(&theirs, Some(1234), Some(1234)).unwrap();
                chown(theirs.join("lock"), Some(1234), Some(1234)).unwrap();
                all.push(theirs);
                // The list is ours, but the file that it names belongs to another user.
                let other = directory.join("other");
                fs::write(&other, "").unwrap();
                chown(&other, Some(1234), None).unwrap();
                list(5, "other");
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
        {
            assert!(directory.join("link").is_symlink());
            if rustix::process::geteuid().is_root() {
                assert!(directory.join("other").exists());
            }
        }
    }

    #[test]
    fn only_a_published_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        let [a, b] = ["a", "b"].map(|name| publish_file(name, &scratch, directory).unwrap());
        fs::remove_file(directory.join("b")).unwrap();
        fs::write(directory.join("b"), "of somebody else").unwrap();
        a.remove();
        b.remove();
        assert_eq!(&names(directory)[1..], ["b"]);
        remove_unfinished(directory);
        assert_eq!(names(directory), ["b"]);
    }

    #[test]
    fn a_moved_file_that_was_written_since_stays() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        let to = directory.join("b");
        move_recorded("b", &scratch, &scratch.join("b"), &to).unwrap();
        let file = File::options().write(true).open(&to).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - Duration::from_secs(3600))
            .unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["b"]);
    }

    #[test]
    fn an_existing_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        fs::write(directory.join("a"), "of somebody else").unwrap();
        let error = publish_file("a", &scratch, directory).err().unwrap();
        assert!(matches!(error, Error::Directory { .. }), "{error}");
        assert!(!scratch.join(MOVED_NAME).exists());
        assert!(scratch.join("a").exists());
        // Without the directory, it is an error of the system.
        let error = publish_file("a", &scratch, &directory.join("missing"))
            .err()
            .unwrap();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }

    #[test]
    fn a_finished_export_stays_even_without_its_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let scratch = leftover(directory);
        publish_file("a", &scratch, directory).unwrap();
        publish_manifest(&scratch, directory).unwrap();
        fs::remove_file(directory.join(MANIFEST_NAME)).unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["a"]);

        // The export is killed between the two steps.
        let scratch = leftover(directory);
        fs::remove_file(directory.join("a")).unwrap();
        publish_file("a", &scratch, directory).unwrap();
        publish_file(MANIFEST_NAME, &scratch, directory).unwrap();
        remove_unfinished(directory);
        assert_eq!(names(directory), ["a", MANIFEST_NAME]);
    }

    #[test]
    fn malformed_lines_and_names_outside_the_directory_are_ignored() {
        for bad in [
            "1 2 3 ../x",
            "1 2 3 a/b",
            "x 2 3 a",
            "1",
            "",
            "1 2 3 ",
            "1 2 a",
        ] {
            assert!(MovedFile::parse(bad).is_none(), "{bad:?}");
        }
        let moved = MovedFile::parse("1 2 3 a b").unwrap();
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
