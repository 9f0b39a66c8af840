//! Snapshots: gzip files that a damaged store may hold, and images to be compressed.

use std::io::Read;

use flate2::bufread::GzDecoder;
use swing_store::store::{Compressor, Decompressor};

use super::{Target, allowed, split_first};

pub const TARGET: Target = Target {
    name: "snapshot",
    run,
    seeds,
    words: &[
        b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0IG\x04\0",
        b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0SW\x04\0",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\0\0\xff\xff",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x01",
        b"\x03\0\0\0\0\0\0\0\0\0",
    ],
    rounds: 150,
};

/// As much of an image as is looked at.
const ENOUGH: usize = 1 << 20;

fn compress(image: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::default();
    compressor.add(image).expect("compressing");
    compressor.finish().expect("compressing").bytes
}

fn seeds() -> Vec<Vec<u8>> {
    let small = compress(b"a small image");
    let large: Vec<u8> = (0..40_000_u32).map(|at| ((at * at) >> 9) as u8).collect();
    let large = compress(&large);
    let bomb = compress(&vec![0; 2 << 20]);
    let gzipped = [
        &small[..],
        &large,
        &bomb,
        &[&large[..], &small].concat(),
        &[&large[..], b"garbage"].concat(),
    ];
    let mut seeds: Vec<_> = gzipped.iter().map(|file| [b"\0", *file].concat()).collect();
    seeds.push(b"\x01an image".to_vec());
    seeds
}

/// Decompressing gives what another decompressor gives, up to the same end or the same kind of fault.
fn run(input: &[u8]) {
    let (what, bytes) = split_first(input);
    if what % 2 == 1 {
        let image: Vec<u8> = bytes
            .iter()
            .copied()
            .cycle()
            .take(bytes.len() * usize::from(what))
            .collect();
        let compressed = compress(&image);
        assert_eq!(read(&compressed), (image, true));
        return;
    }
    let mut expected = vec![0; ENOUGH];
    let mut other = GzDecoder::new(bytes);
    let mut length = 0;
    let is_whole = loop {
        match other.read(&mut expected[length..]) {
            // Zeros behind a member are padding, as Node.js has it.
            Ok(0) => match other.get_ref() {
                [] | [0, ..] => break true,
                _ if length == ENOUGH => break true,
                rest => other = GzDecoder::new(rest),
            },
            Ok(count) => length += count,
            Err(_) => break false,
        }
    };
    expected.truncate(length);
    let (image, is_right) = read(bytes);
    let common = image.len().min(length);
    assert!(image[..common] == expected[..common]);
    if length < ENOUGH {
        assert_eq!(is_right, is_whole);
        assert!(!is_whole || image.len() == length);
    }
}

/// The first bytes of an image, and whether they were not followed by a fault.
fn read(compressed: &[u8]) -> (Vec<u8>, bool) {
    let mut decompressor = Decompressor::new(compressed.to_vec(), None);
    let mut image = Vec::new();
    while image.len() < ENOUGH {
        match allowed(decompressor.next_chunk()) {
            None => return (image, false),
            Some(None) => break,
            Some(Some(chunk)) => image.extend(chunk),
        }
    }
    (image, true)
}
