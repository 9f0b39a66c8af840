//! Starts a checkpoint when a commit leaves a long log.

use std::path::PathBuf;

use super::Database;
use super::checkpoint::CHECKPOINT;
use super::wal_version::WalVersion;
use crate::store::tasks::limits::limits;

impl Database {
    /// Starts a checkpoint of a long log after a commit.
    pub(super) fn checkpoint_long_log(&self) {
        if !self.is_buffered() || !self.is_shared_file() || !self.detects_commits_by_log() {
            return;
        }
        let Ok(connection) = self.connection() else {
            return;
        };
        let pages = WalVersion::read(connection).map_or(0, WalVersion::pages);
        if pages < limits().log_pages || self.checkpoint.is_running() {
            return;
        }
        // SQLite's absolute path, which is valid even if the process has changed its working
        // directory.
        let file = connection.path().map(PathBuf::from);
        if !file.is_some_and(|file| self.checkpoint.start(file)) {
            drop(self.execute(CHECKPOINT));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::store::database::checkpoint::MAX_LOG_PAGES;
    use crate::store::database::{Location, OpenOptions, SharedDatabase};
    use crate::store::fs::sidecar::sidecar;
    use crate::store::substores::{Store, StoreOptions};

    /// Creates a store in a directory, with an empty log.
    fn store_in(directory: &Path) -> (Store, SharedDatabase, PathBuf) {
        let file = directory.join("store");
        let location = Location::File(file.clone());
        let open = OpenOptions::default();
        let store = Store::open(location, &open, false, StoreOptions::default()).unwrap();
        let db = store.database().clone();
        db.lock()
            .execute("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        (store, db, file)
    }

    /// Commits an entry that takes this many pages.
    fn commit(store: &mut Store, pages: u32) {
        let value = vec![b'x'; pages as usize * 4096];
        store.kv_set(b"key", &value).unwrap();
        store.commit().unwrap();
    }

    fn log_pages(db: &SharedDatabase) -> u32 {
        let db = db.lock();
        WalVersion::read(db.connection().unwrap()).unwrap().pages()
    }

    #[test]
    fn a_long_log_is_checkpointed_after_the_commit() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, db, file) = store_in(directory.path());
        let size = || fs::metadata(&file).unwrap().len();
        let before = size();
        let long = limits().log_pages;
        commit(&mut store, long - 100);
        db.lock().checkpoint.wait();
        assert_eq!(size(), before);
        commit(&mut store, long + 100);
        assert!(log_pages(&db) > long);
        db.lock().checkpoint.wait();
        assert!(size() > u64::from(long) * 4096);
        // The next transaction starts at the beginning of the log.
        commit(&mut store, 1);
        assert!(log_pages(&db) < 100);
        store.close().unwrap();
        assert!(!sidecar(&file, "-wal").exists());
    }

    #[test]
    fn a_very_long_log_is_checkpointed_by_the_commit() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, db, file) = store_in(directory.path());
        let size = || fs::metadata(&file).unwrap().len();
        commit(&mut store, MAX_LOG_PAGES - 500);
        db.lock().checkpoint.wait();
        let before = size();
        db.lock().execute("BEGIN IMMEDIATE").unwrap();
        let value = format!(
            "INSERT INTO kvStore VALUES ('other', zeroblob({}))",
            (MAX_LOG_PAGES + 100) * 4096
        );
        db.lock().execute(&value).unwrap();
        db.lock().execute("COMMIT").unwrap();
        assert!(size() > before + u64::from(MAX_LOG_PAGES) * 4096);
    }

    #[test]
    fn closing_and_dropping_wait_for_the_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        for is_closed in [true, false] {
            let place = directory.path().join(is_closed.to_string());
            fs::create_dir(&place).unwrap();
            let (mut store, db, file) = store_in(&place);
            commit(&mut store, limits().log_pages + 1);
            if is_closed {
                store.close().unwrap();
            }
            drop((store, db));
            // The last connection deletes the log.
            assert!(!sidecar(&file, "-wal").exists());
        }
    }

    #[test]
    fn only_a_store_of_its_own_file_is_checkpointed() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, db, _) = store_in(directory.path());
        db.lock().is_staged = true;
        commit(&mut store, limits().log_pages + 1);
        assert!(!db.lock().checkpoint.was_started());
        db.lock().is_staged = false;
        commit(&mut store, 1);
        assert!(db.lock().checkpoint.was_started());
    }

    #[test]
    fn without_a_log_nothing_is_checkpointed() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, db, file) = store_in(directory.path());
        db.lock()
            .peek_value::<String>("PRAGMA journal_mode = DELETE", [])
            .unwrap();
        db.lock().journal_mode_set("delete");
        commit(&mut store, limits().log_pages + 1);
        assert!(!db.lock().checkpoint.was_started());
        assert!(!db.lock().detects_commits_by_log());
        assert!(!sidecar(&file, "-shm").exists());
    }
}
