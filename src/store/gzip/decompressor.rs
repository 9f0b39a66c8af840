//! Reads an image from its gzip file while a helper decompresses it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::helpers::DECOMPRESSING;
use super::inflate::Inflate;
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::limits;

/// Number of chunks that a helper keeps ready, besides its current one.
const AHEAD: usize = 2;

/// Reads an image from its gzip file chunk by chunk, and checks its hash at the end.
///
/// A helper decompresses the next chunks while the current one is hashed and used.
pub struct Decompressor {
    chunks: Chunks,
    hash: Option<(Sha256, Vec<u8>)>,
}

/// The next bytes, the end, or an error.
type Chunk = Result<Option<Vec<u8>>>;

/// The source of chunks.
enum Chunks {
    /// The file: no chunk was requested yet, or no helper is available.
    Here(Box<Inflate>, Start),
    /// A helper.
    Ahead(Receiver<Chunk>),
    Ended,
}

/// Whether to request a helper.
enum Start {
    /// Not for the first chunk, which may be the only one.
    Later,
    Now,
    Never,
}

impl Decompressor {
    /// Creates a reader of `compressed`. Checks that the image has `expected_hash`, if given.
    pub fn new(compressed: Vec<u8>, expected_hash: Option<Vec<u8>>) -> Decompressor {
        Decompressor::with_chunks_of(limits().chunk_bytes, compressed, expected_hash)
    }

    /// Creates a reader with chunks of at most this many bytes.
    pub(super) fn with_chunks_of(
        chunk_bytes: usize,
        compressed: Vec<u8>,
        expected_hash: Option<Vec<u8>>,
    ) -> Decompressor {
        let inflate = Inflate::new(compressed, chunk_bytes.max(1));
        Decompressor::of(inflate, expected_hash)
    }

    /// Creates a reader that refuses everything that zlib refuses.
    ///
    /// [`Decompressor::new`] uses a decoder that is twice as fast for members of ours. It accepts a
    /// few invalid encodings, such as incomplete codes, which no encoder produces and which do not
    /// change the contents.
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

    /// Passes the file to a helper, if one is available.
    fn with_helper(self) -> Chunks {
        let Chunks::Here(inflate, _) = self else {
            return self;
        };
        // The helper receives the file once it runs, so the file is still here if none starts.
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

/// Decompresses until the end, or until the reader is dropped.
fn help(inflate: &mut Inflate, chunks: &SyncSender<Chunk>) {
    loop {
        let chunk = inflate.next_chunk();
        let is_last = !matches!(chunk, Ok(Some(_)));
        if chunks.send(chunk).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::gzip::Compressor;

    fn file() -> Vec<u8> {
        let mut compressor = Compressor::with_blocks_of(1000);
        compressor.add(&[b'x'; 10_000]).unwrap();
        compressor.finish().unwrap().bytes
    }

    #[test]
    fn a_helper_decompresses_after_the_first_chunk() {
        // More images than helpers, one after the other. Other tests may have all helpers for a while.
        for _ in 0..20 {
            let begin = Instant::now();
            loop {
                let mut reader = Decompressor::with_chunks_of(100, file(), None);
                reader.next_chunk().unwrap();
                assert!(matches!(reader.chunks, Chunks::Here(_, Start::Now)));
                reader.next_chunk().unwrap();
                if matches!(reader.chunks, Chunks::Ahead(_)) {
                    break;
                }
                assert!(begin.elapsed() < Duration::from_secs(20), "no helper");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_helper_of_an_abandoned_image_ends_at_once() {
        let mut inflate = Inflate::new(file(), 100);
        let (sender, chunks) = sync_channel(AHEAD);
        drop(chunks);
        help(&mut inflate, &sender);
        assert_eq!(inflate.next_chunk().unwrap(), Some(vec![b'x'; 100]));
    }
}
