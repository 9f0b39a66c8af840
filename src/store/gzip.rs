//! Snapshots are gzip files in the store, and plain bytes everywhere else.

use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::error::{Error, Result};
use super::hash::Sha256;
use super::limits::limits;

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
pub struct Compressor {
    hash: Sha256,
    uncompressed_size: u64,
    encoder: GzEncoder<Vec<u8>>,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor {
            hash: Sha256::new(),
            uncompressed_size: 0,
            encoder: GzEncoder::new(Vec::new(), Compression::default()),
        }
    }
}

impl Compressor {
    /// Adds the next bytes of the image.
    ///
    /// # Errors
    /// [`Error::Internal`] if the encoder fails, which it does not when it writes to memory.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.add(bytes);
        self.uncompressed_size += bytes.len() as u64;
        self.encoder
            .write_all(bytes)
            .map_err(|error| Error::Internal(format!("compressing a snapshot: {error}")))
    }

    /// Ends the image.
    ///
    /// # Errors
    /// As [`Compressor::add`].
    pub fn finish(self) -> Result<Compressed> {
        Ok(Compressed {
            hash: self.hash.finish(),
            uncompressed_size: self.uncompressed_size,
            bytes: self
                .encoder
                .finish()
                .map_err(|error| Error::Internal(format!("compressing a snapshot: {error}")))?,
        })
    }
}

/// Reads an image out of its gzip file chunk by chunk, and checks its hash at the end.
pub struct Decompressor {
    decoder: MultiGzDecoder<Cursor<Vec<u8>>>,
    hash: Option<(Sha256, Vec<u8>)>,
    chunk_bytes: usize,
    done: bool,
}

impl Decompressor {
    /// A reader of `compressed`, whose image should have `expected_hash`, if one is given.
    pub fn new(compressed: Vec<u8>, expected_hash: Option<Vec<u8>>) -> Decompressor {
        Decompressor {
            decoder: MultiGzDecoder::new(Cursor::new(compressed)),
            hash: expected_hash.map(|expected| (Sha256::new(), expected)),
            chunk_bytes: limits().chunk_bytes.max(1),
            done: false,
        }
    }

    /// The next bytes of the image; `None` at the end.
    ///
    /// # Errors
    /// [`Error::BadGzip`]; [`Error::LoadedHashMismatch`] at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if self.done {
            return Ok(None);
        }
        let mut chunk = vec![0; self.chunk_bytes];
        let mut filled = 0;
        while filled < chunk.len() {
            match self.decoder.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => {
                    self.done = true;
                    return Err(bad_gzip(&error));
                }
            }
        }
        chunk.truncate(filled);
        if let Some((hash, _)) = &mut self.hash {
            hash.add(&chunk);
        }
        if filled > 0 {
            return Ok(Some(chunk));
        }
        self.done = true;
        if let Some((hash, expected)) = self.hash.take() {
            let actual = hash.finish();
            if actual.as_bytes() != expected {
                return Err(Error::LoadedHashMismatch { actual, expected });
            }
        }
        Ok(None)
    }
}

/// What is wrong with a gzip file, in zlib's words, which Node.js users know.
fn bad_gzip(error: &std::io::Error) -> Error {
    let found = error.to_string();
    Error::BadGzip(match (error.kind(), found.as_str()) {
        (std::io::ErrorKind::UnexpectedEof, _) => "unexpected end of file".into(),
        (_, "invalid gzip header") => "incorrect header check".into(),
        (_, "corrupt gzip stream does not have a matching checksum") => {
            "incorrect data check".into()
        }
        _ => format!("the snapshot is not a gzip file: {found}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(image: &[u8]) -> Compressed {
        let mut compressor = Compressor::default();
        for chunk in image.chunks(1000) {
            compressor.add(chunk).unwrap();
        }
        compressor.finish().unwrap()
    }

    fn decompress(decompressor: &mut Decompressor) -> Result<Vec<u8>> {
        let mut image = Vec::new();
        while let Some(chunk) = decompressor.next_chunk()? {
            image.extend(chunk);
        }
        Ok(image)
    }

    #[test]
    fn images_survive() {
        let chunk_bytes = limits().chunk_bytes;
        for size in [0, 1, chunk_bytes - 1, chunk_bytes, chunk_bytes * 2 + 7] {
            let image: Vec<u8> = (0..size).map(|at| ((at * at) >> 3) as u8).collect();
            let compressed = compress(&image);
            assert_eq!(compressed.uncompressed_size, size as u64);
            assert_eq!(compressed.hash, Sha256::of(&image));
            let hash = compressed.hash.into_bytes();
            let mut decompressor = Decompressor::new(compressed.bytes, Some(hash));
            assert_eq!(decompress(&mut decompressor).unwrap(), image);
            assert!(decompressor.next_chunk().unwrap().is_none());
        }
    }

    #[test]
    fn damage_is_found() {
        let good = compress(b"some image or other").bytes;
        let message = |bytes: &[u8], hash: Option<&[u8]>| {
            decompress(&mut Decompressor::new(
                bytes.to_vec(),
                hash.map(<[u8]>::to_vec),
            ))
            .unwrap_err()
            .to_string()
        };
        assert!(message(&good, Some(b"00")).contains("actual hash"));
        assert_eq!(
            message(&good[..good.len() - 9], None),
            "unexpected end of file"
        );
        assert_eq!(message(b"not gzip at all", None), "incorrect header check");
        let mut wrong_sum = good.clone();
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert_eq!(message(&wrong_sum, None), "incorrect data check");
    }
}
