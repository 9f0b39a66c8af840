//! Numbers of a cache signal that JavaScript reads without a call.
//!
//! They are in an `ArrayBuffer` that the engine allocates: an engine with a memory cage, such as
//! Electron's, does not support buffers over foreign memory.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use napi::sys;

use super::{Call, Reply, Value, check, set_property};
use crate::store::database::cache_signal::{CacheSignal, CacheSignalReadout, CacheState};
use crate::store::error::Result;

/// The index of [`CacheState::generation`] in the array.
const GENERATION: usize = 0;
/// The index of [`CacheState::held`], as 0 or 1.
const HELD: usize = 1;
/// The index of [`CacheState::closed`], as 0 or 1.
const CLOSED: usize = 2;
/// The length of the array.
const COUNT: usize = 3;

/// `cacheSignalIndices()`: where JavaScript finds each number in the array that [`add_signal`] defines.
///
/// # Errors
/// None.
pub fn signal_indices(_: &Call<'_, ()>) -> Result<Reply> {
    let indices = [
        ("generation", GENERATION),
        ("held", HELD),
        ("closed", CLOSED),
    ];
    let properties = indices.map(|(name, index)| (name, Value::Number(index as f64)));
    Ok(Value::Object(properties.into()).into())
}

/// The memory of the engine's buffer.
struct SharedReadout(NonNull<i32>);

// SAFETY: the memory is written by one thread at a time, under the signal's lock, and read by JavaScript.
unsafe impl Send for SharedReadout {}
// SAFETY: as above.
unsafe impl Sync for SharedReadout {}

impl CacheSignalReadout for SharedReadout {
    fn show(&self, numbers: CacheState) {
        let mut values = [0; COUNT];
        values[GENERATION] = numbers.generation;
        values[HELD] = numbers.held.into();
        values[CLOSED] = numbers.closed.into();
        for (at, value) in values.into_iter().enumerate() {
            // SAFETY: the buffer has room for these numbers and is aligned for them. It is not moved or
            // freed while the signal has this view: see `add_signal`. JavaScript only reads.
            unsafe { AtomicI32::from_ptr(self.0.as_ptr().add(at)) }.store(value, Ordering::Release);
        }
    }
}

/// A view of a signal, and the reference that keeps its memory.
struct Shown {
    signal: Arc<CacheSignal>,
    view: Arc<dyn CacheSignalReadout>,
    buffer: sys::napi_ref,
}

/// Defines `cacheSignal` of an object: an `Int32Array` with a signal's current numbers, as long as the
/// object exists.
///
/// # Errors
/// [`Error::Internal`](crate::store::error::Error::Internal) if Node-API makes no buffer.
pub fn add_signal(
    env: sys::napi_env,
    object: sys::napi_value,
    signal: Arc<CacheSignal>,
) -> Result<()> {
    extern "C" fn finalize(env: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: `Box::into_raw` below made the pointer. It is freed once, here: when the object is
        // collected, or when the environment ends, while its memory still exists.
        let shown = unsafe { Box::from_raw(data.cast::<Shown>()) };
        drop(catch_unwind(AssertUnwindSafe(move || {
            // From here on, no thread writes to the buffer, so it may be freed.
            shown.signal.remove_readout(&shown.view);
            // SAFETY: the reference that was made below, deleted once, on JavaScript's thread.
            unsafe { sys::napi_delete_reference(env, shown.buffer) };
        })));
    }
    let mut data = ptr::null_mut();
    let mut buffer = ptr::null_mut();
    let mut array = ptr::null_mut();
    let mut reference = ptr::null_mut();
    let bytes = COUNT * size_of::<i32>();
    // SAFETY: places for the results; the array is as long as the buffer.
    unsafe {
        check(
            sys::napi_create_arraybuffer(env, bytes, &mut data, &mut buffer),
            "making a buffer",
        )?;
        let kind = sys::TypedarrayType::int32_array;
        check(
            sys::napi_create_typedarray(env, kind, COUNT, buffer, 0, &mut array),
            "making an array",
        )?;
        set_property(env, object, "cacheSignal", array)?;
        // The memory of a buffer does not move. It is freed with the buffer, which the reference
        // keeps, or when the buffer is detached; only our JavaScript has access to it.
        check(
            sys::napi_create_reference(env, buffer, 1, &mut reference),
            "keeping a buffer",
        )?;
    }
    let Some(place) = NonNull::new(data.cast()) else {
        // SAFETY: the reference that was just made.
        unsafe { sys::napi_delete_reference(env, reference) };
        return check(
            sys::Status::napi_generic_failure,
            "finding a buffer's memory",
        );
    };
    let view: Arc<dyn CacheSignalReadout> = Arc::new(SharedReadout(place));
    let shown = Box::into_raw(Box::new(Shown {
        signal: signal.clone(),
        view: view.clone(),
        buffer: reference,
    }));
    // SAFETY: the object is alive, and the finalizer frees what it is given.
    let status = unsafe {
        sys::napi_add_finalizer(
            env,
            object,
            shown.cast(),
            Some(finalize),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        finalize(env, shown.cast(), ptr::null_mut());
        return check(status, "watching an object");
    }
    signal.add_readout(view);
    Ok(())
}
