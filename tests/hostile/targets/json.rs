//! JSON, as in records, manifests and bundles.

use swing_store::store::json;

use super::Target;

pub const TARGET: Target = Target {
    name: "json",
    run,
    seeds,
    words: WORDS,
    rounds: 3000,
};

/// Pieces of JSON, and numbers that are hard to represent.
pub const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"9007199254740993",
    b"-1",
    b"0.1",
    b"1e-400",
    b"\\ud800",
    b"\\udc00",
    b"\\u0000",
    b"\xED\xA0\x80",
    b"\xFF",
    b"\0",
    b"__proto__",
    b"toString",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"18446744073709551616",
    b"NaN",
];

fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 5] = [
        br#"{"a":[1,-2.5e3,true,false,null,"x\n\ud83d\ude00"],"1":{},"a":[[]]}"#,
        br#"{"vatID":"v1","startPos":0,"endPos":3,"hash":"00","isCurrent":1,"incarnation":0}"#,
        b" [ ] ",
        b"\"\\ud800\"",
        b"\"\xED\xA0\x80\xED\xB1\xA0\"",
    ];
    texts.map(<[u8]>::to_vec).to_vec()
}

/// Checks that printing and parsing a value returns the same value.
fn run(input: &[u8]) {
    let Ok(value) = json::parse(input) else {
        // A well-known parser, which rejects unpaired surrogates and deep nesting, is the reference.
        assert!(
            serde_json::from_slice::<serde_json::Value>(input).is_err(),
            "valid JSON is rejected"
        );
        return;
    };
    let printed = value.stringify();
    let again = json::parse(&printed).expect("what is printed is JSON");
    assert!(again.stringify() == printed || !is_text(&printed));
}

/// Whether bytes are WTF-8 without adjacent surrogate halves. Strings of the engine are; other bytes may be printed
/// as two halves, and parsed as the pair.
fn is_text(printed: &[u8]) -> bool {
    let is_parted = |units: &[u8]| {
        units.starts_with(b"\\ud")
            && units[6..].starts_with(b"\\ud")
            && matches!(
                (units[3], units[9]),
                (b'8'..=b'9' | b'a'..=b'b', b'c'..=b'f')
            )
    };
    std::str::from_utf8(printed).is_ok() && !printed.windows(12).any(is_parted)
}
