//! Watching long work, and ending it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::lock;
use crate::store::error::{Error, Result};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// Finding out what there is to do.
    #[default]
    Preparing,
    /// Writing or reading artifacts, and the export data.
    Working,
    /// Waiting for the disk, and moving files into place.
    Finishing,
    /// All is done.
    Done,
}

impl Stage {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Preparing => "preparing",
            Stage::Working => "working",
            Stage::Finishing => "finishing",
            Stage::Done => "done",
        }
    }
}

/// How far the work has come. None of the numbers ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// How many pieces (files, artifacts, spans: the work says which) are finished.
    pub done: u64,
    /// How many pieces there are; 0 while that is not known.
    pub total: u64,
    /// How many bytes were written or read.
    pub bytes: u64,
}

/// Whom work tells what it is at.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Through which work is watched, and ended, from another thread.
#[derive(Default)]
pub struct Monitor {
    aborted: Arc<AtomicBool>,
    progress: Mutex<Progress>,
    listener: Option<Listener>,
}

impl Monitor {
    /// A monitor that hands each step of the work, in words such as `writing transcript.v1.0.7`, to
    /// `listener`, on whichever thread does that step.
    pub fn telling(listener: impl Fn(&str) + Send + Sync + 'static) -> Monitor {
        Monitor {
            listener: Some(Box::new(listener)),
            ..Monitor::default()
        }
    }

    /// Says what is being done now, if there is someone to hear it.
    pub(crate) fn tell(&self, step: impl FnOnce() -> String) {
        if let Some(listener) = &self.listener {
            listener(&step());
        }
    }

    /// How far the work has come.
    pub fn progress(&self) -> Progress {
        *self.lock()
    }

    /// Ends the work at its next step, which is less than a few milliseconds away unless it is
    /// the disk that is waited for.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// Fails once the work is to end.
    ///
    /// # Errors
    /// [`Error::Aborted`].
    pub(crate) fn check(&self) -> Result<()> {
        match self.aborted.load(Ordering::Relaxed) {
            true => Err(Error::Aborted),
            false => Ok(()),
        }
    }

    /// What is true once the work is to end, for those who outlive a borrow of this.
    pub(crate) fn abort_flag(&self) -> Arc<AtomicBool> {
        self.aborted.clone()
    }

    pub(crate) fn begin(&self, stage: Stage) {
        self.lock().stage = stage;
    }

    pub(crate) fn set_total(&self, pieces: usize) {
        self.lock().total = pieces as u64;
    }

    /// Adds pieces to those that there are, as they become known.
    pub(crate) fn add_total(&self, pieces: usize) {
        self.lock().total += pieces as u64;
    }

    pub(crate) fn finish_piece(&self) {
        self.finish_pieces(1);
    }

    pub(crate) fn finish_pieces(&self, pieces: u64) {
        self.lock().done += pieces;
    }

    /// Counts bytes, and fails once the work is to end.
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
