//! Checkpoints of the log after a store's commits, on another thread.
//!
//! SQLite checkpoints a long log within a commit, when that commit is on disk already: it copies
//! pages to the database file and syncs it. On another connection and thread, this takes no time of
//! the commit, and the kernel can go on. If a kernel pauses for 30 ms between the blocks of
//! `kernel-trace`, that takes a third of the time of all commits away, and half of that of the longest.
//! Without pauses, the next commits wait for the same disk, and little is gained.
//!
//! A commit checkpoints the log itself if it is [`MAX_LOG_PAGES`] long because the other thread
//! cannot keep up, and if the system refuses to start a thread.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::connection::{self, Location, OpenOptions};
use crate::store::log;
use crate::store::metrics::running::CheckpointCounter;

/// Length of the log in pages at which a commit checkpoints it.
pub(super) const MAX_LOG_PAGES: u32 = 4000;

pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The checkpoint that is running, if any, and how many have run.
#[derive(Default)]
pub(crate) struct Checkpoint {
    running: RefCell<Option<JoinHandle<()>>>,
    counter: Arc<CheckpointCounter>,
}

impl Checkpoint {
    /// Waits until no checkpoint is running.
    pub(crate) fn wait(&self) {
        if let Some(running) = self.running.take() {
            // A panic concerns only the checkpoint.
            drop(running.join());
        }
    }

    /// Whether a checkpoint is running.
    pub(super) fn is_running(&self) -> bool {
        let running = self.running.borrow();
        running.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Whether a checkpoint was started since the last wait.
    #[cfg(test)]
    pub(super) fn was_started(&self) -> bool {
        self.running.borrow().is_some()
    }

    /// Counts checkpoints.
    pub(crate) fn counter(&self) -> &CheckpointCounter {
        &self.counter
    }

    /// Starts a checkpoint of a database. Returns false if the system has no thread.
    pub(super) fn start(&self, file: PathBuf) -> bool {
        self.wait();
        let counter = self.counter.clone();
        let thread = Builder::new().name("checkpoint".into()).spawn(move || {
            let begin = Instant::now();
            checkpoint(&file);
            let time = begin.elapsed();
            counter.add(time);
            log::debug!("checkpoint", "checkpointed the log", time = log::time(time));
        });
        *self.running.borrow_mut() = thread.ok();
        self.running.borrow().is_some()
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.wait();
    }
}

/// Checkpoints a database. As in a commit, a failure is not reported: the next checkpoint repeats
/// the work.
fn checkpoint(file: &Path) {
    let options = OpenOptions {
        must_exist: true,
        busy_timeout: Duration::ZERO,
        ..OpenOptions::default()
    };
    let opened = connection::open(&Location::File(file.to_owned()), &options);
    let outcome =
        opened.and_then(|connection| Ok(connection.query_row(CHECKPOINT, [], |_| Ok(()))?));
    if let Err(error) = outcome {
        log::warning!("checkpoint", "the log was not checkpointed", error = error);
    }
}
