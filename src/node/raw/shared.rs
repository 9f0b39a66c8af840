//! Memory that JavaScript reads without a call.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use napi::sys;

use crate::store::Signal;

/// An `ArrayBuffer` over the 32-bit numbers of a signal; `None` where the engine has no
/// external buffers.
pub fn array_buffer(env: sys::napi_env, signal: Arc<Signal>) -> Option<sys::napi_value> {
    extern "C" fn finalize(_: sys::napi_env, _: *mut c_void, hint: *mut c_void) {
        // SAFETY: made by `Arc::into_raw` below, and given back once, when JavaScript can't
        // reach the buffer any more. A signal has no destructor that could panic.
        drop(unsafe { Arc::from_raw(hint.cast::<Signal>()) });
    }
    let raw = Arc::into_raw(signal);
    let mut result = ptr::null_mut();
    // SAFETY: the memory is as long as given, is aligned for 32-bit numbers, has interior
    // mutability, and lives until the finalizer runs, as the buffer has a share of its owner.
    // Rust only uses it atomically; JavaScript reads whole aligned numbers and writes none.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env,
            raw.cast_mut().cast(),
            size_of::<Signal>(),
            Some(finalize),
            raw.cast_mut().cast(),
            &mut result,
        )
    };
    if status == sys::Status::napi_ok {
        return Some(result);
    }
    // SAFETY: no buffer was made, so no finalizer will give it back.
    drop(unsafe { Arc::from_raw(raw) });
    None
}
