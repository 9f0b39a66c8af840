//! Cranks, their hashes, and the changes of the export data that go with them.
//!
//! A crank is one delivery of the kernel. Within it the kernel establishes savepoints and may
//! roll back to one: that undoes everything written since, in every sub-store, pending export
//! data included, but not the crankhash, which goes on to cover what was rolled back.

use super::Store;
use super::kv::Noted;
use crate::store::encoding::hash::Sha256;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result, show};
use crate::store::records::change::Exports;

/// What [`Store::emit_crank_hashes`] returns, both in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrankHashes {
    /// The hash of the changes since the crank began.
    pub crankhash: String,
    /// The hash of all changes ever.
    pub activityhash: String,
}

/// The key under which the activityhash is kept.
pub const ACTIVITYHASH: &[u8] = b"activityhash";

/// The crank in progress.
#[derive(Default)]
pub(crate) struct Crank {
    running: bool,
    /// The names of the savepoints; the one at index N is `tN` to SQLite.
    savepoints: Vec<Vec<u8>>,
    hash: Sha256,
    /// What is yet to be added to the hash, so that many small pieces make few large ones.
    unhashed: Vec<u8>,
    /// The hash as it was before it was taken last.
    taken: Sha256,
}

/// How many bytes are gathered before they are hashed.
const HASH_BYTES: usize = 64 * 1024;

impl Crank {
    pub(crate) fn hash_set(&mut self, key: &[u8], value: &[u8]) {
        self.hash_lines([b"add", &wtf8::for_hash(key), &wtf8::for_hash(value)]);
    }

    pub(crate) fn hash_delete(&mut self, key: &[u8]) {
        self.hash_lines([b"delete".as_slice(), &wtf8::for_hash(key)]);
    }

    fn hash_lines<const N: usize>(&mut self, lines: [&[u8]; N]) {
        for line in lines {
            self.unhashed.extend_from_slice(line);
            self.unhashed.push(b'\n');
        }
        if self.unhashed.len() >= HASH_BYTES {
            self.hash.add(&self.unhashed);
            self.unhashed.clear();
        }
    }

    /// The hash of all lines, which begins anew.
    fn take_hash(&mut self) -> String {
        self.hash.add(&self.unhashed);
        self.unhashed.clear();
        self.taken = std::mem::take(&mut self.hash);
        self.taken.clone().finish()
    }

    /// Undoes [`Crank::take_hash`]. Lines that were added since, and fit into the room for them, stay.
    fn restore_hash(&mut self) {
        self.hash = std::mem::take(&mut self.taken);
    }
}

impl Store {
    /// Begins a crank.
    ///
    /// # Errors
    /// [`Error::CrankInCrank`].
    pub fn start_crank(&mut self) -> Result<()> {
        if self.crank.running {
            return Err(Error::CrankInCrank);
        }
        self.crank.running = true;
        self.crank.hash = Sha256::new();
        self.crank.unhashed.clear();
        Ok(())
    }

    /// Whether a crank is running.
    pub fn is_in_crank(&self) -> bool {
        self.crank.running
    }

    /// Marks a point in the crank to which [`Store::rollback_crank`] can return.
    ///
    /// # Errors
    /// [`Error::OutsideCrank`].
    pub fn establish_crank_savepoint(&mut self, name: &[u8]) -> Result<()> {
        if !self.crank.running {
            return Err(Error::OutsideCrank("establishCrankSavepoint"));
        }
        let db = self.db.lock();
        // Outside of a transaction, releasing the savepoint would commit.
        self.ensure_txn(&db)?;
        db.set_savepoint(self.crank.savepoints.len())?;
        self.crank.savepoints.push(name.to_vec());
        Ok(())
    }

    /// Undoes all that was written since the savepoint was established, and forgets it. Returns
    /// the keys of the kvStore that may have other values now, for whoever has copies (see
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

    /// Computes the hashes of the crank so far, and begins a new crankhash.
    ///
    /// The new activityhash is stored and exported.
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
            Noted::Yes,
        )?;
        Ok(CrankHashes {
            crankhash,
            activityhash,
        })
    }

    /// The crankhash, which begins anew.
    pub fn take_crankhash(&mut self) -> String {
        self.crank.take_hash()
    }

    /// Lets the crankhash that was taken last go on, because what it was taken for has failed.
    pub fn restore_crankhash(&mut self) {
        self.crank.restore_hash();
    }

    /// Exports an activityhash that was stored.
    pub fn note_activityhash(&mut self, activityhash: &str) -> Result<()> {
        let db = self.db.lock();
        self.export_changes
            .kv(&db, ACTIVITYHASH, Some(&activityhash.as_bytes().into()))
    }

    /// Releases the crank's savepoints and hands out the pending changes of the export data, if
    /// any. The crank ends with [`Store::finish_crank`], when these have been delivered.
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
        let notes = &self.export_changes;
        let pending = if db.is_without_journal() {
            // What was taken could not be put back.
            db.release_savepoints(is_set)?;
            notes.take_pending_exports(&db)?
        } else {
            db.atomically(|db| {
                let pending = notes.take_pending_exports(db)?;
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

    /// Hands out the pending changes of the export data, which are to be delivered before
    /// [`Store::commit`]; `None` when there is no transaction, and so nothing to commit.
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

    /// Commits everything written since the last commit, if anything was.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; [`Error::Torn`]; SQLite's errors.
    pub fn commit(&mut self) -> Result<()> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        let db = self.db.lock();
        db.check_intact()?;
        if db.in_transaction() {
            db.commit()?;
        }
        Ok(())
    }

    /// Hands out the changes of the export data since this was last called, in the order in which
    /// they were made, when they are kept in a list.
    pub fn take_export_changes(&mut self) -> Exports {
        Exports {
            changes: std::mem::take(&mut self.export_changes.list),
            ..Exports::default()
        }
    }

    /// Takes back changes of the export data that were handed out and have not arrived: they are
    /// handed out again the next time. A change that was noted since counts in place of an older one
    /// of the same key, and what a rollback has undone since is not taken back.
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

/// The activityhash that follows `old` after a crank.
pub fn next_activityhash(old: &[u8], crankhash: &str) -> String {
    let mut hash = Sha256::new();
    hash.add(b"activityhash\n");
    hash.add(&wtf8::for_hash(&wtf8::as_read(old)));
    hash.add(b"\n");
    hash.add(crankhash.as_bytes());
    hash.add(b"\n");
    hash.finish()
}
