//! A gate at which threads wait for another thread.

use std::sync::OnceLock;

use crate::store::error::{Error, Result};

/// The gate at which artifacts wait until all records are in the store.
#[derive(Default)]
pub(super) struct Gate {
    /// Whether the gate opened; unset while threads wait.
    is_open: OnceLock<bool>,
}

/// Opens a gate. Dropping it unused fails all threads that wait, so none waits forever.
pub(super) struct Keeper<'a>(&'a Gate);

impl Gate {
    /// Returns the keeper, which alone can open the gate.
    pub(super) fn keeper(&self) -> Keeper<'_> {
        Keeper(self)
    }

    /// Waits until the gate opens.
    ///
    /// # Errors
    /// [`Error::Aborted`] if the keeper was dropped; its thread reports the cause.
    pub(super) fn pass(&self) -> Result<()> {
        if *self.is_open.wait() {
            Ok(())
        } else {
            Err(Error::Aborted)
        }
    }
}

impl Keeper<'_> {
    /// Lets all threads pass.
    pub(super) fn open(self) {
        self.0.is_open.get_or_init(|| true);
    }
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        // No effect on a gate that is open.
        self.0.is_open.get_or_init(|| false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn waiting_threads_pass_or_fail() {
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
