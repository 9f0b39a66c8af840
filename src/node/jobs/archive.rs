//! Archives of a whole store.

use super::job;
use crate::node::raw::{Call, Reply};
use crate::node::store::database::path_from;
use crate::store::error::Result;
use crate::store::places::Place;
use crate::store::transfer::archive::{ArchiveOptions, archive_store_to};

/// `makeArchiving(dirPath, place, options)`: a job that writes the archive. Its report has the
/// fields of `ArchivedSwingStore`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let place = path_from(call.text(1, "place")?)?;
    let options: ArchiveOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| {
        archive_store_to(&store, &Place::parse(&place)?, &options, monitor)
    })
}
