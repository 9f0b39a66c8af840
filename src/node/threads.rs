//! The threads for the work of promises: tokio's threads for blocking work.
//!
//! The first promise starts the first thread. Loading the addon starts none, so it succeeds where the
//! system refuses to start threads, and a caller of synchronous functions needs none. Tokio starts
//! threads as they are needed, and ends idle ones. If the system refuses another thread, the work
//! waits for an existing one; if there is none, the promise rejects.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::store::error::{Error, Result};
use crate::store::tasks::lock;

/// The runtime. It has no thread of its own, and is never dropped: work may outlive a Node.js
/// environment.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // The threads run code of the addon, so the addon must not be unloaded.
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    let made = Builder::new_current_thread()
        .thread_name("swing-store")
        .build()
        .map_err(|error| Error::io("starting a thread", &error))?;
    // If another thread was faster, this runtime is dropped; it has not started a thread.
    Ok(RUNTIME.get_or_init(|| made))
}

/// Calls `run` with `work` on another thread.
///
/// # Errors
/// The work and [`Error::Io`] with the code `EAGAIN` if no thread can be started.
pub(crate) fn start<T: Send + 'static>(work: T, run: fn(T)) -> std::result::Result<(), (T, Error)> {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Err((work, error)),
    };
    let slot = Arc::new(Mutex::new(Some(work)));
    let theirs = slot.clone();
    // Tokio panics if it cannot start a thread, and keeps the task in its queue. A thread that is
    // started later then finds the slot empty.
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
    /// Whether panics of this thread are not printed, because the caller reports them.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `start` without printing its panics. Returns whether it succeeded.
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
