//! The store's errors as JavaScript exceptions.
//!
//! Each has the reference's message, the constructor that the reference's error has, and a
//! `code`. An environment runs on a thread of its own, so what belongs to an environment is kept
//! by thread.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use napi::sys;

use super::raw::{Call, Reply, Value, property, set_property, to_js};
use crate::store::{Class, Detail, Error, Result};

thread_local! {
    /// Whether this environment's messages hide values, as SES does under its default taming.
    static DETAIL: Cell<Detail> = const { Cell::new(Detail::Shown) };
    /// The constructor of SQLite's errors, which `js/` provides.
    static SQLITE_ERROR: Cell<sys::napi_ref> = const { Cell::new(ptr::null_mut()) };
    /// What `js/` does to every exception before it is thrown, if there is anything to do.
    static FINISH: Cell<sys::napi_ref> = const { Cell::new(ptr::null_mut()) };
}

/// Takes whether messages hide values, and optionally the constructor of SQLite's errors and a
/// function. That gets each exception and its message with all values shown, and returns the
/// exception to throw.
pub fn configure(call: &Call<'_, ()>) -> Result<Reply> {
    DETAIL.set(if call.is_true(0) {
        Detail::Hidden
    } else {
        Detail::Shown
    });
    SQLITE_ERROR.set(refer(call, 1, SQLITE_ERROR.get()));
    FINISH.set(refer(call, 2, FINISH.get()));
    Ok(Value::Undefined.into())
}

/// A reference to an argument, in the place of an earlier one; null if it is no function.
fn refer(call: &Call<'_, ()>, index: usize, earlier: sys::napi_ref) -> sys::napi_ref {
    let mut reference = ptr::null_mut();
    // SAFETY: a value of this call, a reference of this environment that nobody uses from here on,
    // and places for the results.
    unsafe {
        if !earlier.is_null() {
            sys::napi_delete_reference(call.env(), earlier);
        }
        if let Some(function) = call.js(index) {
            let mut kind = 0;
            sys::napi_typeof(call.env(), function, &mut kind);
            if kind == sys::ValueType::napi_function {
                sys::napi_create_reference(call.env(), function, 1, &mut reference);
            }
        }
    }
    reference
}

/// The exception that stands for an error; `None` if JavaScript can't make one now.
pub fn exception(env: sys::napi_env, error: &Error) -> Option<sys::napi_value> {
    let exception = match error {
        Error::NotJson(text) => syntax_error(env, text),
        _ => None,
    };
    let exception = exception.or_else(|| make(env, error).ok())?;
    Some(finish(env, exception, error).unwrap_or(exception))
}

/// What `js/` makes of an exception; `None` if it has no say, or fails.
fn finish(
    env: sys::napi_env,
    exception: sys::napi_value,
    error: &Error,
) -> Option<sys::napi_value> {
    if FINISH.get().is_null() {
        return None;
    }
    let shown = Value::text(error.message(Detail::Shown));
    let arguments = [exception, to_js(env, &shown).ok()?];
    let mut function = ptr::null_mut();
    let mut this = ptr::null_mut();
    let mut result = ptr::null_mut();
    let mut ignored = ptr::null_mut();
    // SAFETY: the reference is this environment's own; values of this environment with their
    // number, and places for the results.
    let status = unsafe {
        sys::napi_get_reference_value(env, FINISH.get(), &mut function);
        sys::napi_get_undefined(env, &mut this);
        let status = sys::napi_call_function(
            env,
            this,
            function,
            arguments.len(),
            arguments.as_ptr(),
            &mut result,
        );
        if status == sys::Status::napi_pending_exception {
            sys::napi_get_and_clear_last_exception(env, &mut ignored);
        }
        status
    };
    (status == sys::Status::napi_ok && !result.is_null()).then_some(result)
}

fn make(env: sys::napi_env, error: &Error) -> Result<sys::napi_value> {
    let code = to_js(env, &Value::text(error.code()))?;
    let message = to_js(env, &Value::text(error.message(DETAIL.get())))?;
    let mut result = ptr::null_mut();
    // SAFETY: values of this environment, and a place for the result.
    unsafe {
        match error.class() {
            Class::SqliteError => return sqlite_error(env, message, code),
            Class::TypeError => sys::napi_create_type_error(env, code, message, &mut result),
            Class::RangeError => sys::napi_create_range_error(env, code, message, &mut result),
            Class::SyntaxError => return construct(env, "SyntaxError", message, code),
            Class::Error => sys::napi_create_error(env, code, message, &mut result),
        };
    }
    if result.is_null() {
        return Err(Error::Internal("Node-API made no error".into()));
    }
    Ok(result)
}

/// `new SqliteError(message, code)`.
fn sqlite_error(
    env: sys::napi_env,
    message: sys::napi_value,
    code: sys::napi_value,
) -> Result<sys::napi_value> {
    let mut constructor = ptr::null_mut();
    // SAFETY: the reference is this environment's own, or null, which is an error status.
    unsafe { sys::napi_get_reference_value(env, SQLITE_ERROR.get(), &mut constructor) };
    if constructor.is_null() {
        return construct(env, "Error", message, code);
    }
    new_instance(env, constructor, &[message, code])
}

/// An error by the constructor of this name.
fn construct(
    env: sys::napi_env,
    name: &str,
    message: sys::napi_value,
    code: sys::napi_value,
) -> Result<sys::napi_value> {
    let constructor = property(env, global(env)?, name)?;
    let error = new_instance(env, constructor, &[message])?;
    set_property(env, error, "code", code)?;
    Ok(error)
}

/// What the engine's own `JSON.parse` throws for this text.
fn syntax_error(env: sys::napi_env, text: &[u8]) -> Option<sys::napi_value> {
    let json = property(env, global(env).ok()?, "JSON").ok()?;
    let parse = property(env, json, "parse").ok()?;
    let text = to_js(env, &Value::text(text)).ok()?;
    let mut ignored = ptr::null_mut();
    let mut thrown = ptr::null_mut();
    // SAFETY: values of this environment, and places for the results.
    unsafe {
        let status = sys::napi_call_function(env, json, parse, 1, &text, &mut ignored);
        if status != sys::Status::napi_pending_exception {
            return None;
        }
        sys::napi_get_and_clear_last_exception(env, &mut thrown);
    }
    (!thrown.is_null()).then_some(thrown)
}

fn global(env: sys::napi_env) -> Result<sys::napi_value> {
    let mut global = ptr::null_mut();
    super::raw::check(
        // SAFETY: a place for the result.
        unsafe { sys::napi_get_global(env, &mut global) },
        "finding the global object",
    )?;
    Ok(global)
}

fn new_instance(
    env: sys::napi_env,
    constructor: sys::napi_value,
    arguments: &[sys::napi_value],
) -> Result<sys::napi_value> {
    let mut instance = ptr::null_mut();
    super::raw::check(
        // SAFETY: values of this environment with their number, and a place for the result.
        unsafe {
            sys::napi_new_instance(
                env,
                constructor,
                arguments.len(),
                arguments.as_ptr(),
                &mut instance,
            )
        },
        "making an error",
    )?;
    Ok(instance)
}
