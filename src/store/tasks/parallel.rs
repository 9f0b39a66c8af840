//! Runs jobs in parallel, with the same result as running them in sequence.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::lock;
use crate::store::error::{Error, Result};

/// More threads than this would be idle, because there is one database.
const MAX_THREADS: usize = 8;

/// Number of jobs that run concurrently.
pub(crate) fn threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(MAX_THREADS)
}

/// The failure of the first job in order.
struct Failure {
    /// Jobs from this index on are skipped.
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

/// Runs jobs 0 to `count` (exclusive), and `other` on the caller's thread. Jobs start in order, on
/// a few threads.
///
/// # Errors
/// That of `other`, if it fails; else that of the first failed job, by index and not by time. Later
/// jobs may have run or not.
pub(crate) fn run<T>(
    count: usize,
    job: impl Fn(usize) -> Result<()> + Sync,
    other: impl FnOnce() -> Result<T>,
) -> Result<T> {
    run_on(threads(), count, job, other)
}

/// As [`run`], on at most this many threads, for jobs that mostly wait.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_on<T>(
    threads: usize,
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
        for _ in 1..threads.min(count + 1) {
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
        // This thread is free for jobs now.
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
    fn the_failure_of_the_first_job_is_reported() {
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
    fn jobs_run_on_the_given_number_of_threads() {
        let running = AtomicUsize::new(0);
        let job = |_| {
            running.fetch_add(1, Ordering::Relaxed);
            while running.load(Ordering::Relaxed) < 20 {
                thread::yield_now();
            }
            Ok(())
        };
        run_on(20, 20, job, || Ok(())).unwrap();
        let of = Mutex::new(std::collections::HashSet::new());
        let job = |_| {
            of.lock().unwrap().insert(thread::current().id());
            Ok(())
        };
        run_on(1, 20, job, || Ok(())).unwrap();
        assert_eq!(of.into_inner().unwrap().len(), 1);
    }

    #[test]
    fn a_failure_of_other_is_reported() {
        let other = || Err::<(), _>(Error::Internal("other".into()));
        let error = run(5, |_| Ok(()), other).unwrap_err();
        assert!(error.to_string().contains("other"), "{error}");
    }
}
