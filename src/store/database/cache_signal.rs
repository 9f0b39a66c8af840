//! Tells JavaScript whether its copies of values still hold.
//!
//! JavaScript (`js/store/kv-cache.js`) reads these numbers in memory of its own instead of asking, because a
//! call costs more than the rest of a cached read. The numbers belong to the database; every view of them
//! is brought up to date whenever one changes, on whatever thread that happens.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::store::tasks::lock;

/// What a database says of the copies of its values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheState {
    /// Changes when copies made before no longer hold.
    pub generation: i32,
    /// Whether nobody but this store can change a value, and this store says so when it does.
    pub held: bool,
    /// Whether the database is closed.
    pub closed: bool,
}

/// Shows the numbers to somebody who does not ask.
pub trait CacheSignalReadout: Send + Sync {
    /// Shows the numbers as they are now.
    fn show(&self, numbers: CacheState);
}

/// The numbers, and those who see them.
#[derive(Default)]
pub struct CacheSignal {
    state: Mutex<State>,
    held: AtomicBool,
}

#[derive(Default)]
struct State {
    numbers: CacheState,
    views: Vec<Arc<dyn CacheSignalReadout>>,
}

impl fmt::Debug for CacheSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheSignal")
            .field(&self.state().numbers)
            .finish()
    }
}

impl CacheSignal {
    /// Shows the numbers in `view` from now on.
    pub fn add_readout(&self, view: Arc<dyn CacheSignalReadout>) {
        let mut state = self.state();
        view.show(state.numbers);
        state.views.push(view);
    }

    /// Leaves `view` alone from now on: nothing is shown in it once this has returned.
    pub fn remove_readout(&self, view: &Arc<dyn CacheSignalReadout>) {
        self.state().views.retain(|other| !Arc::ptr_eq(other, view));
    }

    /// Makes all copies void.
    pub(crate) fn invalidate(&self) {
        self.change(|numbers| numbers.generation = numbers.generation.wrapping_add(1));
    }

    /// Which copies hold.
    #[cfg(test)]
    pub(crate) fn generation(&self) -> i32 {
        self.state().numbers.generation
    }

    /// Says whether nobody else can change a value.
    pub(crate) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Release);
        self.change(|numbers| numbers.held = held);
    }

    /// Says that the database is closed.
    pub(crate) fn close(&self) {
        self.change(|numbers| numbers.closed = true);
    }

    /// Whether nobody else can change a value.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    fn change(&self, change: impl FnOnce(&mut CacheState)) {
        let mut state = self.state();
        let before = state.numbers;
        change(&mut state.numbers);
        if state.numbers != before {
            for view in &state.views {
                view.show(state.numbers);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here leaves the numbers half changed.
        lock::lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<CacheState>>);

    impl CacheSignalReadout for Seen {
        fn show(&self, numbers: CacheState) {
            self.0.lock().unwrap().push(numbers);
        }
    }

    #[test]
    fn a_view_shows_every_change_until_it_is_left_alone() {
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
