//! SHA-256 hashes as lower-case hexadecimal text, the form in which a store keeps and combines
//! them.

use std::fmt;

use sha2::Digest;

/// A SHA-256 in progress.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

/// A SHA-256 as text: 64 lower-case hexadecimal digits.
pub(crate) type HexDigits = [u8; 64];

impl Sha256 {
    /// Starts a hash.
    pub fn new() -> Sha256 {
        Sha256::default()
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of the added bytes.
    pub fn finish(self) -> String {
        to_string(&self.finish_digits())
    }

    /// The hash of the added bytes, without allocating.
    pub(crate) fn finish_digits(self) -> HexDigits {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.finalize()) {
            pair.copy_from_slice(&HEX_PAIRS[usize::from(byte)]);
        }
        digits
    }

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> String {
        to_string(&digits_of(bytes))
    }
}

fn digits_of(bytes: &[u8]) -> HexDigits {
    let mut hash = Sha256::new();
    hash.add(bytes);
    hash.finish_digits()
}

fn to_string(digits: &HexDigits) -> String {
    digits.iter().copied().map(char::from).collect()
}

/// The two digits of each byte.
const HEX_PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// The hash of a transcript span, extended item by item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanHash(HexDigits);

impl SpanHash {
    /// The hash of a span without items.
    pub(crate) fn initial() -> SpanHash {
        SpanHash(digits_of(b"start of transcript span"))
    }

    /// Adds an item, encoded for hashing (see [`for_hash`](super::wtf8::for_hash)).
    pub(crate) fn extend(&mut self, item: &[u8]) {
        self.0 = extend(&self.0, item);
    }

    /// Adds an item by its hash, for items that are hashed in pieces.
    pub(crate) fn extend_by(&mut self, item: Sha256) {
        self.0 = extend_by(&self.0, &item.finish_digits());
    }

    /// Its digits.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SpanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_string(&self.0))
    }
}

fn extend(prior: &[u8], item: &[u8]) -> HexDigits {
    extend_by(prior, &digits_of(item))
}

fn extend_by(prior: &[u8], item_hash: &HexDigits) -> HexDigits {
    let mut hash = Sha256::new();
    hash.add(prior);
    hash.add(item_hash);
    hash.finish_digits()
}

/// The hash of a span without items.
pub(crate) fn initial_span_hash() -> String {
    to_string(&SpanHash::initial().0)
}

/// Extends a span's hash by an item, encoded for hashing.
pub(crate) fn extend_span_hash(prior: &[u8], item: &[u8]) -> String {
    to_string(&extend(prior, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_hash_of_known_items() {
        // The reference's value for the items `start-worker` and `shutdown-worker`.
        const EXPECTED: &str = "5bee0f44eca02f23eab03703e84ed2647d5d117fed99e1c30a3b424b7f082ab9";
        let one = extend_span_hash(initial_span_hash().as_bytes(), b"start-worker");
        assert_eq!(
            extend_span_hash(one.as_bytes(), b"shutdown-worker"),
            EXPECTED
        );
        let mut hash = SpanHash::initial();
        hash.extend(b"start-worker");
        hash.extend(b"shutdown-worker");
        assert_eq!(hash.as_bytes(), EXPECTED.as_bytes());
    }

    #[test]
    fn known_hashes() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc"), of_abc);
        let mut hash = Sha256::new();
        hash.add(b"a");
        hash.add(b"bc");
        assert_eq!(hash.finish(), of_abc);
    }
}
