//! Whether a directory that is to be written to is apart from a store's own.

use std::fs;
use std::path::{Component, Path, PathBuf};

use dunce::simplified;

use crate::store::database::locate::FILE_NAME;
use crate::store::error::{Error, Result};

/// Fails if `directory`, which need not be there, is the store's own. With `whole` it must not lie
/// in the store's either. Symbolic links, and other ways to the same directory, do not matter.
/// `what` is what would be written there.
///
/// # Errors
/// [`Error::BadArgument`].
pub(crate) fn check_destination(
    store: &Path,
    directory: &Path,
    whole: bool,
    what: &str,
) -> Result<()> {
    let (store, directory) = (real(store), real(directory));
    let relation = match (is_in(&directory, &store), is_in(&store, &directory)) {
        (true, true) => "is the store's own directory",
        (true, false) if whole => "lies in the store's own directory",
        _ => return Ok(()),
    };
    Err(Error::BadArgument(format!(
        "{} {relation}, {}: {what} is kept apart from the store, which an import replaces as a \
         whole. Choose another directory",
        simplified(&directory).display(),
        simplified(&store).display(),
    )))
}

/// Fails if a file that is to be written is one of the store's own.
///
/// # Errors
/// [`Error::BadArgument`].
pub(crate) fn check_no_store_file(store: &Path, file: &Path) -> Result<()> {
    let file = real(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_ours = name.to_lowercase().starts_with(FILE_NAME)
        && file.parent().is_some_and(|parent| {
            let store = real(store);
            is_in(parent, &store) && is_in(&store, parent)
        });
    match is_ours {
        true => Err(Error::BadArgument(format!(
            "{} is a file of the store itself. Choose another name",
            simplified(&file).display()
        ))),
        false => Ok(()),
    }
}

/// A path without symbolic links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        let Ok(mut real) = ancestor.canonicalize() else {
            continue;
        };
        for part in path
            .strip_prefix(ancestor)
            .unwrap_or(Path::new(""))
            .components()
        {
            match part {
                Component::ParentDir => drop(real.pop()),
                part => real.push(part),
            }
        }
        return real;
    }
    path
}

/// Whether a path is another one, or lies in it. Both are as [`real`] has them.
fn is_in(path: &Path, other: &Path) -> bool {
    path.starts_with(other) || path.ancestors().any(|ancestor| is_same(ancestor, other))
}

/// Whether two paths lead to one directory, through a second mount, say.
#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &Path| {
        fs::metadata(path)
            .map(|found| (found.dev(), found.ino()))
            .ok()
    };
    let one = place(one);
    one.is_some() && one == place(other)
}

/// Whether two paths lead to one directory.
#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize()
        .is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_apart_or_not() {
        let base = tempfile::tempdir().unwrap();
        let at = |path: &str| base.path().join(path);
        fs::create_dir_all(at("home/store/inner")).unwrap();
        fs::create_dir_all(at("other")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("home/store"), at("other/link")).unwrap();
        let store = at("home/store");
        let said = |directory: &str, whole| {
            check_destination(&store, &at(directory), whole, "an export")
                .err()
                .map(|error| error.to_string())
        };
        for (directory, relation) in [
            ("home/store", "is the store's own directory"),
            ("home/../home/store/", "is the store's own directory"),
            ("home/store/inner", "lies in the store's own directory"),
            ("home/store/new/newer", "lies in the store's own directory"),
            (
                "home/store/new/../newer",
                "lies in the store's own directory",
            ),
            #[cfg(unix)]
            ("other/link", "is the store's own directory"),
            #[cfg(unix)]
            ("other/link/new", "lies in the store's own directory"),
        ] {
            let said = said(directory, true).expect(directory);
            assert!(said.contains(relation), "{directory}: {said}");
        }
        for directory in ["home", "other", "home/stores", "home/store/../new", "new"] {
            assert_eq!(said(directory, true), None, "{directory}");
        }
        for directory in ["home", "home/store/inner"] {
            assert_eq!(said(directory, false), None, "{directory}");
        }
        assert!(said("home/store", false).is_some());
    }

    #[test]
    fn a_file_is_the_store_s_or_not() {
        let base = tempfile::tempdir().unwrap();
        let store = base.path();
        for (file, is_ours) in [
            ("swingstore.sqlite", true),
            ("swingstore.sqlite-wal", true),
            ("./swingstore.sqlite", true),
            ("report.html", false),
            ("other/swingstore.sqlite", false),
        ] {
            assert_eq!(
                check_no_store_file(store, &store.join(file)).is_err(),
                is_ours,
                "{file}"
            );
        }
    }
}
