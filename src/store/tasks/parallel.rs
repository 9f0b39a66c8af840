//! Several jobs at a time, with the outcome that they would have one after the other.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::lock;
use crate::store::error::{Error, Result};

/// More threads than this find nothing to do: there is one database.
const MAX_THREADS: usize = 8;

/// How many jobs to do at a time.
pub(crate) fn threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(MAX_THREADS)
}

/// The first failure, in the order of the jobs.
struct Failure {
    /// Jobs from here on need not be done any more.
    end: AtomicUsize,
    error: Mutex<Option<(usize, Error)>>,
}

impl Failure {
    fn note(&self, job: usize, error: Error) {
        let mut first = lock::lock(&self.error);
        if first.as_ref().is_none_or(|(other, _)| job < *other) {
            *first = Some((job, error));
            self.end.fetch_min(job, Ordering::Relaxed);
        }
    }
}

/// Does the jobs from 0 up to, not including, `count`, and beside them `other`, on the caller's
/// thread. Jobs are begun in their order, each on a thread of a few.
///
/// # Errors
/// That of `other`, if it fails; else that of the first job that fails, in the order of the jobs
/// and not of time. Jobs behind it may have been done or not.
pub(crate) fn run<T>(
    count: usize,
    job: impl Fn(usize) -> Result<()> + Sync,
    other: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let next = AtomicUsize::new(0);
    let failure = Failure {
        end: AtomicUsize::new(count),
        error: Mutex::new(None),
    };
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= failure.end.load(Ordering::Relaxed) {
                break;
            }
            if let Err(error) = job(index) {
                failure.note(index, error);
            }
        }
    };
    let outcome = thread::scope(|scope| {
        for _ in 1..threads().min(count + 1) {
            let thread = thread::Builder::new().name("swing-store".into());
            // With fewer threads it only takes longer.
            if thread.spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        let outcome = other();
        if outcome.is_err() {
            failure.end.store(0, Ordering::Relaxed);
        }
        // This thread has nothing else to do now.
        work();
        outcome
    })?;
    match failure.error.into_inner() {
        Ok(Some((_, error))) => Err(error),
        _ => Ok(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn every_job_is_done_once() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        let job = |index: usize| {
            done[index].fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        assert_eq!(run(done.len(), job, || Ok(7)).unwrap(), 7);
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn the_first_failure_counts_whenever_it_happens() {
        let slow = AtomicBool::new(true);
        let job = |index: usize| match index {
            3 => {
                while slow.load(Ordering::Relaxed) && threads() > 1 {
                    thread::yield_now();
                }
                Err(Error::Internal("third".into()))
            }
            _ if index > 3 => {
                slow.store(false, Ordering::Relaxed);
                Err(Error::Internal("later".into()))
            }
            _ => Ok(()),
        };
        let error = run(20, job, || Ok(())).unwrap_err();
        assert!(error.to_string().contains("third"), "{error}");
    }

    #[test]
    fn what_is_done_beside_the_jobs_may_fail() {
        let other = || Err::<(), _>(Error::Internal("other".into()));
        let error = run(5, |_| Ok(()), other).unwrap_err();
        assert!(error.to_string().contains("other"), "{error}");
    }
}
