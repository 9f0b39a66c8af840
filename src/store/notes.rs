//! Changes of the export data on their way to the host.

use std::sync::Arc;

use super::error::Result;
use super::kv::RECORD_PREFIX;
use super::{Database, NoteTo};

/// A change of the export data: a key, and its value or `None` for a deletion.
pub type Note = (Vec<u8>, Option<Arc<[u8]>>);

/// Where changes go, and those in the list.
pub(super) struct Notes {
    to: NoteTo,
    pub(super) list: Vec<Note>,
    /// Room for a key.
    key: Vec<u8>,
}

impl Notes {
    pub(super) fn new(to: NoteTo) -> Notes {
        Notes {
            to,
            list: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Notes that a record was set, in place of what was noted of the same key before.
    pub(super) fn set(
        &mut self,
        db: &Database,
        key: &[u8],
        value: impl Into<Arc<[u8]>>,
    ) -> Result<()> {
        self.add(db, key, || Some(value.into()))
    }

    /// Notes that a record was deleted.
    pub(super) fn delete(&mut self, db: &Database, key: &[u8]) -> Result<()> {
        self.add(db, key, || None)
    }

    /// Notes that an entry of the kvStore was set or deleted.
    pub(super) fn kv(
        &mut self,
        db: &Database,
        key: &[u8],
        value: Option<&Arc<[u8]>>,
    ) -> Result<()> {
        let mut record_key = std::mem::take(&mut self.key);
        record_key.clear();
        record_key.extend_from_slice(RECORD_PREFIX);
        record_key.extend_from_slice(key);
        let added = self.add(db, &record_key, || value.cloned());
        self.key = record_key;
        added
    }

    fn add(
        &mut self,
        db: &Database,
        key: &[u8],
        value: impl FnOnce() -> Option<Arc<[u8]>>,
    ) -> Result<()> {
        match self.to {
            NoteTo::Nobody => {}
            NoteTo::List => self.list.push((key.to_vec(), value())),
            NoteTo::PendingExports => db.note_pending(key, value())?,
        }
        Ok(())
    }

    /// Returns all changes that were noted and forgets them, sorted by key.
    pub(super) fn take_pending(&self, db: &Database) -> Result<Vec<Note>> {
        if self.to != NoteTo::PendingExports {
            return Ok(Vec::new());
        }
        db.take_pending()
    }
}
