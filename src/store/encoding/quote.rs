//! Formats values as SES does in error messages.
//!
//! SES prints a value as JSON with a few changes: values that JSON cannot represent are named in
//! brackets, strings that begin with a bracket get another pair, and properties are sorted.

use std::borrow::Cow;

use super::json;
use super::json::{JsObject, Json, Notation};
use super::wtf8::for_hash;

/// SES's notation.
struct Shown;

impl Notation for Shown {
    fn string(&self, string: &[u8], text: &mut Vec<u8>) {
        json::append_quoted(&bracketed(string), text);
    }

    fn number(&self, number: f64, text: &mut Vec<u8>) {
        let printed = json::number_to_string(number);
        if number.is_finite() {
            text.extend(printed.bytes());
        } else {
            text.extend(format!("\"[{printed}]\"").bytes());
        }
    }

    fn properties<'a>(&self, object: &'a JsObject) -> Vec<(&'a [u8], &'a Json)> {
        let mut properties: Vec<_> = object.iter().collect();
        // In JavaScript, array indices come first, in numeric order.
        let indices = object.index_count();
        properties[indices..].sort_by(|left, right| {
            let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
            let (left, right) = (text(left.0), text(right.0));
            left.encode_utf16().cmp(right.encode_utf16())
        });
        properties
    }
}

fn bracketed(string: &[u8]) -> Cow<'_, [u8]> {
    match string.first() {
        Some(b'[') => Cow::Owned([b"[", string, b"]"].concat()),
        _ => Cow::Borrowed(string),
    }
}

/// Maximum length of a value in a message, in bytes. The author of the value determines its length.
const MAX_SHOWN_BYTES: usize = 10_000;

/// Truncates a text of more than `most` bytes, and appends its length.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

/// Formats a value; `None` is JavaScript's `undefined`.
pub(crate) fn value(value: Option<&Json>) -> String {
    match value {
        Some(value) => cut(text(&json::print(value, &Shown)), MAX_SHOWN_BYTES),
        None => "\"[undefined]\"".to_owned(),
    }
}

/// Formats a string.
pub(crate) fn string(string: &[u8]) -> String {
    cut(text(&json::quote(&bracketed(string))), MAX_SHOWN_BYTES)
}

/// Formats an array of strings.
pub(crate) fn list<'a>(strings: impl Iterator<Item = &'a [u8]>) -> String {
    let strings: Vec<String> = strings.map(string).collect();
    cut(format!("[{}]", strings.join(",")), MAX_SHOWN_BYTES)
}

/// Formats a text, without quotes if it consists of words.
pub(crate) fn bare(text: &str) -> String {
    let word = |word: &str| {
        let mut characters = word.bytes();
        !word.is_empty()
            && characters.all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
    };
    if text.split(' ').all(word) {
        text.to_owned()
    } else {
        string(text.as_bytes())
    }
}

/// Formats a string as `JSON.stringify` does, for messages that do not use SES's notation.
pub(crate) fn plain(string: &[u8]) -> String {
    cut(text(&json::quote(string)), MAX_SHOWN_BYTES)
}

/// Converts a string without quoting it. Bytes that are not valid text are replaced.
pub(crate) fn text(string: &[u8]) -> String {
    String::from_utf8_lossy(&for_hash(string)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_formatted_as_in_ses() {
        for (json, shown) in [
            (r#""a""#, r#""a""#),
            (r#""[a""#, r#""[[a]""#),
            (
                r#"[1e999,-1e999,"["]"#,
                r#"["[Infinity]","[-Infinity]","[[]"]"#,
            ),
            (
                r#"{"b":1,"a":{},"10":2,"9":3}"#,
                r#"{"9":3,"10":2,"a":{},"b":1}"#,
            ),
        ] {
            let parsed = json::parse(json.as_bytes()).unwrap();
            assert_eq!(value(Some(&parsed)), shown);
        }
        assert_eq!(value(None), r#""[undefined]""#);
        assert_eq!(
            list([b"a".as_slice(), b"[b"].into_iter()),
            r#"["a","[[b]"]"#
        );
    }

    #[test]
    fn words_are_bare() {
        assert_eq!(bare("compartment map"), "compartment map");
        for text in ["", "a.b", "a  b", " a", "a[\"b\"]"] {
            assert_eq!(bare(text), plain(text.as_bytes()));
        }
    }
}
