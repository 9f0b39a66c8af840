//! Checks `b0-` bundles, of the `nestedEvaluate` format: JSON text whose hash is the bundle's ID.

use super::coerce;
use crate::store::encoding::hash::Sha256;
use crate::store::encoding::json::Json;
use crate::store::encoding::{json, quote};
use crate::store::error::refusal::Refusal;

/// The properties of a bundle, in the order in which they are hashed. Other properties are dropped.
const PROPERTIES: [&str; 3] = ["moduleFormat", "source", "sourceMap"];

/// Checks the data of a `b0-` bundle; returns the text to store.
pub(super) fn check(bundle_id: &str, data: &[u8]) -> Result<Vec<u8>, Refusal> {
    // Bytes that are not UTF-8 become U+FFFD. A byte order mark is kept, and is not valid JSON.
    let text = String::from_utf8_lossy(data);
    let value =
        json::parse(text.as_bytes()).map_err(|error| Refusal::syntax_error(error.to_string()))?;
    if let Json::Null = value {
        return Err(Refusal::type_error(
            "Cannot destructure property 'moduleFormat' of 'JSON.parse(...)' as it is null.",
        ));
    }
    let serialized = serialize(&value)?;
    if bundle_id != format!("b0-{}", Sha256::of(&serialized)) {
        return Err(Refusal::error(format!(
            "bundleID {} does not match bundle artifact",
            quote::string(bundle_id.as_bytes())
        )));
    }
    Ok(serialized)
}

/// The JSON text of a bundle. A value that is not an object has no properties and becomes `{}`.
fn serialize(value: &Json) -> Result<Vec<u8>, Refusal> {
    let mut text = b"{".to_vec();
    for name in PROPERTIES {
        let Some(property) = value.get(name) else {
            continue;
        };
        // The bundle adds one level.
        if property.is_deeper_than(coerce::STRINGIFY_LEVELS - 1) {
            return Err(Refusal::stack_overflow());
        }
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend(json::quote(name.as_bytes()));
        text.push(b':');
        text.extend(property.stringify());
    }
    text.push(b'}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::error::Class;

    const SOURCE: &str = r#"{"moduleFormat":"nestedEvaluate","source":"1"}"#;
    const ID: &str = "b0-a1cc8c9ffbe11fdbea63d0a8c6fa4f41ea2bfaba1e1a2af7ea0ce7aa3dd0ab9e";

    fn id_of(text: &str) -> String {
        format!("b0-{}", Sha256::of(text.as_bytes()))
    }

    #[track_caller]
    fn stores(data: &[u8], text: &str) {
        let stored = check(&id_of(text), data).unwrap();
        assert_eq!(String::from_utf8(stored).unwrap(), text);
    }

    #[test]
    fn three_properties_are_kept_in_order() {
        stores(SOURCE.as_bytes(), SOURCE);
        stores(
            br#" {"x":[1], "source":"1" ,"moduleFormat":"nestedEvaluate"} "#,
            SOURCE,
        );
        stores(
            br#"{"sourceMap":{"b":1,"1":2},"source":1e0}"#,
            r#"{"source":1,"sourceMap":{"1":2,"b":1}}"#,
        );
    }

    #[test]
    fn a_value_without_properties_is_an_empty_bundle() {
        for data in ["1", "true", "\"source\"", "[]", "{}"] {
            stores(data.as_bytes(), "{}");
        }
        let refusal = check(&id_of("{}"), b"null").unwrap_err();
        assert_eq!(refusal.class(), Class::TypeError);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        stores(
            b"{\"source\":\"\xFF\xE2\x82\"}",
            "{\"source\":\"\u{FFFD}\u{FFFD}\"}",
        );
    }

    #[test]
    fn a_wrong_hash_is_refused() {
        let refusal = check(ID, SOURCE.as_bytes()).unwrap_err();
        let expected = format!("bundleID \"{ID}\" does not match bundle artifact");
        assert_eq!(refusal.message(), expected);
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        for data in [b"".as_slice(), b"{", b"\xEF\xBB\xBF{}", b"undefined"] {
            let refusal = check(&id_of("{}"), data).unwrap_err();
            assert_eq!(refusal.class(), Class::SyntaxError);
        }
    }

    #[test]
    fn nesting_beyond_the_stack_of_v8_is_refused() {
        let nested = [
            b"{\"source\":".to_vec(),
            b"[".repeat(9000),
            b"]".repeat(9000),
            b"}".to_vec(),
        ];
        let refusal = check(&id_of("{}"), &nested.concat()).unwrap_err();
        assert_eq!(refusal.class(), Class::RangeError);
    }
}
