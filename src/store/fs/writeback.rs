//! Syncs files while others are being written.
//!
//! The system delays writing to the disk, and syncing file by file takes as long as everything else
//! together. So finished files are passed to a thread that syncs them in the meantime, as far as it
//! keeps up, and one call at the end syncs the rest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

#[cfg(target_os = "linux")]
use crate::store::error::system::is_not_offered;
use crate::store::error::{Error, Result};
use crate::store::tasks::monitor::Monitor;

/// Maximum number of finished files in the queue.
const AHEAD: usize = 32;

/// The disk that a directory is on, in which files are being written.
pub(crate) struct Disk {
    path: PathBuf,
    /// Opened before the first file is written, so that no failure of the disk is missed.
    #[cfg(target_os = "linux")]
    directory: File,
}

/// Accepts finished files.
pub(crate) struct Writeback(SyncSender<File>);

impl Writeback {
    /// Queues a file for syncing, unless the queue is full.
    pub(crate) fn add(&self, file: File) {
        // The final sync covers files that do not fit in the queue.
        drop(self.0.try_send(file));
    }
}

impl Disk {
    /// The disk that the directory `path` is on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn of(path: &Path) -> Result<Disk> {
        Ok(Disk {
            path: path.to_owned(),
            #[cfg(target_os = "linux")]
            directory: File::open(path).map_err(|error| sync_error(path, &error))?,
        })
    }

    /// Runs `work`, and syncs the files that it finishes in the meantime.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Io`] if the disk fails.
    pub(crate) fn keep_up(
        &self,
        monitor: &Monitor,
        work: impl FnOnce(&Writeback) -> Result<()>,
    ) -> Result<()> {
        let (sender, receiver) = sync_channel(AHEAD);
        thread::scope(|scope| {
            let syncing = thread::Builder::new()
                .name("swing-store".into())
                .spawn_scoped(scope, || sync_each(receiver, monitor));
            let writeback = Writeback(sender);
            let done = work(&writeback);
            drop(writeback);
            // Without that thread, the final sync does all the work.
            let synced = syncing.map_or(Ok(Ok(())), thread::ScopedJoinHandle::join);
            done?;
            synced
                .map_err(|_| Error::Internal("the thread that syncs panicked".into()))?
                .map_err(|error| sync_error(&self.path, &error))
        })
    }

    /// Syncs these files of the directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn sync<'a>(&self, files: impl Iterator<Item = &'a str>) -> Result<()> {
        #[cfg(target_os = "linux")]
        match rustix::fs::syncfs(&self.directory).map_err(std::io::Error::from) {
            Err(error) if is_not_offered(&error) => {}
            synced => return synced.map_err(|error| sync_error(&self.path, &error)),
        }
        self.sync_one_by_one(files)
    }

    /// Syncs each file, on systems that cannot sync a file system.
    fn sync_one_by_one<'a>(&self, files: impl Iterator<Item = &'a str>) -> Result<()> {
        for name in files {
            let path = self.path.join(name);
            let file = File::options().write(true).open(&path);
            // A file that was linked may be one that may only be read.
            file.or_else(|_| File::open(&path))
                .and_then(|file| file.sync_all())
                .map_err(|error| sync_error(&self.path, &error))?;
        }
        Ok(())
    }
}

/// Syncs queued files, unless the work was aborted and they will be removed.
fn sync_each(files: Receiver<File>, monitor: &Monitor) -> std::io::Result<()> {
    files
        .iter()
        .filter(|_| monitor.check().is_ok())
        .try_for_each(|file| file.sync_data())
}

fn sync_error(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format!("syncing {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_files_are_synced_if_the_file_system_cannot_be() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("there"), "x").unwrap();
        let disk = Disk::of(directory.path()).unwrap();
        disk.sync_one_by_one(["there"].into_iter()).unwrap();
        let error = disk.sync_one_by_one(["there", "missing"].into_iter());
        assert_eq!(error.unwrap_err().code(), "ENOENT");
    }
}
