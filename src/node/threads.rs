//! The threads on which the work is done that JavaScript gets promises of: tokio's for blocking work.
//!
//! None is there until the first work is: loading the addon starts nothing, so that it succeeds
//! where the system gives no thread, and whoever only calls what returns at once needs none. Tokio
//! starts them as they are needed and ends them when they have had nothing to do for a while. If the
//! system refuses a further one, the work waits for one that is there; if there is none at all, it
//! is refused.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::store::error::{Error, Result};
use crate::store::tasks::lock;

/// The runtime, which has no thread of its own. It is never dropped: work may outlive an environment
/// of Node.js.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // The threads run code of the addon, which must not be unloaded from under them.
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    let made = Builder::new_current_thread()
        .thread_name("swing-store")
        .build()
        .map_err(|error| Error::io("starting a thread", &error))?;
    // If another thread was quicker, this one is dropped, and has started nothing.
    Ok(RUNTIME.get_or_init(|| made))
}

/// Has another thread call `run` with `work`.
///
/// # Errors
/// The work, with [`Error::Io`] and the code `EAGAIN`, if there is no thread to do it.
pub(crate) fn start<T: Send + 'static>(work: T, run: fn(T)) -> std::result::Result<(), (T, Error)> {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Err((work, error)),
    };
    let slot = Arc::new(Mutex::new(Some(work)));
    let theirs = slot.clone();
    // Without a thread tokio panics, with the task in its queue: a thread that is started later
    // finds the slot empty.
    let started = quietly(|| {
        drop(runtime.spawn_blocking(move || {
            if let Some(work) = take(&theirs) {
                run(work);
            }
        }));
    });
    if started {
        Ok(())
    } else {
        take(&slot).map_or(Ok(()), |work| Err((work, Error::no_thread())))
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    lock::lock(slot).take()
}

thread_local! {
    /// Whether a panic of this thread is one that the caller words.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `start`; false if it panicked, of which nothing is printed.
fn quietly(start: impl FnOnce()) -> bool {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                print(info);
            }
        }));
    });
    IS_QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(start));
    IS_QUIET.set(false);
    outcome.is_ok()
}
