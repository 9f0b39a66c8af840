//! Finds the next key of the `kvStore` table, and reads keys ahead.

use std::collections::VecDeque;

use super::Database;
use super::sql_text::SqlText;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::tasks::limits::limits;

impl Database {
    /// The first key of the table after `previous`, regardless of the buffer.
    pub(crate) fn peek_key_after(&self, previous: &[u8]) -> Result<Option<Vec<u8>>> {
        self.notice_external_commits();
        let mut buffer = self.buffer.borrow_mut();
        let prefetch = &mut buffer.prefetch;
        if let Some(known) = prefetch.after(previous) {
            return Ok(known.map(<[u8]>::to_vec));
        }
        let (start, batch) = prefetch.next_batch(previous);
        drop(buffer);

        let byte_limit = limits().record_batch_bytes;
        let mut keys = VecDeque::new();
        let mut bytes = 0;
        let mut statement =
            self.prepare_directly("SELECT key FROM kvStore WHERE key > ? ORDER BY key")?;
        let mut rows = self.checked(statement.query([SqlText(&start)]))?;
        let mut is_end = false;
        while keys.is_empty() || (keys.len() < batch && bytes < byte_limit) {
            let Some(row) = self.checked(rows.next())? else {
                is_end = true;
                break;
            };
            let key = wtf8::in_column(self.checked(row.get_ref(0))?)?;
            bytes += key.len();
            keys.push_back(key.to_vec());
        }
        let first = keys.front().cloned();
        let mut buffer = self.buffer.borrow_mut();
        let prefetch = &mut buffer.prefetch;
        prefetch.to = keys.back().cloned().unwrap_or(start);
        prefetch.keys = keys;
        prefetch.is_end = is_end;
        Ok(first)
    }

    /// Like [`Database::peek_key_after`], which has returned `key`. From now on, skips `key`,
    /// because its deletion is buffered.
    pub(crate) fn peek_key_after_deleted(
        &self,
        previous: &[u8],
        key: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        self.buffer.borrow_mut().prefetch.pass_over(key);
        self.peek_key_after(previous)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::substores::{Store, StoreOptions};

    #[test]
    fn keys_are_in_order_despite_writes_during_the_walk() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        let key = |n: u32| format!("k{n:04}").into_bytes();
        for n in 0..1000 {
            store.kernel_set(&key(n * 2), b"v").unwrap();
        }
        store.commit().unwrap();
        let mut seen = Vec::new();
        let mut previous = Vec::new();
        while let Some(next) = store.kv_get_next_key(&previous).unwrap() {
            let n: u32 = std::str::from_utf8(&next[1..]).unwrap().parse().unwrap();
            // Sets and deletes keys before and after the current one, in the buffer and sometimes
            // in the table.
            match n % 10 {
                0 => store.kernel_set(&key(n + 1), b"new").unwrap(),
                4 => store.kernel_delete(&key(n + 2)).unwrap(),
                8 => store.kernel_delete(&key(n)).unwrap(),
                _ => {}
            }
            if n.is_multiple_of(94) {
                store.commit().unwrap();
            }
            seen.push(n);
            previous = next;
        }
        let expected: Vec<u32> = (0..2000)
            .filter(|n| matches!(n % 10, 0 | 1 | 2 | 4 | 8))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn keys_deleted_during_the_walk_are_skipped() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        let key = |n: u32| format!("k{n:04}").into_bytes();
        for n in 0..1000 {
            store.kernel_set(&key(n), b"v").unwrap();
        }
        store.commit().unwrap();
        store.start_crank().unwrap();
        let next = |store: &Store| store.kv_get_next_key(b"k").unwrap();
        let delete_first = |store: &mut Store, count: u32, first: u32| {
            for n in first..first + count {
                assert_eq!(next(store).as_deref(), Some(key(n).as_slice()));
                store.kernel_delete(&key(n)).unwrap();
            }
        };
        delete_first(&mut store, 150, 0);
        store.establish_crank_savepoint(b"s").unwrap();
        delete_first(&mut store, 30, 150);
        // A skipped key exists again.
        store.kernel_set(&key(160), b"new").unwrap();
        assert_eq!(next(&store), Some(key(160)));
        store.kernel_delete(&key(160)).unwrap();
        assert_eq!(next(&store), Some(key(180)));
        store.rollback_crank(b"s").unwrap();
        delete_first(&mut store, 850, 150);
        assert_eq!(next(&store), None);
        store.kernel_set(&key(3), b"new").unwrap();
        assert_eq!(next(&store), Some(key(3)));
        store.end_crank().unwrap();
        store.finish_crank();
        store.commit().unwrap();
        assert_eq!(store.kv_dump().unwrap().len(), 1);
    }
}
