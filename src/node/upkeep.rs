//! Pruning a store, and making its file smaller, for JavaScript.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::database::path_from;
use super::exporter::artifact_mode;
use super::job::{self, Job};
use super::raw::{Call, Function, Reply, Value, functions};
use crate::store::prune::{self, PruneOptions, prune};
use crate::store::reclaim::{Method, Reclaimed, reclaim, space};
use crate::store::{Error, Monitor, Result, Space, Transacted};

/// A store that is to be pruned.
struct Pruning {
    store: PathBuf,
    options: PruneOptions,
    monitor: Monitor,
}

/// A file that is to be made smaller; without a method it is only looked at.
struct Reclaiming {
    store: PathBuf,
    method: Option<Method>,
    monitor: Monitor,
}

impl Job for Pruning {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

impl Job for Reclaiming {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const PRUNE_METHODS: &[Function<Pruning>] = &[
    ("run", run_pruning),
    ("progress", job::progress),
    ("abort", job::abort),
];

const RECLAIM_METHODS: &[Function<Reclaiming>] = &[
    ("run", run_reclaiming),
    ("progress", job::progress),
    ("abort", job::abort),
];

/// `makePruning(dirPath, transcripts, quoted, snapshots, quoted, budget, limit, dryRun)`; the modes
/// say what stays.
pub fn make_pruning(call: &Call<'_, ()>) -> Result<Reply> {
    let pruning = Arc::new(Pruning {
        store: path_from(call.text(0, "dirPath")?)?,
        options: PruneOptions {
            keep_transcripts: artifact_mode(call, 1)?,
            keep_snapshots: artifact_mode(call, 3)?,
            budget: call.number(5).map_or(prune::DEFAULT_BUDGET, |n| n as u64),
            limit: call.number(6).map(|n| n as u64),
            dry_run: call.is_true(7),
        },
        monitor: Monitor::default(),
    });
    functions(call.env(), &pruning, PRUNE_METHODS).map(Reply::Js)
}

/// `makeReclaiming(dirPath, method)`.
pub fn make_reclaiming(call: &Call<'_, ()>) -> Result<Reply> {
    let reclaiming = Arc::new(Reclaiming {
        store: path_from(call.text(0, "dirPath")?)?,
        method: match call.optional_text(1).as_deref() {
            None => None,
            Some(b"rewrite") => Some(Method::Rewrite),
            Some(b"incremental") => Some(Method::Incremental),
            Some(_) => return Err(Error::WrongType("method", "'rewrite' or 'incremental'")),
        },
        monitor: Monitor::default(),
    });
    functions(call.env(), &reclaiming, RECLAIM_METHODS).map(Reply::Js)
}

/// `run()`: a promise of what was pruned.
fn run_pruning(call: &Call<'_, Pruning>) -> Result<Reply> {
    let job = call.target.clone();
    call.promise(move || {
        let pruned = prune(&job.store, &job.options, &job.monitor)?;
        let number = |number: u64| Value::Number(number as f64);
        Ok(Value::Object(vec![
            ("spans", number(pruned.spans)),
            ("items", number(pruned.items)),
            ("snapshots", number(pruned.snapshots)),
            ("snapshotBytes", number(pruned.snapshot_bytes)),
            ("done", Value::Bool(pruned.done)),
            ("space", space_value(pruned.space)),
            ("locking", locking(pruned.transacted)),
        ]))
    })
}

/// `run()`: a promise of what the file took up before, and takes up now.
fn run_reclaiming(call: &Call<'_, Reclaiming>) -> Result<Reply> {
    let job = call.target.clone();
    call.promise(move || {
        let reclaimed = match job.method {
            Some(method) => reclaim(&job.store, method, &job.monitor)?,
            None => {
                let found = space(&job.store, &job.monitor)?;
                Reclaimed {
                    before: found,
                    after: found,
                    ..Reclaimed::default()
                }
            }
        };
        Ok(Value::Object(vec![
            ("before", space_value(reclaimed.before)),
            ("after", space_value(reclaimed.after)),
            ("locking", locking(reclaimed.transacted)),
        ]))
    })
}

fn space_value(space: Space) -> Value {
    Value::Object(vec![
        ("fileBytes", Value::Number(space.file_bytes as f64)),
        ("freeBytes", Value::Number(space.free_bytes as f64)),
        ("logBytes", Value::Number(space.log_bytes as f64)),
    ])
}

/// How the lock was held and waited for, in milliseconds.
pub fn locking(done: Transacted) -> Value {
    let milliseconds = |time: Duration| Value::Number(time.as_secs_f64() * 1000.0);
    Value::Object(vec![
        ("transactions", Value::Number(done.transactions as f64)),
        ("longest", milliseconds(done.longest)),
        ("waited", milliseconds(done.waited)),
    ])
}
