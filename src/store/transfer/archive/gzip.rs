//! Writes a gzip file from a stream, with one block in memory.

use super::file::ArchiveFile;
use crate::store::error::Result;
use crate::store::gzip::BlockWriter;

/// Compresses a stream into a file, block by block.
pub(super) struct GzipFile {
    file: ArchiveFile,
    writer: BlockWriter,
    written: u64,
}

impl GzipFile {
    pub(super) fn new(file: ArchiveFile) -> GzipFile {
        GzipFile {
            file,
            writer: BlockWriter::default(),
            written: 0,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`](crate::store::error::Error::Io).
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let GzipFile {
            file,
            writer,
            written,
        } = self;
        writer.add(bytes, |member| write(file, written, member))
    }

    /// Writes the last block and publishes the file; returns its size.
    ///
    /// # Errors
    /// [`Error::Io`](crate::store::error::Error::Io).
    pub(super) fn publish(self) -> Result<u64> {
        let GzipFile {
            mut file,
            writer,
            mut written,
        } = self;
        writer.finish(|member| write(&mut file, &mut written, member))?;
        file.publish()?;
        Ok(written)
    }
}

fn write(file: &mut ArchiveFile, written: &mut u64, member: &[u8]) -> Result<()> {
    *written += member.len() as u64;
    file.write(member)
}
