//! An artifact that is wanted from a place, with what the store knows of it.

use crate::store::encoding::hash::Sha256;
use crate::store::error::Result;
use crate::store::records::record::SpanRecord;
use crate::store::substores::bundles::{check_bundle_artifact, gather_bundle};
use crate::store::substores::snapshots::require_hash;
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::directory::ArtifactFile;
use crate::store::transfer::span_lines::SpanLines;

/// The largest item of a span, in bytes.
const MAX_ITEM_BYTES: usize = 128 << 20;

/// The largest artifact whose size is not recorded, in bytes. An XS heap has at most half of it.
const MAX_BYTES: u64 = 4 << 30;

/// An artifact whose record the store has.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// The items of a span.
    Span(SpanRecord),
    /// A heap image.
    Snapshot {
        /// The artifact's name.
        name: Vec<u8>,
        /// SHA-256 of the image.
        hash: Vec<u8>,
        /// The size of the image in bytes, if recorded.
        size: Option<u64>,
    },
    /// A bundle, by the name of its artifact, which has its hash.
    Bundle(Vec<u8>),
}

impl Wanted {
    /// The artifact's name.
    pub(crate) fn name(&self) -> Vec<u8> {
        match self {
            Wanted::Span(span) => span.artifact_name(),
            Wanted::Snapshot { name, .. } | Wanted::Bundle(name) => name.clone(),
        }
    }

    /// The largest size of the artifact, in bytes.
    pub(super) fn max_bytes(&self) -> u64 {
        match self {
            Wanted::Snapshot { size, .. } => size.map_or(MAX_BYTES, |size| size.min(MAX_BYTES)),
            _ => MAX_BYTES,
        }
    }

    /// Reads the artifact, of at most `limit` bytes, from a file. Calls `take` with its bytes, as an
    /// export has them. They are those of the artifact only if this succeeds.
    ///
    /// # Errors
    /// [`Error`](crate::store::error::Error): `IncompleteArtifact`, `SpanHashMismatch`,
    /// `SnapshotHashMismatch`, `BundleRefused`, `ArtifactTooLong`, `BadGzip`, `Io`, `Aborted`; those of
    /// `take`.
    pub(crate) fn read(
        &self,
        file: &ArtifactFile,
        limit: u64,
        monitor: &Monitor,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        monitor.check()?;
        // The caller counts what it takes.
        let monitor = monitor.without_progress();
        let own_name = self.name();
        let mut reader = file.open()?;
        let mut read_all = |take: &mut dyn FnMut(&[u8]) -> Result<()>| {
            reader.read_at_most(limit, &own_name, &monitor, take)
        };
        match self {
            Wanted::Span(span) => {
                let mut lines = SpanLines::new(&own_name, span, MAX_ITEM_BYTES);
                let mut chunk = Vec::new();
                let mut add = |item: &[u8]| {
                    chunk.extend_from_slice(item);
                    chunk.push(b'\n');
                    if chunk.len() >= limits().chunk_bytes {
                        take(&chunk)?;
                        chunk.clear();
                    }
                    Ok(())
                };
                read_all(&mut |bytes| lines.add(bytes, |_, item| add(item)))?;
                lines.finish(|_, item| add(item))?;
                take(&chunk)
            }
            Wanted::Snapshot { name, hash, .. } => {
                let mut found = Sha256::new();
                read_all(&mut |bytes| {
                    found.add(bytes);
                    take(bytes)
                })?;
                require_hash(name, &found.finish(), hash)
            }
            Wanted::Bundle(name) => {
                let mut data = Vec::new();
                read_all(&mut |bytes| gather_bundle(name, &mut data, bytes))?;
                take(&check_bundle_artifact(name, data)?.into_bytes())
            }
        }
    }
}
