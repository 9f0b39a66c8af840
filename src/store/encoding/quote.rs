//! Values as the messages of SES show them.
//!
//! SES prints a value as JSON with a few changes: what JSON can't print it names in brackets,
//! strings that begin with a bracket it puts into another pair, and it sorts properties.

use std::borrow::Cow;

use super::json;
use super::json::{JsObject, Json, Notation};
use super::wtf8::for_hash;

/// The notation of SES.
struct Shown;

impl Notation for Shown {
    fn string(&self, string: &[u8], text: &mut Vec<u8>) {
        json::append_quoted(&bracketed(string), text);
    }

    fn number(&self, number: f64, text: &mut Vec<u8>) {
        match number.is_finite() {
            true => text.extend(json::number_to_string(number).bytes()),
            false => text.extend(format!("\"[{}]\"", json::number_to_string(number)).bytes()),
        }
    }

    fn properties<'a>(&self, object: &'a JsObject) -> Vec<(&'a [u8], &'a Json)> {
        let mut properties: Vec<_> = object.iter().collect();
        // Array indices come first in any object, in their own order.
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

/// The most of a value that a message shows, in bytes. Whoever wrote the value decides how long it is.
const MAX_SHOWN_BYTES: usize = 10_000;

/// A text, or its beginning and its length if it has more than `most` bytes.
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

/// A value; `None` is JavaScript's `undefined`.
pub(crate) fn value(value: Option<&Json>) -> String {
    match value {
        Some(value) => cut(text(&json::print(value, &Shown)), MAX_SHOWN_BYTES),
        None => "\"[undefined]\"".to_owned(),
    }
}

/// A string.
pub(crate) fn string(string: &[u8]) -> String {
    cut(text(&json::quote(&bracketed(string))), MAX_SHOWN_BYTES)
}

/// An array of strings.
pub(crate) fn list<'a>(strings: impl Iterator<Item = &'a [u8]>) -> String {
    let strings: Vec<String> = strings.map(string).collect();
    cut(format!("[{}]", strings.join(",")), MAX_SHOWN_BYTES)
}

/// A text that is shown without quotes if it consists of words.
pub(crate) fn bare(text: &str) -> String {
    let word = |word: &str| {
        let mut characters = word.bytes();
        !word.is_empty()
            && characters.all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
    };
    match text.split(' ').all(word) {
        true => text.to_owned(),
        false => string(text.as_bytes()),
    }
}

/// A string as `JSON.stringify` prints it, for the messages that do without SES.
pub(crate) fn plain(string: &[u8]) -> String {
    cut(text(&json::quote(string)), MAX_SHOWN_BYTES)
}

/// An unquoted string; what no text can hold is replaced.
pub(crate) fn text(string: &[u8]) -> String {
    String::from_utf8_lossy(&for_hash(string)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_ses_does() {
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
