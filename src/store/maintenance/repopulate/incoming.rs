//! An incoming artifact, which is checked before the store is touched.

use std::path::Path;

use super::options::RepopulateOptions;
use super::report::RepopulateOutcome;
use super::spool::{Spool, SpoolReader};
use super::target::{ArtifactState, Target};
use super::{damage, target};
use crate::store::database::Database;
use crate::store::database::shared_writer::SharedWriter;
use crate::store::encoding::hash::SpanHash;
use crate::store::error::{Error, Result};
use crate::store::gzip::{Compressed, Compressor};
use crate::store::records::record::SpanRecord;
use crate::store::substores::bundles::{BundleContents, check_bundle_artifact};
use crate::store::substores::snapshots::require_hash;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::span_lines::SpanLines;

/// The size limit of items and bundles, which are held in memory, in bytes.
const MAX_WHOLE_BYTES: u64 = 128 << 20;

/// An artifact that is being received.
pub struct Incoming {
    name: Vec<u8>,
    target: Target,
    /// Whether it replaces damaged contents.
    replaces: bool,
    work: Work,
    bytes: u64,
    limit: u64,
}

enum Work {
    /// Checks the items of a span, and keeps them in the spool.
    Span(Box<SpanLines>, Spool),
    /// Compresses and hashes an image.
    Snapshot(Box<Compressor>),
    /// An image that is compressed and hashed already.
    Image(Compressed),
    /// Collects a bundle.
    Bundle(Vec<u8>),
}

impl Incoming {
    pub(super) fn new(
        name: &[u8],
        target: Target,
        replaces: bool,
        options: &RepopulateOptions,
        spool_directory: &Path,
    ) -> Incoming {
        let limit = options.max_artifact_bytes;
        let (work, limit) = match &target {
            Target::Span { span, own_end } => {
                let item = usize::try_from(limit.min(MAX_WHOLE_BYTES)).unwrap_or(usize::MAX);
                let mut lines = SpanLines::new(name, span, item);
                if *own_end != span.end_pos {
                    lines = lines.ending_at(*own_end);
                }
                let lines = Box::new(lines);
                (Work::Span(lines, Spool::new(spool_directory)), limit)
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
            replaces,
            work,
            bytes: 0,
            limit,
        }
    }

    /// The artifact's name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The maximum size, in bytes.
    pub(super) fn max_bytes(&self) -> u64 {
        self.limit
    }

    /// The largest image to take, in bytes, if the artifact is a snapshot: the caller may pass the
    /// compressed image, instead of its bytes.
    pub(super) fn max_image_bytes(&self) -> Option<u64> {
        matches!(self.work, Work::Snapshot(_)).then_some(self.limit)
    }

    /// Takes an image that is compressed already.
    pub(super) fn set_image(&mut self, image: Compressed) {
        self.bytes = image.uncompressed_size;
        self.work = Work::Image(image);
    }

    /// Adds the next bytes.
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
            Work::Image(_) => Err(Error::Internal(
                "an artifact continues after its end".into(),
            )),
            Work::Bundle(data) => {
                data.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Checks the complete artifact.
    ///
    /// # Errors
    /// The errors of [`SpanLines::finish`] and [`check_bundle_artifact`];
    /// [`Error::SnapshotHashMismatch`]; [`Error::Io`].
    pub(super) fn check(self) -> Result<Checked> {
        let contents = match (self.work, &self.target) {
            (Work::Span(mut lines, mut spool), Target::Span { .. }) => {
                lines.finish(|position, item| spool.add(position, item))?;
                Contents::Span(Box::new(Piece {
                    items: spool.into_reader()?,
                    hash: lines.hash(),
                    taken_to: lines.taken_to(),
                }))
            }
            (Work::Snapshot(compressor), Target::Snapshot { hash, .. }) => {
                let image = compressor.finish()?;
                require_hash(&self.name, &image.hash, hash)?;
                Contents::Snapshot(image)
            }
            (Work::Image(image), Target::Snapshot { hash, .. }) => {
                require_hash(&self.name, &image.hash, hash)?;
                Contents::Snapshot(image)
            }
            (Work::Bundle(data), Target::Bundle(_)) => {
                Contents::Bundle(check_bundle_artifact(&self.name, data)?)
            }
            _ => return Err(Error::Internal("an artifact changed its kind".into())),
        };
        Ok(Checked {
            name: self.name,
            target: self.target,
            replaces: self.replaces,
            bytes: self.bytes,
            contents,
        })
    }
}

/// An artifact that matches its hash.
pub(super) struct Checked {
    name: Vec<u8>,
    target: Target,
    replaces: bool,
    /// Its size.
    pub bytes: u64,
    contents: Contents,
}

enum Contents {
    Span(Box<Piece>),
    Snapshot(Compressed),
    Bundle(BundleContents),
}

impl Checked {
    /// Inserts the artifact, unless another process has inserted it already.
    ///
    /// # Errors
    /// [`Error::ArtifactOvertaken`]; [`Error::Io`]; the errors of [`SharedWriter::write`].
    pub(super) fn store(
        self,
        writer: &mut SharedWriter,
        options: &RepopulateOptions,
        monitor: &Monitor,
    ) -> Result<RepopulateOutcome> {
        let done = if self.replaces {
            RepopulateOutcome::Replaced
        } else {
            RepopulateOutcome::Filled
        };
        match (self.contents, &self.target) {
            (Contents::Span(piece), Target::Span { span, own_end }) => {
                if self.replaces || *own_end != span.end_pos {
                    writer.write(monitor, |db| replace_items(db, &self.name, span, *piece))?;
                    return Ok(done);
                }
                let wanted = |db: &Database| is_present(db, &self.name, &self.target, options);
                let most = options.max_transaction_bytes.unwrap_or(u64::MAX);
                store_span(writer, span, piece.items, most, monitor, wanted)
            }
            (
                Contents::Snapshot(image),
                Target::Snapshot {
                    vat_id, snap_pos, ..
                },
            ) => writer.write(monitor, |db| {
                if is_present(db, &self.name, &self.target, options)? {
                    return Ok(RepopulateOutcome::Present);
                }
                db.fill_snapshot(vat_id, snap_pos, &image)?;
                Ok(done)
            }),
            (Contents::Bundle(contents), Target::Bundle(bundle_id)) => {
                writer.write(monitor, |db| {
                    if is_present(db, &self.name, &self.target, options)? {
                        return Ok(RepopulateOutcome::Present);
                    }
                    db.populate_bundle(bundle_id, &contents)?;
                    Ok(done)
                })
            }
            _ => Err(Error::Internal("an artifact changed its kind".into())),
        }
    }
}

/// Whether an artifact's contents are present, under the write lock. If not, or if they are to be
/// replaced, the target is unchanged, so the artifact still matches the record's hash.
fn is_present(
    db: &Database,
    name: &[u8],
    target: &Target,
    options: &RepopulateOptions,
) -> Result<bool> {
    match target::find(db, name, options.mode, options.replace_damaged)? {
        ArtifactState::Wanted(now) | ArtifactState::Suspect(now) if now == *target => Ok(false),
        ArtifactState::Present => Ok(true),
        _ => Err(Error::ArtifactOvertaken(name.to_vec())),
    }
}

/// Items from the start of a span, their hash, and their end position, exclusive.
struct Piece {
    items: SpoolReader,
    hash: SpanHash,
    taken_to: i64,
}

/// Replaces items of a span, in one transaction.
///
/// A kernel may have added to a current span since the target was found. The hash chain covers the
/// added items, so the hash of the new items and the ones after them has to equal the hash that the
/// record has now.
fn replace_items(db: &mut Database, name: &[u8], span: &SpanRecord, piece: Piece) -> Result<()> {
    let overtaken = || Error::ArtifactOvertaken(name.to_vec());
    let now = db.span_at(&span.vat_id, span.start_pos)?;
    let now = now.ok_or_else(overtaken)?;
    // A span that has ended meanwhile may also have been pruned.
    let continues = span.is_current && now.is_current && now.incarnation == span.incarnation;
    if (now != *span && !continues) || now.end_pos < piece.taken_to {
        return Err(overtaken());
    }
    let Piece {
        mut items,
        mut hash,
        taken_to,
    } = piece;
    damage::extend_hash(db, &now, taken_to, &mut hash)?;
    if hash.as_bytes() != now.hash {
        return Err(Error::SpanHashMismatch {
            name: name.to_vec(),
            actual: hash.to_string(),
            expected: now.hash,
        });
    }
    db.delete_items(&span.vat_id, span.start_pos, taken_to)?;
    let mut position = span.start_pos;
    while let Some(item) = items.next()? {
        db.insert_item(&span.vat_id, position, item, span.incarnation)?;
        position += 1;
    }
    Ok(())
}

/// Inserts a span's items, about `most` bytes per transaction, and deletes the items that the span
/// had.
fn store_span(
    writer: &mut SharedWriter,
    span: &SpanRecord,
    mut items: SpoolReader,
    most: u64,
    monitor: &Monitor,
    is_present: impl Fn(&Database) -> Result<bool>,
) -> Result<RepopulateOutcome> {
    let mut next_pos = span.start_pos;
    loop {
        let next = writer.write(monitor, |db| {
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
            None => return Ok(RepopulateOutcome::Present),
            Some(position) if position >= span.end_pos => return Ok(RepopulateOutcome::Filled),
            Some(position) => next_pos = position,
        }
    }
}
