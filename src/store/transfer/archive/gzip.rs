//! Writes a gzip file from a stream, with one block in memory.

use super::file::ArchiveFile;
use crate::store::error::Result;
use crate::store::gzip::Encoder;
use crate::store::tasks::limits::limits;

/// Compresses a stream into a file, block by block.
pub(super) struct GzipFile {
    file: ArchiveFile,
    encoder: Encoder,
    block: Vec<u8>,
    member: Vec<u8>,
    block_bytes: usize,
    written: u64,
}

impl GzipFile {
    pub(super) fn new(file: ArchiveFile) -> GzipFile {
        GzipFile {
            file,
            encoder: Encoder::for_archives(),
            block: Vec::new(),
            member: Vec::new(),
            block_bytes: limits().gzip_block_bytes.max(1),
            written: 0,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::store::error::Error::Io).
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // A full block is written when the next byte arrives, so that the last block is not
            // empty.
            if self.block.len() == self.block_bytes {
                self.write_block()?;
            }
            let room = self.block_bytes - self.block.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            self.block.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<()> {
        self.member.clear();
        self.encoder.append(&self.block, &mut self.member)?;
        self.block.clear();
        self.written += self.member.len() as u64;
        self.file.write(&self.member)
    }

    /// Writes the last block and publishes the file; returns its size.
    ///
    /// # Errors
    /// [`Error::Io`](crate::store::error::Error::Io).
    pub(super) fn publish(mut self) -> Result<u64> {
        // An empty stream becomes one empty member.
        self.write_block()?;
        self.file.publish()?;
        Ok(self.written)
    }
}
