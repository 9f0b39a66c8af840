//! Repopulation of a store, from a directory or from streams.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::job;
use super::job::Job;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::node::store::database::path_from;
use crate::node::store::sink::{self, ArtifactTarget, Work};
use crate::store::error::{Error, Result};
use crate::store::maintenance::repopulate::{
    Incoming, Refused, RepopulateOptions, Repopulation, repopulate_from_place,
};
use crate::store::places::Place;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// A repopulation from streams, one artifact at a time.
pub struct FromStreams {
    store: PathBuf,
    options: RepopulateOptions,
    monitor: Monitor,
    /// `Some` between `open` and `close`.
    work: Mutex<Option<Arc<Repopulation>>>,
    /// The next artifact, until `sink` takes it.
    next: Mutex<Option<Incoming>>,
    /// The state of the artifact that a sink took.
    fate: Mutex<Fate>,
}

/// The state of an artifact whose stream was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Neither refused nor failed.
    Open,
    /// It was refused, and the report says so.
    Refused,
    /// The job failed.
    Fatal,
}

impl Job for FromStreams {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const STREAM_METHODS: &[Function<FromStreams>] = &[
    ("open", open),
    ("look", look),
    ("sink", make_sink),
    ("passOver", pass_over),
    ("finish", finish),
    ("close", close),
    ("progress", job::progress),
    ("abort", job::abort),
];

/// `makeRepopulationFromDirectory(place, dirPath, options)`: a job that adds the artifacts of a
/// place. Its report is a `RepopulationReport`.
pub fn make_from_directory(call: &Call<'_, ()>) -> Result<Reply> {
    let from = path_from(call.text(0, "place")?)?;
    let store = path_from(call.text(1, "dirPath")?)?;
    let options: RepopulateOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| {
        repopulate_from_place(&Place::parse(&from)?, &store, options.clone(), monitor)
    })
}

/// `makeRepopulation(dirPath, options)`: a repopulation from streams.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let job = Arc::new(FromStreams {
        store: path_from(call.text(0, "dirPath")?)?,
        options: call.options(1)?,
        monitor: Monitor::default(),
        work: Mutex::default(),
        next: Mutex::default(),
        fate: Mutex::new(Fate::Open),
    });
    functions(call.env(), &job, STREAM_METHODS).map(Reply::Js)
}

impl FromStreams {
    /// The repopulation.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`] after `close`, for calls that the caller did not wait for.
    fn work(&self) -> Result<Arc<Repopulation>> {
        self.slot().clone().ok_or(Error::DatabaseClosed)
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Repopulation>>> {
        lock::lock(&self.work)
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        lock::lock(&self.fate)
    }

    fn next(&self) -> MutexGuard<'_, Option<Incoming>> {
        lock::lock(&self.next)
    }
}

impl ArtifactTarget for FromStreams {
    fn add(&self, incoming: &mut Option<Box<Incoming>>, bytes: &[u8]) -> Result<()> {
        let Some(artifact) = incoming else {
            return Err(Error::Internal("the artifact was given up".into()));
        };
        let taken = artifact
            .add(bytes)
            .and_then(|()| self.monitor.count(bytes.len()));
        if let Err(error) = &taken
            && let Some(artifact) = incoming.take()
        {
            let given_up = self
                .work()?
                .give_up(*artifact, error.clone(), &self.monitor);
            *self.fate() = match given_up {
                Ok(()) => Fate::Refused,
                Err(_) => Fate::Fatal,
            };
        }
        taken
    }

    fn end(&self, incoming: Option<Box<Incoming>>) -> Result<()> {
        let Some(artifact) = incoming else {
            return Err(Error::Internal("the artifact was given up".into()));
        };
        let ended = self.work()?.end(*artifact, &self.monitor);
        if ended.is_err() {
            *self.fate() = Fate::Fatal;
        }
        ended
    }
}

/// `open()`: opens the store. Returns a promise.
fn open(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let job = call.target.clone();
    call.promise(move || {
        let work = Repopulation::open(&job.store, job.options.clone(), &job.monitor)?;
        *job.slot() = Some(Arc::new(work));
        Ok(Value::Undefined)
    })
}

/// `look(name)`: a promise of whether the store needs the artifact.
fn look(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let name = call.text(0, "artifact name")?;
    let job = call.target.clone();
    call.promise(move || {
        let incoming = job.work()?.begin(&name, &job.monitor)?;
        let is_needed = incoming.is_some();
        *job.next() = incoming;
        *job.fate() = Fate::Open;
        Ok(Value::Bool(is_needed))
    })
}

/// `sink()`: a sink for the artifact that `look` found to be needed.
fn make_sink(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let incoming = call.target.next().take();
    let incoming = incoming.ok_or_else(|| Error::Internal("no artifact is needed".into()))?;
    let work = Work::Artifact(call.target.clone(), Some(Box::new(incoming)));
    sink::make(call, work, None)
}

/// `passOver(name, code, reason)`: records that an artifact's stream failed, unless the artifact was
/// already refused. Returns false if the job failed.
fn pass_over(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let job = call.target;
    if *job.fate() == Fate::Open {
        let text = |index| {
            let text = call.optional_text(index).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        };
        let refused = Refused {
            name: call.text(0, "artifact name")?,
            code: text(1),
            reason: text(2),
        };
        job.work()?.note_refused(refused, &job.monitor);
    }
    Ok(Value::Bool(*job.fate() != Fate::Fatal).into())
}

/// `finish()`: a promise of the report, a `RepopulationReport`, as JSON text.
fn finish(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let job = call.target.clone();
    call.promise(move || job::json(&job.work()?.finish(&job.monitor)?))
}

/// `close()`: ends the job and closes the store. Returns a promise.
fn close(call: &Call<'_, FromStreams>) -> Result<Reply> {
    let job = call.target.clone();
    call.promise_of_end(move || {
        // Running calls end first, at their next step.
        job.monitor.abort();
        job.next().take();
        let work = job.slot().take();
        drop(work);
        Ok(Value::Undefined)
    })
}
