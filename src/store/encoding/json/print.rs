//! Prints values as `JSON.stringify` does.

use std::fmt;

use super::value::{JsObject, Json};

/// A notation: how parts of a value are written.
pub(crate) trait Notation {
    /// Writes a string value.
    fn string(&self, string: &[u8], text: &mut Vec<u8>);
    /// Writes a number.
    fn number(&self, number: f64, text: &mut Vec<u8>);
    /// The properties of an object in the order in which they are written.
    fn properties<'a>(&self, object: &'a JsObject) -> Vec<(&'a [u8], &'a Json)>;
}

/// The notation of `JSON.stringify`.
pub(crate) struct Plain;

impl Notation for Plain {
    fn string(&self, string: &[u8], text: &mut Vec<u8>) {
        append_quoted(string, text);
    }

    fn number(&self, number: f64, text: &mut Vec<u8>) {
        if number.is_finite() {
            text.extend_from_slice(number_to_string(number).as_bytes());
        } else {
            text.extend_from_slice(b"null");
        }
    }

    fn properties<'a>(&self, object: &'a JsObject) -> Vec<(&'a [u8], &'a Json)> {
        object.iter().collect()
    }
}

/// A number as JavaScript prints it.
pub fn number_to_string(number: f64) -> String {
    ryu_js::Buffer::new().format(number).to_owned()
}

/// A string as `JSON.stringify` prints it.
pub fn quote(string: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(string.len() + 2);
    append_quoted(string, &mut text);
    text
}

/// Appends a string as `JSON.stringify` prints it.
pub(crate) fn append_quoted(string: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    let mut copied = 0;
    for (at, byte) in string.iter().enumerate() {
        let (unit, length) = match byte {
            b'"' | b'\\' | 0..0x20 => (u16::from(*byte), 1),
            // An unpaired surrogate. Bytes that are not WTF-8, which a damaged file may contain,
            // are copied, and must not hide a quote.
            0xED => match string.get(at + 1..at + 3) {
                Some([second @ 0xA0..=0xBF, third @ 0x80..=0xBF]) => (
                    0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F),
                    3,
                ),
                _ => continue,
            },
            _ => continue,
        };
        text.extend_from_slice(&string[copied..at]);
        append_escape(unit, text);
        copied = at + length;
    }
    text.extend_from_slice(&string[copied..]);
    text.push(b'"');
}

fn append_escape(unit: u16, text: &mut Vec<u8>) {
    let short = match unit {
        0x08 => b"\\b",
        0x09 => b"\\t",
        0x0A => b"\\n",
        0x0C => b"\\f",
        0x0D => b"\\r",
        0x22 => b"\\\"",
        0x5C => b"\\\\",
        _ => return text.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
    };
    text.extend_from_slice(short);
}

/// An unfinished array or object: its remaining contents and its closing bracket.
enum Rest<'a> {
    Items(std::slice::Iter<'a, Json>),
    Properties(std::vec::IntoIter<(&'a [u8], &'a Json)>),
}

/// Prints a value in a notation.
pub(crate) fn print(value: &Json, notation: &impl Notation) -> Vec<u8> {
    let mut text = Vec::new();
    let mut open: Vec<Rest<'_>> = Vec::new();
    let mut next = Some(value);
    loop {
        let mut first = false;
        if let Some(value) = next {
            match value {
                Json::Null => text.extend_from_slice(b"null"),
                Json::Bool(true) => text.extend_from_slice(b"true"),
                Json::Bool(false) => text.extend_from_slice(b"false"),
                Json::Number(number) => notation.number(*number, &mut text),
                Json::String(string) => notation.string(string, &mut text),
                Json::Array(items) => {
                    text.push(b'[');
                    open.push(Rest::Items(items.iter()));
                    first = true;
                }
                Json::Object(object) => {
                    text.push(b'{');
                    open.push(Rest::Properties(notation.properties(object).into_iter()));
                    first = true;
                }
            }
        }
        let (following, end) = match open.last_mut() {
            None => return text,
            Some(Rest::Items(items)) => (items.next().map(|item| (None, item)), b']'),
            Some(Rest::Properties(properties)) => (
                properties.next().map(|(key, value)| (Some(key), value)),
                b'}',
            ),
        };
        if let (Some(_), false) = (&following, first) {
            text.push(b',');
        }
        next = following.map(|(key, value)| {
            if let Some(key) = key {
                append_quoted(key, &mut text);
                text.push(b':');
            }
            value
        });
        if next.is_none() {
            text.push(end);
            open.pop();
        }
    }
}

impl Json {
    /// The output of `JSON.stringify`.
    pub fn stringify(&self) -> Vec<u8> {
        print(self, &Plain)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.stringify()))
    }
}

#[cfg(test)]
mod tests {
    use crate::store::encoding::json::print::quote;

    #[test]
    fn invalid_bytes_do_not_hide_a_quote() {
        // The beginning of an unpaired surrogate, followed by a character to escape.
        assert_eq!(quote(b"\xED\xA0\"x"), b"\"\xED\xA0\\\"x\"");
        assert_eq!(quote(b"\xED\xA0"), b"\"\xED\xA0\"");
    }
}
