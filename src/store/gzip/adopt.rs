//! Recognizes a file that a [`Compressor`](super::Compressor) has written, so that it need not be
//! compressed again.

use flate2::{Decompress, FlushDecompress, Status};

use super::compressor::{Compressed, SMALL_IMAGE_BYTES};
use super::member::Member;
use crate::store::encoding::hash::Sha256;
use crate::store::error::Result;
use crate::store::tasks::limits::{Limits, limits};

/// A gzip file, recognized or not.
#[derive(Debug)]
pub(crate) enum Adopted {
    /// It has the structure of a [`Compressor`](super::Compressor)'s file, and can be stored.
    Own(Compressed),
    /// It may be any file.
    Other(Vec<u8>),
}

/// Whether the first bytes of a file are those of a [`Compressor`](super::Compressor)'s file.
pub(crate) fn may_be_own(start: &[u8]) -> bool {
    Member::starts(start)
}

/// Decompresses and hashes a file if this package may have written it, for a store, an archive or an
/// export: if every byte belongs to a member of ours, all blocks have the same size, which is not
/// smaller than today's, except for the last, and zlib accepts the data. Calls `count` with the size of
/// each block.
///
/// A file with that structure and other data inside the members is accepted, too, if the data is not
/// larger than that of the encoder can be. It is a valid gzip file of the same image.
///
/// # Errors
/// Those of `count`.
pub(crate) fn adopt(
    file: Vec<u8>,
    max_bytes: u64,
    mut count: impl FnMut(usize) -> Result<()>,
) -> Result<Adopted> {
    let Some((members, image_bytes)) = members(&file) else {
        return Ok(Adopted::Other(file));
    };
    if image_bytes > max_bytes {
        return Ok(Adopted::Other(file));
    }
    let mut hash = Sha256::new();
    let mut inflate = Decompress::new(false);
    let mut block = Vec::new();
    for member in members {
        block.resize(member.block_bytes, 0);
        inflate.reset(false);
        let status = inflate.decompress(member.deflated, &mut block, FlushDecompress::Finish);
        let is_whole = matches!(status, Ok(Status::StreamEnd))
            && inflate.total_in() == member.deflated.len() as u64
            && inflate.total_out() == block.len() as u64;
        if !is_whole || !member.has_crc_of(&block) {
            return Ok(Adopted::Other(file));
        }
        hash.add(&block);
        count(block.len())?;
    }
    Ok(Adopted::Own(Compressed {
        hash: hash.finish(),
        uncompressed_size: image_bytes,
        bytes: file,
    }))
}

/// The members of a file, and the sum of their blocks' sizes; `None` if the file is not one of ours.
fn members(file: &[u8]) -> Option<(Vec<Member<'_>>, u64)> {
    let Limits {
        image_block_bytes,
        file_block_bytes,
        ..
    } = limits();
    let smallest = image_block_bytes.min(file_block_bytes);
    let mut members: Vec<Member<'_>> = Vec::new();
    let mut image_bytes = 0;
    let mut rest = file;
    while !rest.is_empty() {
        let member = Member::of_this_version(rest)?;
        let is_last = member.length == rest.len();
        let block = members.first().unwrap_or(&member).block_bytes;
        let is_block = if is_last {
            (1..=block).contains(&member.block_bytes)
        } else {
            member.block_bytes == block && block >= smallest
        };
        if !is_block || !member.is_compact() {
            return None;
        }
        image_bytes += member.block_bytes as u64;
        rest = &rest[member.length..];
        members.push(member);
    }
    // Smaller images become other files.
    (image_bytes > SMALL_IMAGE_BYTES as u64).then_some((members, image_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::gzip::member::Encoder;
    use crate::store::gzip::{Compressor, Decompressor};

    fn image(bytes: usize) -> Vec<u8> {
        (0..bytes as u64)
            .map(|at| (at.wrapping_mul(at) >> 7) as u8)
            .collect()
    }

    fn compress(image: &[u8]) -> Compressed {
        let mut compressor = Compressor::default();
        compressor.add(image).unwrap();
        compressor.finish().unwrap()
    }

    fn is_own(file: &[u8]) -> Option<Compressed> {
        match adopt(file.to_vec(), u64::MAX, |_| Ok(())).unwrap() {
            Adopted::Own(compressed) => Some(compressed),
            Adopted::Other(other) => {
                assert_eq!(other, file);
                None
            }
        }
    }

    #[test]
    fn files_of_ours_are_adopted() {
        let block = limits().image_block_bytes;
        for bytes in [5000, block, block + 1, 2 * block + 7] {
            let expected = compress(&image(bytes));
            assert!(may_be_own(&expected.bytes));
            let found = is_own(&expected.bytes).expect("ours");
            assert_eq!(found.hash, expected.hash);
            assert_eq!(found.uncompressed_size, bytes as u64);
            assert_eq!(found.bytes, expected.bytes);
        }
        // These become plain gzip files, and are compressed again.
        for bytes in [0, 1, SMALL_IMAGE_BYTES] {
            assert!(is_own(&compress(&image(bytes)).bytes).is_none());
        }
        for (bytes, is_adopted) in [(SMALL_IMAGE_BYTES, false), (SMALL_IMAGE_BYTES + 1, true)] {
            let mut file = Vec::new();
            Encoder::for_images()
                .append(&image(bytes), &mut file)
                .unwrap();
            assert_eq!(is_own(&file).is_some(), is_adopted, "{bytes}");
        }
        assert!(!may_be_own(b"\x1f\x8b\x08 of another program"));
    }

    #[test]
    fn blocks_may_be_as_large_as_in_files_and_as_in_earlier_versions() {
        let smallest = limits().image_block_bytes;
        for (block, is_adopted) in [
            (smallest - 1, false),
            (smallest, true),
            (smallest + 1, true),
            (limits().file_block_bytes, true),
        ] {
            for bytes in [2 * block, 2 * block + 1] {
                let mut compressor = Compressor::with_blocks_of(block);
                compressor.add(&image(bytes)).unwrap();
                let file = compressor.finish().unwrap().bytes;
                let found = is_own(&file);
                assert_eq!(found.is_some(), is_adopted, "{bytes} in {block}");
                assert!(found.is_none_or(|found| found.bytes == file));
            }
        }
    }

    #[test]
    fn a_larger_image_than_permitted_is_not_decompressed() {
        let file = compress(&image(10_000)).bytes;
        let refused = adopt(file.clone(), 9_999, |_| panic!("a block was decompressed"));
        assert!(matches!(refused, Ok(Adopted::Other(_))));
        let taken = adopt(file, 10_000, |_| Ok(()));
        assert!(matches!(taken, Ok(Adopted::Own(_))));
    }

    #[test]
    fn a_file_with_any_other_byte_is_not_adopted_unless_it_is_another_image() {
        let block = limits().image_block_bytes;
        let original = compress(&image(block + 5000));
        let file = original.bytes;
        let first = Member::of_this_version(&file).unwrap().length;
        for changed in [
            file[..file.len() - 1].to_vec(),
            [&file[..], &[0]].concat(),
            [&file[..], &file[..20]].concat(),
            // A short block that is not the last one, and no last block.
            [&file[first..], &file[first..]].concat(),
            [&file[first..], &file[..first]].concat(),
            // A header of an earlier version.
            [&file[..12], b"SW", &file[14..]].concat(),
        ] {
            assert!(is_own(&changed).is_none());
        }
        let step = file.len() / 200;
        for at in (0..file.len()).step_by(step).chain(first - 8..first + 20) {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert!(is_own(&changed).is_none(), "byte {at}");
        }
        // Bytes between the data and the footer, which the length of the member includes.
        let (start, end) = file.split_at(first - 8);
        let mut padded = [start, &[0, 0], end].concat();
        let length = (first as u32 + 2).to_le_bytes();
        padded[16..20].copy_from_slice(&length);
        assert!(is_own(&padded).is_none());
        // Complete blocks only are ours, too.
        let shorter = is_own(&file[..first]).expect("ours");
        assert_eq!(shorter.uncompressed_size, block as u64);
        assert_ne!(shorter.hash, original.hash);
    }

    /// A member with 5000 times `a` in one deflate block that declares this many distance codes, all
    /// of them unused.
    fn member_with_distances(count: u32) -> Vec<u8> {
        let (mut bytes, mut used) = (Vec::new(), 0);
        let mut put = |value: u32, bits: u32| {
            for bit in 0..bits {
                if used % 8 == 0 {
                    bytes.push(0_u8);
                }
                *bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (used % 8);
                used += 1;
            }
        };
        // The last block, with its own codes: 258 of literals and lengths, 18 of code lengths.
        for (value, bits) in [(1, 1), (2, 2), (1, 5), (count - 1, 5), (14, 4)] {
            put(value, bits);
        }
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
        for symbol in order {
            let length = match symbol {
                18 => 1,
                1 | 2 => 2,
                _ => 0,
            };
            put(length, 3);
        }
        let zeros = |put: &mut dyn FnMut(u32, u32), count: u32| {
            put(0, 1);
            put(count - 11, 7);
        };
        // `a` has the code 0, the end 01 and an unused length 11, first bit last.
        zeros(&mut put, 97);
        put(0b01, 2);
        zeros(&mut put, 138);
        zeros(&mut put, 20);
        put(0b11, 2);
        put(0b11, 2);
        zeros(&mut put, count);
        for _ in 0..5000 {
            put(0, 1);
        }
        put(0b01, 2);
        let original = compress(&[b'a'; 5000]).bytes;
        let footer = &original[original.len() - 8..];
        let mut file = [&original[..20], &bytes, footer].concat();
        let length = (file.len() as u32).to_le_bytes();
        file[16..20].copy_from_slice(&length);
        file
    }

    #[test]
    fn data_that_only_the_decoder_of_blocks_accepts_is_not_adopted() {
        let read = |file: Vec<u8>| Decompressor::new(file, None).next_chunk();
        // zlib, and so the reference, accepts at most 30 distance codes.
        for (count, is_valid) in [(30, true), (32, false)] {
            let file = member_with_distances(count);
            assert_eq!(read(file.clone()).unwrap().unwrap(), [b'a'; 5000]);
            let strict = Decompressor::strict(file.clone()).next_chunk();
            assert_eq!(strict.is_ok(), is_valid);
            assert_eq!(is_own(&file).is_some(), is_valid);
        }
    }

    #[test]
    fn a_member_larger_than_its_block_can_become_is_not_adopted() {
        // Empty stored blocks before the data.
        let file = compress(&image(5000)).bytes;
        let empty: &[u8] = &[0, 0, 0, 0xff, 0xff];
        let mut padded = [&file[..20], &empty.repeat(3000), &file[20..]].concat();
        let length = (padded.len() as u32).to_le_bytes();
        padded[16..20].copy_from_slice(&length);
        let mut zlib = Decompressor::strict(padded.clone());
        assert!(zlib.next_chunk().unwrap().is_some());
        assert!(is_own(&padded).is_none());
    }
}
