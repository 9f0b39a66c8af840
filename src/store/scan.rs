//! Reading keys in order, some at a time.
//!
//! `getNextKey` asks for one key after another. Whoever does so in a row is served from a batch
//! that grows as they go on; whoever asks once costs one key.

use std::collections::VecDeque;

use super::Database;
use super::error::Result;
use super::limits::limits;
use super::span_reader::SqlText;
use super::text;

/// The most keys to read at a time.
const MAX_BATCH: usize = 256;

/// By how much the next batch is larger.
const GROWTH: usize = 4;

/// Keys of the kvStore table that come next.
#[derive(Default)]
pub(super) struct ScanAhead {
    /// Between this key and the first of `keys` there is no other. `None`: nothing is known.
    from: Option<Vec<u8>>,
    keys: VecDeque<Vec<u8>>,
    /// Whether there is nothing behind the last of `keys`.
    is_end: bool,
    batch: usize,
}

impl ScanAhead {
    /// Forgets all keys, because the table has changed.
    pub(super) fn forget(&mut self) {
        self.from = None;
        self.keys.clear();
    }

    /// The first key behind `previous`, if that is known: `Some(None)` where there is none.
    fn after(&mut self, previous: &[u8]) -> Option<Option<&[u8]>> {
        let from = self.from.as_deref()?;
        if previous < from {
            self.forget();
            return None;
        }
        while self
            .keys
            .front()
            .is_some_and(|key| key.as_slice() <= previous)
        {
            self.from = self.keys.pop_front();
        }
        match self.keys.front() {
            Some(key) => Some(Some(key)),
            None => self.is_end.then_some(None),
        }
    }

    /// How many keys to read behind `previous`: more if that goes on from where we are.
    fn next_batch(&mut self, previous: &[u8]) -> usize {
        let goes_on = self.from.as_deref() == Some(previous);
        self.batch = match goes_on {
            true => (self.batch * GROWTH).clamp(1, MAX_BATCH),
            false => 1,
        };
        self.batch
    }
}

impl Database {
    /// The first key of the table behind `previous`. What is buffered is not looked at.
    pub(super) fn peek_key_after(&self, previous: &[u8]) -> Result<Option<Vec<u8>>> {
        self.notice_others();
        let mut buffer = self.buffer.borrow_mut();
        let scan = &mut buffer.scan;
        if let Some(known) = scan.after(previous) {
            return Ok(known.map(<[u8]>::to_vec));
        }
        let batch = scan.next_batch(previous);
        drop(buffer);

        let byte_limit = limits().record_batch_bytes;
        let mut keys = VecDeque::new();
        let mut bytes = 0;
        let mut statement =
            self.prepare_directly("SELECT key FROM kvStore WHERE key > ? ORDER BY key")?;
        let mut rows = self.checked(statement.query([SqlText(previous)]))?;
        let mut is_end = false;
        while keys.is_empty() || (keys.len() < batch && bytes < byte_limit) {
            let Some(row) = self.checked(rows.next())? else {
                is_end = true;
                break;
            };
            let key = text::in_column(self.checked(row.get_ref(0))?)?;
            bytes += key.len();
            keys.push_back(key.to_vec());
        }
        let first = keys.front().cloned();
        let mut buffer = self.buffer.borrow_mut();
        buffer.scan = ScanAhead {
            from: Some(previous.to_vec()),
            keys,
            is_end,
            batch,
        };
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Store, StoreOptions};

    #[test]
    fn keys_come_in_order_whatever_is_written_on_the_way() {
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
            // Set and deleted ahead and behind, in the buffer and, now and then, in the table.
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
}
