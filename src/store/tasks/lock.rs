//! Locks that handle panics.
//!
//! A panic is a fault of this package. It is caught before it reaches Node.js, so the process
//! continues, with whatever the panicking thread left half changed. There are three kinds of
//! guarded data, with one function each:
//! - [`lock`] for data that a panic cannot leave inconsistent, such as counters and reports;
//! - [`lock_sound`] for the state of one task, such as a stream, which fails after a panic;
//! - [`lock_watched`] for a store or a database, which refuses to be used after a panic.

use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::store::error::{Error, Result};

/// Locks data that a panic cannot leave inconsistent.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The contents of a mutex that is no longer shared; like [`lock`].
pub fn unlocked<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Locks data that a panic may leave half changed.
///
/// # Errors
/// [`Error::WorkFaulted`] after a panic.
pub fn lock_sound<T: ?Sized>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| Error::WorkFaulted)
}

/// The result of waiting on a condition; like [`lock`].
pub fn waited<T>(outcome: LockResult<T>) -> T {
    outcome.unwrap_or_else(PoisonError::into_inner)
}

/// Can refuse to be used.
pub trait Faultable {
    /// Records that a panic may have left this half changed.
    fn fault(&self);
}

/// Locks data that refuses to be used after a panic. After a panic, calls [`Faultable::fault`]
/// before anyone else gets the lock.
pub fn lock_watched<T: Faultable>(mutex: &Mutex<T>) -> WatchedGuard<'_, T> {
    let guard = mutex.lock().unwrap_or_else(|poisoned| {
        let guard = poisoned.into_inner();
        guard.fault();
        guard
    });
    WatchedGuard {
        guard,
        was_panicking: thread::panicking(),
    }
}

/// The guard of [`lock_watched`].
pub struct WatchedGuard<'a, T: Faultable> {
    guard: MutexGuard<'a, T>,
    /// Whether the thread was already unwinding, so the lock was taken by a destructor.
    was_panicking: bool,
}

impl<T: Faultable> Deref for WatchedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: Faultable> DerefMut for WatchedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: Faultable> Drop for WatchedGuard<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() && !self.was_panicking {
            self.guard.fault();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::store::database::{Database, Location, OpenOptions};
    use crate::store::substores::{Store, StoreOptions};

    fn open(directory: &std::path::Path) -> Store {
        let location = Location::File(directory.join("swingstore.sqlite"));
        let options = OpenOptions::default();
        Store::open(location, &options, false, StoreOptions::default()).unwrap()
    }

    fn panics(work: impl FnOnce()) {
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    }

    #[test]
    fn after_a_panic_a_store_can_only_be_closed() {
        for in_store in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let store = Mutex::new(open(directory.path()));
            lock(&store).kernel_set(b"k", b"committed").unwrap();
            lock(&store).commit().unwrap();
            lock(&store).init_transcript(b"v1").unwrap();
            lock(&store).kernel_set(b"k", b"lost").unwrap();
            let db = lock(&store).database().clone();
            let signal = db.lock().signal();
            panics(|| {
                if in_store {
                    let _store = lock_watched(&store);
                    panic!("a test's own");
                } else {
                    let _db = db.lock();
                    panic!("a test's own");
                }
            });
            // Cached values must be validated immediately.
            assert!(!signal.is_held());
            let mut store = lock_watched(&store);
            let by_tool = |act: fn(&mut Database) -> Result<()>| act(&mut db.lock());
            let outcomes = [
                store.kernel_set(b"k", b"again"),
                store.kernel_delete(b"k"),
                store.kv_get(b"k").map(drop),
                store.kv_get_next_key(b"").map(drop),
                store.add_item(b"v1", b"item"),
                store.get_current_span_bounds(b"v1").map(drop),
                store.prepare_commit().map(drop),
                store.commit(),
                by_tool(|db| db.execute_script("COMMIT")),
                by_tool(|db| db.prepare_statement(b"SELECT 1").map(drop)),
                by_tool(|db| db.serialize().map(drop)),
            ];
            for (number, outcome) in outcomes.into_iter().enumerate() {
                let error = outcome.expect_err(&format!("call {number} went through"));
                assert_eq!(error.code(), "ERR_SWING_STORE_TORN", "call {number}");
            }
            store.close().unwrap();
            let again = open(directory.path());
            assert_eq!(again.kv_get(b"k").unwrap(), Some(b"committed".to_vec()));
        }
    }

    #[test]
    fn a_destructor_that_locks_during_unwinding_faults_nothing() {
        struct Locks(crate::store::database::SharedDatabase);
        impl Drop for Locks {
            fn drop(&mut self) {
                assert!(self.0.lock().is_open());
            }
        }
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let locks = Locks(store.database().clone());
        panics(move || {
            let _locks = locks;
            panic!("a test's own");
        });
        assert_eq!(store.kv_get(b"k").unwrap(), None);
    }

    #[test]
    fn after_a_panic_a_task_fails() {
        let work = Mutex::new(1);
        panics(|| {
            let _work = lock_sound(&work).unwrap();
            panic!("a test's own");
        });
        assert!(matches!(lock_sound(&work), Err(Error::WorkFaulted)));
        assert_eq!(*lock(&work), 1);
    }
}
