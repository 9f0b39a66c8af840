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
mod value;

pub use parse::{ParseError, parse};
pub(crate) use print::{Notation, append_quoted, print};
pub use print::{number_to_string, quote};
pub use value::{JsObject, Json};

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
