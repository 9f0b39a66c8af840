//! Interrupts: Ctrl-C aborts the running work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// Aborts the work of a session, from another thread.
#[derive(Default)]
pub struct Interrupt {
    raised: AtomicBool,
    monitors: Mutex<Vec<Weak<Monitor>>>,
}

impl Interrupt {
    /// Aborts all running and future work. Returns whether it was raised before.
    pub fn raise(&self) -> bool {
        let before = self.raised.swap(true, Ordering::SeqCst);
        let monitors = lock::lock(&self.monitors);
        for monitor in monitors.iter().filter_map(Weak::upgrade) {
            monitor.abort();
        }
        before
    }

    /// Aborts `monitor` when this is raised, or if it was raised already.
    pub(crate) fn reach(&self, monitor: &Arc<Monitor>) {
        let mut monitors = lock::lock(&self.monitors);
        monitors.retain(|monitor| monitor.strong_count() > 0);
        monitors.push(Arc::downgrade(monitor));
        // Under the lock, so that either this check or `raise` aborts the monitor.
        if self.raised.load(Ordering::SeqCst) {
            monitor.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reaches_monitors_made_before_and_after() {
        let interrupt = Interrupt::default();
        let [before, after] = [(), ()].map(|()| Arc::new(Monitor::default()));
        interrupt.reach(&before);
        assert!(before.check().is_ok());
        assert!(!interrupt.raise());
        assert!(before.check().is_err());
        interrupt.reach(&after);
        assert!(after.check().is_err());
        assert!(interrupt.raise());
    }
}
