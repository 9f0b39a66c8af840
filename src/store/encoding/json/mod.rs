//! JSON exactly as JavaScript parses and prints it.
//!
//! Records and bundles are hashed and compared as the output of `JSON.stringify` for the result of
//! `JSON.parse`, so both are reproduced to the byte: numbers are doubles, the last of equal keys
//! wins, keys that look like array indices come first, and strings may contain unpaired surrogates.
//!
//! Strings are WTF-8: UTF-8 in which an unpaired surrogate is encoded as the three bytes of its
//! number. Nothing here recurses, so only the length of a text limits the depth of its value, as in
//! V8.

mod parse;
mod print;

use std::fmt;

use indexmap::IndexMap;

pub use parse::{ParseError, parse};
pub(crate) use print::{Notation, append_quoted, print};
pub use print::{number_to_string, quote};

/// A JSON value.
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number. A number that is too large is an infinity.
    Number(f64),
    /// A string, in WTF-8.
    String(Vec<u8>),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(JsObject),
}

/// The own properties of an object, in JavaScript's order.
#[derive(Default)]
pub struct JsObject(
    // Boxed, so that objects do not make every value three times as large, and absent if there are
    // none.
    Option<Box<IndexMap<Vec<u8>, Json>>>,
);

impl Json {
    /// An own property; `None` if the value is not an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key.as_bytes())
    }

    /// Whether the value is truthy in JavaScript.
    pub fn truthy(&self) -> bool {
        match self {
            Json::Null => false,
            Json::Bool(value) => *value,
            Json::Number(value) => *value != 0.0 && !value.is_nan(),
            Json::String(value) => !value.is_empty(),
            Json::Array(_) | Json::Object(_) => true,
        }
    }

    /// The bytes of a string.
    pub fn as_str(&self) -> Option<&[u8]> {
        match self {
            Json::String(value) => Some(value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Json::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The bytes of a string; otherwise the value itself as an error.
    pub(crate) fn into_string(mut self) -> Result<Vec<u8>, Json> {
        match &mut self {
            Json::String(value) => Ok(std::mem::take(value)),
            _ => Err(self),
        }
    }

    /// The items of an array; otherwise the value itself as an error.
    pub(crate) fn into_array(mut self) -> Result<Vec<Json>, Json> {
        match &mut self {
            Json::Array(items) => Ok(std::mem::take(items)),
            _ => Err(self),
        }
    }

    /// The properties of an object.
    pub fn as_object(&self) -> Option<&JsObject> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// JavaScript's `typeof`.
    pub fn type_of(&self) -> &'static str {
        match self {
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Null | Json::Array(_) | Json::Object(_) => "object",
        }
    }

    /// Whether arrays and objects are nested more than `levels` deep.
    pub fn is_deeper_than(&self, levels: usize) -> bool {
        let mut pending = vec![(self, 1)];
        while let Some((value, level)) = pending.pop() {
            let children: Box<dyn Iterator<Item = &Json>> = match value {
                Json::Array(items) => Box::new(items.iter()),
                Json::Object(object) => Box::new(object.iter().map(|(_, value)| value)),
                _ => continue,
            };
            if level > levels {
                return true;
            }
            let nested = children.filter(|child| matches!(child, Json::Array(_) | Json::Object(_)));
            pending.extend(nested.map(|child| (child, level + 1)));
        }
        false
    }

    /// The output of `JSON.stringify`.
    pub fn stringify(&self) -> Vec<u8> {
        print(self, &print::Plain)
    }

    /// Removes and returns the values that this one contains.
    fn move_children_to(&mut self, pending: &mut Vec<Json>) {
        match self {
            Json::Array(items) => pending.append(items),
            Json::Object(object) => {
                let properties = object.0.take().into_iter().flat_map(|all| *all);
                pending.extend(properties.map(|(_, value)| value));
            }
            _ => {}
        }
    }
}

impl Drop for Json {
    /// Frees nested values one level at a time. The derived implementation would recurse.
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.move_children_to(&mut pending);
        while let Some(mut child) = pending.pop() {
            child.move_children_to(&mut pending);
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.stringify()))
    }
}

impl JsObject {
    /// An own property.
    pub fn get(&self, key: &[u8]) -> Option<&Json> {
        self.0.as_ref()?.get(key)
    }

    /// Removes an own property. The order of the others is not kept.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        self.0.as_mut()?.swap_remove(key.as_bytes())
    }

    /// An own property along with its key.
    pub fn get_key_value(&self, key: &[u8]) -> Option<(&[u8], &Json)> {
        let found = self.0.as_ref()?.get_key_value(key)?;
        Some((found.0.as_slice(), found.1))
    }

    /// Keys and values in JavaScript's enumeration order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Json)> {
        let properties = self.0.as_ref().into_iter().flat_map(|all| all.iter());
        properties.map(|(key, value)| (key.as_slice(), value))
    }

    /// The number of own properties.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    /// Whether there are no own properties.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of keys that are array indices. They come first.
    pub(crate) fn index_count(&self) -> usize {
        self.iter()
            .filter(|(key, _)| array_index(key).is_some())
            .count()
    }

    /// Sets a property, in its position if it exists, or as the last one.
    fn insert(&mut self, key: Vec<u8>, value: Json) {
        self.0.get_or_insert_default().insert(key, value);
    }

    /// Moves keys that are array indices to the front, in numeric order.
    fn settle_order(&mut self) {
        if let Some(all) = &mut self.0
            && all.keys().any(|key| array_index(key).is_some())
        {
            // A stable sort keeps the other keys in insertion order.
            all.sort_by(|left, _, right, _| {
                let place = |key: &[u8]| array_index(key).map_or(u64::MAX, u64::from);
                place(left).cmp(&place(right))
            });
        }
    }
}

impl FromIterator<(Vec<u8>, Json)> for JsObject {
    /// Creates an object by setting properties in order.
    fn from_iter<T: IntoIterator<Item = (Vec<u8>, Json)>>(properties: T) -> Self {
        let all: IndexMap<Vec<u8>, Json> = properties.into_iter().collect();
        let mut object = JsObject((!all.is_empty()).then(|| Box::new(all)));
        object.settle_order();
        object
    }
}

/// The number of a key that is an array index: an integer below 2³² - 1 in canonical form.
fn array_index(key: &[u8]) -> Option<u32> {
    let plain = match key {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let number: u32 = std::str::from_utf8(key)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()?;
    (number != u32::MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &[u8]) -> Result<Vec<u8>, ParseError> {
        parse(text).map(|value| value.stringify())
    }

    #[track_caller]
    fn prints(text: &str, expected: &str) {
        let printed = round_trip(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), expected);
    }

    #[test]
    fn values_print_as_they_were_read() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "\"\"",
            "[]",
            "{}",
            "[[],{},[{}]]",
            r#"{"a":[1,"x",null],"b":{"c":true}}"#,
        ] {
            prints(text, text);
        }
        prints(" \t\r\n[ 1 , 2 ] \n", "[1,2]");
        prints(" { \"a\" : 1 , \"b\" : 2 } ", r#"{"a":1,"b":2}"#);
    }

    #[test]
    fn numbers_print_as_in_javascript() {
        prints("-0", "0");
        prints("1e21", "1e+21");
        prints("123456789012345680000", "123456789012345680000");
        prints("1E-7", "1e-7");
        prints("0.000001", "0.000001");
        prints("9007199254740993", "9007199254740992");
        prints("1e400", "null");
        prints("-1.50e+2", "-150");
    }

    #[test]
    fn texts_that_json_parse_refuses_are_refused() {
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "tru",
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "Infinity",
            "'a'",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "\"\u{0}\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{,}",
            "]",
            "}",
            "1 2",
            "[1]]",
            "\u{FEFF}1",
            "\u{A0}1",
            "1\u{B}",
            "/**/1",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_wins_in_the_place_of_the_first() {
        prints(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
        prints(r#"{"__proto__":1,"a":2}"#, r#"{"__proto__":1,"a":2}"#);
    }

    #[test]
    fn array_indices_come_first() {
        prints(
            r#"{"b":0,"10":1,"9":2,"01":3,"4294967294":4,"4294967295":5,"0":6,"-1":7}"#,
            r#"{"0":6,"9":2,"10":1,"4294967294":4,"b":0,"01":3,"4294967295":5,"-1":7}"#,
        );
    }

    #[test]
    fn strings_are_escaped_as_json_stringify_does() {
        prints(
            r#""\u0000\u001f\u0008\u0009\u000a\u000c\u000d\"\\\/\u007f\u2028""#,
            "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}\u{2028}\"",
        );
        prints(r#""\ud83d\ude00""#, "\"\u{1F600}\"");
        prints(r#""\ude00\ud83d""#, r#""\ude00\ud83d""#);
        prints(r#""\uD83D\uD83D\uDE00""#, "\"\\ud83d\u{1F600}\"");
    }

    #[test]
    fn surrogates_of_a_pair_are_joined_in_any_notation() {
        let expected = "\u{1F600}".as_bytes();
        for text in [
            b"\"\xED\xA0\xBD\\ude00\"".as_slice(),
            b"\"\\ud83d\xED\xB8\x80\"",
        ] {
            assert_eq!(parse(text).unwrap().as_str().unwrap(), expected);
        }
        assert_eq!(quote(b"\xED\xA0\x80a\xED"), b"\"\\ud800a\xED\"");
    }

    #[test]
    fn depth_costs_no_stack() {
        let depth = 1_000_000;
        let nested = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert_eq!(round_trip(&nested).unwrap(), nested);
        assert!(parse(&b"[".repeat(depth)).is_err());
        let nested = [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat();
        let value = parse(&nested).unwrap();
        assert!(value.is_deeper_than(depth - 1));
        assert!(!value.is_deeper_than(depth));
    }

    #[test]
    fn values_are_accessible_by_type() {
        let value = parse(br#"{"n":1.5,"s":"x","e":"","z":0,"a":[1],"o":{},"u":null}"#).unwrap();
        assert_eq!(value.get("n").and_then(Json::as_number), Some(1.5));
        assert_eq!(value.get("s").and_then(Json::as_str), Some(b"x".as_slice()));
        assert!(value.get("none").is_none());
        assert!(Json::Null.get("n").is_none());
        let truths: Vec<bool> = ["n", "s", "e", "z", "a", "o", "u"]
            .map(|key| value.get(key).is_some_and(Json::truthy))
            .to_vec();
        assert_eq!(truths, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn the_number_of_values_is_limited() {
        let many = [b"[".to_vec(), b"0,".repeat(1 << 22), b"0]".to_vec()].concat();
        let error = parse(&many).map(drop).unwrap_err();
        assert_eq!(error.problem, "too many values");
    }

    #[test]
    fn errors_say_where() {
        let error = parse(b"[1,x]").unwrap_err();
        assert_eq!(error.to_string(), "no value in JSON at byte 3");
    }
}
