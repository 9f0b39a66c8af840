//! Bringing a file that grows onto the disk, while it grows.
//!
//! The system writes to the disk when it finds time. What it has not found time for until the
//! file is complete has to be waited for then.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::tasks::lock;

/// How often the file is brought onto the disk.
const INTERVAL: Duration = Duration::from_millis(50);

/// A thread that brings a file onto the disk now and then, until this is dropped.
pub(crate) struct Flusher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// Whether the thread is to stop.
#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    /// Starts with a file that nobody else has: closing it lets go of the locks that SQLite has
    /// on it in this process. Whether the disk fails is for whoever syncs it in the end to find
    /// out, and where there can be no thread all is left to them.
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
            // It does nothing that could panic.
            drop(thread.join());
        }
    }
}

impl Stop {
    /// Waits for a while, or until it is time to stop, which it returns.
    fn wait(&self, for_at_most: Duration) -> bool {
        let stopped = lock::lock(&self.stopped);
        let waited = self
            .changed
            .wait_timeout_while(stopped, for_at_most, |stopped| !*stopped);
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
