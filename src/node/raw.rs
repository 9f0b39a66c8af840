//! Raw Node-API: callbacks, and values to and from JavaScript.
//!
//! napi-rs's generated wrappers cost a microsecond a call, several times what the call itself
//! takes, so the store's functions are plain Node-API callbacks. All `unsafe` use of Node-API is
//! in this module and in `errors`; the others see [`Call`], [`Value`] and [`Function`].
//!
//! Every callback runs behind [`trampoline`]: it finds the object that the function belongs to,
//! turns an error into a JavaScript exception, and a panic into an error.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::{Unknown, execute_tokio_future, spawn_blocking};
use napi::sys;

use super::errors;
use crate::store::{Class, Error, Result, SqlValue, from_utf16};

/// The most arguments that a function takes.
const MAX_ARGUMENTS: usize = 8;

/// Strings up to this many bytes are read without asking for their length first.
const SHORT_STRING: usize = 1024;

/// A value on its way to JavaScript.
#[derive(Debug, Clone)]
pub enum Value {
    /// `undefined`
    Undefined,
    /// `null`
    Null,
    /// a boolean
    Bool(bool),
    /// a number
    Number(f64),
    /// a string, from bytes as the file holds them
    Text(Vec<u8>),
    /// a `Buffer`
    Bytes(Vec<u8>),
    /// an array
    Array(Vec<Value>),
    /// a frozen object
    Object(Vec<(&'static str, Value)>),
    /// an object, such as a row, that is its receiver's to change
    Plain(Vec<(&'static str, Value)>),
    /// an object whose properties have these names
    Row(Arc<[String]>, Vec<Value>),
}

impl Value {
    /// A string.
    pub fn text(text: impl Into<Vec<u8>>) -> Value {
        Value::Text(text.into())
    }

    /// A number or, for nothing, `null`.
    pub fn number_or_null(number: Option<i64>) -> Value {
        number.map_or(Value::Null, |number| Value::Number(number as f64))
    }

    /// The value or, for nothing, `undefined`.
    pub fn or_undefined<T>(value: Option<T>, convert: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Undefined, convert)
    }
}

/// What a callback returns: a value to be converted, or one that JavaScript has already.
pub enum Reply {
    /// to be converted
    Value(Value),
    /// already there
    Js(sys::napi_value),
}

impl From<Value> for Reply {
    fn from(value: Value) -> Reply {
        Reply::Value(value)
    }
}

/// A callback's body.
pub type Body<T> = fn(&Call<'_, T>) -> Result<Reply>;

/// A function of an object: its name and its body.
pub type Function<T> = (&'static str, Body<T>);

/// One call of a function that belongs to a `T`.
pub struct Call<'a, T> {
    env: sys::napi_env,
    arguments: [sys::napi_value; MAX_ARGUMENTS],
    count: usize,
    /// The object that the function belongs to.
    pub target: &'a Arc<T>,
}

/// What a JavaScript function carries along.
struct Slot<T> {
    body: Body<T>,
    target: Arc<T>,
}

/// Calls `body`, and makes sure that neither an error nor a panic gets any further.
extern "C" fn trampoline<T: 'static>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); MAX_ARGUMENTS];
    let mut count = MAX_ARGUMENTS;
    let mut data = ptr::null_mut();
    // SAFETY: `env` and `info` are those of this call, and the places are large enough.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut data,
        )
    };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: `function` made this callback with a slot of this very type, which lives until the
    // function is collected.
    let slot = unsafe { &*data.cast::<Slot<T>>() };
    let call = Call {
        env,
        arguments,
        count: count.min(MAX_ARGUMENTS),
        target: &slot.target,
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let reply = (slot.body)(&call)?;
        match reply {
            Reply::Js(value) => Ok(value),
            Reply::Value(value) => to_js(env, &value),
        }
    }));
    let error = match result {
        Ok(Ok(value)) => return value,
        Ok(Err(error)) => error,
        Err(panic) => panicked(panic.as_ref()),
    };
    if let Some(exception) = errors::exception(env, &error) {
        // SAFETY: a value of this call. With an exception already pending this does nothing.
        unsafe { sys::napi_throw(env, exception) };
    }
    ptr::null_mut()
}

/// Says what a panic said.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::Internal(message.to_owned())
}

/// Makes `status` an error.
pub(super) fn check(status: sys::napi_status, doing: &str) -> Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "Node-API status {status} while {doing}"
    )))
}

/// A JavaScript function that calls `body` for `target`.
fn function<T: 'static>(
    env: sys::napi_env,
    name: &str,
    target: &Arc<T>,
    body: Body<T>,
) -> Result<sys::napi_value> {
    extern "C" fn finalize<T: 'static>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: made by `Box::into_raw` below, and given back once, here, when the function
        // can't be called any more. A destructor that panics must not unwind into Node.
        let slot = unsafe { Box::from_raw(data.cast::<Slot<T>>()) };
        drop(catch_unwind(AssertUnwindSafe(move || drop(slot))));
    }
    let slot = Box::into_raw(Box::new(Slot {
        body,
        target: target.clone(),
    }));
    let mut result = ptr::null_mut();
    // SAFETY: `env` is current; the name is given with its length; the slot outlives the
    // function, whose finalizer frees it.
    unsafe {
        let created = sys::napi_create_function(
            env,
            name.as_ptr().cast(),
            name.len() as isize,
            Some(trampoline::<T>),
            slot.cast(),
            &mut result,
        );
        let kept = if created == sys::Status::napi_ok {
            sys::napi_add_finalizer(
                env,
                result,
                slot.cast(),
                Some(finalize::<T>),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        } else {
            created
        };
        if kept != sys::Status::napi_ok {
            drop(Box::from_raw(slot));
        }
        check(kept, "making a function")?;
    }
    Ok(result)
}

/// A JavaScript object whose properties are functions of `target`.
pub fn functions<T: 'static>(
    env: sys::napi_env,
    target: &Arc<T>,
    table: &[Function<T>],
) -> Result<sys::napi_value> {
    let object = new_object(env)?;
    for (name, body) in table {
        let value = function(env, name, target, *body)?;
        set_property(env, object, name, value)?;
    }
    Ok(object)
}

/// Adds functions of `target` to an object.
pub fn add_functions<T: 'static>(
    env: sys::napi_env,
    object: sys::napi_value,
    target: &Arc<T>,
    table: &[Function<T>],
) -> Result<()> {
    for (name, body) in table {
        let value = function(env, name, target, *body)?;
        set_property(env, object, name, value)?;
    }
    Ok(())
}

/// Ties a native object to a JavaScript one, so that [`Call::target_of`] finds it again.
pub fn tie<T: 'static>(
    env: sys::napi_env,
    object: sys::napi_value,
    target: &Arc<T>,
    tag: &sys::napi_type_tag,
) -> Result<()> {
    extern "C" fn finalize<T: 'static>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: made by `Box::into_raw` below and given back once.
        let target = unsafe { Box::from_raw(data.cast::<Arc<T>>()) };
        drop(catch_unwind(AssertUnwindSafe(move || drop(target))));
    }
    let data = Box::into_raw(Box::new(target.clone()));
    // SAFETY: the object is alive; the tag says which type the pointer has.
    unsafe {
        let wrapped = sys::napi_wrap(
            env,
            object,
            data.cast(),
            Some(finalize::<T>),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        if wrapped != sys::Status::napi_ok {
            drop(Box::from_raw(data));
        }
        check(wrapped, "tying an object")?;
        check(
            sys::napi_type_tag_object(env, object, tag),
            "tagging an object",
        )
    }
}

impl<T: 'static> Call<'_, T> {
    /// The environment, for making further functions.
    pub fn env(&self) -> sys::napi_env {
        self.env
    }

    fn argument(&self, index: usize) -> Option<sys::napi_value> {
        (index < self.count).then(|| self.arguments[index])
    }

    /// The type of an argument; `undefined` for one that was not given.
    pub fn type_of(&self, index: usize) -> sys::napi_valuetype {
        let mut found = sys::ValueType::napi_undefined;
        if let Some(value) = self.argument(index) {
            // SAFETY: a value of this call.
            unsafe { sys::napi_typeof(self.env, value, &mut found) };
        }
        found
    }

    /// A string argument, as the file holds it.
    ///
    /// # Errors
    /// [`Error::WrongType`], which says that `what` must be a string.
    pub fn text(&self, index: usize, what: &'static str) -> Result<Vec<u8>> {
        self.argument(index)
            .and_then(|value| read_text(self.env, value))
            .ok_or(Error::WrongType(what, "a string"))
    }

    /// A string argument, if it is one.
    pub fn optional_text(&self, index: usize) -> Option<Vec<u8>> {
        self.argument(index)
            .and_then(|value| read_text(self.env, value))
    }

    /// A number argument, if it is one.
    pub fn number(&self, index: usize) -> Option<f64> {
        let mut number = 0.0;
        let value = self.argument(index)?;
        // SAFETY: a value of this call, and a place for the result.
        let status = unsafe { sys::napi_get_value_double(self.env, value, &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// A number, a string of one, or a bigint that fits, as a number.
    pub fn as_number(&self, index: usize) -> Option<f64> {
        let value = self.argument(index)?;
        let mut coerced = value;
        let mut integer = 0;
        let mut lossless = false;
        match self.type_of(index) {
            // SAFETY: values of this call, and places for the results. Coercing a string runs
            // no code of the caller's.
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

    /// The bytes of a `Uint8Array` or `Buffer` argument, copied, if it is one.
    pub fn bytes(&self, index: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append_bytes(index, &mut bytes).then_some(bytes)
    }

    /// Appends the bytes of a `Uint8Array` or `Buffer` argument; false if it is something else.
    pub fn append_bytes(&self, index: usize, to: &mut Vec<u8>) -> bool {
        let Some(value) = self.argument(index) else {
            return false;
        };
        append_bytes(self.env, value, to)
    }

    /// An argument that is passed on as it is.
    pub fn js(&self, index: usize) -> Option<sys::napi_value> {
        self.argument(index)
    }

    /// The elements of an array argument; none for other values.
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
                // SAFETY: an array of this call, and a place for the result.
                check(
                    unsafe { sys::napi_get_element(self.env, array, index, &mut element) },
                    "reading an array",
                )?;
                Ok(element)
            })
            .collect()
    }

    /// The strings in an array argument; `None` if it is no array.
    ///
    /// # Errors
    /// [`Error::WrongType`] if it holds something else.
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

    /// The values in an array argument, as SQL takes them.
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

    /// The native object that an argument was [tied](tie) to.
    pub fn target_of<U: 'static>(&self, index: usize, tag: &sys::napi_type_tag) -> Option<Arc<U>> {
        let value = self.argument(index)?;
        let mut tagged = false;
        let mut data = ptr::null_mut();
        // SAFETY: only what `tie` tied as a `U` has this tag, and the object that the argument
        // refers to keeps it alive.
        unsafe {
            let status = sys::napi_check_object_type_tag(self.env, value, tag, &mut tagged);
            if status != sys::Status::napi_ok || !tagged {
                return None;
            }
            let status = sys::napi_unwrap(self.env, value, &mut data);
            (status == sys::Status::napi_ok).then(|| (*data.cast::<Arc<U>>()).clone())
        }
    }

    /// A promise of what `work` returns, which is done on another thread.
    ///
    /// # Errors
    /// [`Error::Internal`] if Node-API makes no promise.
    pub fn promise(&self, work: impl FnOnce() -> Result<Value> + Send + 'static) -> Result<Reply> {
        let task = spawn_blocking(work);
        let future = async move {
            let outcome = match task.await {
                Ok(outcome) => outcome,
                Err(failure) => Err(match failure.try_into_panic() {
                    Ok(panic) => panicked(panic.as_ref()),
                    Err(cancelled) => Error::Internal(cancelled.to_string()),
                }),
            };
            Ok::<_, napi::Error>(outcome)
        };
        let promise = execute_tokio_future(self.env, future, |env, outcome| {
            outcome
                .and_then(|value| to_js(env, &value))
                .map_err(|error| rejection(env, &error))
        });
        promise
            .map(Reply::Js)
            .map_err(|error| Error::Internal(error.to_string()))
    }
}

/// An error, as napi-rs rejects a promise with it.
fn rejection(env: sys::napi_env, error: &Error) -> napi::Error {
    match errors::exception(env, error) {
        // SAFETY: a value that was just made in this environment.
        Some(exception) => {
            napi::Error::from(unsafe { Unknown::from_raw_unchecked(env, exception) })
        }
        None => napi::Error::from_reason(error.to_string()),
    }
}

/// The bytes of a string value as the file holds them; `None` for other values.
///
/// Node-API's UTF-8 has `U+FFFD` for a lone surrogate. A string in which that occurs is therefore
/// read once more, as 16-bit units.
pub(super) fn read_text(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    let mut short = [0u8; SHORT_STRING];
    let mut length = 0;
    // SAFETY: the place has the length that is given.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            short.as_mut_ptr().cast(),
            SHORT_STRING,
            &mut length,
        )
    };
    if status != sys::Status::napi_ok {
        return None;
    }
    // One byte is for the final NUL, and up to three may be free because no further character
    // found room.
    let text = if length + 4 < SHORT_STRING {
        short[..length].to_vec()
    } else {
        read_long_text(env, value)?
    };
    if text.windows(3).any(|bytes| bytes == b"\xEF\xBF\xBD") {
        return read_utf16(env, value);
    }
    Some(text)
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
        (status == sys::Status::napi_ok).then(|| from_utf16(&units))
    }
}

/// Appends the bytes of a `Uint8Array` or `Buffer`; false for other values.
pub(super) fn append_bytes(env: sys::napi_env, value: sys::napi_value, to: &mut Vec<u8>) -> bool {
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

/// A value as SQL takes it. A number is a floating-point one, as in better-sqlite3; a column's type
/// makes an integer of it.
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

/// A property of an object, if reading it does not throw.
pub(super) fn property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &str,
) -> Result<sys::napi_value> {
    let key = to_js(env, &Value::text(name))?;
    let mut value = ptr::null_mut();
    // SAFETY: values of this environment, and a place for the result.
    check(
        unsafe { sys::napi_get_property(env, object, key, &mut value) },
        "reading a property",
    )?;
    Ok(value)
}

pub(super) fn new_object(env: sys::napi_env) -> Result<sys::napi_value> {
    let mut object = ptr::null_mut();
    // SAFETY: a place for the result.
    check(
        unsafe { sys::napi_create_object(env, &mut object) },
        "making an object",
    )?;
    Ok(object)
}

pub(super) fn set_property(
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
    // SAFETY: values of this environment. The property is defined and not set, so that no
    // setter of a prototype takes it.
    check(
        unsafe { sys::napi_define_properties(env, object, 1, &descriptor) },
        "setting a property",
    )
}

/// Converts a value.
pub(super) fn to_js(env: sys::napi_env, value: &Value) -> Result<sys::napi_value> {
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

/// A string from bytes as the file holds them: whatever is not UTF-8 becomes `U+FFFD`.
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
        } else {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, result)
        }
    }
}
