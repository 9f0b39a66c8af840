//! Cranks, their hashes, and the delivery of changes of the export data.
//!
//! A crank is one delivery of the kernel. Within it the kernel establishes savepoints and may roll
//! back to one. A rollback undoes everything written since the savepoint in every sub-store,
//! pending export changes included, but not the crankhash: it covers the writes that were rolled
//! back.

use std::time::Instant;

use super::Store;
use super::kv::Exported;
use crate::store::encoding::hash::Sha256;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result, show};
use crate::store::log;
use crate::store::records::change::Exports;

/// The hashes of a crank, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrankHashes {
    /// The hash of the changes in the crank.
    pub crankhash: String,
    /// The hash of the changes in all cranks.
    pub activityhash: String,
}

/// The key of the activityhash.
pub const ACTIVITYHASH: &[u8] = b"activityhash";

impl Store {
    /// Starts a crank.
    ///
    /// # Errors
    /// [`Error::CrankInCrank`].
    pub fn start_crank(&mut self) -> Result<()> {
        if self.crank.running {
            return Err(Error::CrankInCrank);
        }
        self.crank.running = true;
        self.crank.reset_hash();
        Ok(())
    }

    /// Whether a crank is running.
    pub fn is_in_crank(&self) -> bool {
        self.crank.running
    }

    /// Establishes a savepoint for [`Store::rollback_crank`].
    ///
    /// # Errors
    /// [`Error::OutsideCrank`].
    pub fn establish_crank_savepoint(&mut self, name: &[u8]) -> Result<()> {
        if !self.crank.running {
            return Err(Error::OutsideCrank("establishCrankSavepoint"));
        }
        let db = self.db.lock();
        // Outside a transaction, releasing the savepoint would commit.
        self.ensure_txn(&db)?;
        db.set_savepoint(self.crank.savepoints.len())?;
        self.crank.savepoints.push(name.to_vec());
        Ok(())
    }

    /// Undoes everything written since the savepoint, and drops it. Returns the keys of the kvStore
    /// whose values may have changed, for caches of values (see
    /// [`Database::signal`](crate::store::database::Database::signal)).
    ///
    /// # Errors
    /// [`Error::OutsideCrank`]; [`Error::NoSuchSavepoint`].
    pub fn rollback_crank(&mut self, name: &[u8]) -> Result<Vec<String>> {
        if !self.crank.running {
            return Err(Error::OutsideCrank("rollbackCrank"));
        }
        let ordinal = self
            .crank
            .savepoints
            .iter()
            .position(|savepoint| savepoint == name)
            .ok_or_else(|| Error::NoSuchSavepoint(show(name)))?;
        let undone = self.db.lock().roll_back_to_savepoint(ordinal)?;
        self.crank.savepoints.truncate(ordinal);
        Ok(undone)
    }

    /// Computes the hashes of the crank so far, and resets the crankhash.
    ///
    /// Stores and exports the new activityhash.
    pub fn emit_crank_hashes(&mut self) -> Result<CrankHashes> {
        let crankhash = self.take_crankhash();
        self.emit_activityhash(crankhash)
            .inspect_err(|_| self.restore_crankhash())
    }

    fn emit_activityhash(&mut self, crankhash: String) -> Result<CrankHashes> {
        let old = self.kv_get(ACTIVITYHASH)?.unwrap_or_default();
        let activityhash = next_activityhash(&old, &crankhash);
        self.write(
            ACTIVITYHASH,
            Some(&activityhash.as_bytes().into()),
            Exported::Yes,
        )?;
        Ok(CrankHashes {
            crankhash,
            activityhash,
        })
    }

    /// Returns the crankhash, and resets it.
    pub fn take_crankhash(&mut self) -> String {
        self.crank.take_hash()
    }

    /// Undoes [`Store::take_crankhash`], because the work that needed the hash failed.
    pub fn restore_crankhash(&mut self) {
        self.crank.restore_hash();
    }

    /// Exports an activityhash that is stored already.
    pub fn note_activityhash(&mut self, activityhash: &str) -> Result<()> {
        let db = self.db.lock();
        self.export_changes
            .kv(&db, ACTIVITYHASH, Some(&activityhash.as_bytes().into()))
    }

    /// Releases the crank's savepoints and takes the pending changes of the export data. After they
    /// are delivered, [`Store::finish_crank`] ends the crank.
    ///
    /// # Errors
    /// [`Error::OutsideCrank`]; [`Error::DatabaseClosed`]; SQLite's errors.
    pub fn end_crank(&mut self) -> Result<Exports> {
        if !self.crank.running {
            return Err(Error::OutsideCrank("endCrank"));
        }
        let mut db = self.db.lock();
        db.connection()?;
        db.check_intact()?;
        let is_set = !self.crank.savepoints.is_empty();
        let changes = &self.export_changes;
        let pending = if db.is_without_journal() {
            // The export changes are taken last, because they could not be restored.
            db.release_savepoints(is_set)?;
            changes.take_pending_exports(&db)?
        } else {
            db.atomically(|db| {
                let pending = changes.take_pending_exports(db)?;
                db.release_savepoints(is_set)?;
                Ok(pending)
            })?
        };
        self.crank.savepoints.clear();
        Ok(pending)
    }

    /// Ends the crank.
    pub fn finish_crank(&mut self) {
        self.crank.running = false;
    }

    /// Takes the pending changes of the export data, to be delivered before [`Store::commit`].
    /// `None` if no transaction is open, so that there is nothing to commit.
    ///
    /// # Errors
    /// [`Error::StoreClosed`].
    pub fn prepare_commit(&mut self) -> Result<Option<Exports>> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        let db = self.db.lock();
        db.check_intact()?;
        if !db.in_transaction() {
            return Ok(None);
        }
        self.export_changes.take_pending_exports(&db).map(Some)
    }

    /// Commits the open transaction, if any.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; [`Error::Torn`]; SQLite's errors.
    pub fn commit(&mut self) -> Result<()> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        let mut db = self.db.lock();
        db.check_intact()?;
        if db.in_transaction() {
            let begin = Instant::now();
            self.ended_spans.store(&mut db)?;
            db.commit()?;
            let time = begin.elapsed();
            self.counters.commit.add(time);
            log::debug!("commit", "committed", time = log::time(time));
        }
        Ok(())
    }

    /// Takes the changes of the export data since the last call, in the order in which they were
    /// made. For stores with [`ChangeTarget::List`](super::ChangeTarget::List).
    pub fn take_export_changes(&mut self) -> Exports {
        Exports {
            changes: std::mem::take(&mut self.export_changes.list),
            ..Exports::default()
        }
    }

    /// Takes back changes of the export data that were not delivered; the next call that takes
    /// changes returns them again. A newer change of the same key replaces an older one. Changes
    /// that a rollback has undone are dropped.
    ///
    /// # Errors
    /// SQLite's errors.
    pub fn give_back(&mut self, exports: Exports) -> Result<()> {
        if exports.is_revoked() {
            return Ok(());
        }
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        self.export_changes.give_back(&db, exports)
    }
}

/// The activityhash after a crank with this crankhash, from the activityhash before it.
pub fn next_activityhash(old: &[u8], crankhash: &str) -> String {
    let mut hash = Sha256::new();
    hash.add(b"activityhash\n");
    hash.add(&wtf8::for_hash(&wtf8::as_read(old)));
    hash.add(b"\n");
    hash.add(crankhash.as_bytes());
    hash.add(b"\n");
    hash.finish()
}
