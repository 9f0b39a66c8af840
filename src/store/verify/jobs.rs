//! Checks that threads take one after the other, while another thread goes on finding more.
//!
//! Nothing but the records is walked over by one thread; contents are read, decompressed and
//! hashed by as many as there are cores, each on a connection of its own. Few jobs wait at a
//! time, so memory does not grow with the store.

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
use super::span::{SpanJob, check_span};
use crate::store::database::Database;
use crate::store::error::{Error, Result};
use crate::store::tasks::lock;

/// How many jobs wait for a thread.
const AHEAD: usize = 64;

/// One thing to be checked.
pub(super) enum Job {
    /// The file, with up to so many findings.
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

/// Gives the jobs that `find` sends to a thread for each of `connections` but the first, which is
/// for finding them; to this thread, if there is only the one, or the system has no thread to give.
///
/// # Errors
/// The first that a job or `find` returns. All others end then.
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
        // Who ends because others failed has nothing to say.
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
            // With fewer threads it only takes longer.
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
        // From here on it is the threads alone that keep the receiver, so that sending fails when
        // none is left.
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
