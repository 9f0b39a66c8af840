//! `kvStore`: string keys and string values, in the order of the keys' bytes.
//!
//! Keys that start with `host.` are the host's, those that start with `local.` are not part of
//! consensus, and all others are: their changes are hashed and exported.

use std::sync::Arc;

use rusqlite::params;

use super::{Store, Transactions};
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::{Error, Result};

/// Whom a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// The kernel's, and not part of consensus.
    Local,
    /// The host application's.
    Host,
    /// The kernel's, hashed and exported.
    Consensus,
}

impl KeyType {
    /// The reference's word for it.
    pub fn name(self) -> &'static str {
        match self {
            KeyType::Local => "local",
            KeyType::Host => "host",
            KeyType::Consensus => "consensus",
        }
    }
}

/// Whom `key` belongs to.
pub fn key_type(key: &[u8]) -> KeyType {
    if key.starts_with(b"local.") {
        KeyType::Local
    } else if key.starts_with(b"host.") {
        KeyType::Host
    } else {
        KeyType::Consensus
    }
}

/// Whether a change is one of the export data, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    Yes,
    No,
}

impl Noted {
    fn of(key_type: KeyType) -> Noted {
        match key_type {
            KeyType::Consensus => Noted::Yes,
            _ => Noted::No,
        }
    }
}

/// How many deleted keys the search for the next key passes over before it writes them.
const MAX_PASSED_OVER: usize = 64;

impl Database {
    /// Gives `take` the value of `key`, without copying it first.
    pub(crate) fn kv_get<T>(&self, key: &[u8], take: impl FnOnce(Option<&[u8]>) -> T) -> Result<T> {
        self.connection()?;
        if let Some(found) = self.buffer.borrow().kv(key) {
            return Ok(take(found));
        }
        let mut statement = self.prepare_directly("SELECT value FROM kvStore WHERE key = ?")?;
        let mut rows = self.checked(statement.query(params![SqlText(key)]))?;
        let Some(row) = self.checked(rows.next())? else {
            return Ok(take(None));
        };
        let value = self.checked(row.get_ref(0))?.as_bytes_or_null();
        Ok(take(value?))
    }

    /// The first key behind `previous`, of those in the table and in the buffer.
    fn kv_key_after(&self, previous: &[u8]) -> Result<Option<Vec<u8>>> {
        self.connection()?;
        let mut deleted = 0;
        let mut in_table = self.peek_key_after(previous)?;
        while let Some(key) = &in_table
            && matches!(self.buffer.borrow().kv(key), Some(None))
        {
            deleted += 1;
            if deleted > MAX_PASSED_OVER {
                break;
            }
            in_table = self.peek_key_after_deleted(previous, key)?;
        }
        let in_buffer = self.buffer.borrow().key_after(previous, MAX_PASSED_OVER);
        let Some(in_buffer) = in_buffer.filter(|_| deleted <= MAX_PASSED_OVER) else {
            self.flush()?;
            return self.peek_key_after(previous);
        };
        Ok(match (in_table, in_buffer) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        })
    }
}

impl Store {
    /// The value of `key`.
    pub fn kv_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.kv_get_with(key, |value| value.map(<[u8]>::to_vec))
    }

    /// Gives `take` the value of `key`, without copying it first.
    pub fn kv_get_with<T>(&self, key: &[u8], take: impl FnOnce(Option<&[u8]>) -> T) -> Result<T> {
        self.db.lock().kv_get(key, take)
    }

    /// Whether `key` has a value.
    pub fn kv_has(&self, key: &[u8]) -> Result<bool> {
        self.kv_get_with(key, |value| value.is_some())
    }

    /// The first key behind `previous_key`, which itself need not exist.
    pub fn kv_get_next_key(&self, previous_key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db.lock().kv_key_after(previous_key)
    }

    /// Sets `key`, whoever it belongs to, without hashing or exporting it.
    pub fn kv_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(key, Some(&value.into()), Noted::No)
    }

    /// Deletes `key`, whoever it belongs to, without hashing or exporting that.
    pub fn kv_delete(&mut self, key: &[u8]) -> Result<()> {
        self.write(key, None, Noted::No)
    }

    /// Sets or deletes a key, and notes and traces it. If that fails, nothing has changed.
    pub(crate) fn write(
        &mut self,
        key: &[u8],
        value: Option<&Arc<[u8]>>,
        noted: Noted,
    ) -> Result<()> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let is_noted = noted == Noted::Yes;
        if self.trace.is_none() && (!is_noted || db.can_defer(key, value)) {
            // One step, if any, that can fail; it comes first.
            db.kv_write(key, value)?;
            if is_noted {
                self.export_changes.kv(&db, key, value)?;
            }
            self.invalidate_all_copies(&db);
            return Ok(());
        }
        drop(db);
        self.atomically(|db, notes, trace| {
            db.kv_write(key, value)?;
            if is_noted {
                notes.kv(db, key, value)?;
            }
            match (trace, value) {
                (None, _) => Ok(()),
                (Some(trace), Some(value)) => trace.line(&[b"set", key, value]),
                (Some(trace), None) => trace.line(&[b"del", key]),
            }
        })?;
        self.invalidate_all_copies(&self.db.lock());
        Ok(())
    }

    /// Over a database of the caller's, another store may have its copies of values. Whoever has
    /// this store's is told by its JavaScript.
    fn invalidate_all_copies(&self, db: &Database) {
        if self.transactions == Transactions::Callers {
            db.signal.invalidate();
        }
    }

    /// Sets a key for the kernel.
    ///
    /// # Errors
    /// [`Error::KernelRefusesHostKey`].
    pub fn kernel_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let noted = Noted::of(kernel_key_type(key)?);
        self.write(key, Some(&value.into()), noted)?;
        if noted == Noted::Yes {
            self.crank.hash_set(key, value);
        }
        Ok(())
    }

    /// Deletes a key for the kernel.
    ///
    /// # Errors
    /// [`Error::KernelRefusesHostKey`].
    pub fn kernel_delete(&mut self, key: &[u8]) -> Result<()> {
        let noted = Noted::of(kernel_key_type(key)?);
        self.write(key, None, noted)?;
        if noted == Noted::Yes {
            self.crank.hash_delete(key);
        }
        Ok(())
    }

    /// Makes void all copies of values, because values were changed that nobody was told of.
    pub fn outdate_copies(&self) {
        self.db.lock().signal.invalidate();
    }

    /// Hashes and exports what the kernel set, if the key is part of consensus.
    pub fn note_kernel_set(&mut self, key_type: KeyType, key: &[u8], value: &[u8]) -> Result<()> {
        self.note_shared(key_type, key, Some(&value.into()))
    }

    /// Hashes and exports what the kernel deleted, if the key is part of consensus.
    pub fn note_kernel_delete(&mut self, key_type: KeyType, key: &[u8]) -> Result<()> {
        self.note_shared(key_type, key, None)
    }

    fn note_shared(
        &mut self,
        key_type: KeyType,
        key: &[u8],
        value: Option<&Arc<[u8]>>,
    ) -> Result<()> {
        if key_type != KeyType::Consensus {
            return Ok(());
        }
        self.export_changes.kv(&self.db.lock(), key, value)?;
        match value {
            Some(value) => self.crank.hash_set(key, value),
            None => self.crank.hash_delete(key),
        }
        Ok(())
    }

    /// Sets a key for the host.
    ///
    /// # Errors
    /// [`Error::HostRequiresHostKey`].
    pub fn host_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        require_host_key(key)?;
        self.kv_set(key, value)
    }

    /// Deletes a key for the host.
    ///
    /// # Errors
    /// [`Error::HostRequiresHostKey`].
    pub fn host_delete(&mut self, key: &[u8]) -> Result<()> {
        require_host_key(key)?;
        self.kv_delete(key)
    }

    /// Every key and value, in the order of the keys.
    pub fn kv_dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.db
            .lock()
            .rows("SELECT key, value FROM kvStore ORDER BY key", [], |row| {
                Ok((
                    row.get_ref(0)?.as_bytes()?.to_vec(),
                    row.get_ref(1)?.as_bytes()?.to_vec(),
                ))
            })
    }
}

/// The type of a key that the kernel may write.
///
/// # Errors
/// [`Error::KernelRefusesHostKey`].
pub fn kernel_key_type(key: &[u8]) -> Result<KeyType> {
    match key_type(key) {
        KeyType::Host => Err(Error::KernelRefusesHostKey),
        other => Ok(other),
    }
}

/// Refuses keys that the host may not write.
///
/// # Errors
/// [`Error::HostRequiresHostKey`].
pub fn require_host_key(key: &[u8]) -> Result<()> {
    match key_type(key) {
        KeyType::Host => Ok(()),
        _ => Err(Error::HostRequiresHostKey),
    }
}
