//! Reading an image out of its gzip file, while it is being decompressed.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::helpers::DECOMPRESSING;
use super::inflate::Inflate;
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::limits;

/// How many chunks a helper has ready, besides the one that it works on.
const AHEAD: usize = 2;

/// Reads an image out of its gzip file chunk by chunk, and checks its hash at the end.
///
/// A helper decompresses the next chunks while the one before is hashed and used.
pub struct Decompressor {
    chunks: Chunks,
    hash: Option<(Sha256, Vec<u8>)>,
}

/// The next bytes, or the end, or what is wrong.
type Chunk = Result<Option<Vec<u8>>>;

/// Where chunks come from.
enum Chunks {
    /// The file, since no chunk of it was asked for yet, or no helper was to be had.
    Here(Box<Inflate>, Start),
    /// A helper.
    Ahead(Receiver<Chunk>),
    Ended,
}

/// Whether to look for a helper.
enum Start {
    /// Not for the first chunk, which may be all there is.
    Later,
    Now,
    Never,
}

impl Decompressor {
    /// A reader of `compressed`, whose image should have `expected_hash`, if one is given.
    pub fn new(compressed: Vec<u8>, expected_hash: Option<Vec<u8>>) -> Decompressor {
        Decompressor::with_chunks_of(limits().chunk_bytes, compressed, expected_hash)
    }

    /// A reader that gives at most so many bytes at a time.
    pub(super) fn with_chunks_of(
        chunk_bytes: usize,
        compressed: Vec<u8>,
        expected_hash: Option<Vec<u8>>,
    ) -> Decompressor {
        let inflate = Inflate::new(compressed, chunk_bytes.max(1));
        Decompressor::of(inflate, expected_hash)
    }

    /// A reader that refuses whatever zlib refuses.
    ///
    /// [`Decompressor::new`] reads members of ours with a decoder that is twice as fast. It takes a few
    /// faults of compressed data, such as codes that are not complete, which no encoder makes and
    /// which leave the contents as they are.
    pub(crate) fn strict(compressed: Vec<u8>) -> Decompressor {
        let inflate = Inflate::strictly(compressed, limits().chunk_bytes.max(1));
        Decompressor::of(inflate, None)
    }

    fn of(inflate: Inflate, expected_hash: Option<Vec<u8>>) -> Decompressor {
        Decompressor {
            chunks: Chunks::Here(Box::new(inflate), Start::Later),
            hash: expected_hash.map(|expected| (Sha256::new(), expected)),
        }
    }

    /// The next bytes of the image; `None` at the end.
    ///
    /// # Errors
    /// [`Error::BadGzip`]; [`Error::LoadedHashMismatch`] at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = self.chunks.next();
        if !matches!(chunk, Ok(Some(_))) {
            self.chunks = Chunks::Ended;
        }
        let chunk = chunk?;
        match (&chunk, &mut self.hash) {
            (Some(bytes), Some((hash, _))) => hash.add(bytes),
            (None, _) => self.check_hash()?,
            (Some(_), None) => {}
        }
        Ok(chunk)
    }

    fn check_hash(&mut self) -> Result<()> {
        if let Some((hash, expected)) = self.hash.take() {
            let actual = hash.finish();
            if actual.as_bytes() != expected {
                return Err(Error::LoadedHashMismatch { actual, expected });
            }
        }
        Ok(())
    }
}

impl Chunks {
    fn next(&mut self) -> Chunk {
        if let Chunks::Here(_, Start::Now) = self {
            *self = std::mem::replace(self, Chunks::Ended).with_helper();
        }
        match self {
            Chunks::Here(inflate, start) => {
                if let Start::Later = start {
                    *start = Start::Now;
                }
                inflate.next_chunk()
            }
            Chunks::Ahead(chunks) => chunks.recv().unwrap_or_else(|_| {
                Err(Error::Internal(
                    "a thread failed to decompress a snapshot".into(),
                ))
            }),
            Chunks::Ended => Ok(None),
        }
    }

    /// Hands the file to a helper, if there is one.
    fn with_helper(self) -> Chunks {
        let Chunks::Here(inflate, _) = self else {
            return self;
        };
        // The file goes to the helper once it runs, so that it is still here if none does.
        let (hand_over, taken) = sync_channel::<Box<Inflate>>(1);
        let (sender, chunks) = sync_channel(AHEAD);
        let started = DECOMPRESSING.start("snapshot gunzip", move || {
            if let Ok(mut inflate) = taken.recv() {
                help(&mut inflate, &sender);
            }
        });
        if !started {
            return Chunks::Here(inflate, Start::Never);
        }
        match hand_over.send(inflate) {
            Ok(()) => Chunks::Ahead(chunks),
            Err(refused) => Chunks::Here(refused.0, Start::Never),
        }
    }
}

/// Decompresses until the end, or until nobody wants any more of it.
fn help(inflate: &mut Inflate, chunks: &SyncSender<Chunk>) {
    loop {
        let chunk = inflate.next_chunk();
        let is_last = !matches!(chunk, Ok(Some(_)));
        if chunks.send(chunk).is_err() || is_last {
            return;
        }
    }
}
