//! Signals that end the program's work cleanly.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::exit;
use super::interrupt::Interrupt;

/// Lets Ctrl-C, a request to terminate and the end of the terminal raise `interrupt`; the second one
/// ends the process at once. Where nobody is there to tell, because the system has no thread for it,
/// the first one does.
pub(crate) fn handle(interrupt: &Arc<Interrupt>) {
    let hangup = Hangup::now();
    let on_signal = interrupt.clone();
    let handled = ctrlc::set_handler(move || {
        if on_signal.raise() {
            // Whatever is half done is in a scratch directory or an open transaction.
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    });
    if handled.is_err() {
        end_at_once();
    }
    hangup.keep();
}

/// Lets these signals end the process, which nobody else sees to now.
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

/// Whether the end of the terminal is to be ignored: `nohup` starts programs so.
struct Hangup {
    #[cfg(unix)]
    is_ignored: bool,
}

#[cfg(unix)]
impl Hangup {
    fn now() -> Hangup {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action it only fills in the old one, for which there is room.
        let is_known =
            unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) } == 0;
        // SAFETY: filled in, if the call succeeded.
        let is_ignored = is_known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN;
        Hangup { is_ignored }
    }

    /// Leaves it at that, whatever handlers were set since.
    fn keep(self) {
        if self.is_ignored {
            // SAFETY: ignoring a signal runs no code.
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
