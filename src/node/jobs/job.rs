//! Jobs: long work with progress, which JavaScript can abort.

use std::sync::Arc;

use serde::Serialize;

use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::store::error::Result;
use crate::store::history::to_json;
use crate::store::tasks::monitor::Monitor;

/// Work with a [`Monitor`].
pub trait Job {
    /// The monitor of the work.
    fn monitor(&self) -> &Monitor;
}

/// `progress()`: the progress of the work.
pub fn progress<T: Job>(call: &Call<'_, T>) -> Result<Reply> {
    let progress = call.target.monitor().progress();
    Ok(Value::Object(vec![
        ("stage", Value::text(progress.stage.name())),
        ("done", Value::Number(progress.done as f64)),
        ("total", Value::Number(progress.total as f64)),
        ("bytes", Value::Number(progress.bytes as f64)),
    ])
    .into())
}

/// `abort()`: ends the work at its next step.
pub fn abort<T: Job>(call: &Call<'_, T>) -> Result<Reply> {
    call.target.monitor().abort();
    Ok(Value::Undefined.into())
}

/// A report as JSON text, which JavaScript parses several times as fast as Node-API makes objects.
///
/// # Errors
/// [`Error::Internal`](crate::store::error::Error::Internal) if the report has no JSON.
pub fn json(report: &impl Serialize) -> Result<Value> {
    to_json(report).map(Value::text)
}

/// The work of a job.
type Work = dyn Fn(&Monitor) -> Result<Value> + Send + Sync;

/// A job that consists of one call.
struct Run {
    work: Box<Work>,
    monitor: Monitor,
}

impl Job for Run {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const METHODS: &[Function<Run>] = &[
    ("run", |call| {
        let run = call.target.clone();
        call.promise(move || (run.work)(&run.monitor))
    }),
    ("progress", progress),
    ("abort", abort),
];

/// Makes a JavaScript object with `run`, `progress` and `abort`. `run()` calls `work` on another thread,
/// and returns a promise of its value.
///
/// # Errors
/// [`Error::Internal`](crate::store::error::Error::Internal) if Node-API makes no object.
pub fn make<T: 'static>(
    call: &Call<'_, T>,
    work: impl Fn(&Monitor) -> Result<Value> + Send + Sync + 'static,
) -> Result<Reply> {
    let run = Arc::new(Run {
        work: Box::new(work),
        monitor: Monitor::default(),
    });
    functions(call.env(), &run, METHODS).map(Reply::Js)
}

/// The same for work that returns a report: `run()` returns a promise of its JSON text.
///
/// # Errors
/// As [`make`].
pub fn make_reporting<T: 'static, R: Serialize>(
    call: &Call<'_, T>,
    work: impl Fn(&Monitor) -> Result<R> + Send + Sync + 'static,
) -> Result<Reply> {
    make(call, move |monitor| json(&work(monitor)?))
}
