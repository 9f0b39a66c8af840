//! The state of a crank, and its hash.

use crate::store::encoding::hash::Sha256;
use crate::store::encoding::wtf8;

/// The crank in progress.
#[derive(Default)]
pub(crate) struct Crank {
    pub(super) running: bool,
    /// The names of the savepoints. SQLite's name of the savepoint at index N is `tN`.
    pub(super) savepoints: Vec<Vec<u8>>,
    hash: Sha256,
    /// Bytes to be added to the hash, collected because few large additions are fast.
    unhashed: Vec<u8>,
    /// The hash before the last [`Crank::take_hash`].
    taken: Sha256,
}

/// How many bytes are collected before they are hashed.
const HASH_BYTES: usize = 64 * 1024;

impl Crank {
    /// Removes all lines from the crankhash.
    pub(super) fn reset_hash(&mut self) {
        self.hash = Sha256::new();
        self.unhashed.clear();
    }

    /// Adds a set of a key to the crankhash.
    pub(crate) fn hash_set(&mut self, key: &[u8], value: &[u8]) {
        self.hash_lines([b"add", &wtf8::for_hash(key), &wtf8::for_hash(value)]);
    }

    /// Adds a deletion of a key to the crankhash.
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

    /// Returns the hash of all lines since the last call, and resets it.
    pub(super) fn take_hash(&mut self) -> String {
        self.hash.add(&self.unhashed);
        self.unhashed.clear();
        self.taken = std::mem::take(&mut self.hash);
        self.taken.clone().finish()
    }

    /// Undoes [`Crank::take_hash`]. Lines added since then stay if they are not hashed yet.
    pub(super) fn restore_hash(&mut self) {
        self.hash = std::mem::take(&mut self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_removes_hashed_and_collected_lines() {
        let mut expected = Crank::default();
        expected.hash_set(b"key", b"value");
        let mut crank = Crank::default();
        for bytes in [10, HASH_BYTES + 1, HASH_BYTES * 2] {
            crank.hash_set(b"before", &vec![b'x'; bytes]);
            crank.hash_delete(b"before");
            crank.reset_hash();
        }
        crank.hash_set(b"key", b"value");
        assert_eq!(crank.take_hash(), expected.take_hash());
    }
}
