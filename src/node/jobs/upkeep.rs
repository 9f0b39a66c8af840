//! Pruning a store, and making its file smaller, for JavaScript.

use std::time::Duration;

use super::job;
use crate::node::raw::{Call, Reply, Value};
use crate::node::store::database::path_from;
use crate::node::store::exporter::artifact_mode;
use crate::store::database::shared_writer::{Space, TransactionStats};
use crate::store::error::{Error, Result};
use crate::store::maintenance::prune;
use crate::store::maintenance::prune::{PruneOptions, prune};
use crate::store::maintenance::reclaim::{Method, Reclaimed, reclaim, space};

/// `makePruning(dirPath, transcripts, quoted, snapshots, quoted, budget, limit, dryRun)`; the modes
/// say what stays. Its `run()` is a promise of what was pruned.
pub fn make_pruning(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options = PruneOptions {
        keep_transcripts: artifact_mode(call, 1)?,
        keep_snapshots: artifact_mode(call, 3)?,
        budget: call.number(5).map_or(prune::DEFAULT_BUDGET, |n| n as u64),
        limit: call.number(6).map(|n| n as u64),
        dry_run: call.is_true(7),
    };
    job::make(call, move |monitor| {
        let pruned = prune(&store, &options, monitor)?;
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

/// `makeReclaiming(dirPath, method)`; without a method the file is only looked at. Its `run()` is
/// a promise of what the file took up before, and takes up now.
pub fn make_reclaiming(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let method = match call.optional_text(1).as_deref() {
        None => None,
        Some(b"rewrite") => Some(Method::Rewrite),
        Some(b"incremental") => Some(Method::Incremental),
        Some(_) => return Err(Error::WrongType("method", "'rewrite' or 'incremental'")),
    };
    job::make(call, move |monitor| {
        let reclaimed = match method {
            Some(method) => reclaim(&store, method, monitor)?,
            None => {
                let found = space(&store, monitor)?;
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
pub fn locking(done: TransactionStats) -> Value {
    let milliseconds = |time: Duration| Value::Number(time.as_secs_f64() * 1000.0);
    Value::Object(vec![
        ("transactions", Value::Number(done.transactions as f64)),
        ("longest", milliseconds(done.longest)),
        ("waited", milliseconds(done.waited)),
    ])
}
