//! Measures reading, copying, compressing, decompressing and hashing files.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use libdeflater::Decompressor;
use sha2::{Digest, Sha256};

use crate::clock::{Figures, time};
use crate::{Outcome, gzip};

/// The number of bytes that `cp` reads at a time.
const COPY_BUFFER: usize = 128 << 10;

/// The number of bytes of an image that a thread compresses at a time.
const IMAGE_BLOCK: usize = 256 << 10;

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
    time(|| {
        let mut bytes = 0;
        for image in &images {
            let mut compressor = gzip::compressor(gzip::IMAGE_LEVEL)?;
            bytes += gzip::compress(&mut compressor, image)?.len() as u64;
        }
        Ok(bytes)
    })
}

/// Compresses the beginnings of a file, which have these lengths, to gzip, and hashes them: one after
/// the other, each on all cores. Returns the number of compressed bytes.
pub fn save_images(file: &str, lengths: &[&str]) -> Outcome<Figures> {
    let content = fs::read(file)?;
    let mut images = Vec::new();
    for length in lengths {
        let image = content.get(..length.parse()?);
        images.push(image.ok_or("the file is shorter than a part of it")?);
    }
    let cores = thread::available_parallelism()?.get();
    time(|| {
        let mut bytes = 0;
        for image in images {
            bytes += save_image(image, cores)?;
        }
        Ok(bytes)
    })
}

/// Compresses an image block by block, and hashes it, on this many threads.
fn save_image(image: &[u8], threads: usize) -> Outcome<u64> {
    let blocks: Vec<&[u8]> = image.chunks(IMAGE_BLOCK).collect();
    let next = AtomicUsize::new(0);
    let work = |is_first: bool| -> Result<u64, String> {
        let mut bytes = 0;
        if is_first {
            black_box(Sha256::digest(image));
        }
        let mut compressor =
            gzip::compressor(gzip::IMAGE_LEVEL).map_err(|error| error.to_string())?;
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = gzip::compress(&mut compressor, block).map_err(|error| error.to_string())?;
            bytes += file.len() as u64;
        }
        Ok(bytes)
    };
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..threads)
            .map(|_| scope.spawn(move || work(false)))
            .collect();
        let mut bytes = work(true)?;
        for other in others {
            bytes += other.join().map_err(|_| "a thread panicked")??;
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
