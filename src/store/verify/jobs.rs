//! Runs checks on several threads while one thread walks the records and finds more of them.
//!
//! Only the walk over the records is sequential. The other threads, one per core, read, decompress
//! and hash contents, each on its own connection. The queue is short, so memory does not grow with
//! the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::bundles::{BundleJob, check_bundle};
use super::check::Check;
use super::integrity::check_integrity;
use super::keys::check_keys;
use super::snapshots::{SnapshotJob, check_snapshot};
use super::span::check_span;
use super::span_job::SpanJob;
use crate::store::database::Database;
use crate::store::error::{Error, Result};
use crate::store::tasks::lock;

/// How many jobs may wait in the queue.
const AHEAD: usize = 64;

/// One thing to check.
pub(super) enum Job {
    /// The file, with up to this many findings.
    Integrity(usize),
    /// The kvStore.
    Keys,
    /// A snapshot's contents.
    Snapshot(SnapshotJob),
    /// A bundle's contents.
    Bundle(BundleJob),
    /// A span's items.
    Span(SpanJob),
}

impl Job {
    fn run(&self, check: &Check<'_>, db: &Database) -> Result<()> {
        check.go_on()?;
        match self {
            Job::Integrity(limit) => {
                check_integrity(check, db, *limit)?;
                check.monitor.finish_piece();
                Ok(())
            }
            Job::Keys => {
                check_keys(check, db)?;
                check.monitor.finish_piece();
                Ok(())
            }
            Job::Snapshot(job) => check_snapshot(check, db, job),
            Job::Bundle(job) => check_bundle(check, db, job),
            Job::Span(job) => check_span(check, db, job),
        }
    }
}

/// Runs the jobs that `find` sends. `find` gets the first connection; each other connection gets a
/// thread that runs jobs. With one connection, or if no thread can be started, this thread runs
/// each job when `find` sends it.
///
/// # Errors
/// The first error of a job or of `find`, which stops the others.
pub(super) fn run(
    check: &Check<'_>,
    connections: Vec<Database>,
    find: impl FnOnce(&Database, &mut dyn FnMut(Job) -> Result<()>) -> Result<()>,
) -> Result<()> {
    let mut connections = connections.into_iter();
    let first = connections
        .next()
        .ok_or_else(|| Error::Internal("no connection".into()))?;
    if connections.len() == 0 {
        return find(&first, &mut |job| job.run(check, &first));
    }
    let (sender, receiver) = sync_channel::<Job>(AHEAD);
    let receiver = Arc::new(Mutex::new(receiver));
    let failure = Mutex::new(None);
    let fail = |error| {
        // The threads that stop because of the first failure return `Aborted`; keep the first.
        let mut failure = lock::lock(&failure);
        failure.get_or_insert(error);
        check.stop.store(true, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        let mut has_threads = false;
        for db in connections {
            let receiver = receiver.clone();
            let fail = &fail;
            let work = move || {
                let work = AssertUnwindSafe(|| work(check, &db, &receiver));
                match catch_unwind(work) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => fail(error),
                    Err(_) => fail(Error::Internal("a check panicked".into())),
                }
            };
            let thread = thread::Builder::new().name("swing-store".into());
            // Fewer threads only take longer.
            match thread.spawn_scoped(scope, work) {
                Ok(_) => has_threads = true,
                Err(_) => break,
            }
        }
        if !has_threads {
            if let Err(error) = find(&first, &mut |job| job.run(check, &first)) {
                fail(error);
            }
            return;
        }
        // The threads hold the only references to the receiver, so sending fails once all of them
        // have ended.
        drop(receiver);
        let send = |job| sender.send(job).map_err(|_| Error::Aborted);
        if let Err(error) = find(&first, &mut { send }) {
            fail(error);
        }
        drop(sender);
    });
    match lock::unlocked(failure) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn work(check: &Check<'_>, db: &Database, jobs: &Mutex<Receiver<Job>>) -> Result<()> {
    loop {
        let next = lock::lock(jobs).recv();
        match next {
            Ok(job) => job.run(check, db)?,
            Err(_) => return Ok(()),
        }
    }
}
