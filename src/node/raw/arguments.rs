//! Conversion of values from JavaScript: the arguments of a call.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;

use napi::sys;
use serde::de::DeserializeOwned;

use super::call::Call;
use super::values::check;
use crate::store::database::tool_statement::SqlValue;
use crate::store::encoding::wtf8::{from_utf16, has_replacement};
use crate::store::error::{Class, Error, Result};

/// Up to this many bytes, a string is read without querying its length first.
const SHORT_STRING: usize = 16 * 1024;

thread_local! {
    /// Buffers for short strings: one for each string that is in use at the same time.
    static ROOMS: RefCell<Vec<Box<[u8; SHORT_STRING]>>> = const { RefCell::new(Vec::new()) };
}

impl<T: 'static> Call<'_, T> {
    fn argument(&self, index: usize) -> Option<sys::napi_value> {
        (index < self.count).then(|| self.arguments[index])
    }

    /// The type of an argument; `undefined` for a missing one.
    pub fn type_of(&self, index: usize) -> sys::napi_valuetype {
        let mut found = sys::ValueType::napi_undefined;
        if let Some(value) = self.argument(index) {
            // SAFETY: a value of this call.
            unsafe { sys::napi_typeof(self.env, value, &mut found) };
        }
        found
    }

    /// A string argument, as the file stores it.
    ///
    /// # Errors
    /// [`Error::WrongType`], which says that `what` must be a string.
    pub fn text(&self, index: usize, what: &'static str) -> Result<Vec<u8>> {
        self.argument(index)
            .and_then(|value| read_text(self.env, value))
            .ok_or(Error::WrongType(what, "a string"))
    }

    /// Options as JSON text. JavaScript checks their names and types first.
    ///
    /// # Errors
    /// [`Error::WrongType`] for an argument that is not a string; [`Error::Internal`] for JSON that has
    /// other fields than `O`.
    pub fn options<O: DeserializeOwned>(&self, index: usize) -> Result<O> {
        let text = self.text(index, "options")?;
        serde_json::from_slice(&text).map_err(|error| Error::Internal(format!("options: {error}")))
    }

    /// Calls `take` with a string argument, as the file stores it. A short string is not allocated.
    ///
    /// # Errors
    /// [`Error::WrongType`], which says that `what` must be a string; errors of `take`.
    pub fn with_text<R>(
        &self,
        index: usize,
        what: &'static str,
        take: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        self.argument(index)
            .and_then(|value| with_text(self.env, value, take))
            .ok_or(Error::WrongType(what, "a string"))?
    }

    /// A string argument, if it is one.
    pub fn optional_text(&self, index: usize) -> Option<Vec<u8>> {
        self.argument(index)
            .and_then(|value| read_text(self.env, value))
    }

    /// Whether an argument is a string.
    pub fn is_text(&self, index: usize) -> bool {
        self.type_of(index) == sys::ValueType::napi_string
    }

    /// A number argument, if it is one.
    pub fn number(&self, index: usize) -> Option<f64> {
        let mut number = 0.0;
        let value = self.argument(index)?;
        // SAFETY: a value of this call, and a place for the result.
        let status = unsafe { sys::napi_get_value_double(self.env, value, &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// An argument that is an integer which JavaScript represents exactly.
    ///
    /// # Errors
    /// [`Error::WrongType`], which says that `what` must be a number; [`Error::InexactPosition`].
    pub fn whole_number(&self, index: usize, what: &'static str) -> Result<i64> {
        const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
        let found = self
            .number(index)
            .ok_or(Error::WrongType(what, "a number"))?;
        if found.trunc() != found || found.abs() > MAX_SAFE_INTEGER {
            return Err(Error::InexactPosition { what, found });
        }
        Ok(found as i64)
    }

    /// A number, a string with a number, or a bigint in range, as a number.
    pub fn as_number(&self, index: usize) -> Option<f64> {
        let value = self.argument(index)?;
        let mut coerced = value;
        let mut integer = 0;
        let mut lossless = false;
        match self.type_of(index) {
            // SAFETY: values of this call, and places for the results. Coercing a string does
            // not call the caller's code.
            sys::ValueType::napi_string => unsafe {
                sys::napi_coerce_to_number(self.env, value, &mut coerced);
            },
            // SAFETY: as above.
            sys::ValueType::napi_bigint => unsafe {
                sys::napi_get_value_bigint_int64(self.env, value, &mut integer, &mut lossless);
                return lossless.then_some(integer as f64);
            },
            _ => {}
        }
        let mut number = 0.0;
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_value_double(self.env, coerced, &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// Whether an argument is `true`.
    pub fn is_true(&self, index: usize) -> bool {
        let mut truth = false;
        let Some(value) = self.argument(index) else {
            return false;
        };
        // SAFETY: a value of this call, and a place for the result.
        let status = unsafe { sys::napi_get_value_bool(self.env, value, &mut truth) };
        status == sys::Status::napi_ok && truth
    }

    /// The 16-bit units of a string argument, if it is one.
    pub fn utf16(&self, index: usize) -> Option<Vec<u16>> {
        self.argument(index)
            .and_then(|value| read_units(self.env, value))
    }

    /// A copy of the bytes of an argument, if it is a `Uint8Array` or `Buffer`.
    pub fn bytes(&self, index: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append_bytes(index, &mut bytes).then_some(bytes)
    }

    /// Appends the bytes of an argument; false unless it is a `Uint8Array` or `Buffer`.
    pub fn append_bytes(&self, index: usize, to: &mut Vec<u8>) -> bool {
        let Some(value) = self.argument(index) else {
            return false;
        };
        append_bytes(self.env, value, to)
    }

    /// An argument as a JavaScript value.
    pub fn js(&self, index: usize) -> Option<sys::napi_value> {
        self.argument(index)
    }

    /// The elements of an array argument; empty for other values.
    fn elements(&self, index: usize) -> Result<Vec<sys::napi_value>> {
        let Some(array) = self.argument(index) else {
            return Ok(Vec::new());
        };
        let mut is_array = false;
        let mut length = 0;
        // SAFETY: a value of this call, and places for the results.
        unsafe {
            check(
                sys::napi_is_array(self.env, array, &mut is_array),
                "looking at a value",
            )?;
            if !is_array {
                return Ok(Vec::new());
            }
            check(
                sys::napi_get_array_length(self.env, array, &mut length),
                "measuring an array",
            )?;
        }
        (0..length)
            .map(|index| {
                let mut element = ptr::null_mut();
                check(
                    // SAFETY: an array of this call, and a place for the result.
                    unsafe { sys::napi_get_element(self.env, array, index, &mut element) },
                    "reading an array",
                )?;
                Ok(element)
            })
            .collect()
    }

    /// The strings in an array argument; `None` for other values.
    ///
    /// # Errors
    /// [`Error::WrongType`] if an element is not a string.
    pub fn optional_texts(&self, index: usize) -> Result<Option<Vec<String>>> {
        if self.type_of(index) != sys::ValueType::napi_object {
            return Ok(None);
        }
        self.elements(index)?
            .into_iter()
            .map(|value| {
                let text = read_text(self.env, value);
                text.and_then(|text| String::from_utf8(text).ok())
                    .ok_or(Error::WrongType("a name", "a string"))
            })
            .collect::<Result<_>>()
            .map(Some)
    }

    /// The elements of an array argument as SQL values.
    ///
    /// # Errors
    /// A `TypeError` for a value that SQL has no type for, a `RangeError` for a bigint of more
    /// than 64 bits.
    pub fn sql_values(&self, index: usize) -> Result<Vec<SqlValue>> {
        self.elements(index)?
            .into_iter()
            .map(|value| sql_value(self.env, value))
            .collect()
    }

    /// The native object in an argument that [`tie`](super::tie) wrapped.
    pub fn target_of<U: 'static>(&self, index: usize, tag: &sys::napi_type_tag) -> Option<Arc<U>> {
        let value = self.argument(index)?;
        let mut tagged = false;
        let mut data = ptr::null_mut();
        // SAFETY: only an object that `tie` wrapped as a `U` has this tag, and the argument keeps it
        // alive.
        unsafe {
            let status = sys::napi_check_object_type_tag(self.env, value, tag, &mut tagged);
            if status != sys::Status::napi_ok || !tagged {
                return None;
            }
            let status = sys::napi_unwrap(self.env, value, &mut data);
            (status == sys::Status::napi_ok).then(|| (*data.cast::<Arc<U>>()).clone())
        }
    }
}

/// The bytes of a string as the file stores them; `None` for other values.
fn read_text(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    with_text(env, value, <[u8]>::to_vec)
}

/// Calls `take` with the bytes of a string as the file stores them; `None` for other values.
///
/// Node-API's UTF-8 has `U+FFFD` for a lone surrogate. A string that contains it is therefore read
/// again, as 16-bit units.
fn with_text<R>(
    env: sys::napi_env,
    value: sys::napi_value,
    take: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let mut room = ROOMS
        .with(|rooms| rooms.borrow_mut().pop())
        .unwrap_or_else(|| Box::new([0; SHORT_STRING]));
    let mut length = 0;
    // SAFETY: the place has the length that is given.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            room.as_mut_ptr().cast(),
            SHORT_STRING,
            &mut length,
        )
    };
    let taken = if status != sys::Status::napi_ok {
        None
    } else if length + 4 >= SHORT_STRING {
        // One byte is for the final NUL, and up to three may be free because the next character
        // did not fit.
        read_long_text(env, value).and_then(|text| {
            if has_replacement(&text) {
                read_utf16(env, value).map(|text| take(&text))
            } else {
                Some(take(&text))
            }
        })
    } else if has_replacement(&room[..length]) {
        read_utf16(env, value).map(|text| take(&text))
    } else {
        Some(take(&room[..length]))
    };
    ROOMS.with(|rooms| rooms.borrow_mut().push(room));
    taken
}

fn read_long_text(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    let mut length = 0;
    // SAFETY: without a place, Node-API gives the length; then the place has that length and
    // room for the final NUL.
    unsafe {
        let status = sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length);
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut text = vec![0u8; length + 1];
        let status = sys::napi_get_value_string_utf8(
            env,
            value,
            text.as_mut_ptr().cast(),
            text.len(),
            &mut length,
        );
        text.truncate(length);
        (status == sys::Status::napi_ok).then_some(text)
    }
}

fn read_utf16(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    read_units(env, value).map(|units| from_utf16(&units))
}

fn read_units(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u16>> {
    let mut length = 0;
    // SAFETY: as in `read_long_text`.
    unsafe {
        let status = sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &mut length);
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut units = vec![0u16; length + 1];
        let status = sys::napi_get_value_string_utf16(
            env,
            value,
            units.as_mut_ptr(),
            units.len(),
            &mut length,
        );
        units.truncate(length);
        (status == sys::Status::napi_ok).then_some(units)
    }
}

/// Appends the bytes of a `Uint8Array` or `Buffer`; false for other values.
fn append_bytes(env: sys::napi_env, value: sys::napi_value, to: &mut Vec<u8>) -> bool {
    let mut is_array = false;
    let mut kind = 0;
    let mut length = 0;
    let mut data = ptr::null_mut();
    // SAFETY: places for the results. The bytes are copied before JavaScript runs again; an
    // array without bytes may have no place for them.
    unsafe {
        let status = sys::napi_is_typedarray(env, value, &mut is_array);
        if status != sys::Status::napi_ok || !is_array {
            return false;
        }
        let status = sys::napi_get_typedarray_info(
            env,
            value,
            &mut kind,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        let of_bytes = kind == sys::TypedarrayType::uint8_array
            || kind == sys::TypedarrayType::uint8_clamped_array;
        if status != sys::Status::napi_ok || !of_bytes {
            return false;
        }
        if length > 0 && !data.is_null() {
            to.extend_from_slice(std::slice::from_raw_parts(data.cast::<u8>(), length));
        }
    }
    true
}

/// Converts a value to an SQL value. As in better-sqlite3, every number is a floating-point value; the
/// type of a column converts it to an integer.
fn sql_value(env: sys::napi_env, value: sys::napi_value) -> Result<SqlValue> {
    let mut found = sys::ValueType::napi_undefined;
    let mut number = 0.0;
    let mut integer = 0;
    let mut lossless = false;
    let refuse = |class, message: &str| Error::Statement {
        class,
        message: message.into(),
    };
    // SAFETY: a value of this environment, and places for the results.
    let sql = unsafe {
        sys::napi_typeof(env, value, &mut found);
        match found {
            sys::ValueType::napi_undefined | sys::ValueType::napi_null => Some(SqlValue::Null),
            sys::ValueType::napi_string => read_text(env, value).map(SqlValue::Text),
            sys::ValueType::napi_number => {
                sys::napi_get_value_double(env, value, &mut number);
                Some(SqlValue::Real(number))
            }
            sys::ValueType::napi_bigint => {
                sys::napi_get_value_bigint_int64(env, value, &mut integer, &mut lossless);
                if !lossless {
                    return Err(refuse(
                        Class::RangeError,
                        "The bound string, buffer, or bigint is too big",
                    ));
                }
                Some(SqlValue::Integer(integer))
            }
            _ => {
                let mut bytes = Vec::new();
                append_bytes(env, value, &mut bytes).then_some(SqlValue::Blob(bytes))
            }
        }
    };
    sql.ok_or_else(|| {
        refuse(
            Class::TypeError,
            "SQLite3 can only bind numbers, strings, bigints, buffers, and null",
        )
    })
}
