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
                    self.member = None;
                    return Err(explain(error, self.is_first));
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
fn explain(error: io::Error, is_first: bool) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let message = error.to_string();
    match (error.kind(), message.as_str()) {
        (io::ErrorKind::UnexpectedEof, _) => invalid("it ends too early"),
        (_, "invalid gzip header") if is_first => invalid("it does not start as one"),
        (_, "invalid gzip header") => invalid("other data follows the compressed data"),
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
    fn reading_no_bytes_changes_nothing() {
        let file = [member(b"one"), member(b"two")].concat();
        let mut reader = GzipReader::new(&file[..]);
        let mut found = Vec::new();
        let mut byte = [0];
        while reader.read(&mut []).unwrap() == 0 && reader.read(&mut byte).unwrap() == 1 {
            found.extend(byte);
        }
        assert_eq!(found, b"onetwo");

        // Nor does it count as data of a member.
        let file = [member(b""), member(b"two")].concat();
        let mut reader = GzipReader::new(&file[..]);
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        let error = reader.read(&mut byte).unwrap_err().to_string();
        assert!(error.contains("part without data"), "{error}");
    }

    /// Yields a byte at a time. Before each, and before the end, fails once with the error that
    /// `errors` has for this number of remaining bytes, if any.
    struct Failing<'a> {
        bytes: &'a [u8],
        errors: Box<dyn FnMut(usize) -> Option<io::Error>>,
        reached: Option<usize>,
    }

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = self.bytes.len();
            if self.reached.replace(left) != Some(left)
                && let Some(error) = (self.errors)(left)
            {
                return Err(error);
            }
            let length = self.bytes.len().min(buffer.len()).min(1);
            let (first, rest) = self.bytes.split_at(length);
            buffer[..length].copy_from_slice(first);
            self.bytes = rest;
            Ok(length)
        }
    }

    fn read_failing(
        file: &[u8],
        errors: impl FnMut(usize) -> Option<io::Error> + 'static,
    ) -> io::Result<Vec<u8>> {
        let mut reader = GzipReader::new(Failing {
            bytes: file,
            errors: Box::new(errors),
            reached: None,
        });
        let mut found = Vec::new();
        let mut chunk = [0; 16];
        loop {
            match reader.read(&mut chunk)? {
                0 => return Ok(found),
                length => found.extend(&chunk[..length]),
            }
        }
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        let file = [member(b"one"), member(b"two")].concat();
        let interrupted = |_| Some(io::ErrorKind::Interrupted.into());
        assert_eq!(read_failing(&file, interrupted).unwrap(), b"onetwo");
    }

    #[test]
    fn a_failure_of_the_system_is_passed_on_wherever_it_occurs() {
        let first = member(b"one");
        let file = [&first[..], &member(b"two")].concat();
        for left in 0..=file.len() {
            let fails = move |rest| (rest == left).then(|| io::Error::from_raw_os_error(5));
            let error = read_failing(&file, fails).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(5), "with {left} bytes left");
        }
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
