//! Writes a file atomically.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::open::irregular;
use super::open_files;
use super::open_files::Unused;
use super::ownership::keep_rights;
use super::rename::{rename, rename_to_new};
use super::scratch::{Scratch, sync_directory};
use crate::store::error::{Error, Result, system};

/// Prefix of the names of single files' scratch directories.
const PREFIX: &str = ".swing-store-file-";

/// A file to be written atomically.
pub struct AtomicFile {
    path: PathBuf,
    directory: PathBuf,
    replace: bool,
    scratch: Scratch,
}

impl AtomicFile {
    /// Checks that the file can be written, before its contents are computed. Unless `replace` is
    /// set, an existing file is an error. A replaced file passes its permissions and, if allowed,
    /// its owner to the new one. A link is replaced itself; its target stays.
    ///
    /// # Errors
    /// [`Error::Io`], with the code `EEXIST` if a file must not be replaced. Directories, devices
    /// and the like, and links to them, are never replaced. [`Error::StoreHeld`] for a store in
    /// use.
    pub fn begin(path: &Path, replace: bool) -> Result<AtomicFile> {
        if !replace && path.symlink_metadata().is_ok() {
            return Err(failed(path, &system::exists()));
        }
        if path.is_dir() {
            return Err(failed(path, &system::is_a_directory()));
        }
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(failed(path, &irregular()));
        }
        if replace {
            open_files::check_unused(path, Unused::Entirely)?;
        }
        if path.file_name().is_none() {
            return Err(failed(path, &system::not_found()));
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(AtomicFile {
            scratch: Scratch::new(&directory, PREFIX)?,
            path: path.to_owned(),
            directory,
            replace,
        })
    }

    /// Writes the contents to a temporary file, syncs it, and moves it into place.
    ///
    /// # Errors
    /// Those of [`AtomicFile::begin`].
    pub fn publish(self, contents: &[u8]) -> Result<()> {
        let unfinished = self.scratch.path().join("unfinished");
        self.write(&unfinished, contents)
            .map_err(|error| failed(&self.path, &error))?;
        sync_directory(&self.directory)
    }

    fn write(&self, unfinished: &Path, contents: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(unfinished)?;
        file.write_all(contents)?;
        if self.replace {
            keep_rights(&file, &self.path)?;
        }
        file.sync_all()?;
        drop(file);
        if self.replace {
            return rename(unfinished, &self.path);
        }
        match fs::hard_link(unfinished, &self.path) {
            // The file system has no hard links.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                rename_to_new(unfinished, &self.path)
            }
            outcome => outcome,
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::io(format!("writing {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, contents: &[u8], replace: bool) -> Result<()> {
        AtomicFile::begin(path, replace)?.publish(contents)
    }

    #[test]
    fn a_file_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a file");
        write(&path, b"one", false).unwrap();
        let error = write(&path, b"two", false).unwrap_err();
        assert_eq!(error.code(), "EEXIST");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // Another program creates the file meanwhile.
        let other = directory.path().join("another");
        let file = AtomicFile::begin(&other, false).unwrap();
        fs::write(&other, b"theirs").unwrap();
        assert_eq!(file.publish(b"ours").unwrap_err().code(), "EEXIST");
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        fs::remove_file(&other).unwrap();
        // No temporary file is left.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_with_a_similar_name_stays() {
        let directory = tempfile::tempdir().unwrap();
        let theirs = directory.path().join(".env-production");
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("lock"), b"").unwrap();
        fs::write(theirs.join("key"), b"").unwrap();
        write(&directory.path().join("env"), b"", true).unwrap();
        assert!(theirs.join("key").exists());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_links_are_not_followed() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let [path, link, other] = ["file", "link", "other"].map(|name| directory.path().join(name));
        fs::write(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write(&path, b"two", true).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        symlink(&path, &link).unwrap();
        write(&link, b"three", true).unwrap();
        assert!(link.symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // A new file's permissions are determined by the umask.
        fs::write(&other, b"").unwrap();
        let usual = other.metadata().unwrap().mode();
        assert_eq!(link.metadata().unwrap().mode(), usual);
        for device in ["/dev/null", "/dev/full"] {
            fs::remove_file(&link).unwrap();
            symlink(device, &link).unwrap();
            for path in [Path::new(device), &link] {
                let error = write(path, b"", true).unwrap_err();
                assert!(error.to_string().contains("regular file"), "{error}");
            }
        }
    }

    #[test]
    fn impossible_paths_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing").join("file");
        assert_eq!(write(&missing, b"", true).unwrap_err().code(), "ENOENT");
        assert!(write(Path::new("/"), b"", true).is_err());
        assert!(write(directory.path(), b"", true).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
