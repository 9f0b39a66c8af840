//! Tests compression and decompression at every boundary, with and without helpers.

use std::io::{Read, Write};
use std::sync::{Arc, Barrier};
use std::thread;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::inflate::Inflate;
use super::member::Member;
use super::{Compressed, Compressor, Decompressor};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};

const BLOCK: usize = 1000;

/// Bytes that compress slightly and do not repeat.
fn image(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * at) >> 5) as u8 & 0x3f).collect()
}

/// Bytes that don't compress.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

fn compress(image: &[u8], block_bytes: usize, chunk_bytes: usize) -> Compressed {
    let mut compressor = Compressor::with_blocks_of(block_bytes);
    for chunk in image.chunks(chunk_bytes) {
        compressor.add(chunk).unwrap();
    }
    compressor.finish().unwrap()
}

fn decompress(mut decompressor: Decompressor) -> Result<Vec<u8>> {
    let mut image = Vec::new();
    while let Some(chunk) = decompressor.next_chunk()? {
        assert!(!chunk.is_empty());
        image.extend(chunk);
    }
    assert!(decompressor.next_chunk()?.is_none());
    Ok(image)
}

/// Decompresses a file as other programs do.
fn gunzip(file: &[u8]) -> Vec<u8> {
    let mut image = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut image).unwrap();
    image
}

/// A file of one member, as other programs write it.
fn plain_gzip(image: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(image).unwrap();
    encoder.finish().unwrap()
}

/// The ranges of the file's members.
fn members(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(member) = Member::at_start_of(&file[at..]) {
        found.push(at..at + member.length);
        at += member.length;
    }
    assert_eq!(at, file.len());
    found
}

#[test]
fn images_survive() {
    let sizes = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK * 2, BLOCK * 23 + 7];
    for size in sizes {
        for image in [image(size), noise(size)] {
            let compressed = compress(&image, BLOCK, 300);
            assert_eq!(compressed.uncompressed_size, size as u64);
            assert_eq!(compressed.hash, Sha256::of(&image));
            assert_eq!(gunzip(&compressed.bytes), image);
            if size > BLOCK {
                assert_eq!(members(&compressed.bytes).len(), size.div_ceil(BLOCK));
            }
            for chunk_bytes in [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK * 100] {
                for file in [compressed.bytes.clone(), plain_gzip(&image)] {
                    let hash = compressed.hash.clone().into_bytes();
                    let reader = Decompressor::with_chunks_of(chunk_bytes, file, Some(hash));
                    assert_eq!(decompress(reader).unwrap(), image);
                }
            }
        }
    }
}

#[test]
fn members_of_earlier_versions_are_read_as_members() {
    let image = image(BLOCK * 3 + 5);
    let file = compress(&image, BLOCK, 300).bytes;
    let mut former = file.clone();
    for member in members(&file) {
        assert_eq!(former[member.start + 12..][..2], *b"IG");
        former[member.start + 12..][..2].copy_from_slice(b"SW");
    }
    assert_eq!(members(&former), members(&file));
    assert_eq!(gunzip(&former), image);
    let reader = Decompressor::with_chunks_of(100, former, None);
    assert_eq!(decompress(reader).unwrap(), image);
}

#[test]
fn the_file_depends_on_the_image_alone() {
    let image = image(BLOCK * 11 + 5);
    let expected = compress(&image, BLOCK, image.len());
    for chunk_bytes in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK * 3 + 1] {
        let compressed = compress(&image, BLOCK, chunk_bytes);
        assert_eq!(compressed.bytes, expected.bytes);
    }
}

#[test]
fn blocks_of_one_byte_are_supported() {
    let image = noise(50);
    let compressed = compress(&image, 1, 7);
    assert_eq!(gunzip(&compressed.bytes), image);
    let reader = Decompressor::with_chunks_of(3, compressed.bytes, None);
    assert_eq!(decompress(reader).unwrap(), image);
}

#[test]
fn small_images_and_images_of_one_block() {
    // Three bytes take 23 with zlib, which callers depend on.
    assert_eq!(compress(b"abc", 1 << 20, 2).bytes.len(), 23);
    for size in [4096, 4097, 9999, 10_000] {
        let image = image(size);
        let file = compress(&image, 10_000, 777).bytes;
        assert_eq!(Member::at_start_of(&file).is_some(), size > 4096);
        assert_eq!(gunzip(&file), image);
        let reader = Decompressor::with_chunks_of(100, file, None);
        assert_eq!(decompress(reader).unwrap(), image);
    }
}

#[test]
fn many_at_once() {
    // More images than helpers, all in progress at the same time.
    const COUNT: usize = 24;
    let barrier = Arc::new(Barrier::new(COUNT));
    let image = Arc::new(image(BLOCK * 40));
    let expected = Arc::new(compress(&image, BLOCK, 777));
    let work = |_| {
        let (barrier, image, expected) = (barrier.clone(), image.clone(), expected.clone());
        thread::spawn(move || {
            let mut compressor = Compressor::with_blocks_of(BLOCK);
            let (first, rest) = image.split_at(BLOCK * 3);
            compressor.add(first).unwrap();
            barrier.wait();
            compressor.add(rest).unwrap();
            let compressed = compressor.finish().unwrap();
            assert_eq!(compressed.bytes, expected.bytes);
            assert_eq!(compressed.hash, expected.hash);

            let hash = compressed.hash.into_bytes();
            let mut reader = Decompressor::with_chunks_of(100, compressed.bytes, Some(hash));
            let mut found = Vec::new();
            for _ in 0..5 {
                found.extend(reader.next_chunk().unwrap().unwrap());
            }
            // All helpers wait for readers now.
            barrier.wait();
            while let Some(chunk) = reader.next_chunk().unwrap() {
                found.extend(chunk);
            }
            assert_eq!(found, *image);
        })
    };
    let threads: Vec<_> = (0..COUNT).map(work).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn abandoned_images_block_nobody() {
    let image = image(BLOCK * 30);
    let file = compress(&image, BLOCK, 500).bytes;
    for _ in 0..50 {
        let mut compressor = Compressor::with_blocks_of(BLOCK);
        compressor.add(&image).unwrap();
        drop(compressor);
        let mut reader = Decompressor::with_chunks_of(10, file.clone(), None);
        reader.next_chunk().unwrap();
        reader.next_chunk().unwrap();
        drop(reader);
    }
    assert_eq!(compress(&image, BLOCK, 500).bytes, file);
    let reader = Decompressor::with_chunks_of(10, file, None);
    assert_eq!(decompress(reader).unwrap(), image);
}

fn message(file: &[u8], hash: Option<&[u8]>) -> String {
    let hash = hash.map(<[u8]>::to_vec);
    let mut reader = Decompressor::with_chunks_of(300, file.to_vec(), hash);
    loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the damage was not found"),
            Err(error) => {
                assert!(reader.next_chunk().unwrap().is_none());
                return error.to_string();
            }
        }
    }
}

#[test]
fn damage_is_found_in_every_member() {
    let image = image(BLOCK * 5);
    let ours = compress(&image, BLOCK, BLOCK).bytes;
    let parts = members(&ours);
    assert_eq!(parts.len(), 5);
    for part in parts {
        // The checksum, and the length after it.
        for at in [part.end - 8, part.end - 4] {
            let mut damaged = ours.clone();
            damaged[at] ^= 1;
            assert_eq!(message(&damaged, None), "incorrect data check");
        }
        let mut damaged = ours.clone();
        damaged[part.start] ^= 1;
        assert_eq!(message(&damaged, None), "incorrect header check");
        // In the middle. The error depends on the damaged data.
        let mut damaged = ours.clone();
        damaged[part.start + part.len() / 2] ^= 0x55;
        assert!(!message(&damaged, None).is_empty());
        for end in [part.end - 9, part.end - 1, part.start + 5] {
            assert_eq!(message(&ours[..end], None), "unexpected end of file");
        }
        // Without one member, the file is still valid gzip.
        let mut less = ours.clone();
        less.drain(part);
        let hash = Sha256::of(&image).into_bytes();
        assert!(message(&less, Some(&hash)).contains("actual hash"));
    }
}

#[test]
fn a_wrong_length_in_a_header_changes_nothing() {
    let image = image(BLOCK * 3);
    let ours = compress(&image, BLOCK, BLOCK).bytes;
    for part in members(&ours) {
        let field = part.start + 16..part.start + 20;
        for wrong in [0_u32, 1, 27, 28, part.len() as u32 + 1, u32::MAX] {
            let mut changed = ours.clone();
            changed[field.clone()].copy_from_slice(&wrong.to_le_bytes());
            assert_eq!(gunzip(&changed), image);
            let reader = Decompressor::with_chunks_of(400, changed, None);
            assert_eq!(decompress(reader).unwrap(), image);
        }
    }
}

/// Creates a member like ours from these parts.
fn member_of(deflated: &[u8], footers: &[u8]) -> Vec<u8> {
    let mut member = compress(&image(BLOCK * 2), BLOCK, BLOCK).bytes[..16].to_vec();
    let length = (member.len() + 4 + deflated.len() + footers.len()) as u32;
    member.extend(length.to_le_bytes());
    member.extend([deflated, footers].concat());
    assert_eq!(
        Member::at_start_of(&member).map(|found| found.length),
        Some(member.len())
    );
    member
}

#[test]
fn every_byte_of_a_member_is_accounted_for() {
    let image = image(BLOCK * 2);
    let file = compress(&image, BLOCK, BLOCK).bytes;
    let parts = members(&file);
    let (first, second) = (&file[parts[0].clone()], &file[parts[1].clone()]);
    let (deflated, footer) = first[20..].split_at(first.len() - 28);
    assert_eq!(member_of(deflated, footer), first);
    let read = |file: &[u8]| decompress(Decompressor::with_chunks_of(300, file.to_vec(), None));
    // Bytes that gunzip considers garbage after the member are not part of it.
    for hidden in [&b"x"[..], b"\0", &[0x1F, 0x8B], &[7; 100], &footer[..4]] {
        let file = member_of(&[deflated, footer, hidden].concat(), footer);
        let other = MultiGzDecoder::new(&file[..]).read_to_end(&mut Vec::new());
        // This decoder knows no padding, unlike Node.js.
        assert!(hidden == b"\0" || other.is_err());
        match read(&file) {
            Ok(found) => assert!(hidden == b"\0" && found == image[..BLOCK]),
            Err(error) => assert!(matches!(error, Error::BadGzip(_))),
        }
        // Without a footer where the data ends, every program considers it damaged.
        assert!(read(&member_of(&[deflated, hidden].concat(), footer)).is_err());
    }
    // A member within a member is read.
    let file = member_of(
        &[deflated, footer, &second[..second.len() - 8]].concat(),
        &second[second.len() - 8..],
    );
    assert_eq!(gunzip(&file), image);
    assert_eq!(read(&file).unwrap(), image);
}

#[test]
fn the_length_in_a_footer_is_checked() {
    let file = compress(&image(BLOCK * 2), BLOCK, BLOCK).bytes;
    for part in members(&file) {
        for wrong in [0_u32, 1, BLOCK as u32 - 1, BLOCK as u32 + 1, u32::MAX] {
            let mut changed = file.clone();
            changed[part.end - 4..part.end].copy_from_slice(&wrong.to_le_bytes());
            assert_eq!(message(&changed, None), "incorrect data check");
        }
    }
}

#[test]
fn a_wrong_length_in_a_footer_does_not_expose_old_memory() {
    // The second member says that it is as long as the first, and its sum is that of its own
    // byte and the rest of the first one's, which is in memory still.
    let mut encoder = super::member::Encoder::for_images();
    let mut file = Vec::new();
    encoder.append(&[b'x'; BLOCK], &mut file).unwrap();
    let second = file.len();
    encoder.append(b"y", &mut file).unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(&[b"y", &[b'x'; BLOCK - 1][..]].concat());
    let footer = [crc.sum().to_le_bytes(), (BLOCK as u32).to_le_bytes()].concat();
    let at = file.len() - footer.len();
    file[at..].copy_from_slice(&footer);
    assert_eq!(members(&file), [0..second, second..file.len()]);
    assert_eq!(message(&file, None), "incorrect data check");
}

#[test]
fn reading_strictly_gives_the_same() {
    let image = image(BLOCK * 4 + 3);
    let file = compress(&image, BLOCK, BLOCK).bytes;
    assert_eq!(decompress(Decompressor::strict(file)).unwrap(), image);
    assert!(decompress(Decompressor::strict(b"nonsense".to_vec())).is_err());
}

/// Deflate data for `a`, with a code of 287 lengths. zlib accepts at most 286.
fn too_many_lengths() -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).map(|at| value >> at & 1 == 1));
    // The last block, of its own codes: 287 lengths and a distance, described by 18 lengths.
    put(0b101, 3);
    put(287 - 257, 5);
    put(0, 5);
    put(18 - 4, 4);
    // These describe a run of zeros by a 1, and a length of one by a 0.
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        put(u32::from(symbol == 18 || symbol == 1), 3);
    }
    for run in [97, 0, 138, 20, 0, 31] {
        match run {
            0 => put(0, 1),
            run => put(1 | (run - 11) << 1, 8),
        }
    }
    // The letter, and the end.
    put(0b10, 2);
    let byte = |bits: &[bool]| {
        (0..8).fold(0, |byte, at| {
            byte | u8::from(bits.get(at) == Some(&true)) << at
        })
    };
    bits.chunks(8).map(byte).collect()
}

#[test]
fn the_strict_reader_refuses_everything_that_zlib_refuses() {
    let mut crc = flate2::Crc::new();
    crc.update(b"a");
    let footer = [crc.sum().to_le_bytes(), 1_u32.to_le_bytes()].concat();
    let file = member_of(&too_many_lengths(), &footer);
    assert!(
        MultiGzDecoder::new(&file[..])
            .read_to_end(&mut Vec::new())
            .is_err()
    );
    assert!(decompress(Decompressor::strict(file.clone())).is_err());
    let fast = Decompressor::with_chunks_of(300, file, None);
    assert_eq!(decompress(fast).unwrap(), b"a");
}

#[test]
fn damage_is_found_in_other_files() {
    let good = plain_gzip(b"some image or other");
    assert!(message(&good, Some(b"00")).contains("actual hash"));
    assert_eq!(
        message(&good[..good.len() - 9], None),
        "unexpected end of file"
    );
    assert_eq!(message(b"", None), "unexpected end of file");
    assert_eq!(message(b"not gzip at all", None), "incorrect header check");
    let mut wrong_sum = good.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    assert_eq!(message(&wrong_sum, None), "incorrect data check");
}

#[test]
fn files_may_mix_kinds_of_members() {
    let first = compress(&image(BLOCK * 2), BLOCK, BLOCK).bytes;
    let second = plain_gzip(&noise(BLOCK));
    let file = [&first[..], &second, &first, &plain_gzip(b""), &first].concat();
    let reader = Decompressor::with_chunks_of(300, file.clone(), None);
    assert_eq!(decompress(reader).unwrap(), gunzip(&file));
}

#[test]
fn only_zeros_after_a_file_are_padding() {
    let ours = compress(&image(BLOCK * 2), BLOCK, BLOCK).bytes;
    let contents = gunzip(&ours);
    for file in [&ours, &plain_gzip(&contents)] {
        let read = |behind: &[u8]| {
            let file = [file, behind].concat();
            decompress(Decompressor::with_chunks_of(300, file, None))
        };
        for padding in [
            &[0][..],
            &[0; 70_000],
            b"\0no member",
            &[&[0], &ours[..]].concat(),
        ] {
            assert_eq!(read(padding).unwrap(), contents);
        }
        for garbage in [&b"x"[..], b"\x1F", b"\x1F\x8B\x08", &ours[..ours.len() - 1]] {
            assert!(read(garbage).is_err());
        }
    }
}

#[test]
fn highly_compressed_data_is_read_in_chunks() {
    // The contents are a thousand times as long as the file. Nothing is decompressed before it is
    // requested.
    let file = plain_gzip(&vec![0; 4 << 20]);
    let mut inflate = Inflate::new(file, 1000);
    for _ in 0..3 {
        assert_eq!(inflate.next_chunk().unwrap().unwrap().len(), 1000);
    }
    // A length beyond that of our members is not believed.
    let mut claims = compress(&[0; BLOCK * 2], BLOCK, BLOCK).bytes;
    let end = members(&claims)[0].end;
    claims[end - 4..end].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Member::at_start_of(&claims).is_none());
    assert_eq!(message(&claims, None), "incorrect data check");
}

#[test]
fn errors_have_their_code() {
    let mut reader = Decompressor::new(b"nonsense".to_vec(), None);
    assert!(matches!(reader.next_chunk(), Err(Error::BadGzip(_))));
}
