//! JavaScript strings as the file holds them.
//!
//! A JavaScript string is a sequence of 16-bit units and may hold half of a surrogate pair. In
//! the file it is "WTF-8": UTF-8, but for a lone surrogate, which takes the three bytes that its
//! number would take (`U+D800`: `ED A0 80`). Read back, each of those bytes becomes a `U+FFFD`,
//! while a hash takes the whole surrogate as one `U+FFFD`. Both are consensus.

use std::borrow::Cow;

use rusqlite::types::{FromSqlError, FromSqlResult, ValueRef};

/// `U+FFFD` in UTF-8, which stands for what can't be encoded.
pub const REPLACEMENT: &[u8] = b"\xEF\xBF\xBD";

/// The bytes that the file holds for a string of 16-bit units.
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

/// The bytes that a hash takes for a string: each lone surrogate is one `U+FFFD`.
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

/// The bytes of a text that a column holds.
///
/// Bytes that are no text, as only a damaged file has them in the place of one, are an error: SQLite
/// sorts them behind all text, so that whoever reads on behind such a key, given as a text, gets it
/// again and again.
pub(crate) fn in_column(value: ValueRef<'_>) -> FromSqlResult<&[u8]> {
    match value {
        ValueRef::Text(text) => Ok(text),
        _ => Err(FromSqlError::InvalidType),
    }
}

/// The bytes of the string that JavaScript gets when it reads `text` from the file.
pub fn as_read(text: &[u8]) -> Cow<'_, [u8]> {
    // The usual case first: this check is several times as fast as a search for what to repair.
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(text).into_owned().into_bytes())
}

/// Where the first lone surrogate of a WTF-8 text stands.
fn find_surrogate(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xED, text)
        .find(|at| matches!(text[*at..], [_, 0xA0..=0xFF, 0x80..=0xFF, ..]))
}

/// Whether a text has a `U+FFFD` in it.
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
