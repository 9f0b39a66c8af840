//! Noticing that another connection has changed the database.

use super::Others;
use crate::store::database::Database;
use crate::store::database::wal_version::{WalClock, is_in_wal_mode};

impl Database {
    /// Makes void what was read before if another connection has changed the database since.
    pub(crate) fn notice_others(&self) {
        let Ok(connection) = self.connection() else {
            return;
        };
        let mut buffer = self.buffer.borrow_mut();
        if buffer.in_transaction {
            return;
        }
        let others = match buffer.others {
            Others::Unknown => self.find_others(buffer.is_wal),
            found => found,
        };
        let (now, is_same) = match others {
            Others::None => (Others::None, true),
            Others::Wal(before) => match WalClock::read(connection) {
                Some(now) => (Others::Wal(now), now == before),
                None => (Others::Unknown, false),
            },
            unnoticed => (unnoticed, false),
        };
        let is_same = is_same && !matches!(buffer.others, Others::Unknown);
        buffer.others = now;
        if !is_same {
            buffer.scan.forget();
            self.signal.outdate();
        }
    }

    /// Takes note of the journal mode.
    pub(crate) fn journal_mode_set(&self, mode: &str) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.is_wal = Some(mode == "wal");
        buffer.is_without_journal = mode == "off";
        buffer.others = Others::Unknown;
    }

    /// How others can be noticed.
    pub(super) fn find_others(&self, is_wal: Option<bool>) -> Others {
        if self.file().is_none() {
            return Others::None;
        }
        let Ok(connection) = self.connection() else {
            return Others::Unnoticed;
        };
        let is_wal = is_wal.unwrap_or_else(|| is_in_wal_mode(connection));
        // Having read something makes sure that the WAL-index is there.
        let has_read = is_wal
            && self
                .peek_value::<i64>("SELECT 1 FROM sqlite_schema LIMIT 1", [])
                .is_ok();
        match has_read.then(|| WalClock::read(connection)).flatten() {
            Some(clock) => Others::Wal(clock),
            None => Others::Unnoticed,
        }
    }

    /// A number that another connection's commits change and ours do not.
    pub(super) fn data_version(&self) -> Option<i64> {
        self.peek_value("PRAGMA data_version", []).ok().flatten()
    }
}
