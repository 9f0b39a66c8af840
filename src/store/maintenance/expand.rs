//! Expands history: replaces compressed frames of historical items by rows, as
//! [`compact`](super::compact) found them.
//!
//! Each transaction expands a few frames, so a kernel can write in between. The work may end at any
//! point, and another call continues from there.

use std::path::Path;
use std::time::Instant;

use super::compact::{CompactOptions, Compacted, SOFT_LIMIT, begin, dry_run, finish};
use crate::store::database::Database;
use crate::store::database::compressed_items::frames::FramePlace;
use crate::store::database::shared_writer::SharedWriter;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::Monitor;

/// Turns the compressed historical items of the store in `directory` back into rows, which the
/// reference can read.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::StoreInUse`] while a kernel runs in unsafe fast mode;
/// [`Error::Aborted`]; SQLite's errors. What was expanded until then stays so; another call
/// continues from there.
pub fn expand(directory: &Path, options: &CompactOptions, monitor: &Monitor) -> Result<Compacted> {
    let mut expanded = Compacted::default();
    expand_into(directory, options, monitor, &mut expanded)?;
    Ok(expanded)
}

/// Like [`expand`], but also reports what was expanded before an error, in `expanded`.
///
/// # Errors
/// The errors of [`expand`].
pub fn expand_into(
    directory: &Path,
    options: &CompactOptions,
    monitor: &Monitor,
    expanded: &mut Compacted,
) -> Result<()> {
    if options.dry_run {
        *expanded = dry_run(directory, options, monitor, Database::compressed_spans)?;
        return Ok(());
    }
    let (mut writer, spans, is_all) =
        begin(directory, options, monitor, Database::compressed_spans)?;
    for (span, _) in &spans {
        let tell = || {
            format!(
                "expanding {}",
                String::from_utf8_lossy(&span.artifact_name())
            )
        };
        monitor.tell(tell);
        expand_span(&mut writer, span, monitor, expanded)?;
        monitor.finish_piece();
    }
    finish(writer, is_all, monitor, expanded)
}

fn expand_span(
    writer: &mut SharedWriter,
    span: &SpanRecord,
    monitor: &Monitor,
    expanded: &mut Compacted,
) -> Result<()> {
    let range = span.start_pos..span.end_pos;
    let frames = writer.read(monitor, |db| db.frames(&span.vat_id, range.clone()))?;
    let mut is_damaged = false;
    let mut rest = &frames[..];
    while !rest.is_empty() {
        let step = writer.write(monitor, |db| expand_some(db, &span.vat_id, rest))?;
        expanded.items += step.items;
        expanded.item_bytes += step.item_bytes;
        expanded.compressed_bytes += step.compressed_bytes;
        is_damaged |= step.is_damaged;
        rest = &rest[step.frames..];
        monitor.count(usize::try_from(step.item_bytes).unwrap_or(usize::MAX))?;
    }
    if is_damaged {
        expanded.add_damaged(span);
    } else {
        expanded.spans += 1;
    }
    Ok(())
}

/// What one transaction did.
#[derive(Default)]
struct Step {
    /// The number of finished frames.
    frames: usize,
    items: u64,
    item_bytes: u64,
    compressed_bytes: u64,
    /// Whether a frame cannot be read.
    is_damaged: bool,
}

/// Expands the first frames, as many as the time allows.
fn expand_some(db: &Database, vat_id: &[u8], frames: &[FramePlace]) -> Result<Step> {
    let start = Instant::now();
    let mut step = Step::default();
    for place in frames {
        if step.frames > 0 && start.elapsed() >= SOFT_LIMIT {
            break;
        }
        step.frames += 1;
        let range = place.start_pos..place.end_pos;
        // The frame may have been deleted meanwhile, or belong to another span now.
        if !db.frames(vat_id, range)?.contains(place) {
            continue;
        }
        let compressed_bytes = db.frame_bytes(place)?;
        match db.expand(vat_id, place, i64::MAX..i64::MAX) {
            Ok((items, bytes)) => {
                step.items += items;
                step.item_bytes += bytes;
                step.compressed_bytes += compressed_bytes;
            }
            Err(Error::BadFrame { .. }) => step.is_damaged = true,
            Err(error) => return Err(error),
        }
    }
    Ok(step)
}
