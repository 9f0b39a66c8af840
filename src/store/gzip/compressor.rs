//! Compresses an image block by block, with the help of other threads.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::block_queue::{BlockSender, Done, Job};
use super::helpers::COMPRESSING;
use super::member::{self, Encoder, MAX_BLOCK_BYTES};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::{limits, value_bytes};

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
        Compressor::with_blocks_of(limits().image_block_bytes)
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

    /// Adds the next bytes of the image. Compresses some of them while all helpers are busy.
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

/// How many blocks of an image are in memory, in progress or waiting. With fewer, helpers run out of
/// blocks while the image's own thread hashes, or waits for JavaScript.
const MOST_IN_WORK: usize = 16;

/// Blocks in progress, and the file.
#[derive(Default)]
struct Line {
    file: Vec<u8>,
    /// For blocks that this thread compresses.
    encoder: Option<Encoder>,
    helpers: usize,
    queue: BlockSender,
    /// Blocks that were put into the queue, in the order of the file.
    in_work: VecDeque<Receiver<Done>>,
    /// Memory of finished blocks.
    spare: Vec<Vec<u8>>,
}

impl Line {
    /// Submits a block, and leaves an empty one.
    ///
    /// When too many blocks wait, this thread compresses blocks, too. If it only waited, the system
    /// would often run all helpers, and not this thread, until none of them had a block left. Together
    /// with smaller blocks, this makes saving an image of `kernel-trace` 1.4 times as fast on two cores.
    fn submit(&mut self, block: &mut Vec<u8>) -> Result<()> {
        if self.start_helper() {
            self.helpers += 1;
        }
        if self.helpers == 0 {
            return self.compress_here(block);
        }
        let (reply, done) = channel();
        let block = std::mem::replace(block, self.spare.pop().unwrap_or_default());
        self.queue.push(Job { block, reply });
        self.in_work.push_back(done);
        self.work_down_to(MOST_IN_WORK)
    }

    fn start_helper(&self) -> bool {
        let queue = self.queue.queue();
        COMPRESSING.start("snapshot gzip", move || queue.help())
    }

    /// Compresses blocks, or waits for them, until at most this many are in work.
    fn work_down_to(&mut self, most: usize) -> Result<()> {
        let ended = || Error::Internal("a thread failed to compress a snapshot".into());
        while self.in_work.len() > most
            && let Some(first) = self.in_work.front()
        {
            let done = match first.try_recv() {
                Ok(done) => done,
                Err(TryRecvError::Disconnected) => return Err(ended()),
                Err(TryRecvError::Empty) => match self.queue.take() {
                    Some(job) => {
                        job.run(self.encoder.get_or_insert_with(Encoder::for_images));
                        continue;
                    }
                    None => first.recv().map_err(|_| ended())?,
                },
            };
            self.in_work.pop_front();
            let Done { member, mut block } = done;
            self.file.extend_from_slice(&member?);
            block.clear();
            self.spare.push(block);
        }
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
        if self.helpers > 0 {
            self.submit(block)?;
            self.work_down_to(0)?;
        } else if self.file.is_empty() && block.len() <= SMALL_IMAGE_BYTES {
            return member::plain(block);
        } else {
            self.compress_here(block)?;
        }
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::gzip::helpers;

    #[test]
    fn helpers_take_part() {
        // More images than helpers, one after the other. Other tests may have all helpers for a while.
        for _ in 0..20 {
            let begin = Instant::now();
            loop {
                let mut line = Line::default();
                for _ in 0..MOST_IN_WORK {
                    line.submit(&mut vec![b'x'; 100]).unwrap();
                }
                if line.helpers > 0 {
                    assert!(line.helpers <= helpers::most());
                    // This thread compresses none of them.
                    for done in line.in_work.drain(..) {
                        let done = done.recv_timeout(Duration::from_secs(20));
                        assert!(done.unwrap().member.is_ok());
                    }
                    break;
                }
                assert!(begin.elapsed() < Duration::from_secs(20), "no helper");
                std::thread::yield_now();
            }
        }
    }

    /// The state of an image whose helpers do nothing.
    fn without_help() -> Line {
        Line {
            helpers: helpers::most(),
            ..Line::default()
        }
    }

    #[test]
    fn blocks_that_no_helper_takes_are_compressed_by_the_image_s_thread() {
        let mut line = without_help();
        let mut expected = Vec::new();
        let mut encoder = Encoder::for_images();
        for number in 0..3 * MOST_IN_WORK {
            let block = vec![number as u8; 100];
            encoder.append(&block, &mut expected).unwrap();
            line.submit(&mut block.clone()).unwrap();
            assert!(line.in_work.len() <= MOST_IN_WORK);
        }
        let mut last = b"last".to_vec();
        encoder.append(&last, &mut expected).unwrap();
        assert!(line.finish(&mut last).unwrap() == expected);
    }

    #[test]
    fn a_block_that_a_helper_loses_fails_the_image() {
        let mut line = without_help();
        line.submit(&mut b"lost".to_vec()).unwrap();
        drop(line.queue.take());
        line.submit(&mut b"kept".to_vec()).unwrap();
        let failed = line.finish(&mut b"last".to_vec());
        assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
    }

    #[test]
    fn helpers_of_an_abandoned_image_end() {
        let mut line = without_help();
        let queue = line.queue.queue();
        line.submit(&mut b"abandoned".to_vec()).unwrap();
        let abandoned = line.in_work.pop_front().unwrap();
        drop(line);
        queue.help();
        // Those that wait are compressed before.
        assert!(abandoned.try_recv().unwrap().member.is_ok());
    }

    #[test]
    fn a_file_may_be_as_large_as_a_value_and_no_larger() {
        assert!(check_size(value_bytes()).is_ok());
        let refused = check_size(value_bytes() + 1);
        assert!(matches!(refused, Err(Error::TooBig)), "{refused:?}");
        assert!(check_size(0).is_ok());
    }
}
