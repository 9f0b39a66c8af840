//! Progress and aborts of long tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::lock;
use crate::store::error::{Error, Result};
use crate::store::log;

/// The stage of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// Determining what to do.
    #[default]
    Preparing,
    /// Writing or reading artifacts, and the export data.
    Working,
    /// Waiting for the disk, and moving files into place.
    Finishing,
    /// Complete.
    Done,
}

impl Stage {
    /// The stage's name.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Preparing => "preparing",
            Stage::Working => "working",
            Stage::Finishing => "finishing",
            Stage::Done => "done",
        }
    }
}

/// The progress of a task. No number ever decreases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The current stage.
    pub stage: Stage,
    /// Number of finished pieces (files, artifacts or spans, depending on the task).
    pub done: u64,
    /// Number of all pieces; 0 while unknown.
    pub total: u64,
    /// Number of bytes written or read.
    pub bytes: u64,
}

/// Receives progress messages.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Watches and aborts a task from another thread.
#[derive(Default)]
pub struct Monitor {
    aborted: Arc<AtomicBool>,
    /// Whether the owner of the task was closed.
    closed: Arc<AtomicBool>,
    progress: Mutex<Progress>,
    listener: Option<Listener>,
}

impl Monitor {
    /// Creates a monitor that passes each step of the task, such as `writing transcript.v1.0.7`, to
    /// `listener`, on the thread that performs the step.
    pub fn telling(listener: impl Fn(&str) + Send + Sync + 'static) -> Monitor {
        Monitor {
            listener: Some(Box::new(listener)),
            ..Monitor::default()
        }
    }

    /// A monitor that fails when this one is aborted, and whose progress nobody sees.
    pub(crate) fn without_progress(&self) -> Monitor {
        Monitor {
            aborted: self.aborted.clone(),
            closed: self.closed.clone(),
            ..Monitor::default()
        }
    }

    /// A monitor whose task also ends when its owner sets `closed`.
    pub(crate) fn within(closed: &Arc<AtomicBool>) -> Monitor {
        Monitor {
            closed: closed.clone(),
            ..Monitor::default()
        }
    }

    /// Reports the current step to the listener, if there is one.
    pub(crate) fn tell(&self, step: impl FnOnce() -> String) {
        if let Some(listener) = &self.listener {
            let step = step();
            log::trace!("task", "step", step = step);
            listener(&step);
        } else {
            log::trace!("task", "step", step = step());
        }
    }

    /// The current progress.
    pub fn progress(&self) -> Progress {
        *self.lock()
    }

    /// Aborts the task at its next check, within a few milliseconds unless it is waiting for the
    /// disk.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// Fails if the task was aborted.
    ///
    /// # Errors
    /// [`Error::Aborted`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.aborted.load(Ordering::Relaxed) || self.closed.load(Ordering::Relaxed) {
            return Err(Error::Aborted);
        }
        Ok(())
    }

    /// A flag that is set when the task is aborted, for users that outlive a borrow of this.
    pub(crate) fn abort_flag(&self) -> Arc<AtomicBool> {
        self.aborted.clone()
    }

    pub(crate) fn begin(&self, stage: Stage) {
        log::debug!("task", "stage", stage = stage.name());
        self.lock().stage = stage;
    }

    pub(crate) fn set_total(&self, pieces: usize) {
        self.lock().total = pieces as u64;
    }

    /// Increases the number of all pieces as more become known.
    pub(crate) fn add_total(&self, pieces: usize) {
        self.lock().total += pieces as u64;
    }

    pub(crate) fn finish_piece(&self) {
        self.finish_pieces(1);
    }

    pub(crate) fn finish_pieces(&self, pieces: u64) {
        self.lock().done += pieces;
    }

    /// Counts bytes, and fails if the task was aborted.
    ///
    /// # Errors
    /// [`Error::Aborted`].
    pub(crate) fn count(&self, bytes: usize) -> Result<()> {
        self.check()?;
        self.lock().bytes += bytes as u64;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        lock::lock(&self.progress)
    }
}
