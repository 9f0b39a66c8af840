//! Cursors over a store's kvStore, which is in order by itself.

use super::sorted::{Cursor, RowCursor};
use crate::store::error::Result;
use crate::store::substores::kv::{KeyType, key_type};

/// Which keys of the kvStore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Those that are exported.
    Consensus,
    /// All others.
    Local,
}

/// A cursor that passes over keys of the other kind.
pub(super) struct KeysOf<'s> {
    pub(super) keys: Keys,
    /// How long a prefix the cursor adds to keys.
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

/// A cursor at its end.
pub(super) struct Nothing;

impl Cursor for Nothing {
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
