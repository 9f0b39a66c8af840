//! An artifact on its way into the store, checked before the store is touched.

use std::sync::Arc;

use super::spool::{Spool, SpoolPlace, SpoolReader};
use super::target::{self, Found, Target};
use super::{Outcome, RepopulateOptions};
use crate::store::beside::Beside;
use crate::store::error::{Error, Result};
use crate::store::progress::Monitor;
use crate::store::record::SpanRecord;
use crate::store::span_lines::SpanLines;
use crate::store::{
    ArtifactMode, BundleContents, Compressed, Compressor, Database, check_bundle_artifact,
};

/// The longest item, and the longest bundle, that is taken, in bytes. Such are held in memory.
const MAX_WHOLE_BYTES: u64 = 128 << 20;

/// An artifact of which more is to come.
pub struct Incoming {
    name: Vec<u8>,
    target: Target,
    work: Work,
    bytes: u64,
    limit: u64,
}

enum Work {
    /// A span's items are checked and kept.
    Span(Box<SpanLines>, Spool),
    /// An image is compressed and hashed.
    Snapshot(Box<Compressor>),
    /// A bundle is gathered.
    Bundle(Vec<u8>),
}

impl Incoming {
    pub(super) fn new(
        name: &[u8],
        target: Target,
        options: &RepopulateOptions,
        place: &Arc<SpoolPlace>,
    ) -> Incoming {
        let limit = options.max_artifact_bytes;
        let (work, limit) = match &target {
            Target::Span(span) => {
                let item = usize::try_from(limit.min(MAX_WHOLE_BYTES)).unwrap_or(usize::MAX);
                let lines = Box::new(SpanLines::new(name, span, item));
                (Work::Span(lines, Spool::new(place)), limit)
            }
            Target::Snapshot { size, .. } => (
                Work::Snapshot(Box::default()),
                size.map_or(limit, |size| size.min(limit)),
            ),
            Target::Bundle(_) => (Work::Bundle(Vec::new()), limit.min(MAX_WHOLE_BYTES)),
        };
        Incoming {
            name: name.to_vec(),
            target,
            work,
            bytes: 0,
            limit,
        }
    }

    /// The artifact's name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::ArtifactTooLong`]; [`Error::IncompleteArtifact`] for more items than the span has;
    /// [`Error::Io`].
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(Error::ArtifactTooLong {
                name: self.name.clone(),
                limit: self.limit,
            });
        }
        match &mut self.work {
            Work::Span(lines, spool) => {
                lines.add(bytes, |position, item| spool.add(position, item))
            }
            Work::Snapshot(compressor) => compressor.add(bytes),
            Work::Bundle(data) => {
                data.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// As [`SpanLines::finish`] and [`check_bundle_artifact`]; [`Error::SnapshotHashMismatch`];
    /// [`Error::Io`].
    pub(super) fn check(self) -> Result<Checked> {
        let contents = match (self.work, &self.target) {
            (Work::Span(mut lines, mut spool), Target::Span(_)) => {
                lines.finish(|position, item| spool.add(position, item))?;
                Contents::Span(spool.into_reader()?)
            }
            (Work::Snapshot(compressor), Target::Snapshot { hash, .. }) => {
                let image = compressor.finish()?;
                if image.hash.as_bytes() != hash {
                    return Err(Error::SnapshotHashMismatch {
                        name: self.name,
                        actual: image.hash,
                        expected: hash.clone(),
                    });
                }
                Contents::Snapshot(image)
            }
            (Work::Bundle(data), Target::Bundle(_)) => {
                Contents::Bundle(check_bundle_artifact(&self.name, data)?)
            }
            _ => return Err(Error::Internal("an artifact has changed its kind".into())),
        };
        Ok(Checked {
            name: self.name,
            target: self.target,
            bytes: self.bytes,
            contents,
        })
    }
}

/// An artifact that has the hash which the store has.
pub(super) struct Checked {
    name: Vec<u8>,
    target: Target,
    /// How long it is.
    pub bytes: u64,
    contents: Contents,
}

enum Contents {
    Span(SpoolReader),
    Snapshot(Compressed),
    Bundle(BundleContents),
}

impl Checked {
    /// Puts it into the store, unless somebody else has meanwhile.
    ///
    /// # Errors
    /// [`Error::ArtifactOvertaken`]; [`Error::Io`]; as [`Beside::write`].
    pub(super) fn store(
        self,
        beside: &mut Beside,
        options: &RepopulateOptions,
        monitor: &Monitor,
    ) -> Result<Outcome> {
        let mode = options.mode;
        match (self.contents, &self.target) {
            (Contents::Span(items), Target::Span(span)) => {
                let wanted = |db: &Database| is_present(db, &self.name, &self.target, mode);
                let most = options.max_transaction_bytes.unwrap_or(u64::MAX);
                store_span(beside, span, items, most, monitor, wanted)
            }
            (
                Contents::Snapshot(image),
                Target::Snapshot {
                    vat_id, snap_pos, ..
                },
            ) => beside.write(monitor, |db| {
                if is_present(db, &self.name, &self.target, mode)? {
                    return Ok(Outcome::Present);
                }
                db.fill_snapshot(vat_id, snap_pos, &image)?;
                Ok(Outcome::Filled)
            }),
            (Contents::Bundle(contents), Target::Bundle(bundle_id)) => {
                beside.write(monitor, |db| {
                    if is_present(db, &self.name, &self.target, mode)? {
                        return Ok(Outcome::Present);
                    }
                    db.populate_bundle(bundle_id, &contents)?;
                    Ok(Outcome::Filled)
                })
            }
            _ => Err(Error::Internal("an artifact has changed its kind".into())),
        }
    }
}

/// Whether an artifact's contents are there, now that nobody else can write. If they are not, its
/// target is as it was found.
fn is_present(db: &Database, name: &[u8], target: &Target, mode: ArtifactMode) -> Result<bool> {
    match target::find(db, name, mode)? {
        Found::Wanted(now) if now == *target => Ok(false),
        Found::Present => Ok(true),
        _ => Err(Error::ArtifactOvertaken(name.to_vec())),
    }
}

/// Inserts a span's items, of about `most` bytes in one transaction. Whatever there was of the
/// span, whole or not, makes room for them.
fn store_span(
    beside: &mut Beside,
    span: &SpanRecord,
    mut items: SpoolReader,
    most: u64,
    monitor: &Monitor,
    is_present: impl Fn(&Database) -> Result<bool>,
) -> Result<Outcome> {
    let mut next_pos = span.start_pos;
    loop {
        let next = beside.write(monitor, |db| {
            if is_present(db)? {
                return Ok(None);
            }
            db.delete_items(&span.vat_id, next_pos, span.end_pos)?;
            let mut bytes = 0;
            let mut position = next_pos;
            while bytes < most
                && let Some(item) = items.next()?
            {
                db.insert_item(&span.vat_id, position, item, span.incarnation)?;
                bytes = bytes.saturating_add(item.len() as u64);
                position += 1;
            }
            Ok(Some(position))
        })?;
        match next {
            None => return Ok(Outcome::Present),
            Some(position) if position >= span.end_pos => return Ok(Outcome::Filled),
            Some(position) => next_pos = position,
        }
    }
}
