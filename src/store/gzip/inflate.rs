//! Decompresses a gzip file chunk by chunk.

use std::io::{Cursor, Read};

use flate2::bufread::GzDecoder;

use super::block_decoder::BlockDecoder;
use super::member::Member;
use crate::store::error::{Error, Result};

/// The unread part of a gzip file.
pub(super) struct Inflate {
    chunk_bytes: usize,
    rest: Rest,
}

enum Rest {
    Members(Box<Members>),
    /// All other files. It also reports the errors of damaged members.
    Stream(Box<Stream>),
    Ended,
}

/// A file that is read as a stream; `None` after its last member.
struct Stream(Option<GzDecoder<Cursor<Vec<u8>>>>);

/// A file of members of ours, which are decompressed one by one.
struct Members {
    file: Vec<u8>,
    /// Index of the next member.
    at: usize,
    decoder: BlockDecoder,
    block: Vec<u8>,
    /// The number of bytes of the block that were returned.
    given: usize,
}

impl Inflate {
    /// Reads `file` in chunks of at most this many bytes.
    pub(super) fn new(file: Vec<u8>, chunk_bytes: usize) -> Inflate {
        let decoder = match Member::at_start_of(&file) {
            Some(_) => BlockDecoder::new(),
            None => None,
        };
        let rest = match decoder {
            Some(decoder) => Rest::Members(Box::new(Members {
                file,
                at: 0,
                decoder,
                block: Vec::new(),
                given: 0,
            })),
            None => stream(file, 0),
        };
        Inflate { chunk_bytes, rest }
    }

    /// Like [`Inflate::new`], but reads all of `file` as a stream, as strictly as zlib does.
    pub(super) fn strictly(file: Vec<u8>, chunk_bytes: usize) -> Inflate {
        let rest = stream(file, 0);
        Inflate { chunk_bytes, rest }
    }

    /// The next bytes; `None` at the end, and after an error.
    ///
    /// # Errors
    /// [`Error::BadGzip`].
    pub(super) fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = match &mut self.rest {
            Rest::Ended => Ok(None),
            Rest::Stream(decoder) => read_chunk(decoder, self.chunk_bytes),
            Rest::Members(members) => match members.next_chunk(self.chunk_bytes) {
                Some(chunk) => Ok(Some(chunk)),
                None => {
                    let file = std::mem::take(&mut members.file);
                    self.rest = stream(file, members.at);
                    return self.next_chunk();
                }
            },
        };
        if !matches!(chunk, Ok(Some(_))) {
            self.rest = Rest::Ended;
        }
        chunk
    }
}

impl Members {
    /// The next bytes; `None` at the end of the file, or if no valid member of ours is here.
    fn next_chunk(&mut self, chunk_bytes: usize) -> Option<Vec<u8>> {
        while self.given == self.block.len() {
            let member = Member::at_start_of(self.file.get(self.at..)?)?;
            self.given = 0;
            if !member.decode(&mut self.decoder, &mut self.block) {
                self.block.clear();
                return None;
            }
            self.at += member.length;
        }
        let rest = &self.block[self.given..];
        let chunk = rest[..rest.len().min(chunk_bytes)].to_vec();
        self.given += chunk.len();
        Some(chunk)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let behind = self.0.take().map(GzDecoder::into_inner);
            self.0 = behind
                .filter(|cursor| !ends_at(cursor.get_ref(), cursor.position() as usize))
                .map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Whether the file ends here, after a member. A zero byte starts padding, as in Node.js, and
/// anything after it is ignored.
fn ends_at(file: &[u8], at: usize) -> bool {
    matches!(file.get(at), None | Some(0))
}

/// Reads a file as a stream from this index on.
fn stream(file: Vec<u8>, at: usize) -> Rest {
    if at > 0 && ends_at(&file, at) {
        return Rest::Ended;
    }
    let mut cursor = Cursor::new(file);
    cursor.set_position(at as u64);
    Rest::Stream(Box::new(Stream(Some(GzDecoder::new(cursor)))))
}

fn read_chunk(decoder: &mut impl Read, chunk_bytes: usize) -> Result<Option<Vec<u8>>> {
    let mut chunk = vec![0; chunk_bytes];
    let mut filled = 0;
    while filled < chunk.len() {
        match decoder.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(bad_gzip(&error)),
        }
    }
    chunk.truncate(filled);
    Ok((filled > 0).then_some(chunk))
}

/// Converts an error to zlib's message, which Node.js users know.
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
