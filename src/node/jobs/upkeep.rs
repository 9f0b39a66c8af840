//! Compressing and pruning history, and returning unused space to the file system.

use serde::Deserialize;

use super::job;
use crate::node::raw::{Call, Reply};
use crate::node::store::database::path_from;
use crate::store::error::Result;
use crate::store::maintenance::compact::{CompactOptions, compact};
use crate::store::maintenance::expand::expand;
use crate::store::maintenance::prune::{PruneOptions, Pruned, prune_into};
use crate::store::maintenance::reclaim::{Method, Reclaimed, reclaim, space};
use crate::store::places::Place;

/// `makePruning(dirPath, options, archive)`: a job that prunes the store, of what the archive has if
/// one is given. Its report is a `PruneReport`.
pub fn make_pruning(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: PruneOptions = call.options(1)?;
    let archive = match call.optional_text(2) {
        Some(archive) => Some(path_from(archive)?),
        None => None,
    };
    job::make_reporting(call, move |monitor| {
        let archive = archive.as_deref().map(Place::parse).transpose()?;
        let mut pruned = Pruned::default();
        prune_into(&store, &options, archive.as_ref(), monitor, &mut pruned)?;
        Ok(pruned)
    })
}

/// `makeCompacting(dirPath, options)`: a job that compresses history. Its report is a
/// `CompactReport`.
pub fn make_compacting(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: CompactOptions = call.options(1)?;
    job::make_reporting(call, move |monitor| compact(&store, &options, monitor))
}

/// `makeExpanding(dirPath, options)`: a job that turns compressed history back into rows. Its report
/// is a `CompactReport`.
pub fn make_expanding(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: CompactOptions = call.options(1)?;
    job::make_reporting(call, move |monitor| expand(&store, &options, monitor))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReclaimOptions {
    /// Without a method, the job only reports the disk usage.
    #[serde(default)]
    method: Option<Method>,
}

/// `makeReclaiming(dirPath, options)`: a job that makes the file smaller. Its report is a
/// `ReclaimReport`.
pub fn make_reclaiming(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: ReclaimOptions = call.options(1)?;
    job::make_reporting(call, move |monitor| match options.method {
        Some(method) => reclaim(&store, method, monitor),
        None => space(&store, monitor).map(Reclaimed::unchanged),
    })
}
