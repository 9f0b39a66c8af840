//! Where some threads wait for another one.

use std::sync::{Condvar, Mutex};

use crate::store::error::{Error, Result};
use crate::store::tasks::lock;

/// Where artifacts wait until the records are in the store.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum GateState {
    #[default]
    Closed,
    Open,
    /// It will never open.
    Locked,
}

/// Opens a gate, or locks it when it is dropped, so that nobody waits for ever.
pub(super) struct Keeper<'a>(&'a Gate);

impl Gate {
    /// Who decides over the gate.
    pub(super) fn keeper(&self) -> Keeper<'_> {
        Keeper(self)
    }

    /// Waits until the gate opens.
    ///
    /// # Errors
    /// [`Error::Aborted`] if it never will, of which someone else says why.
    pub(super) fn pass(&self) -> Result<()> {
        let mut state = lock::lock(&self.state);
        while *state == GateState::Closed {
            state = lock::waited(self.changed.wait(state));
        }
        match *state {
            GateState::Open => Ok(()),
            _ => Err(Error::Aborted),
        }
    }

    fn set(&self, to: GateState) {
        let mut state = lock::lock(&self.state);
        if *state == GateState::Closed {
            *state = to;
            self.changed.notify_all();
        }
    }
}

impl Keeper<'_> {
    /// Lets everyone through.
    pub(super) fn open(self) {
        self.0.set(GateState::Open);
    }
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        self.0.set(GateState::Locked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn those_who_wait_get_through_or_hear_that_they_will_not() {
        for opens in [true, false] {
            let gate = Gate::default();
            let passed = thread::scope(|scope| {
                let waiting = scope.spawn(|| gate.pass().is_ok());
                let keeper = gate.keeper();
                if opens {
                    keeper.open();
                } else {
                    drop(keeper);
                }
                waiting.join().unwrap()
            });
            assert_eq!(passed, opens);
            assert_eq!(gate.pass().is_ok(), opens);
        }
    }
}
