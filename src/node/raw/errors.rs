//! Conversion of the store's errors to JavaScript exceptions.
//!
//! An exception has the message and the constructor of the reference's error, and a `code`. Each
//! environment runs on its own thread, so the state of an environment is thread-local.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use napi::sys;

use super::call::{Call, Reply};
use super::values::{Value, check, property, set_property, to_js};
use crate::store::error::{Class, Detail, Error, Result};

thread_local! {
    /// Whether messages in this environment hide values, as under the default taming of SES.
    static DETAIL: Cell<Detail> = const { Cell::new(Detail::Shown) };
    /// The functions from `js/`.
    static FUNCTIONS: Cell<Functions> = const { Cell::new(Functions::NONE) };
}

/// References to JavaScript functions; null for a missing one.
#[derive(Clone, Copy)]
struct Functions {
    /// The environment of the references.
    env: sys::napi_env,
    /// The constructor of SQLite errors.
    sqlite_error: sys::napi_ref,
    /// Is called with every exception before it is thrown.
    finish: sys::napi_ref,
}

impl Functions {
    const NONE: Self = Self {
        env: ptr::null_mut(),
        sqlite_error: ptr::null_mut(),
        finish: ptr::null_mut(),
    };

    /// Takes a call's functions. They are given back when the environment ends, and before if
    /// others take their place.
    fn take(call: &Call<'_, ()>, sqlite_error: usize, finish: usize) {
        let env = call.env();
        FUNCTIONS.replace(Self::NONE).give_back();
        FUNCTIONS.set(Self {
            env,
            sqlite_error: refer(call, sqlite_error),
            finish: refer(call, finish),
        });
        // SAFETY: an environment in use. This hook of its is there once, since giving back takes
        // it away.
        unsafe { sys::napi_add_env_cleanup_hook(env, Some(environment_ends), env.cast()) };
    }

    fn give_back(self) {
        if self.env.is_null() {
            return;
        }
        // SAFETY: an environment that has not ended, or `environment_ends` would have taken its
        // references from where they were; nobody uses them from here on.
        unsafe {
            sys::napi_remove_env_cleanup_hook(self.env, Some(environment_ends), self.env.cast());
            for reference in [self.sqlite_error, self.finish] {
                if !reference.is_null() {
                    sys::napi_delete_reference(self.env, reference);
                }
            }
        }
    }
}

/// Node calls it on the environment's thread, at a time when references can still be deleted.
unsafe extern "C" fn environment_ends(_env: *mut c_void) {
    FUNCTIONS.replace(Functions::NONE).give_back();
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
    Functions::take(call, 1, 2);
    Ok(Value::Undefined.into())
}

/// A reference to an argument; null if it is no function.
fn refer(call: &Call<'_, ()>, index: usize) -> sys::napi_ref {
    let mut reference = ptr::null_mut();
    if let Some(function) = call.js(index) {
        // SAFETY: a value of this call, and places for the results.
        unsafe {
            let mut kind = 0;
            sys::napi_typeof(call.env(), function, &mut kind);
            if kind == sys::ValueType::napi_function {
                sys::napi_create_reference(call.env(), function, 1, &mut reference);
            }
        }
    }
    reference
}

/// Converts an error to an exception; `None` if JavaScript cannot make one now.
pub fn exception(env: sys::napi_env, error: &Error) -> Option<sys::napi_value> {
    let exception = match error {
        Error::NotJson(text) => syntax_error(env, text),
        _ => None,
    };
    let exception = exception.or_else(|| make(env, error).ok())?;
    Some(finish(env, exception, error).unwrap_or(exception))
}

/// Passes an exception to the function from `js/`; `None` if there is no function, or it fails.
fn finish(
    env: sys::napi_env,
    exception: sys::napi_value,
    error: &Error,
) -> Option<sys::napi_value> {
    let reference = FUNCTIONS.get().finish;
    if reference.is_null() {
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
        sys::napi_get_reference_value(env, reference, &mut function);
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
    let reference = FUNCTIONS.get().sqlite_error;
    let mut constructor = ptr::null_mut();
    // SAFETY: the reference is this environment's own, or null, which is an error status.
    unsafe { sys::napi_get_reference_value(env, reference, &mut constructor) };
    if constructor.is_null() {
        return construct(env, "Error", message, code);
    }
    new_instance(env, constructor, &[message, code])
}

/// Makes an error with the constructor of this name.
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

/// The error that the engine's `JSON.parse` throws for a text.
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
    check(
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
    check(
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
