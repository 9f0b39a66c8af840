//! Measures reading, copying, compressing and decompressing files on one thread.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use libdeflater::Decompressor;

use crate::clock::{Figures, time};
use crate::{Outcome, gzip};

/// The number of bytes that `cp` reads at a time.
const COPY_BUFFER: usize = 128 << 10;

/// The number of bytes that `read` reads at a time.
const READ_BUFFER: usize = 1 << 20;

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

/// Reads a file once, into one buffer. Returns its length.
pub fn read_all(file: &str) -> Outcome<u64> {
    let mut buffer = vec![0; READ_BUFFER];
    let mut source = File::open(file)?;
    let mut bytes = 0;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes += count as u64;
    }
}

/// Reads files once.
pub fn read(files: &[&str]) -> Outcome<Figures> {
    time(|| files.iter().map(|file| read_all(file)).sum())
}

/// Compresses each file to gzip. Returns the number of compressed bytes.
pub fn deflate(files: &[&str]) -> Outcome<Figures> {
    let images = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    deflate_each(images.iter().map(Vec::as_slice))
}

/// Compresses the beginnings of a file, which have these lengths, to gzip.
pub fn deflate_parts(file: &str, lengths: &[&str]) -> Outcome<Figures> {
    let content = fs::read(file)?;
    let parts = lengths
        .iter()
        .map(|length| {
            let part = content.get(..length.parse()?);
            part.ok_or_else(|| "the file is shorter than a part of it".into())
        })
        .collect::<Outcome<Vec<_>>>()?;
    deflate_each(parts)
}

fn deflate_each<'a>(images: impl IntoIterator<Item = &'a [u8]>) -> Outcome<Figures> {
    time(|| {
        let mut bytes = 0;
        for image in images {
            let mut compressor = gzip::compressor(gzip::IMAGE_LEVEL)?;
            bytes += gzip::compress(&mut compressor, image)?.len() as u64;
        }
        Ok(bytes)
    })
}

/// Decompresses each gzip file `repeat` times.
pub fn inflate(repeat: u32, files: &[&str]) -> Outcome<Figures> {
    let compressed = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    time(|| {
        let mut bytes = 0;
        for _ in 0..repeat {
            for file in &compressed {
                bytes += gzip::decompress(&mut Decompressor::new(), file)?.len() as u64;
            }
        }
        Ok(bytes)
    })
}
