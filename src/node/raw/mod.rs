//! Raw Node-API: callbacks, and values to and from JavaScript.
//!
//! The wrappers that napi-rs generates cost a microsecond per call, several times as much as the call
//! itself. The store's functions are therefore plain Node-API callbacks. Only this module uses
//! Node-API's `unsafe` functions; the rest of the addon uses [`Call`], [`Value`] and [`Function`].
//!
//! [`trampoline`] calls the body of every callback: it finds the object that the function belongs to,
//! and converts errors to JavaScript exceptions and panics to errors.
#![allow(unsafe_code)]

mod arguments;
mod call;
pub(crate) mod errors;
pub(crate) mod shared;
mod values;

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsDeferred, JsValue, sys};

use crate::node::threads;
use crate::store::error::{Error, Result};
use call::MAX_ARGUMENTS;
pub use call::{Body, Call, Function, Reply};
pub(crate) use values::check;
pub use values::{Value, array, new_object, set_property, text_to_js, to_js};

/// The data of a JavaScript function.
struct Slot<T> {
    body: Body<T>,
    target: Arc<T>,
}

/// Calls the body, and throws its error or panic as a JavaScript exception.
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

/// Converts a panic to an error with its message.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::Internal(message.to_owned())
}

/// A JavaScript function that calls `body` for `target`.
pub fn function<T: 'static>(
    env: sys::napi_env,
    name: &str,
    target: &Arc<T>,
    body: Body<T>,
) -> Result<sys::napi_value> {
    extern "C" fn finalize<T: 'static>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: `Box::into_raw` below made the pointer. It is freed once, here, when the function
        // can no longer be called. A destructor that panics must not unwind into Node.
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

/// Wraps a native object in a JavaScript object, where [`Call::target_of`] finds it.
pub fn tie<T: 'static>(
    env: sys::napi_env,
    object: sys::napi_value,
    target: &Arc<T>,
    tag: &sys::napi_type_tag,
) -> Result<()> {
    extern "C" fn finalize<T: 'static>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: `Box::into_raw` below made the pointer. It is freed once, here.
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
    /// Makes an array of values by calling the function in an argument, which returns its arguments as
    /// an array. This one call costs less than setting each element.
    ///
    /// # Errors
    /// [`Error::Internal`] if the argument is not a function, or throws.
    pub fn array_by(
        &self,
        index: usize,
        values: impl Iterator<Item = Result<sys::napi_value>>,
    ) -> Result<sys::napi_value> {
        let values = values.collect::<Result<Vec<_>>>()?;
        let mut receiver = ptr::null_mut();
        let mut array = ptr::null_mut();
        // SAFETY: values of this call with their number, and places for the results. If the
        // argument is not a function, or throws, the status says so.
        unsafe {
            check(
                sys::napi_get_undefined(self.env, &mut receiver),
                "asking for undefined",
            )?;
            check(
                sys::napi_call_function(
                    self.env,
                    receiver,
                    self.arguments[index],
                    values.len(),
                    values.as_ptr(),
                    &mut array,
                ),
                "making an array",
            )?;
        }
        Ok(array)
    }

    /// Calls `work` on another thread, and returns a promise of its value. Without a thread, the promise
    /// rejects with the code `EAGAIN`.
    ///
    /// # Errors
    /// [`Error::Internal`] if Node-API cannot create a promise.
    pub fn promise(&self, work: impl FnOnce() -> Result<Value> + Send + 'static) -> Result<Reply> {
        self.promise_with(work, |_, error| Err(error))
    }

    /// The same as [`Call::promise`] for work that must happen, such as closing. Without another thread,
    /// it runs on this one.
    ///
    /// # Errors
    /// As [`Call::promise`].
    pub fn promise_of_end(
        &self,
        work: impl FnOnce() -> Result<Value> + Send + 'static,
    ) -> Result<Reply> {
        self.promise_with(work, |work, _| work())
    }

    fn promise_with<W: FnOnce() -> Result<Value> + Send + 'static>(
        &self,
        work: W,
        without_thread: fn(W, Error) -> Result<Value>,
    ) -> Result<Reply> {
        let env = Env::from_raw(self.env);
        let (deferred, promise): (Deferred, _) = env
            .create_deferred()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let promise = promise.value().value;
        let started = threads::start((work, deferred), |(work, deferred)| {
            settle(deferred, caught(work));
        });
        if let Err(((work, deferred), error)) = started {
            settle(deferred, caught(|| without_thread(work, error)));
        }
        Ok(Reply::Js(promise))
    }
}

/// The part of a promise that settles it.
type Deferred = JsDeferred<Unknown<'static>, Resolver>;

/// Makes the value of a promise, on JavaScript's thread.
type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Unknown<'static>>>;

/// Calls `work`, and converts a panic to an error.
fn caught(work: impl FnOnce() -> Result<Value>) -> Result<Value> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// Resolves or rejects a promise.
fn settle(deferred: Deferred, outcome: Result<Value>) {
    deferred.resolve(Box::new(move |env| {
        let env = env.raw();
        match outcome.and_then(|value| to_js(env, &value)) {
            // SAFETY: a value that was just made in this environment.
            Ok(value) => Ok(unsafe { Unknown::from_raw_unchecked(env, value) }),
            Err(error) => Err(rejection(env, &error)),
        }
    }));
}

/// Converts an error to one that napi-rs rejects a promise with.
fn rejection(env: sys::napi_env, error: &Error) -> napi::Error {
    match errors::exception(env, error) {
        Some(exception) => {
            // SAFETY: a value that was just made in this environment.
            napi::Error::from(unsafe { Unknown::from_raw_unchecked(env, exception) })
        }
        None => napi::Error::from_reason(error.to_string()),
    }
}
