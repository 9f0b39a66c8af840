//! Syncs a growing file regularly.
//!
//! The system delays writing to the disk. Whatever it has not written when the file is complete
//! must be awaited then, so a thread syncs the file in the meantime.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::tasks::lock;

/// Interval between syncs.
const INTERVAL: Duration = Duration::from_millis(50);

/// A thread that syncs a file regularly until this is dropped.
pub(crate) struct Flusher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the thread to stop.
#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    /// Starts syncing a file that no connection of this process has open: closing it releases
    /// SQLite's locks. Failures are ignored, because the final sync reports them. If no thread can
    /// be started, the final sync does all the work.
    pub(crate) fn start(path: PathBuf) -> Flusher {
        let stop = Arc::<Stop>::default();
        let stopping = stop.clone();
        let flush = move || {
            let Ok(file) = File::options().write(true).open(path) else {
                return;
            };
            while !stopping.wait(INTERVAL) {
                drop(file.sync_data());
            }
        };
        let thread = thread::Builder::new().name("swing-store".into());
        Flusher {
            stop,
            thread: thread.spawn(flush).ok(),
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        *lock::lock(&self.stop.stopped) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread's code does not panic.
            drop(thread.join());
        }
    }
}

impl Stop {
    /// Waits until stopped, at most for this time. Returns whether it was stopped.
    fn wait(&self, timeout: Duration) -> bool {
        let stopped = lock::lock(&self.stopped);
        let waited = self
            .changed
            .wait_timeout_while(stopped, timeout, |stopped| !*stopped);
        *lock::waited(waited).0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_ends_at_once_with_or_without_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, b"something").unwrap();
        for path in [file, directory.path().join("none")] {
            let flusher = Flusher::start(path);
            thread::sleep(INTERVAL * 2);
            let start = Instant::now();
            drop(flusher);
            assert!(start.elapsed() < Duration::from_secs(5));
        }
    }
}
