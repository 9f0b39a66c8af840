//! Archives of a whole store.

use super::job;
use crate::node::raw::{Call, Reply};
use crate::node::store::database::path_from;
use crate::store::error::Result;
use crate::store::transfer::archive::{ArchiveOptions, archive_store};

/// `makeArchiving(dirPath, archiveDir, options)`: a job that writes the archive. Its report has the
/// fields of `ArchivedSwingStore`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let directory = path_from(call.text(1, "archiveDir")?)?;
    let options: ArchiveOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| {
        archive_store(&store, &directory, &options, monitor)
    })
}
