//! The connections of an export, which all read the same commit.

use std::path::Path;
use std::sync::Mutex;

use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::{lock, parallel};
use crate::store::transfer::exporter::Exporter;

/// One exporter for each thread. With a single one, threads wait for each other's reads, which are
/// most of an export's time.
pub(super) struct Exporters {
    first: Exporter,
    others: Vec<Exporter>,
    /// The exporters that no thread uses: 0 for the first, and one more than the index of the others.
    idle: Mutex<Vec<usize>>,
}

impl Exporters {
    /// Opens the last commit of the store in a directory. If others commit continually, there is one
    /// exporter for all threads.
    ///
    /// # Errors
    /// Those of [`Exporter::open_to_read`].
    pub(super) fn open(store: &Path, mode: ArtifactMode, monitor: &Monitor) -> Result<Exporters> {
        let mut all = Exporter::open_several_to_read(store, mode, parallel::threads(), monitor)?;
        if all.is_empty() {
            return Err(Error::Internal("no connection".into()));
        }
        let first = all.remove(0);
        Ok(Exporters {
            first,
            idle: Mutex::new((0..=all.len()).collect()),
            others: all,
        })
    }

    /// The first exporter.
    pub(super) fn first(&self) -> &Exporter {
        &self.first
    }

    /// Runs work with an exporter that no other thread uses. If all are in use, shares the first.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Exporter) -> Result<T>) -> Result<T> {
        let index = lock::lock(&self.idle).pop();
        let exporter = match index {
            Some(index) if index > 0 => &self.others[index - 1],
            _ => &self.first,
        };
        let outcome = work(exporter);
        if let Some(index) = index {
            lock::lock(&self.idle).push(index);
        }
        outcome
    }

    /// Closes all exporters.
    ///
    /// # Errors
    /// The first error of one of them.
    pub(super) fn close(&self) -> Result<()> {
        let closed = self.others.iter().map(Exporter::close);
        closed.chain([self.first.close()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::substores::{Store, StoreOptions};

    fn exporters() -> (tempfile::TempDir, Exporters) {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(file_in_directory(directory.path()));
        let options = StoreOptions::default();
        let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        let mode = ArtifactMode::Operational;
        let opened = Exporters::open(directory.path(), mode, &Monitor::default()).unwrap();
        (directory, opened)
    }

    #[test]
    fn each_user_has_its_own_exporter_until_none_is_left() {
        let (_directory, exporters) = exporters();
        assert_eq!(exporters.others.len() + 1, parallel::threads());
        // Takes one exporter after the other, and returns where they are.
        fn take(exporters: &Exporters, taken: &mut Vec<usize>, wanted: usize) {
            if wanted == 0 {
                return;
            }
            let work = |exporter: &Exporter| {
                taken.push(std::ptr::from_ref(exporter).addr());
                take(exporters, taken, wanted - 1);
                Ok(())
            };
            exporters.with(work).unwrap();
        }
        for _ in 0..2 {
            let mut taken = Vec::new();
            take(&exporters, &mut taken, parallel::threads() + 1);
            let shared = taken.pop();
            let first = std::ptr::from_ref(exporters.first()).addr();
            assert_eq!(shared, Some(first));
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), parallel::threads());
        }
    }

    #[test]
    fn all_are_closed() {
        let (_directory, exporters) = exporters();
        exporters.close().unwrap();
        let all = exporters.others.iter().chain([&exporters.first]);
        assert!(
            all.into_iter()
                .all(|exporter| exporter.check_open().is_err())
        );
        assert!(matches!(exporters.close(), Err(Error::DatabaseClosed)));
    }
}
