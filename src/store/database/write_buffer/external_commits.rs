//! Detects commits of other connections.

use super::buffer::ExternalCommits;
use crate::store::database::Database;
use crate::store::database::wal_version::{WalVersion, is_in_wal_mode};

impl Database {
    /// Discards prefetched keys and invalidates cached values if another connection has committed
    /// since they were read.
    pub(crate) fn notice_external_commits(&self) {
        let Ok(connection) = self.connection() else {
            return;
        };
        let mut buffer = self.buffer.borrow_mut();
        if buffer.in_transaction {
            return;
        }
        let known = match buffer.external_commits {
            ExternalCommits::Unknown => self.find_external_commits(buffer.is_wal),
            found => found,
        };
        let (now, is_same) = match known {
            ExternalCommits::None => (ExternalCommits::None, true),
            ExternalCommits::Wal(before) => match WalVersion::read(connection) {
                Some(now) => (ExternalCommits::Wal(now), now == before),
                None => (ExternalCommits::Unknown, false),
            },
            undetectable => (undetectable, false),
        };
        let is_same = is_same && !matches!(buffer.external_commits, ExternalCommits::Unknown);
        buffer.external_commits = now;
        if !is_same {
            buffer.prefetch.forget();
            self.signal.invalidate();
        }
    }

    /// Whether commits of other connections are detected by the header of the WAL index, which
    /// exists then.
    pub(crate) fn detects_commits_by_log(&self) -> bool {
        matches!(
            self.buffer.borrow().external_commits,
            ExternalCommits::Wal(_)
        )
    }

    /// Records the journal mode.
    pub(crate) fn journal_mode_set(&self, mode: &str) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.is_wal = Some(mode == "wal");
        buffer.is_without_journal = mode == "off";
        buffer.external_commits = ExternalCommits::Unknown;
    }

    /// Determines how to detect commits of other connections.
    pub(super) fn find_external_commits(&self, is_wal: Option<bool>) -> ExternalCommits {
        if self.file().is_none() {
            return ExternalCommits::None;
        }
        let Ok(connection) = self.connection() else {
            return ExternalCommits::Unnoticed;
        };
        let is_wal = is_wal.unwrap_or_else(|| is_in_wal_mode(connection));
        // After a read, the WAL index exists.
        let has_read = is_wal
            && self
                .peek_value::<i64>("SELECT 1 FROM sqlite_schema LIMIT 1", [])
                .is_ok();
        match has_read.then(|| WalVersion::read(connection)).flatten() {
            Some(clock) => ExternalCommits::Wal(clock),
            None => ExternalCommits::Unnoticed,
        }
    }

    /// SQLite's data version, which commits of other connections change and our own do not.
    pub(super) fn data_version(&self) -> Option<i64> {
        self.peek_value("PRAGMA data_version", []).ok().flatten()
    }
}
