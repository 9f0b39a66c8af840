//! Records changes of the export data and hands them to the host.

use std::sync::Arc;

use serde::Deserialize;

use crate::store::database::Database;
use crate::store::error::Result;
use crate::store::records::change::{ExportChange, Exports};
use crate::store::records::names::RECORD_PREFIX;

/// Where a store records changes of its export data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeTarget {
    /// Nowhere: changes are dropped.
    Discard,
    /// In the `pendingExports` table, for [`Store::end_crank`](super::Store::end_crank) and [`Store::commit`](super::Store::commit) to return.
    PendingExports,
    /// In a list, for [`Store::take_export_changes`](super::Store::take_export_changes).
    List,
}

/// Records changes of the export data where [`ChangeTarget`] says.
pub(crate) struct ExportChanges {
    to: ChangeTarget,
    pub(crate) list: Vec<ExportChange>,
    /// A buffer for record keys.
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

    /// Records that an export record was set. Replaces a pending change of the same key.
    pub(crate) fn set(
        &mut self,
        db: &Database,
        key: &[u8],
        value: impl Into<Arc<[u8]>>,
    ) -> Result<()> {
        self.add(db, key, || Some(value.into()))
    }

    /// Records that an export record was deleted.
    pub(crate) fn delete(&mut self, db: &Database, key: &[u8]) -> Result<()> {
        self.add(db, key, || None)
    }

    /// Records that a key of the kvStore was set or deleted (`None`).
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
            ChangeTarget::Discard => {}
            ChangeTarget::List => self.list.push((key.to_vec(), value())),
            ChangeTarget::PendingExports => db.add_pending_export(key, value())?,
        }
        Ok(())
    }

    /// Takes all pending changes, sorted by key.
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

    /// Records again changes that were taken and not delivered.
    pub(crate) fn give_back(&mut self, db: &Database, exports: Exports) -> Result<()> {
        match self.to {
            ChangeTarget::Discard => Ok(()),
            ChangeTarget::List => {
                self.list.splice(0..0, exports.changes);
                Ok(())
            }
            ChangeTarget::PendingExports => db.return_pending_exports(exports.changes),
        }
    }
}
