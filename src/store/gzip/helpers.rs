//! Threads that take part in compressing and decompressing.
//!
//! Each belongs to one image and ends with it. There are no more of them than the machine can
//! use: whoever finds none left does all work itself, so nobody ever waits for a helper that
//! works for someone else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The most helpers of one kind, even on a machine with very many cores.
const MOST: usize = 8;

/// How many helpers of one kind are at work in this process.
pub(super) struct Helpers(AtomicUsize);

/// Those that compress.
pub(super) static COMPRESSING: Helpers = Helpers(AtomicUsize::new(0));

/// Those that decompress.
pub(super) static DECOMPRESSING: Helpers = Helpers(AtomicUsize::new(0));

/// A place among the helpers; it is free again when this is dropped.
struct HelperSlot(&'static Helpers);

impl Drop for HelperSlot {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many helpers are of use: as many as there are cores, but at least two, so that what waits
/// for a slow reader does not keep all others from being helped.
pub(super) fn most() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MOST))
}

impl Helpers {
    fn place(&'static self) -> Option<HelperSlot> {
        let take = |taken| (taken < most()).then_some(taken + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()
            .map(|_| HelperSlot(self))
    }

    /// Starts a helper; false if there is none left, or the system has no thread to give.
    pub(super) fn start(&'static self, name: &str, work: impl FnOnce() + Send + 'static) -> bool {
        let Some(place) = self.place() else {
            return false;
        };
        let run = move || {
            let _place = place;
            work();
        };
        let builder = thread::Builder::new().name(name.to_owned());
        builder.spawn(run).is_ok()
    }
}
