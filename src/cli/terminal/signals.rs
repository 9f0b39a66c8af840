//! Signals that abort the program's work cleanly.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::exit;
use super::interrupt::Interrupt;

/// Raises `interrupt` on Ctrl-C, SIGTERM and SIGHUP. The second signal ends the process immediately; so
/// does the first one if the system could not start a thread for signals.
pub(crate) fn handle(interrupt: &Arc<Interrupt>) {
    let hangup = Hangup::now();
    let on_signal = interrupt.clone();
    let handled = ctrlc::set_handler(move || {
        if on_signal.raise() {
            // Unfinished work is in a scratch directory or an open transaction.
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    });
    if handled.is_err() {
        end_at_once();
    }
    hangup.keep();
}

/// Restores the default action of these signals, which ends the process.
fn end_at_once() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use std::sync::atomic::AtomicBool;

        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let always = Arc::new(AtomicBool::new(true));
            drop(signal_hook::flag::register_conditional_default(
                signal, always,
            ));
        }
    }
}

/// Whether SIGHUP is ignored, as in a program that `nohup` started.
struct Hangup {
    #[cfg(unix)]
    is_ignored: bool,
}

#[cfg(unix)]
impl Hangup {
    fn now() -> Hangup {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action, the call only writes the current action to its place.
        let is_known =
            unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) } == 0;
        // SAFETY: the call has written the action if it succeeded.
        let is_ignored = is_known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN;
        Hangup { is_ignored }
    }

    /// Ignores SIGHUP again, after handlers were set.
    fn keep(self) {
        if self.is_ignored {
            // SAFETY: ignoring a signal calls no handler.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        }
    }
}

#[cfg(not(unix))]
impl Hangup {
    fn now() -> Hangup {
        Hangup {}
    }

    fn keep(self) {}
}
