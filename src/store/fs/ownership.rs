//! Whose a file is, and what others may do with it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Whether a file or directory belongs to the user that this process acts as. Always true on
/// Windows, where a directory inherits who may write to it.
pub(crate) fn is_own(found: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    {
        let _ = found;
        true
    }
}

/// Whether a file or directory belongs to this user, and nobody else may write to it: then its
/// contents come from this user, too.
pub(crate) fn is_private(found: &Metadata) -> bool {
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(found) & 0o022 != 0 {
        return false;
    }
    is_own(found)
}

/// A number that tells a file from all others on its file system; 0 where there is none.
pub(crate) fn number(found: &Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::ino(found);
    #[cfg(not(unix))]
    {
        let _ = found;
        0
    }
}

/// Gives a new file the owner and the permissions of the regular file at `place`, whose place it
/// takes next. Does nothing if there is none. What this user may not give away stays: a file whose
/// group can't be kept has no permissions for a group, so nobody gains access.
///
/// # Errors
/// The system's; `place` is unchanged.
pub(crate) fn keep_rights(new: &File, place: &Path) -> io::Result<()> {
    match place.symlink_metadata() {
        Ok(old) if old.is_file() => copy_rights(new, &old),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn copy_rights(new: &File, old: &Metadata) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let found = new.metadata()?;
    let mut mode = old.mode() & 0o777;
    let rights = (found.uid(), found.gid(), found.mode() & 0o777);
    if rights == (old.uid(), old.gid(), mode) {
        return Ok(());
    }
    // Closed to others while the owner changes.
    let closed = new.set_permissions(Permissions::from_mode(0o600));
    if let Err(error) = closed {
        return match lacks_permissions(&error) && lets_no_more(&found, old) {
            true => Ok(()),
            false => Err(error),
        };
    }
    if found.gid() != old.gid() && fchown(new, None, Some(old.gid())).is_err() {
        mode &= !0o070;
    }
    new.set_permissions(Permissions::from_mode(mode))?;
    if found.uid() != old.uid() {
        // Only root may.
        drop(fchown(new, Some(old.uid()), None));
    }
    Ok(())
}

/// Whether an error may be that of a file system on which all files have the same permissions (FAT, and
/// some of networks and in user space).
#[cfg(unix)]
fn lacks_permissions(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
        || crate::store::error::system::is_not_offered(error)
}

/// Whether nobody else may do more with the new file than with the old one.
#[cfg(unix)]
fn lets_no_more(new: &Metadata, old: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of_group = if new.gid() == old.gid() { 0 } else { 0o070 };
    new.mode() & 0o077 & !(old.mode() & !of_group) == 0
}

#[cfg(not(unix))]
fn copy_rights(_new: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    use super::*;

    #[test]
    fn a_new_file_has_the_rights_of_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        let owner = match rustix::process::geteuid().is_root() {
            true => (1234, 4321),
            false => {
                let found = directory.path().metadata().unwrap();
                (found.uid(), found.gid())
            }
        };
        for mode in [0o600, 0o640, 0o644, 0o444] {
            fs::write(&old, "").unwrap();
            fs::set_permissions(&old, Permissions::from_mode(mode)).unwrap();
            chown(&old, Some(owner.0), Some(owner.1)).unwrap();
            let file = File::create_new(&new).unwrap();
            keep_rights(&file, &old).unwrap();
            let found = new.metadata().unwrap();
            assert_eq!(
                (found.mode() & 0o7777, found.uid(), found.gid()),
                (mode, owner.0, owner.1)
            );
            for file in [&old, &new] {
                fs::remove_file(file).unwrap();
            }
        }
        // Neither a link's nor nobody's.
        std::os::unix::fs::symlink("nowhere", &old).unwrap();
        let file = File::create_new(&new).unwrap();
        let before = file.metadata().unwrap().mode();
        keep_rights(&file, &old).unwrap();
        keep_rights(&file, Path::new("nowhere")).unwrap();
        assert_eq!(file.metadata().unwrap().mode(), before);
    }
}
