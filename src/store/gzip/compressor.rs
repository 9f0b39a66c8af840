//! Compresses an image block by block, with the help of other threads.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};

use super::helpers::COMPRESSING;
use super::member::{Encoder, MAX_BLOCK_BYTES};
use super::{helpers, member};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::{limits, value_bytes};
use crate::store::tasks::lock;

/// Images up to this size (those of tests) become the same files as with other gzip programs,
/// because callers depend on the length.
pub(super) const SMALL_IMAGE_BYTES: usize = 4096;

/// Fails if SQLite would refuse a file of this size, before more of it is in memory.
fn check_size(file_bytes: usize) -> Result<()> {
    if file_bytes > value_bytes() {
        return Err(Error::TooBig);
    }
    Ok(())
}

/// A compressed and hashed snapshot.
#[derive(Debug, Clone)]
pub struct Compressed {
    /// SHA-256 of the uncompressed image.
    pub hash: String,
    /// The image's size in bytes.
    pub uncompressed_size: u64,
    /// The gzip file.
    pub bytes: Vec<u8>,
}

/// Compresses and hashes an image chunk by chunk.
///
/// The bytes of the file depend only on those of the image, not on its division into chunks.
pub struct Compressor {
    hash: Sha256,
    uncompressed_size: u64,
    /// The unfinished block.
    block: Vec<u8>,
    block_bytes: usize,
    line: Line,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor::with_blocks_of(limits().gzip_block_bytes)
    }
}

impl Compressor {
    /// Creates a compressor with blocks of this many bytes.
    pub(super) fn with_blocks_of(block_bytes: usize) -> Compressor {
        Compressor {
            hash: Sha256::new(),
            uncompressed_size: 0,
            block: Vec::new(),
            block_bytes: block_bytes.clamp(1, MAX_BLOCK_BYTES),
            line: Line::default(),
        }
    }

    /// Adds the next bytes of the image. Waits while all helpers are busy.
    ///
    /// # Errors
    /// [`Error::TooBig`] if the gzip file is too large to be stored; [`Error::Internal`] if the
    /// encoder fails, which is not expected.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // A full block is kept until the next byte arrives, so that the last block is never
            // empty.
            if self.block.len() == self.block_bytes {
                self.line.submit(&mut self.block)?;
                check_size(self.line.file.len())?;
            }
            let (now, later) = rest.split_at(rest.len().min(self.block_bytes - self.block.len()));
            self.block.extend_from_slice(now);
            rest = later;
        }
        // Hash after submitting the block, so that helpers work in the meantime.
        self.hash.add(bytes);
        self.uncompressed_size += bytes.len() as u64;
        Ok(())
    }

    /// Finishes the image.
    ///
    /// # Errors
    /// Those of [`Compressor::add`].
    pub fn finish(mut self) -> Result<Compressed> {
        Ok(Compressed {
            hash: self.hash.finish(),
            uncompressed_size: self.uncompressed_size,
            bytes: self.line.finish(&mut self.block)?,
        })
    }
}

/// A block to compress, and where to send its member.
struct Job {
    block: Vec<u8>,
    reply: Sender<Done>,
}

/// The queue from which the helpers of one image take blocks.
type Queue = Mutex<Receiver<Job>>;

/// A compressed member, and its block's memory for reuse.
struct Done {
    member: Result<Vec<u8>>,
    block: Vec<u8>,
}

/// Blocks in progress, and the file.
#[derive(Default)]
struct Line {
    file: Vec<u8>,
    /// For blocks that are compressed without a helper.
    encoder: Option<Encoder>,
    helpers: usize,
    /// The queue of blocks. The helpers own the receiving end, so that nobody waits if all of them
    /// have ended.
    jobs: Option<(Sender<Job>, Weak<Queue>)>,
    /// Submitted blocks, in the order of the file.
    in_work: VecDeque<Receiver<Done>>,
    /// Memory of finished blocks.
    spare: Vec<Vec<u8>>,
}

impl Line {
    /// Submits a block that is not the last one, and leaves an empty block.
    fn submit(&mut self, block: &mut Vec<u8>) -> Result<()> {
        if self.helpers < helpers::most() && self.start_helper() {
            self.helpers += 1;
        }
        let Some(jobs) = self.jobs.as_ref().map(|(jobs, _)| jobs.clone()) else {
            return self.compress_here(block);
        };
        // Each helper has one block, and one more is ready for the next free helper.
        while self.in_work.len() > self.helpers {
            self.collect()?;
        }
        let (reply, done) = channel();
        let block = std::mem::replace(block, self.spare.pop().unwrap_or_default());
        jobs.send(Job { block, reply })
            .map_err(|_| Error::Internal("all threads that compress have ended".into()))?;
        self.in_work.push_back(done);
        Ok(())
    }

    fn start_helper(&mut self) -> bool {
        let Some((_, queue)) = &self.jobs else {
            let (jobs, queue) = channel();
            let queue = Arc::new(Mutex::new(queue));
            let weak = Arc::downgrade(&queue);
            let started = COMPRESSING.start("snapshot gzip", move || help(&queue));
            self.jobs = started.then_some((jobs, weak));
            return started;
        };
        match queue.upgrade() {
            Some(queue) => COMPRESSING.start("snapshot gzip", move || help(&queue)),
            None => false,
        }
    }

    /// Waits for the next block of the file.
    fn collect(&mut self) -> Result<()> {
        let Some(done) = self.in_work.pop_front() else {
            return Ok(());
        };
        let Done { member, mut block } = done
            .recv()
            .map_err(|_| Error::Internal("a thread failed to compress a snapshot".into()))?;
        self.file.extend_from_slice(&member?);
        block.clear();
        self.spare.push(block);
        Ok(())
    }

    fn compress_here(&mut self, block: &mut Vec<u8>) -> Result<()> {
        self.encoder
            .get_or_insert_with(Encoder::for_images)
            .append(block, &mut self.file)?;
        block.clear();
        Ok(())
    }

    /// Submits the last block, and returns the file.
    fn finish(mut self, block: &mut Vec<u8>) -> Result<Vec<u8>> {
        if self.jobs.is_some() {
            self.submit(block)?;
            // Helpers end when the queue is closed.
            self.jobs = None;
            while !self.in_work.is_empty() {
                self.collect()?;
            }
        } else if self.file.is_empty() && block.len() <= SMALL_IMAGE_BYTES {
            return member::plain(block);
        } else {
            self.compress_here(block)?;
        }
        Ok(self.file)
    }
}

/// Compresses blocks until the queue is closed.
fn help(queue: &Queue) {
    let mut encoder = Encoder::for_images();
    let next = || {
        let queue = lock::lock(queue);
        queue.recv()
    };
    while let Ok(Job { block, reply }) = next() {
        let mut member = Vec::new();
        let member = encoder.append(&block, &mut member).map(|()| member);
        // If the image was abandoned, nobody waits for the member.
        let _ = reply.send(Done { member, block });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn helpers_compress_all_but_the_last_block() {
        // More images than helpers, one after the other. Other tests may have all helpers for a while.
        for _ in 0..20 {
            let begin = Instant::now();
            loop {
                let mut compressor = Compressor::with_blocks_of(100);
                compressor.add(&[b'x'; 1001]).unwrap();
                if compressor.line.jobs.is_some() {
                    assert!((1..=helpers::most()).contains(&compressor.line.helpers));
                    break;
                }
                assert!(begin.elapsed() < Duration::from_secs(20), "no helper");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_file_may_be_as_large_as_a_value_and_no_larger() {
        assert!(check_size(value_bytes()).is_ok());
        let refused = check_size(value_bytes() + 1);
        assert!(matches!(refused, Err(Error::TooBig)), "{refused:?}");
        assert!(check_size(0).is_ok());
    }
}
