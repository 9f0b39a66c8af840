//! Conversion of values to JavaScript.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::Arc;

use napi::sys;

use crate::store::error::{Error, Result};

/// Converts a status other than `napi_ok` to an error.
pub(crate) fn check(status: sys::napi_status, doing: &str) -> Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "Node-API status {status} while {doing}"
    )))
}

/// A value to convert to JavaScript.
#[derive(Debug, Clone)]
pub enum Value {
    /// `undefined`
    Undefined,
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string, from the bytes in the file. Malformed UTF-8 becomes `U+FFFD`.
    Text(Vec<u8>),
    /// A `Buffer`.
    Bytes(Vec<u8>),
    /// A `Uint32Array`.
    Lengths(Vec<u32>),
    /// An array.
    Array(Vec<Value>),
    /// A frozen object.
    Object(Vec<(&'static str, Value)>),
    /// An object that the receiver may change, such as a row.
    Plain(Vec<(&'static str, Value)>),
    /// An object with properties of these names.
    Row(Arc<[String]>, Vec<Value>),
}

impl Value {
    /// A string.
    pub fn text(text: impl Into<Vec<u8>>) -> Value {
        Value::Text(text.into())
    }

    /// A number, or `null`.
    pub fn number_or_null(number: Option<i64>) -> Value {
        number.map_or(Value::Null, |number| Value::Number(number as f64))
    }

    /// A converted value, or `undefined`.
    pub fn or_undefined<T>(value: Option<T>, convert: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Undefined, convert)
    }
}

/// Reads a property of an object.
///
/// # Errors
/// [`Error::Internal`] if a getter throws.
pub fn property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &str,
) -> Result<sys::napi_value> {
    let key = to_js(env, &Value::text(name))?;
    let mut value = ptr::null_mut();
    check(
        // SAFETY: values of this environment, and a place for the result.
        unsafe { sys::napi_get_property(env, object, key, &mut value) },
        "reading a property",
    )?;
    Ok(value)
}

pub fn new_object(env: sys::napi_env) -> Result<sys::napi_value> {
    let mut object = ptr::null_mut();
    check(
        // SAFETY: a place for the result.
        unsafe { sys::napi_create_object(env, &mut object) },
        "making an object",
    )?;
    Ok(object)
}

/// Makes an array of values.
pub fn array(env: sys::napi_env, values: &[sys::napi_value]) -> Result<sys::napi_value> {
    let mut array = ptr::null_mut();
    check(
        // SAFETY: a place for the result.
        unsafe { sys::napi_create_array_with_length(env, values.len(), &mut array) },
        "making an array",
    )?;
    for (index, value) in values.iter().enumerate() {
        check(
            // SAFETY: values of this environment.
            unsafe { sys::napi_set_element(env, array, index as u32, *value) },
            "filling an array",
        )?;
    }
    Ok(array)
}

pub fn set_property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &str,
    value: sys::napi_value,
) -> Result<()> {
    let key = to_js(env, &Value::text(name))?;
    let descriptor = sys::napi_property_descriptor {
        utf8name: ptr::null(),
        name: key,
        method: None,
        getter: None,
        setter: None,
        value,
        attributes: sys::PropertyAttributes::writable
            | sys::PropertyAttributes::enumerable
            | sys::PropertyAttributes::configurable,
        data: ptr::null_mut(),
    };
    // SAFETY: values of this environment. The property is defined, not set, so that no
    // setter of a prototype is called.
    check(
        unsafe { sys::napi_define_properties(env, object, 1, &descriptor) },
        "setting a property",
    )
}

/// Converts a value.
pub fn to_js(env: sys::napi_env, value: &Value) -> Result<sys::napi_value> {
    let mut result = ptr::null_mut();
    // SAFETY: every pointer is given with its length, strings and bytes are copied, and there is
    // a place for the result.
    let status = unsafe {
        match value {
            Value::Undefined => sys::napi_get_undefined(env, &mut result),
            Value::Null => sys::napi_get_null(env, &mut result),
            Value::Bool(truth) => sys::napi_get_boolean(env, *truth, &mut result),
            Value::Number(number) => sys::napi_create_double(env, *number, &mut result),
            Value::Text(text) => create_string(env, text, &mut result),
            Value::Bytes(bytes) => sys::napi_create_buffer_copy(
                env,
                bytes.len(),
                bytes.as_ptr().cast(),
                ptr::null_mut(),
                &mut result,
            ),
            Value::Lengths(lengths) => {
                let mut data = ptr::null_mut();
                let mut buffer = ptr::null_mut();
                let bytes = size_of_val(lengths.as_slice());
                check(
                    sys::napi_create_arraybuffer(env, bytes, &mut data, &mut buffer),
                    "making a buffer",
                )?;
                // The address of an empty buffer may be null.
                if bytes > 0 {
                    ptr::copy_nonoverlapping(lengths.as_ptr().cast::<u8>(), data.cast(), bytes);
                }
                let kind = sys::TypedarrayType::uint32_array;
                sys::napi_create_typedarray(env, kind, lengths.len(), buffer, 0, &mut result)
            }
            Value::Array(values) => {
                check(
                    sys::napi_create_array_with_length(env, values.len(), &mut result),
                    "making an array",
                )?;
                for (index, value) in values.iter().enumerate() {
                    let value = to_js(env, value)?;
                    check(
                        sys::napi_set_element(env, result, index as u32, value),
                        "filling an array",
                    )?;
                }
                sys::Status::napi_ok
            }
            Value::Object(properties) | Value::Plain(properties) => {
                result = new_object(env)?;
                for (name, property) in properties {
                    set_property(env, result, name, to_js(env, property)?)?;
                }
                match value {
                    Value::Object(_) => sys::napi_object_freeze(env, result),
                    _ => sys::Status::napi_ok,
                }
            }
            Value::Row(names, values) => {
                result = new_object(env)?;
                for (name, value) in names.iter().zip(values) {
                    set_property(env, result, name, to_js(env, value)?)?;
                }
                sys::Status::napi_ok
            }
        }
    };
    check(status, "converting a value")?;
    Ok(result)
}

/// Makes a string of the bytes in the file.
pub fn text_to_js(env: sys::napi_env, text: &[u8]) -> Result<sys::napi_value> {
    let mut result = ptr::null_mut();
    check(
        // SAFETY: a place for the result.
        unsafe { create_string(env, text, &mut result) },
        "making a string",
    )?;
    Ok(result)
}

/// How many bytes are checked for ASCII at a time.
const ASCII_BYTES: usize = 32;

/// Decodes a text to 16-bit units. Most of a text is ASCII, which costs little more than a copy.
fn to_utf16(text: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let ascii = rest.as_bytes().chunks_exact(ASCII_BYTES);
        let ascii = ascii.take_while(|chunk| chunk.is_ascii()).count() * ASCII_BYTES;
        let (ascii, others) = rest.split_at(ascii);
        units.extend(ascii.bytes().map(u16::from));
        if others.is_empty() {
            return units;
        }
        let end = others.len().min(ASCII_BYTES);
        let end = (end..).find(|end| others.is_char_boundary(*end));
        let (some, more) = others.split_at(end.unwrap_or(others.len()));
        units.extend(some.encode_utf16());
        rest = more;
    }
}

/// From this length on, decoding a text costs more than a second copy of it.
const LONG_TEXT: usize = 4096;

/// The 16-bit units of a long text in well-formed UTF-8; `None` for others. V8 decodes texts that are
/// not ASCII one byte at a time.
fn long_text_units(text: &[u8]) -> Option<Vec<u16>> {
    (text.len() >= LONG_TEXT).then_some(())?;
    Some(to_utf16(std::str::from_utf8(text).ok()?))
}

/// Makes a string of the bytes in the file. Malformed UTF-8 becomes `U+FFFD`.
///
/// # Safety
/// `env` is the current environment.
unsafe fn create_string(
    env: sys::napi_env,
    text: &[u8],
    result: &mut sys::napi_value,
) -> sys::napi_status {
    // SAFETY: the text is given with its length and copied. ASCII is Latin-1, too, which V8
    // takes without decoding it.
    unsafe {
        if text.is_ascii() {
            sys::napi_create_string_latin1(env, text.as_ptr().cast(), text.len() as isize, result)
        } else if let Some(units) = long_text_units(text) {
            sys::napi_create_string_utf16(env, units.as_ptr(), units.len() as isize, result)
        } else {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, result)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decoded_wherever_its_other_characters_are() {
        for character in ["\u{E9}", "\u{20AC}", "\u{1F600}"] {
            for before in 0..70 {
                for after in [0, 1, 31, 32, 33, 64] {
                    let text = "a".repeat(before) + character + &"b".repeat(after);
                    let expected: Vec<u16> = text.encode_utf16().collect();
                    assert_eq!(to_utf16(&text), expected);
                    let twice = text.repeat(2);
                    assert_eq!(to_utf16(&twice), expected.repeat(2));
                }
            }
        }
        assert!(to_utf16("").is_empty());
    }

    #[test]
    fn only_long_well_formed_texts_are_decoded_here() {
        let long = "\u{E9}".repeat(LONG_TEXT / 2);
        let units = long_text_units(long.as_bytes());
        assert_eq!(units, Some(vec![0xE9; LONG_TEXT / 2]));
        assert_eq!(long_text_units(&long.as_bytes()[2..]), None);
        let malformed = [long.as_bytes(), b"\xFF"].concat();
        assert_eq!(long_text_units(&malformed), None);
    }
}
