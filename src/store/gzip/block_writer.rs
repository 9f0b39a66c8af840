//! Compresses a stream into a gzip file, with one block in memory.

use super::member::{Encoder, MAX_BLOCK_BYTES};
use crate::store::error::Result;
use crate::store::tasks::limits::limits;

/// Compresses a stream block by block, on the caller's thread, for a file of an archive or an export.
///
/// The bytes of the file depend only on those of the stream, not on its division into chunks.
pub(crate) struct BlockWriter {
    encoder: Encoder,
    block: Vec<u8>,
    member: Vec<u8>,
    block_bytes: usize,
}

impl Default for BlockWriter {
    fn default() -> Self {
        BlockWriter {
            encoder: Encoder::for_archives(),
            block: Vec::new(),
            member: Vec::new(),
            block_bytes: limits().file_block_bytes.clamp(1, MAX_BLOCK_BYTES),
        }
    }
}

impl BlockWriter {
    /// Adds the next bytes. Calls `write` with each part of the file that is complete.
    ///
    /// # Errors
    /// Those of `write`; [`Error::Internal`](crate::store::error::Error::Internal) if the encoder
    /// fails, which is not expected.
    pub(crate) fn add(
        &mut self,
        bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // A full block is written when the next byte arrives, so that the last block is not
            // empty.
            if self.block.len() == self.block_bytes {
                self.write_block(&mut write)?;
            }
            let room = self.block_bytes - self.block.len();
            let (now, later) = rest.split_at(rest.len().min(room));
            self.block.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    fn write_block(&mut self, write: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.member.clear();
        self.encoder.append(&self.block, &mut self.member)?;
        self.block.clear();
        write(&self.member)
    }

    /// Writes the last block. An empty stream becomes one empty member.
    ///
    /// # Errors
    /// Those of [`BlockWriter::add`].
    pub(crate) fn finish(mut self, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.write_block(&mut write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::gzip::member::Member;

    #[test]
    fn blocks_have_the_same_size_however_the_bytes_arrive() {
        for length in [0, 1, 9, 10, 11, 35, 40] {
            let image = vec![b'x'; length];
            for chunk in [1, 3, 7, 10, 25, 100] {
                let mut file = Vec::new();
                let mut write = |part: &[u8]| {
                    file.extend_from_slice(part);
                    Ok(())
                };
                let mut writer = BlockWriter {
                    block_bytes: 10,
                    ..BlockWriter::default()
                };
                for bytes in image.chunks(chunk) {
                    writer.add(bytes, &mut write).unwrap();
                }
                writer.finish(&mut write).unwrap();
                let mut sizes = Vec::new();
                let mut rest = &file[..];
                while !rest.is_empty() {
                    let member = Member::of_this_version(rest).unwrap();
                    sizes.push(member.block_bytes);
                    rest = &rest[member.length..];
                }
                let mut expected = vec![10; length.saturating_sub(1) / 10];
                expected.push(length - 10 * expected.len());
                assert_eq!(sizes, expected, "{length} bytes by {chunk}");
            }
        }
    }
}
