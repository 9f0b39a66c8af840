//! Compressing an image, block by block, with the help of other threads.

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

/// Images up to this size, which are those of tests, become the very same files as those of
/// other gzip programs: callers know how long they are.
const SMALL_IMAGE_BYTES: usize = 4096;

/// Fails for a file that SQLite would refuse, before more of it is held in memory.
fn check_size(file_bytes: usize) -> Result<()> {
    match file_bytes > value_bytes() {
        true => Err(Error::TooBig),
        false => Ok(()),
    }
}

/// A snapshot that was compressed and hashed.
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
/// The bytes of the file depend on those of the image only, not on how they come in chunks.
pub struct Compressor {
    hash: Sha256,
    uncompressed_size: u64,
    /// The block that is being gathered.
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
    /// One that compresses so many bytes of the image in one go.
    pub(super) fn with_blocks_of(block_bytes: usize) -> Compressor {
        Compressor {
            hash: Sha256::new(),
            uncompressed_size: 0,
            block: Vec::new(),
            block_bytes: block_bytes.clamp(1, MAX_BLOCK_BYTES),
            line: Line::default(),
        }
    }

    /// Adds the next bytes of the image. Waits for helpers if they have enough to do.
    ///
    /// # Errors
    /// SQLite's `SQLITE_TOOBIG` once the gzip file is larger than any that can be stored;
    /// [`Error::Internal`] if a block could not be compressed, for which there is no reason.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // A full block waits for the next byte, so that the last one is never empty.
            if self.block.len() == self.block_bytes {
                self.line.submit(&mut self.block)?;
                check_size(self.line.file.len())?;
            }
            let (now, later) = rest.split_at(rest.len().min(self.block_bytes - self.block.len()));
            self.block.extend_from_slice(now);
            rest = later;
        }
        // Behind the submission, so that helpers are at work meanwhile.
        self.hash.add(bytes);
        self.uncompressed_size += bytes.len() as u64;
        Ok(())
    }

    /// Ends the image.
    ///
    /// # Errors
    /// As [`Compressor::add`].
    pub fn finish(mut self) -> Result<Compressed> {
        Ok(Compressed {
            hash: self.hash.finish(),
            uncompressed_size: self.uncompressed_size,
            bytes: self.line.finish(&mut self.block)?,
        })
    }
}

/// A block that a helper is to compress, and where its member goes.
struct Job {
    block: Vec<u8>,
    reply: Sender<Done>,
}

/// Where the helpers of one image take their blocks from.
type Queue = Mutex<Receiver<Job>>;

/// A member, and the block's memory for another one.
struct Done {
    member: Result<Vec<u8>>,
    block: Vec<u8>,
}

/// Blocks on their way into the file.
#[derive(Default)]
struct Line {
    file: Vec<u8>,
    /// For those blocks that no helper takes.
    encoder: Option<Encoder>,
    helpers: usize,
    /// Where helpers take blocks from. The receiving end belongs to them, so that nobody waits
    /// for what none of them can do any more.
    jobs: Option<(Sender<Job>, Weak<Queue>)>,
    /// Blocks that helpers have or will have, in the order of the file.
    in_work: VecDeque<Receiver<Done>>,
    /// The memory of blocks that are done.
    spare: Vec<Vec<u8>>,
}

impl Line {
    /// Takes a block, of which there are more to come, and leaves an empty one.
    fn submit(&mut self, block: &mut Vec<u8>) -> Result<()> {
        if self.helpers < helpers::most() && self.start_helper() {
            self.helpers += 1;
        }
        let Some(jobs) = self.jobs.as_ref().map(|(jobs, _)| jobs.clone()) else {
            return self.compress_here(block);
        };
        // Each helper has one in work, and one more is ready for whoever is done first.
        while self.in_work.len() > self.helpers {
            self.collect()?;
        }
        let (reply, done) = channel();
        let block = std::mem::replace(block, self.spare.pop().unwrap_or_default());
        jobs.send(Job { block, reply })
            .map_err(|_| Error::Internal("nobody takes blocks to compress".into()))?;
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

    /// Waits for the block that is next in the file.
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
            .get_or_insert_with(Encoder::new)
            .append(block, &mut self.file)?;
        block.clear();
        Ok(())
    }

    /// Takes the last block; returns the file.
    fn finish(mut self, block: &mut Vec<u8>) -> Result<Vec<u8>> {
        if self.jobs.is_some() {
            self.submit(block)?;
            // Helpers end when there is nothing more to come.
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

/// Compresses one block after the other until there are no more.
fn help(queue: &Queue) {
    let mut encoder = Encoder::new();
    let next = || {
        let queue = lock::lock(queue);
        queue.recv()
    };
    while let Ok(Job { block, reply }) = next() {
        let mut member = Vec::new();
        let member = encoder.append(&block, &mut member).map(|()| member);
        // Nobody waits for it if the image was abandoned.
        let _ = reply.send(Done { member, block });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_as_large_as_a_value_and_no_larger() {
        assert!(check_size(value_bytes()).is_ok());
        let refused = check_size(value_bytes() + 1);
        assert!(matches!(refused, Err(Error::TooBig)), "{refused:?}");
        assert!(check_size(0).is_ok());
    }
}
