//! Reads a gzip file that another program, or somebody hostile, may have written.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// How many bytes of the file are read at a time.
const READ_BYTES: usize = 64 << 10;

/// Decompresses a gzip file as a stream, with about a hundred kilobytes in memory.
///
/// Every byte of the file must belong to a member. Node.js ignores a zero byte after a member and
/// everything that follows it, and other programs ignore other data; here, both are errors. So is a
/// member without data, unless it is the only one: a file of such members takes time to read and
/// contains nothing.
pub(crate) struct GzipReader<R> {
    /// `None` after the last member, and after an error.
    member: Option<GzDecoder<BufReader<R>>>,
    /// Whether the current member is the first one.
    is_first: bool,
    /// Whether the current member has yielded data.
    has_data: bool,
}

impl<R: Read> GzipReader<R> {
    /// Reads `file` from its current position.
    pub(crate) fn new(file: R) -> GzipReader<R> {
        GzipReader {
            member: Some(GzDecoder::new(BufReader::with_capacity(READ_BYTES, file))),
            is_first: true,
            has_data: false,
        }
    }

    /// Starts the next member, if any, at the end of one.
    fn next_member(&mut self) -> io::Result<()> {
        let Some(member) = self.member.take() else {
            return Ok(());
        };
        let mut file = member.into_inner();
        let is_end = is_at_end(&mut file)?;
        let is_empty_file = self.is_first && is_end;
        if !self.has_data && !is_empty_file {
            return Err(invalid("it contains a compressed part without data"));
        }
        if !is_end {
            self.member = Some(GzDecoder::new(file));
            self.is_first = false;
            self.has_data = false;
        }
        Ok(())
    }
}

impl<R: Read> Read for GzipReader<R> {
    /// Reads bytes of one member.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            match member.read(buffer) {
                Ok(0) if !buffer.is_empty() => self.next_member()?,
                Ok(length) => {
                    self.has_data |= length > 0;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_at_start = !self.has_data;
                    self.member = None;
                    return Err(explain(error, self.is_first, is_at_start));
                }
            }
        }
        Ok(0)
    }
}

fn is_at_end(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match file.fill_buf() {
            Ok(bytes) => return Ok(bytes.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Says in words what is wrong with the file. Errors of the system stay as they are.
fn explain(error: io::Error, is_first: bool, is_at_start: bool) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let message = error.to_string();
    match (error.kind(), message.as_str()) {
        (io::ErrorKind::UnexpectedEof, _) => invalid("it ends too early"),
        (_, "invalid gzip header") if is_first => invalid("it does not start as one"),
        (_, "invalid gzip header") if is_at_start => {
            invalid("other data follows the compressed data")
        }
        (_, "corrupt gzip stream does not have a matching checksum") => {
            invalid("its data does not match its checksum")
        }
        _ => invalid(&format!("its data is damaged: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        GzipReader::new(file).read_to_end(&mut found)?;
        Ok(found)
    }

    #[test]
    fn members_are_read_to_the_last_byte() {
        assert_eq!(read(&member(b"")).unwrap(), b"");
        let file = [member(b"one"), member(b"two")].concat();
        assert_eq!(read(&file).unwrap(), b"onetwo");
        let large = vec![b'x'; 300_000];
        assert_eq!(
            read(&[member(&large), member(b"y")].concat()).unwrap(),
            [&large[..], b"y"].concat()
        );
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        let good = member(b"data");
        let end = good.len() - 1;
        let damaged = |at: usize| {
            let mut file = good.clone();
            file[at] ^= 1;
            file
        };
        for (file, problem) in [
            (Vec::new(), "ends too early"),
            (b"plain text".to_vec(), "does not start as one"),
            (good[..end].to_vec(), "ends too early"),
            (good[..5].to_vec(), "ends too early"),
            (damaged(end - 5), "does not match its checksum"),
            (damaged(end), "does not match its checksum"),
            ([&good[..], &[0]].concat(), "ends too early"),
            ([&good[..], &[0; 64]].concat(), "other data follows"),
            (
                [&good[..], b"and text that is not gzip"].concat(),
                "other data follows",
            ),
            ([&good[..], &good[..end]].concat(), "ends too early"),
            ([good.clone(), member(b"")].concat(), "part without data"),
            ([member(b""), good.clone()].concat(), "part without data"),
            ([member(b""), member(b"")].concat(), "part without data"),
        ] {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(problem), "{file:?}: {error}");
        }
    }
}
