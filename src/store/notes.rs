//! Changes of the export data on their way to the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Result;
use super::kv::RECORD_PREFIX;
use super::{Database, NoteTo};

/// A change of the export data: a key, and its value or `None` for a deletion.
pub type Note = (Vec<u8>, Option<Arc<[u8]>>);

/// Changes of the export data that were handed out. They have arrived unless they are given back by
/// [`Store::give_back`](super::Store::give_back).
#[derive(Debug, Default)]
pub struct Exports {
    /// The changes: sorted by key, or in the order in which they were made if a list is kept.
    pub notes: Vec<Note>,
    pub(super) is_void: Arc<AtomicBool>,
}

impl Exports {
    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Whether the store has undone these changes since.
    pub(super) fn is_void(&self) -> bool {
        self.is_void.load(Ordering::Acquire)
    }
}

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

    /// Hands out all changes that were noted, sorted by key.
    pub(super) fn take_pending(&self, db: &Database) -> Result<Exports> {
        if self.to != NoteTo::PendingExports {
            return Ok(Exports::default());
        }
        let exports = Exports {
            notes: db.take_pending()?,
            is_void: Arc::default(),
        };
        if !exports.is_empty() {
            db.watch_exports(&exports);
        }
        Ok(exports)
    }

    /// Notes again what was handed out and has not arrived.
    pub(super) fn give_back(&mut self, db: &Database, exports: Exports) -> Result<()> {
        match self.to {
            NoteTo::Nobody => Ok(()),
            NoteTo::List => {
                self.list.splice(0..0, exports.notes);
                Ok(())
            }
            NoteTo::PendingExports => db.give_back_pending(exports.notes),
        }
    }
}
