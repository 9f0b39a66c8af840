//! Checks that output is not written into a store's own directory.

use std::fs;
use std::path::{Component, Path, PathBuf};

use dunce::simplified;

use crate::store::database::locate::FILE_NAME;
use crate::store::error::{Error, Result};

/// Checks that `directory`, which need not exist, is not the directory of the store `store`; with
/// `whole`, nor inside it. Symbolic links and mounts are resolved. `what` names the output in the
/// error message.
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
        "{} {relation}, {}, and an import replaces that directory with all its files. Choose \
         another directory for {what}",
        simplified(&directory).display(),
        simplified(&store).display(),
    )))
}

/// Checks that an output file is not a file of the store.
///
/// # Errors
/// [`Error::BadArgument`].
#[cfg_attr(
    not(feature = "report"),
    allow(dead_code, reason = "only reports use it")
)]
pub(crate) fn check_no_store_file(store: &Path, file: &Path) -> Result<()> {
    let file = real(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_ours = name.to_lowercase().starts_with(FILE_NAME)
        && file.parent().is_some_and(|parent| {
            let store = real(store);
            is_in(parent, &store) && is_in(&store, parent)
        });
    if is_ours {
        return Err(Error::BadArgument(format!(
            "{} is a file of the store itself. Choose another name",
            simplified(&file).display()
        )));
    }
    Ok(())
}

/// The absolute path, with symbolic links resolved in the part that exists.
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

/// Whether `path` is `other` or lies in it. Both come from [`real`].
fn is_in(path: &Path, other: &Path) -> bool {
    path.starts_with(other) || path.ancestors().any(|ancestor| is_same(ancestor, other))
}

/// Whether two paths lead to the same directory, for example through two mounts.
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

/// Whether two paths lead to the same directory.
#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize()
        .is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_in_the_store_are_refused() {
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
    fn files_of_the_store_are_refused() {
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
