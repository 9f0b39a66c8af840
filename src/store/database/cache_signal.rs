//! Tells JavaScript whether its cached values are valid.
//!
//! JavaScript (`js/store/kv-cache.js`) reads the state from an array in its own memory, because a
//! call into the addon costs more than the rest of a cached read. The state belongs to the
//! database. Every change is written to all registered readouts immediately, on whatever thread it
//! occurs.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::store::tasks::lock;

/// The state that caches of a database's values depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheState {
    /// Changes when all values cached so far become invalid.
    pub generation: i32,
    /// Whether only this store can change values. It reports its own changes.
    pub held: bool,
    /// Whether the database is closed.
    pub closed: bool,
}

/// Receives every change of the state.
pub trait CacheSignalReadout: Send + Sync {
    /// Writes the current state.
    fn show(&self, state: CacheState);
}

/// The state and its readouts.
#[derive(Default)]
pub struct CacheSignal {
    state: Mutex<State>,
    held: AtomicBool,
}

#[derive(Default)]
struct State {
    cache: CacheState,
    readouts: Vec<Arc<dyn CacheSignalReadout>>,
}

impl fmt::Debug for CacheSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheSignal")
            .field(&self.state().cache)
            .finish()
    }
}

impl CacheSignal {
    /// Writes the current state and every later change to `readout`.
    pub fn add_readout(&self, readout: Arc<dyn CacheSignalReadout>) {
        let mut state = self.state();
        readout.show(state.cache);
        state.readouts.push(readout);
    }

    /// Removes `readout`: nothing is written to it after this returns.
    pub fn remove_readout(&self, readout: &Arc<dyn CacheSignalReadout>) {
        let mut state = self.state();
        state.readouts.retain(|other| !Arc::ptr_eq(other, readout));
    }

    /// Invalidates all cached values.
    pub(crate) fn invalidate(&self) {
        self.change(|state| state.generation = state.generation.wrapping_add(1));
    }

    /// The current generation.
    #[cfg(test)]
    pub(crate) fn generation(&self) -> i32 {
        self.state().cache.generation
    }

    /// Sets whether only this store can change values.
    pub(crate) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Release);
        self.change(|state| state.held = held);
    }

    /// Marks the database as closed.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Whether only this store can change values.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    fn change(&self, change: impl FnOnce(&mut CacheState)) {
        let mut state = self.state();
        let before = state.cache;
        change(&mut state.cache);
        if state.cache != before {
            for readout in &state.readouts {
                readout.show(state.cache);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code here can panic while the state is half changed.
        lock::lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<CacheState>>);

    impl CacheSignalReadout for Seen {
        fn show(&self, state: CacheState) {
            self.0.lock().unwrap().push(state);
        }
    }

    #[test]
    fn a_readout_gets_every_change_until_it_is_removed() {
        let signal = CacheSignal::default();
        signal.set_held(true);
        let seen = Arc::new(Seen::default());
        let view: Arc<dyn CacheSignalReadout> = seen.clone();
        signal.add_readout(view.clone());
        signal.set_held(true);
        signal.invalidate();
        signal.set_held(false);
        signal.close();
        signal.remove_readout(&view);
        signal.invalidate();
        let held = CacheState {
            held: true,
            ..CacheState::default()
        };
        let outdated = CacheState {
            generation: 1,
            ..held
        };
        let free = CacheState {
            held: false,
            ..outdated
        };
        let closed = CacheState {
            closed: true,
            ..free
        };
        assert_eq!(*seen.0.lock().unwrap(), [held, outdated, free, closed]);
    }
}
