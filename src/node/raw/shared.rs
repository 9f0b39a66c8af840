//! Memory that JavaScript reads without a call.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use napi::sys;

use crate::store::{Signal, WalView};

/// Whose memory it is.
pub enum SharedMemory {
    /// What a database says without being asked.
    Signal(Arc<Signal>),
    /// What SQLite says to all connections.
    WalIndex(WalView),
}

impl SharedMemory {
    /// The memory's address and its length, the same until this is dropped.
    fn place(&self) -> (*const c_void, usize) {
        match self {
            SharedMemory::Signal(signal) => (Arc::as_ptr(signal).cast(), size_of::<Signal>()),
            SharedMemory::WalIndex(view) => {
                let words = view.words();
                (words.as_ptr().cast(), size_of_val(words))
            }
        }
    }
}

/// An `ArrayBuffer` over 32-bit numbers; `None` where the engine has no external buffers.
pub fn array_buffer(env: sys::napi_env, memory: SharedMemory) -> Option<sys::napi_value> {
    extern "C" fn finalize(_: sys::napi_env, _: *mut c_void, hint: *mut c_void) {
        // SAFETY: made by `Box::into_raw` below, and given back once, when JavaScript can't
        // reach the buffer any more. Neither owner has a destructor that could panic.
        drop(unsafe { Box::from_raw(hint.cast::<SharedMemory>()) });
    }
    let owner = Box::new(memory);
    let (address, length) = owner.place();
    let raw = Box::into_raw(owner);
    let mut result = ptr::null_mut();
    // SAFETY: the memory is as long as given, is aligned for 32-bit numbers, is known to change
    // behind any reader's back (it consists of atomic numbers), and lives until the finalizer
    // runs, since the buffer owns its owner. JavaScript reads whole aligned numbers and writes none.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env,
            address.cast_mut(),
            length,
            Some(finalize),
            raw.cast(),
            &mut result,
        )
    };
    if status == sys::Status::napi_ok {
        return Some(result);
    }
    // SAFETY: no buffer was made, so no finalizer will give it back.
    drop(unsafe { Box::from_raw(raw) });
    None
}
