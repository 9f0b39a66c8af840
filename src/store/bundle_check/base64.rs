//! Base64, the encoding of archives in bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::store::error::refusal::Refusal;

/// Encodes bytes, with padding.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes base64.
///
/// As in the reference, the padding must be complete, the unused bits of the last character may
/// have any value, and a single last character followed by `===` adds no byte.
///
/// # Errors
/// A [`Refusal`] for invalid characters, missing padding, and anything after the padding.
pub fn decode_base64(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    // The fast decoder only accepts the canonical encoding. Other encodings are rare.
    STANDARD.decode(text).or_else(|_| decode_leniently(text))
}

fn decode_leniently(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let end = text.iter().position(|byte| *byte == b'=');
    let (characters, mut padding) = text.split_at(end.unwrap_or(text.len()));
    let mut bytes = Vec::with_capacity(characters.len() / 4 * 3 + 3);
    let (mut register, mut bits) = (0_u32, 0);
    for (at, character) in characters.iter().enumerate() {
        let Some(value) = value_of(*character) else {
            return Err(Refusal::error(format!(
                "Invalid base64 character {} in string <unknown>",
                first_unit(&characters[at..])
            )));
        };
        register = register << 6 | value;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((register >> bits) as u8);
            register &= (1 << bits) - 1;
        }
    }
    while bits > 0 {
        let [b'=', rest @ ..] = padding else {
            let offset = text.len() - padding.len();
            return Err(Refusal::error(format!(
                "Missing padding at offset {offset} of string <unknown>"
            )));
        };
        padding = rest;
        bits -= 2;
    }
    if !padding.is_empty() {
        return Err(Refusal::error(format!(
            "Base64 string has trailing garbage {} in string <unknown>",
            String::from_utf8_lossy(padding)
        )));
    }
    Ok(bytes)
}

fn value_of(character: u8) -> Option<u32> {
    let (first, offset) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => (b'+', 62),
        b'/' => (b'/', 63),
        _ => return None,
    };
    Some(u32::from(character - first) + offset)
}

/// The first UTF-16 code unit of a text; U+FFFD if it is a surrogate.
fn first_unit(text: &[u8]) -> char {
    let text = String::from_utf8_lossy(&text[..text.len().min(4)]);
    let first = text.chars().next().filter(|first| first.len_utf16() == 1);
    first.unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let refusal = decode_base64(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.message(), message);
    }

    #[test]
    fn encoded_bytes_are_decoded() {
        for length in 0..100_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(decode_base64(encode_base64(&bytes).as_bytes()), Ok(bytes));
        }
    }

    #[test]
    fn unused_bits_and_a_single_character_are_accepted() {
        assert_eq!(decode_base64(b"/x=="), Ok(vec![0xFF]));
        assert_eq!(decode_base64(b"//9="), Ok(vec![0xFF, 0xFF]));
        assert_eq!(decode_base64(b"A==="), Ok(vec![]));
    }

    #[test]
    fn invalid_base64_is_refused() {
        refused("AB C", "Invalid base64 character   in string <unknown>");
        refused("AB-_", "Invalid base64 character - in string <unknown>");
        refused(
            "\u{E9}",
            "Invalid base64 character \u{E9} in string <unknown>",
        );
        refused(
            "\u{1F600}",
            "Invalid base64 character \u{FFFD} in string <unknown>",
        );
        refused("AB", "Missing padding at offset 2 of string <unknown>");
        refused("AB=C", "Missing padding at offset 3 of string <unknown>");
        refused(
            "AB==C",
            "Base64 string has trailing garbage C in string <unknown>",
        );
        refused(
            "ABCD=",
            "Base64 string has trailing garbage = in string <unknown>",
        );
    }
}
