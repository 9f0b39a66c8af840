//! Cursors over a store's kvStore, which is sorted.

use super::sorted::{Cursor, RowCursor};
use crate::store::error::Result;
use crate::store::substores::kv::{KeyType, key_type};

/// A subset of the keys of the kvStore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// The exported keys.
    Consensus,
    /// All other keys.
    Local,
}

/// A cursor that skips the keys outside a subset.
pub(super) struct KeysOf<'s> {
    pub(super) keys: Keys,
    /// The length of the prefix that the cursor adds to keys.
    pub(super) skip: usize,
    pub(super) rows: RowCursor<'s>,
}

impl Cursor for KeysOf<'_> {
    fn advance(&mut self) -> Result<bool> {
        while self.rows.advance()? {
            let is_consensus = key_type(&self.rows.key()[self.skip..]) == KeyType::Consensus;
            if is_consensus == (self.keys == Keys::Consensus) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key(&self) -> &[u8] {
        self.rows.key()
    }

    fn value(&self) -> &[u8] {
        self.rows.value()
    }
}

/// A cursor without keys.
pub(super) struct EmptyCursor;

impl Cursor for EmptyCursor {
    fn advance(&mut self) -> Result<bool> {
        Ok(false)
    }

    fn key(&self) -> &[u8] {
        &[]
    }

    fn value(&self) -> &[u8] {
        &[]
    }
}
