//! Hashes, as the lower-case hexadecimal text in which a store keeps and combines them.

use sha2::Digest;

/// A SHA-256 in progress.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// The hash of nothing yet.
    pub fn new() -> Sha256 {
        Sha256::default()
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was added.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }

    /// The hash of one text.
    pub fn of(bytes: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.add(bytes);
        hash.finish()
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// What a span's hash starts from.
pub(super) fn initial_span_hash() -> String {
    Sha256::of(b"start of transcript span")
}

/// A span's hash with one more item. `item` is the text as hashes take it.
pub(super) fn extend_span_hash(prior: &[u8], item: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.add(prior);
    hash.add(Sha256::of(item).as_bytes());
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_hash_of_known_items() {
        // The reference's value for the items `start-worker` and `shutdown-worker`.
        let one = extend_span_hash(initial_span_hash().as_bytes(), b"start-worker");
        assert_eq!(
            extend_span_hash(one.as_bytes(), b"shutdown-worker"),
            "5bee0f44eca02f23eab03703e84ed2647d5d117fed99e1c30a3b424b7f082ab9"
        );
    }
}
