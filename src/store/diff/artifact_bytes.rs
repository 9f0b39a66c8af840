//! The bytes of an artifact, from a store or a file.

use crate::store::error::Result;
use crate::store::tasks::limits::limits;
use crate::store::transfer::directory::ArtifactReader;
use crate::store::transfer::exporter::Artifact;

/// An artifact that is read in chunks.
pub(super) enum ArtifactBytes {
    Store(Artifact),
    File(ArtifactReader),
}

impl ArtifactBytes {
    /// Returns the next chunk, or `None` at the end.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            ArtifactBytes::Store(Artifact::Snapshot(image)) => image.next_chunk(),
            ArtifactBytes::Store(Artifact::Span(reader)) => reader.next_chunk(),
            ArtifactBytes::Store(Artifact::Fetched(fetched)) => fetched.next_chunk(),
            ArtifactBytes::Store(Artifact::Bundle(bytes)) => {
                let bytes = std::mem::take(bytes);
                Ok((!bytes.is_empty()).then_some(bytes))
            }
            ArtifactBytes::File(file) => {
                let mut chunk = vec![0; limits().chunk_bytes.max(1)];
                let length = file.read(&mut chunk)?;
                chunk.truncate(length);
                Ok((length > 0).then_some(chunk))
            }
        }
    }
}
