//! Writes a gzip file from a stream, with one block in memory.

use std::io::Write;

use tempfile::SpooledTempFile;

use super::file::ArchiveFile;
use crate::store::error::{Error, Result};
use crate::store::gzip::BlockWriter;

/// Where the bytes of a gzip file go.
pub(super) trait Output {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Output for ArchiveFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        ArchiveFile::write(self, bytes)
    }
}

impl Output for SpooledTempFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| {
            let directory = std::env::temp_dir();
            let doing = format!("writing a temporary file in {}", directory.display());
            Error::io(doing, &error)
        })
    }
}

/// Compresses a stream into a file, block by block.
pub(super) struct GzipFile<F> {
    file: F,
    writer: BlockWriter,
    written: u64,
}

impl<F: Output> GzipFile<F> {
    pub(super) fn new(file: F) -> GzipFile<F> {
        GzipFile {
            file,
            writer: BlockWriter::default(),
            written: 0,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let GzipFile {
            file,
            writer,
            written,
        } = self;
        writer.add(bytes, |member| write(file, written, member))
    }

    /// Writes the last block. Returns the file and its size.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn finish(self) -> Result<(F, u64)> {
        let GzipFile {
            mut file,
            writer,
            mut written,
        } = self;
        writer.finish(|member| write(&mut file, &mut written, member))?;
        Ok((file, written))
    }
}

fn write(file: &mut impl Output, written: &mut u64, member: &[u8]) -> Result<()> {
    *written += member.len() as u64;
    file.write(member)
}
