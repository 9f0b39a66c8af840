//! Owners and permissions of files.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Whether a file or directory belongs to this process's effective user. Always true on Windows,
/// where a directory inherits its write permissions.
pub(crate) fn is_own(found: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    {
        let _ = found;
        true
    }
}

/// Whether a file or directory belongs to this user, and no other user may write to it, so that its
/// contents are this user's, too.
pub(crate) fn is_private(found: &Metadata) -> bool {
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(found) & 0o022 != 0 {
        return false;
    }
    is_own(found)
}

/// The inode number, which is unique on a file system; 0 on systems without inodes.
pub(crate) fn number(found: &Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::ino(found);
    #[cfg(not(unix))]
    {
        let _ = found;
        0
    }
}

/// Gives a new file the owner and permissions of the regular file at `place`, which it replaces
/// next. Has no effect if there is none. Ownership that this user may not give away is not changed:
/// if the group cannot be kept, the group gets no permissions, so nobody gains access.
///
/// # Errors
/// The system's errors; `place` is unchanged.
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
    // No access for others while the owner changes.
    let closed = new.set_permissions(Permissions::from_mode(0o600));
    if let Err(error) = closed {
        let is_harmless = lacks_permissions(&error) && grants_no_more(&found, old);
        return if is_harmless { Ok(()) } else { Err(error) };
    }
    if found.gid() != old.gid() && fchown(new, None, Some(old.gid())).is_err() {
        mode &= !0o070;
    }
    new.set_permissions(Permissions::from_mode(mode))?;
    if found.uid() != old.uid() {
        // Only root may change the owner.
        drop(fchown(new, Some(old.uid()), None));
    }
    Ok(())
}

/// Whether an error may result from a file system without permissions (FAT, and some network and
/// user-space file systems).
#[cfg(unix)]
fn lacks_permissions(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
        || crate::store::error::system::is_not_offered(error)
}

/// Whether the new file grants others no more than the old one.
#[cfg(unix)]
fn grants_no_more(new: &Metadata, old: &Metadata) -> bool {
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
        let owner = if rustix::process::geteuid().is_root() {
            (1234, 4321)
        } else {
            let found = directory.path().metadata().unwrap();
            (found.uid(), found.gid())
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
        // A link and a missing file have no rights to keep.
        std::os::unix::fs::symlink("nowhere", &old).unwrap();
        let file = File::create_new(&new).unwrap();
        let before = file.metadata().unwrap().mode();
        keep_rights(&file, &old).unwrap();
        keep_rights(&file, Path::new("nowhere")).unwrap();
        assert_eq!(file.metadata().unwrap().mode(), before);
    }
}
