//! Measures copying, compressing and decompressing files on one thread.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::Outcome;
use crate::clock::{Figures, time};

/// The number of bytes that `cp` reads at a time.
const COPY_BUFFER: usize = 128 << 10;

const LEVEL: i32 = 1;

/// Copies files with reads and writes, as `cp` does if the file system cannot share blocks.
pub fn copy(from: &Path, to: &Path, names: &Path) -> Outcome<Figures> {
    let names = fs::read_to_string(names)?;
    fs::create_dir_all(to)?;
    let mut buffer = vec![0; COPY_BUFFER];
    time(|| {
        let mut bytes = 0;
        for name in names.lines() {
            let mut source = File::open(from.join(name))?;
            let mut target = File::create_new(to.join(name))?;
            loop {
                let count = source.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                target.write_all(&buffer[..count])?;
                bytes += count as u64;
            }
        }
        Ok(bytes)
    })
}

fn read_all(files: &[&str]) -> Outcome<Vec<Vec<u8>>> {
    Ok(files.iter().map(fs::read).collect::<Result<_, _>>()?)
}

/// Compresses each file to gzip. Returns the number of compressed bytes.
pub fn deflate(files: &[&str]) -> Outcome<Figures> {
    let images = read_all(files)?;
    let level = CompressionLvl::new(LEVEL).map_err(|_| "libdeflate has no such level")?;
    time(|| {
        let mut bytes = 0;
        for image in &images {
            let mut compressor = Compressor::new(level);
            let mut compressed = vec![0; compressor.gzip_compress_bound(image.len())];
            bytes += compressor.gzip_compress(image, &mut compressed)? as u64;
        }
        Ok(bytes)
    })
}

/// Decompresses each gzip file `repeat` times.
pub fn inflate(repeat: u32, files: &[&str]) -> Outcome<Figures> {
    let compressed = read_all(files)?;
    // The reference writes one gzip member per image, which ends with the image's size.
    let sizes = compressed
        .iter()
        .map(|file| {
            let size = file.last_chunk().ok_or("an empty file is not gzip")?;
            Ok(usize::try_from(u32::from_le_bytes(*size))?)
        })
        .collect::<Outcome<Vec<_>>>()?;
    time(|| {
        let mut bytes = 0;
        for _ in 0..repeat {
            for (file, size) in compressed.iter().zip(&sizes) {
                let mut image = vec![0; *size];
                bytes += Decompressor::new().gzip_decompress(file, &mut image)? as u64;
            }
        }
        Ok(bytes)
    })
}
