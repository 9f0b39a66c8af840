//! Threads that help to compress and decompress images.
//!
//! Each helper works for one image and ends with it. Their number is limited by the number of
//! cores. If none is available, the caller does all the work itself, so nobody waits for a helper
//! of another image.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Maximum number of helpers of each kind, even on machines with many cores.
const MOST: usize = 8;

/// The number of running helpers of one kind in this process.
pub(super) struct Helpers(AtomicUsize);

/// Helpers that compress.
pub(super) static COMPRESSING: Helpers = Helpers(AtomicUsize::new(0));

/// Helpers that decompress.
pub(super) static DECOMPRESSING: Helpers = Helpers(AtomicUsize::new(0));

/// A helper's slot, which is free again when this is dropped.
struct HelperSlot(&'static Helpers);

impl Drop for HelperSlot {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The number of useful helpers: as many as cores, but at least two, so that one image with a slow
/// reader does not leave all others without a helper.
pub(super) fn most() -> usize {
    // Asking for the number of cores reads files of the system, so it happens once.
    static USEFUL: LazyLock<usize> = LazyLock::new(|| {
        thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MOST))
    });
    *USEFUL
}

impl Helpers {
    fn place(&'static self) -> Option<HelperSlot> {
        let take = |taken| (taken < most()).then_some(taken + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()
            .map(|_| HelperSlot(self))
    }

    /// Starts a helper. Returns false if no slot is free or the system has no thread.
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn there_are_at_most_so_many_helpers_at_a_time() {
        static OWN: Helpers = Helpers(AtomicUsize::new(0));
        assert!((2..=MOST).contains(&most()), "{}", most());
        for _ in 0..3 {
            let (end, ended) = channel::<()>();
            let ended = std::sync::Arc::new(std::sync::Mutex::new(ended));
            for _ in 0..most() {
                let ended = ended.clone();
                let work = move || drop(ended.lock().map(|ended| ended.recv()));
                assert!(OWN.start("a helper", work));
            }
            assert!(!OWN.start("one too many", || {}));
            drop(end);
            // Each frees its slot when it ends.
            while OWN.0.load(Ordering::Acquire) > 0 {
                thread::yield_now();
            }
        }
    }
}
