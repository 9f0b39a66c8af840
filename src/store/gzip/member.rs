//! A member of a gzip file: a block of the image, compressed in one call.
//!
//! The header has an extra field (RFC 1952): the subfield `IG` with the length of the whole member,
//! header and footer included, as a little-endian 32-bit number. That is the convention of pgzip and
//! mgzip, which therefore read such a file on several threads, too. Earlier versions called the
//! subfield `SW`; both are read.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libdeflater::{CompressionLvl, Crc};

use super::block_decoder::BlockDecoder;
use crate::store::error::{Error, Result};

/// Method deflate, an extra field, no time, unknown encoder and system.
const fn header(subfield: [u8; 2]) -> [u8; 16] {
    let [id1, id2] = subfield;
    [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, id1, id2, 4, 0]
}

const HEADER: [u8; 16] = header(*b"IG");
const FORMER_HEADER: [u8; 16] = header(*b"SW");
const HEADER_BYTES: usize = HEADER.len() + 4;
const FOOTER_BYTES: usize = 8;

/// Maximum length of a block, in bytes.
pub(super) const MAX_BLOCK_BYTES: usize = 16 << 20;

/// The encoder stores data that it can't compress, in blocks of at least this many bytes with this
/// overhead each.
const STORED_BLOCK_BYTES: usize = 5000;
const STORED_OVERHEAD_BYTES: usize = 5;

/// libdeflate's level for the images in a store. Of each vat, the store usually keeps one, so time
/// matters more than size: on real heap images, level 1 takes a quarter to a half of level 6's time
/// and makes files that are 14 % larger than zlib's at level 6. It saves a third of the time of the
/// benchmark's `kernel-trace`.
const IMAGE_LEVEL: i32 = 1;

/// The level for files that are kept, in archives and exports. On heap images and transcripts, it
/// comes within two per cent of the size of zlib's level 6 in half the time. Level 7 is smaller than
/// zlib's, but takes half as much time again.
const ARCHIVE_LEVEL: i32 = 6;

/// Compresses blocks. It takes about a megabyte of memory, so it is reused.
pub(super) struct Encoder {
    deflate: libdeflater::Compressor,
    scratch: Vec<u8>,
}

impl Encoder {
    /// An encoder for the images in a store.
    pub(super) fn for_images() -> Encoder {
        Encoder::at_level(IMAGE_LEVEL)
    }

    /// An encoder for the files of archives and exports.
    pub(super) fn for_archives() -> Encoder {
        Encoder::at_level(ARCHIVE_LEVEL)
    }

    fn at_level(level: i32) -> Encoder {
        let level = CompressionLvl::new(level).unwrap_or_default();
        Encoder {
            deflate: libdeflater::Compressor::new(level),
            scratch: Vec::new(),
        }
    }

    /// Appends `block` as a member to `file`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the encoder fails, which is not expected.
    pub(super) fn append(&mut self, block: &[u8], file: &mut Vec<u8>) -> Result<()> {
        let internal = |what: &str| Error::Internal(format!("compressing a block: {what}"));
        let bound = self.deflate.deflate_compress_bound(block.len());
        self.scratch.resize(bound.max(self.scratch.len()), 0);
        let length = self
            .deflate
            .deflate_compress(block, &mut self.scratch)
            .map_err(|error| internal(&error.to_string()))?;
        let deflated = &self.scratch[..length];
        let total = HEADER_BYTES + deflated.len() + FOOTER_BYTES;
        let total_field = u32::try_from(total).map_err(|_| internal("the block is too long"))?;
        file.reserve(total);
        file.extend_from_slice(&HEADER);
        file.extend_from_slice(&total_field.to_le_bytes());
        file.extend_from_slice(deflated);
        file.extend_from_slice(&crc(block).to_le_bytes());
        // gzip stores the length modulo 2^32. Blocks are far shorter.
        file.extend_from_slice(&(block.len() as u32).to_le_bytes());
        Ok(())
    }
}

/// Compresses a small image as a gzip file of one member, without an extra field, at zlib's level
/// 6.
///
/// # Errors
/// [`Error::Internal`] if the encoder fails, which cannot happen when it writes to memory.
pub(super) fn plain(image: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(image)
        .and_then(|()| encoder.finish())
        .map_err(|error| Error::Internal(format!("compressing a snapshot: {error}")))
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A member written by an [`Encoder`], parsed from its header and footer.
pub(super) struct Member<'a> {
    /// Length of the whole member.
    pub(super) length: usize,
    /// The compressed data.
    pub(super) deflated: &'a [u8],
    crc: u32,
    /// Length of the block.
    pub(super) block_bytes: usize,
}

impl<'a> Member<'a> {
    /// Whether a file starts as one that an [`Encoder`] of this version has written.
    pub(super) fn starts(file: &[u8]) -> bool {
        file.starts_with(&HEADER)
    }

    /// Like [`Member::at_start_of`], but only for members of this version.
    pub(super) fn of_this_version(file: &'a [u8]) -> Option<Member<'a>> {
        if Member::starts(file) {
            Member::at_start_of(file)
        } else {
            None
        }
    }

    /// Whether the compressed data is not larger than that of an [`Encoder`] can be.
    pub(super) fn is_compact(&self) -> bool {
        let blocks = self.block_bytes.div_ceil(STORED_BLOCK_BYTES).max(1);
        self.deflated.len() <= self.block_bytes + blocks * STORED_OVERHEAD_BYTES + 1
    }

    /// Whether the block has the checksum in the footer.
    pub(super) fn has_crc_of(&self, block: &[u8]) -> bool {
        crc(block) == self.crc
    }

    /// Parses the member at the start of `file`; `None` if it is not one of ours, is truncated, or
    /// is longer than ours are.
    pub(super) fn at_start_of(file: &'a [u8]) -> Option<Member<'a>> {
        let rest = file
            .strip_prefix(&HEADER)
            .or_else(|| file.strip_prefix(&FORMER_HEADER))?;
        let length = u32::from_le_bytes(*rest.first_chunk()?);
        let length = usize::try_from(length).ok()?;
        let member = file.get(..length)?;
        let (body, footer) = member.split_last_chunk::<FOOTER_BYTES>()?;
        let deflated = body.get(HEADER_BYTES..)?;
        let [c0, c1, c2, c3, n0, n1, n2, n3] = *footer;
        let block_bytes = usize::try_from(u32::from_le_bytes([n0, n1, n2, n3])).ok()?;
        (block_bytes <= MAX_BLOCK_BYTES).then_some(Member {
            length,
            deflated,
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            block_bytes,
        })
    }

    /// Decompresses the member into `block`. Returns false, with unusable contents of `block`, if
    /// it is damaged or contains anything but compressed data between its header and its footer.
    ///
    /// Such bytes would be within the length that only this module reads. Other programs end the
    /// member where its data ends, and look for a footer and another member there.
    pub(super) fn decode(&self, decoder: &mut BlockDecoder, block: &mut Vec<u8>) -> bool {
        block.resize(self.block_bytes, 0);
        decoder.decode(self.deflated, block) && self.has_crc_of(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_compact_if_stored_blocks_could_be_as_long() {
        for (block_bytes, most) in [(0, 6), (1, 7), (5000, 5006), (5001, 5012), (20_000, 20_021)] {
            for (length, is_compact) in [(most, true), (most + 1, false)] {
                let member = Member {
                    length: 0,
                    deflated: &vec![0; length],
                    crc: 0,
                    block_bytes,
                };
                assert_eq!(member.is_compact(), is_compact, "{length} of {block_bytes}");
            }
        }
    }
}
