//! JavaScript strings as the file stores them.
//!
//! A JavaScript string is a sequence of 16-bit units and may contain unpaired surrogates. The file
//! stores it as WTF-8: UTF-8 in which an unpaired surrogate takes three bytes, as its number would
//! (`U+D800`: `ED A0 80`). When it is read back, each of these bytes becomes a `U+FFFD`, but a hash
//! uses a single `U+FFFD` for the surrogate. Both are consensus.

use std::borrow::Cow;

use rusqlite::types::{FromSqlError, FromSqlResult, ValueRef};

/// `U+FFFD` in UTF-8, the replacement for anything that cannot be encoded.
pub const REPLACEMENT: &[u8] = b"\xEF\xBF\xBD";

/// Encodes 16-bit units as the file stores them.
pub fn from_utf16(units: &[u16]) -> Vec<u8> {
    // Nearly all text is ASCII.
    if units.iter().all(|unit| *unit < 0x80) {
        return units.iter().map(|unit| *unit as u8).collect();
    }
    let mut bytes = Vec::with_capacity(units.len() * 3);
    let mut buffer = [0; 4];
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
            Err(lone) => {
                let unit = u32::from(lone.unpaired_surrogate());
                bytes.extend_from_slice(&[
                    0xE0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3F) as u8,
                    0x80 | (unit & 0x3F) as u8,
                ]);
            }
        }
    }
    bytes
}

/// The bytes that are hashed for a string: each unpaired surrogate becomes one `U+FFFD`.
pub fn for_hash(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = find_surrogate(text) else {
        return Cow::Borrowed(text);
    };
    let mut bytes = text[..first].to_vec();
    let mut rest = &text[first..];
    while let Some(at) = find_surrogate(rest) {
        bytes.extend_from_slice(&rest[..at]);
        bytes.extend_from_slice(REPLACEMENT);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest);
    Cow::Owned(bytes)
}

/// Returns the bytes of a text column.
///
/// Any other type is an error, and occurs only in a damaged file. SQLite sorts blobs after all
/// text, so a caller that continues after such a key, passed as a text, would get it again and
/// again.
pub(crate) fn in_column(value: ValueRef<'_>) -> FromSqlResult<&[u8]> {
    match value {
        ValueRef::Text(text) => Ok(text),
        _ => Err(FromSqlError::InvalidType),
    }
}

/// The bytes of the string that JavaScript gets when it reads `text` from the file.
pub fn as_read(text: &[u8]) -> Cow<'_, [u8]> {
    // The usual case first: this check is several times as fast as a search for invalid bytes.
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(text).into_owned().into_bytes())
}

/// The index of the first unpaired surrogate.
fn find_surrogate(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xED, text)
        .find(|at| matches!(text[*at..], [_, 0xA0..=0xFF, 0x80..=0xFF, ..]))
}

/// Whether a text contains `U+FFFD`.
pub fn has_replacement(text: &[u8]) -> bool {
    memchr::memchr(REPLACEMENT[0], text)
        .is_some_and(|at| memchr::memmem::find(&text[at..], REPLACEMENT).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_joined_and_lone_surrogates_kept() {
        assert_eq!(from_utf16(&[0xD83D, 0xDE00]), "\u{1F600}".as_bytes());
        assert_eq!(from_utf16(&[0xD800]), b"\xED\xA0\x80");
        assert_eq!(
            from_utf16(&[0xDE00, 0xD83D, 0x61]),
            b"\xED\xB8\x80\xED\xA0\xBDa"
        );
        assert_eq!(from_utf16(&[0x61, 0, 0xE9]), "a\0\u{E9}".as_bytes());
    }

    #[test]
    fn hashes_take_one_replacement_and_readers_three() {
        let text = from_utf16(&[0x61, 0xD800, 0x62, 0xDFFF]);
        assert_eq!(for_hash(&text).as_ref(), "a\u{FFFD}b\u{FFFD}".as_bytes());
        assert_eq!(
            as_read(&text).as_ref(),
            "a\u{FFFD}\u{FFFD}\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}".as_bytes()
        );
    }

    #[test]
    fn well_formed_text_is_not_copied() {
        let text = "\u{D7FF}\u{E000}".as_bytes();
        assert!(matches!(for_hash(text), Cow::Borrowed(_)));
        assert!(matches!(as_read(text), Cow::Borrowed(_)));
    }
}
