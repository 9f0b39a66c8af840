//! Keys of the `kvStore` table that were read ahead.
//!
//! `getNextKey` asks for one key at a time. Consecutive calls are answered from a batch that grows
//! with each refill; a single call reads a single key.

use std::collections::VecDeque;

/// Maximum number of keys in a batch.
const MAX_BATCH: usize = 256;

/// Growth factor of batches.
const GROWTH: usize = 4;

/// The next keys of the `kvStore` table, without those whose deletion is buffered.
#[derive(Default)]
pub(crate) struct KeyPrefetch {
    /// No key lies between this one and the first of `keys`. `None` if nothing is known.
    from: Option<Vec<u8>>,
    pub(super) keys: VecDeque<Vec<u8>>,
    /// The last key read.
    pub(super) to: Vec<u8>,
    /// Whether there is no key after `to`.
    pub(super) is_end: bool,
    batch: usize,
}

impl KeyPrefetch {
    /// Discards all keys because the table has changed.
    pub(crate) fn forget(&mut self) {
        self.from = None;
        self.keys.clear();
    }

    /// The first key after `previous`, if known: `Some(None)` if there is none.
    pub(super) fn after(&mut self, previous: &[u8]) -> Option<Option<&[u8]>> {
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

    /// Skips the first key because its deletion is buffered. So a caller that repeatedly deletes
    /// keys and asks for the first one does not visit a deleted key twice.
    pub(super) fn pass_over(&mut self, key: &[u8]) {
        if self.keys.front().is_some_and(|front| front == key) {
            self.keys.pop_front();
        }
    }

    /// Where to start reading in order to find the key after `previous`, and how many keys to read:
    /// more if this continues the last batch.
    pub(super) fn next_batch(&mut self, previous: &[u8]) -> (Vec<u8>, usize) {
        if self.from.is_some() && previous <= self.to.as_slice() {
            self.batch = (self.batch * GROWTH).clamp(1, MAX_BATCH);
            (self.to.clone(), self.batch)
        } else {
            self.batch = 1;
            self.from = Some(previous.to_vec());
            (previous.to_vec(), self.batch)
        }
    }
}
