//! Converts JSON values to strings, as JavaScript's `String()` does.

use std::borrow::Cow;

use crate::store::encoding::json::{Json, number_to_string};
use crate::store::error::refusal::Refusal;

/// The deepest value that V8's `JSON.stringify` prints before it runs out of stack.
///
/// The exact depth depends on V8; for frozen arrays it is half of this. No real bundle comes close.
pub(super) const STRINGIFY_LEVELS: usize = 4_100;

/// The deepest array that V8's `Array.prototype.join` joins before it runs out of stack.
const JOIN_LEVELS: usize = 3_100;

/// The result of JavaScript's `String()`.
///
/// # Errors
/// As in JavaScript, a `TypeError` for an object with its own `toString` property, because a JSON
/// value is never a function, and a `RangeError` for arrays that are nested too deeply.
pub(super) fn to_string(value: &Json) -> Result<Cow<'_, [u8]>, Refusal> {
    let items = match value {
        Json::String(string) => return Ok(Cow::Borrowed(string)),
        Json::Null => return Ok(Cow::Borrowed(b"null")),
        Json::Bool(true) => return Ok(Cow::Borrowed(b"true")),
        Json::Bool(false) => return Ok(Cow::Borrowed(b"false")),
        Json::Number(number) => return Ok(Cow::Owned(number_to_string(*number).into_bytes())),
        Json::Object(_) => std::slice::from_ref(value),
        Json::Array(items) => items,
    };
    let mut text = Vec::new();
    // The arrays being joined, and whether an item of each has been written.
    let mut open = vec![(items.iter(), false)];
    while let Some((items, begun)) = open.last_mut() {
        let Some(item) = items.next() else {
            open.pop();
            continue;
        };
        if *begun {
            text.push(b',');
        }
        *begun = true;
        match item {
            Json::Null => {}
            Json::Array(items) => {
                if open.len() >= JOIN_LEVELS {
                    return Err(Refusal::stack_overflow());
                }
                open.push((items.iter(), false));
            }
            Json::Object(object) if object.get(b"toString").is_some() => {
                return Err(Refusal::type_error(
                    "Cannot convert object to primitive value",
                ));
            }
            Json::Object(_) => text.extend_from_slice(b"[object Object]"),
            scalar => text.extend_from_slice(&to_string(scalar)?),
        }
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::encoding::json::parse;
    use crate::store::error::Class;

    #[test]
    fn values_become_strings_as_in_javascript() {
        for (json, string) in [
            (r#""a""#, "a"),
            ("null", "null"),
            ("true", "true"),
            ("1e21", "1e+21"),
            ("1e999", "Infinity"),
            ("[]", ""),
            (r#"[["a"]]"#, "a"),
            (
                r#"[null,[1,[]],{},"x",false]"#,
                ",1,,[object Object],x,false",
            ),
            (r#"{"valueOf":1}"#, "[object Object]"),
        ] {
            let value = parse(json.as_bytes()).unwrap();
            assert_eq!(to_string(&value).unwrap(), string.as_bytes());
        }
    }

    #[test]
    fn some_values_can_not_become_strings() {
        let value = parse(br#"[{"toString":null}]"#).unwrap();
        assert_eq!(to_string(&value).unwrap_err().class(), Class::TypeError);
        let value = parse(&[b"[".repeat(9000), b"]".repeat(9000)].concat()).unwrap();
        assert_eq!(to_string(&value).unwrap_err().class(), Class::RangeError);
    }
}
