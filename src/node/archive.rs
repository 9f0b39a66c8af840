//! Archiving what a store has, for JavaScript: a job that runs on other threads.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::path_from;
use super::exporter::artifact_mode;
use super::job::{self, Job};
use super::raw::{Call, Function, Reply, Value, functions};
use crate::store::archive::{ArchiveOptions, archive_store};
use crate::store::{Monitor, Result};

/// An archive that is to be filled.
struct Archiving {
    store: PathBuf,
    directory: PathBuf,
    options: ArchiveOptions,
    monitor: Monitor,
}

impl Job for Archiving {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const METHODS: &[Function<Archiving>] = &[
    ("run", run),
    ("progress", job::progress),
    ("abort", job::abort),
];

/// `makeArchiving(dirPath, archiveDir, artifactMode, quotedMode, currentSpans, check)`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let archiving = Arc::new(Archiving {
        store: path_from(call.text(0, "dirPath")?)?,
        directory: path_from(call.text(1, "archiveDir")?)?,
        options: ArchiveOptions {
            mode: artifact_mode(call, 2)?,
            current_spans: call.is_true(4),
            check: call.is_true(5),
        },
        monitor: Monitor::default(),
    });
    functions(call.env(), &archiving, METHODS).map(Reply::Js)
}

/// `run()`: a promise of what was archived.
fn run(call: &Call<'_, Archiving>) -> Result<Reply> {
    let archiving = call.target.clone();
    call.promise(move || {
        let done = archive_store(
            &archiving.store,
            &archiving.directory,
            &archiving.options,
            &archiving.monitor,
        )?;
        let number = |count: u64| Value::Number(count as f64);
        Ok(Value::Object(vec![
            ("written", number(done.written)),
            ("replaced", number(done.replaced)),
            ("existing", number(done.existing)),
            ("unnamable", number(done.unnamable)),
            ("bytes", number(done.bytes)),
        ]))
    })
}
