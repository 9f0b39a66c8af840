//! Archiving what a store has, for JavaScript: a job that runs on other threads.

use super::job;
use crate::node::raw::{Call, Reply, Value};
use crate::node::store::database::path_from;
use crate::node::store::exporter::artifact_mode;
use crate::store::error::Result;
use crate::store::transfer::archive::{ArchiveOptions, archive_store};

/// `makeArchiving(dirPath, archiveDir, artifactMode, quotedMode, currentSpans, check)`: its `run()`
/// is a promise of what was archived.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let directory = path_from(call.text(1, "archiveDir")?)?;
    let options = ArchiveOptions {
        mode: artifact_mode(call, 2)?,
        current_spans: call.is_true(4),
        check: call.is_true(5),
    };
    job::make(call, move |monitor| {
        let done = archive_store(&store, &directory, &options, monitor)?;
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
