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
}

/// Takes whether messages hide values, and optionally the constructor of SQLite's errors.
pub fn configure(call: &Call<'_, ()>) -> Result<Reply> {
    DETAIL.set(if call.is_true(0) {
        Detail::Hidden
    } else {
        Detail::Shown
    });
    if let Some(constructor) = call.js(1) {
        let mut reference = ptr::null_mut();
        // SAFETY: a value of this call, and a place for the result. The reference lasts as long
        // as the environment.
        unsafe { sys::napi_create_reference(call.env(), constructor, 1, &mut reference) };
        SQLITE_ERROR.set(reference);
    }
    Ok(Value::Undefined.into())
}

/// The exception that stands for an error; `None` if JavaScript can't make one now.
pub fn exception(env: sys::napi_env, error: &Error) -> Option<sys::napi_value> {
    let exception = match error {
        Error::NotJson(text) => syntax_error(env, text),
        _ => None,
    };
    exception.or_else(|| make(env, error).ok())
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
