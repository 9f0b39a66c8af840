//! `kvStore`: string keys and string values, sorted by the bytes of the keys.
//!
//! Keys with the prefix `host.` belong to the host, keys with the prefix `local.` to the kernel
//! alone. All other keys are part of consensus: their changes are hashed and exported.

use std::sync::Arc;

use rusqlite::params;

use super::{Store, Transactions};
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::{Error, Result};

/// The owner of a key, which its prefix determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// The kernel; not part of consensus.
    Local,
    /// The host application.
    Host,
    /// The kernel; part of consensus, so that changes are hashed and exported.
    Consensus,
}

impl KeyType {
    /// The name that the reference uses.
    pub fn name(self) -> &'static str {
        match self {
            KeyType::Local => "local",
            KeyType::Host => "host",
            KeyType::Consensus => "consensus",
        }
    }
}

/// The type of `key`.
pub fn key_type(key: &[u8]) -> KeyType {
    if key.starts_with(b"local.") {
        KeyType::Local
    } else if key.starts_with(b"host.") {
        KeyType::Host
    } else {
        KeyType::Consensus
    }
}

/// Whether a change is recorded in the export data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exported {
    Yes,
    No,
}

impl Exported {
    fn of(key_type: KeyType) -> Exported {
        match key_type {
            KeyType::Consensus => Exported::Yes,
            _ => Exported::No,
        }
    }
}

/// How many deletions in the write buffer the search for the next key skips. Beyond that, it
/// flushes the buffer.
const MAX_SKIPPED_DELETIONS: usize = 64;

impl Database {
    /// Calls `take` with the value of `key`, without a copy.
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

    /// The first key after `previous`, in the table and the write buffer.
    fn kv_key_after(&self, previous: &[u8]) -> Result<Option<Vec<u8>>> {
        self.connection()?;
        let mut deleted = 0;
        let mut in_table = self.peek_key_after(previous)?;
        while let Some(key) = &in_table
            && matches!(self.buffer.borrow().kv(key), Some(None))
        {
            deleted += 1;
            if deleted > MAX_SKIPPED_DELETIONS {
                break;
            }
            in_table = self.peek_key_after_deleted(previous, key)?;
        }
        let in_buffer = self
            .buffer
            .borrow()
            .key_after(previous, MAX_SKIPPED_DELETIONS);
        let Some(in_buffer) = in_buffer.filter(|_| deleted <= MAX_SKIPPED_DELETIONS) else {
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
    /// The value of `key`, or `None`.
    pub fn kv_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.kv_get_with(key, |value| value.map(<[u8]>::to_vec))
    }

    /// Calls `take` with the value of `key`, without a copy.
    pub fn kv_get_with<T>(&self, key: &[u8], take: impl FnOnce(Option<&[u8]>) -> T) -> Result<T> {
        self.db.lock().kv_get(key, take)
    }

    /// Whether `key` has a value.
    pub fn kv_has(&self, key: &[u8]) -> Result<bool> {
        self.kv_get_with(key, |value| value.is_some())
    }

    /// The first key after `previous_key`, which need not exist.
    pub fn kv_get_next_key(&self, previous_key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db.lock().kv_key_after(previous_key)
    }

    /// Sets a key of any type, without hashing or exporting the change.
    pub fn kv_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(key, Some(&value.into()), Exported::No)
    }

    /// Deletes a key of any type, without hashing or exporting the change.
    pub fn kv_delete(&mut self, key: &[u8]) -> Result<()> {
        self.write(key, None, Exported::No)
    }

    /// Sets or deletes (`None`) a key, exports and traces the change. On failure nothing has
    /// changed.
    pub(crate) fn write(
        &mut self,
        key: &[u8],
        value: Option<&Arc<[u8]>>,
        exported: Exported,
    ) -> Result<()> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let is_exported = exported == Exported::Yes;
        if self.trace.is_none() && (!is_exported || db.can_defer(key, value)) {
            // At most one step can fail, and it comes first.
            db.kv_write(key, value)?;
            if is_exported {
                self.export_changes.kv(&db, key, value)?;
            }
            self.invalidate_shared_caches(&db);
            return Ok(());
        }
        drop(db);
        self.atomically(|db, changes, trace| {
            db.kv_write(key, value)?;
            if is_exported {
                changes.kv(db, key, value)?;
            }
            match (trace, value) {
                (None, _) => Ok(()),
                (Some(trace), Some(value)) => trace.line(&[b"set", key, value]),
                (Some(trace), None) => trace.line(&[b"del", key]),
            }
        })?;
        self.invalidate_shared_caches(&self.db.lock());
        Ok(())
    }

    /// Invalidates the JavaScript caches of all stores over the caller's database. A store over its
    /// own database is alone, and its JavaScript updates its cache itself.
    fn invalidate_shared_caches(&self, db: &Database) {
        if self.transactions == Transactions::Callers {
            db.signal.invalidate();
        }
    }

    /// Sets a key for the kernel.
    ///
    /// # Errors
    /// [`Error::KernelRefusesHostKey`].
    pub fn kernel_set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let exported = Exported::of(kernel_key_type(key)?);
        self.write(key, Some(&value.into()), exported)?;
        if exported == Exported::Yes {
            self.crank.hash_set(key, value);
        }
        Ok(())
    }

    /// Deletes a key for the kernel.
    ///
    /// # Errors
    /// [`Error::KernelRefusesHostKey`].
    pub fn kernel_delete(&mut self, key: &[u8]) -> Result<()> {
        let exported = Exported::of(kernel_key_type(key)?);
        self.write(key, None, exported)?;
        if exported == Exported::Yes {
            self.crank.hash_delete(key);
        }
        Ok(())
    }

    /// Invalidates all JavaScript caches of values, because values changed without their knowledge.
    pub fn invalidate_caches(&self) {
        self.db.lock().signal.invalidate();
    }

    /// Hashes and exports a set by the kernel, if the key is part of consensus.
    pub fn note_kernel_set(&mut self, key_type: KeyType, key: &[u8], value: &[u8]) -> Result<()> {
        self.note_shared(key_type, key, Some(&value.into()))
    }

    /// Hashes and exports a deletion by the kernel, if the key is part of consensus.
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

    /// All keys and values, sorted by key.
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

/// The type of a key that the kernel writes.
///
/// # Errors
/// [`Error::KernelRefusesHostKey`].
pub fn kernel_key_type(key: &[u8]) -> Result<KeyType> {
    match key_type(key) {
        KeyType::Host => Err(Error::KernelRefusesHostKey),
        other => Ok(other),
    }
}

/// Checks that the host may write a key.
///
/// # Errors
/// [`Error::HostRequiresHostKey`].
pub fn require_host_key(key: &[u8]) -> Result<()> {
    match key_type(key) {
        KeyType::Host => Ok(()),
        _ => Err(Error::HostRequiresHostKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::{Location, OpenOptions, SharedDatabase};
    use crate::store::encoding::hash::Sha256;
    use crate::store::substores::{ChangeTarget, StoreOptions};

    fn generation(store: &Store) -> i32 {
        store.db.lock().signal.generation()
    }

    #[test]
    fn only_writes_that_other_stores_may_have_cached_invalidate_caches() {
        let directory = tempfile::tempdir().unwrap();
        let db = SharedDatabase::open(Location::Memory, &OpenOptions::default()).unwrap();
        Store::initialize(&db, Some(false)).unwrap();
        for (transactions, is_shared) in [(Transactions::Callers, true), (Transactions::Own, false)]
        {
            for trace_file in [None, Some(directory.path().join("trace"))] {
                let options = StoreOptions {
                    transactions,
                    trace_file,
                    ..StoreOptions::default()
                };
                let mut store = Store::over(db.clone(), options).unwrap();
                store.begin().unwrap();
                for write in [
                    Store::kv_set as fn(&mut Store, &[u8], &[u8]) -> _,
                    Store::kernel_set,
                ] {
                    let before = generation(&store);
                    write(&mut store, b"key", b"value").unwrap();
                    assert_eq!(generation(&store) != before, is_shared);
                }
                let before = generation(&store);
                store.invalidate_caches();
                assert_ne!(generation(&store), before);
                store.commit().unwrap();
            }
        }
    }

    #[test]
    fn changes_that_the_kernel_made_elsewhere_are_hashed_and_exported() {
        let mut store = Store::in_memory(StoreOptions {
            change_target: ChangeTarget::List,
            ..StoreOptions::default()
        })
        .unwrap();
        store.start_crank().unwrap();
        store
            .note_kernel_set(KeyType::Consensus, b"a", b"1")
            .unwrap();
        store.note_kernel_delete(KeyType::Consensus, b"b").unwrap();
        store
            .note_kernel_set(KeyType::Local, b"local.a", b"1")
            .unwrap();
        store
            .note_kernel_delete(KeyType::Local, b"local.b")
            .unwrap();
        let expected = [
            (b"kv.a".to_vec(), Some(b"1".as_slice().into())),
            (b"kv.b".to_vec(), None),
        ];
        assert_eq!(store.take_export_changes().changes, expected);
        assert_eq!(
            store.take_crankhash(),
            Sha256::of(b"add\na\n1\ndelete\nb\n")
        );
        assert_eq!(store.kv_dump().unwrap(), []);
    }

    #[test]
    fn a_key_whose_change_cannot_be_recorded_is_not_written() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON pendingExports
                      WHEN new.key = 'kv.b' BEGIN SELECT RAISE(ABORT, 'refused'); END";
        store.db.lock().execute(refuse).unwrap();
        store.kernel_set(b"a", b"1").unwrap();
        assert!(store.kernel_set(b"b", b"1").is_err());
        store.kernel_set(b"local.b", b"2").unwrap();
        store.kernel_set(b"c", b"1").unwrap();
        store.kernel_delete(b"c").unwrap();
        let pair = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
        assert_eq!(
            store.kv_dump().unwrap(),
            [pair(b"a", b"1"), pair(b"local.b", b"2")]
        );
    }

    #[test]
    fn every_set_and_delete_is_traced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trace");
        let mut store = Store::in_memory(StoreOptions {
            trace_file: Some(file.clone()),
            ..StoreOptions::default()
        })
        .unwrap();
        store.begin().unwrap();
        store.kernel_set(b"a", b"1").unwrap();
        store.host_set(b"host.a", b"2").unwrap();
        store.kernel_delete(b"local.a").unwrap();
        store.close().unwrap();
        let trace = std::fs::read_to_string(file).unwrap();
        assert_eq!(trace, "set a 1\nset host.a 2\ndel local.a\n");
    }
}
