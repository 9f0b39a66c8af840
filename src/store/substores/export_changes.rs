//! Changes of the export data on their way to the host.

use std::sync::Arc;

use super::ChangeTarget;
use crate::store::database::Database;
use crate::store::error::Result;
use crate::store::records::change::{ExportChange, Exports};
use crate::store::records::names::RECORD_PREFIX;

/// Where changes go, and those in the list.
pub(crate) struct ExportChanges {
    to: ChangeTarget,
    pub(crate) list: Vec<ExportChange>,
    /// Room for a key.
    key: Vec<u8>,
}

impl ExportChanges {
    pub(crate) fn new(to: ChangeTarget) -> ExportChanges {
        ExportChanges {
            to,
            list: Vec::new(),
            key: Vec::new(),
        }
    }

    /// ExportChanges that a record was set, in place of what was noted of the same key before.
    pub(crate) fn set(
        &mut self,
        db: &Database,
        key: &[u8],
        value: impl Into<Arc<[u8]>>,
    ) -> Result<()> {
        self.add(db, key, || Some(value.into()))
    }

    /// ExportChanges that a record was deleted.
    pub(crate) fn delete(&mut self, db: &Database, key: &[u8]) -> Result<()> {
        self.add(db, key, || None)
    }

    /// ExportChanges that an entry of the kvStore was set or deleted.
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
            ChangeTarget::Nobody => {}
            ChangeTarget::List => self.list.push((key.to_vec(), value())),
            ChangeTarget::PendingExports => db.add_pending_export(key, value())?,
        }
        Ok(())
    }

    /// Hands out all changes that were noted, sorted by key.
    pub(crate) fn take_pending_exports(&self, db: &Database) -> Result<Exports> {
        if self.to != ChangeTarget::PendingExports {
            return Ok(Exports::default());
        }
        let exports = Exports {
            changes: db.take_pending_exports()?,
            is_revoked: Arc::default(),
        };
        if !exports.is_empty() {
            db.watch_exports(&exports);
        }
        Ok(exports)
    }

    /// ExportChanges again what was handed out and has not arrived.
    pub(crate) fn give_back(&mut self, db: &Database, exports: Exports) -> Result<()> {
        match self.to {
            ChangeTarget::Nobody => Ok(()),
            ChangeTarget::List => {
                self.list.splice(0..0, exports.changes);
                Ok(())
            }
            ChangeTarget::PendingExports => db.return_pending_exports(exports.changes),
        }
    }
}
