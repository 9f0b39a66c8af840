//! Changes of the export data on their way to the host.

use std::sync::Arc;

use super::NoteTo;
use crate::store::database::Database;
use crate::store::error::Result;
use crate::store::records::change::{Exports, Note};
use crate::store::records::names::RECORD_PREFIX;

/// Where changes go, and those in the list.
pub(crate) struct Notes {
    to: NoteTo,
    pub(crate) list: Vec<Note>,
    /// Room for a key.
    key: Vec<u8>,
}

impl Notes {
    pub(crate) fn new(to: NoteTo) -> Notes {
        Notes {
            to,
            list: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Notes that a record was set, in place of what was noted of the same key before.
    pub(crate) fn set(
        &mut self,
        db: &Database,
        key: &[u8],
        value: impl Into<Arc<[u8]>>,
    ) -> Result<()> {
        self.add(db, key, || Some(value.into()))
    }

    /// Notes that a record was deleted.
    pub(crate) fn delete(&mut self, db: &Database, key: &[u8]) -> Result<()> {
        self.add(db, key, || None)
    }

    /// Notes that an entry of the kvStore was set or deleted.
    pub(crate) fn kv(
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
    pub(crate) fn take_pending(&self, db: &Database) -> Result<Exports> {
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
    pub(crate) fn give_back(&mut self, db: &Database, exports: Exports) -> Result<()> {
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
