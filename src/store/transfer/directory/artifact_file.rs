//! A file with an artifact, plain or gzip, and its contents.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::gzip::{Adopted, Compressed, Compressor, GzipReader, adopt, may_be_own};
use crate::store::tasks::limits::{limits, value_bytes};
use crate::store::tasks::monitor::Monitor;

/// The number of bytes that show whether a file may be one of our encoder.
const START_BYTES: u64 = 16;

/// A file with an artifact.
#[derive(Debug, Clone)]
pub(crate) struct ArtifactFile {
    /// Where it is, or where it was fetched from.
    path: PathBuf,
    /// Whether it is a gzip file of the artifact.
    pub is_gzip: bool,
    /// The temporary file into which it was fetched.
    fetched: Option<Arc<File>>,
}

/// The contents of an [`ArtifactFile`], decompressed.
pub(crate) struct ArtifactReader {
    path: PathBuf,
    contents: Box<dyn Read + Send>,
    is_gzip: bool,
}

impl ArtifactFile {
    /// A file in a directory.
    pub(crate) fn new(path: PathBuf, is_gzip: bool) -> ArtifactFile {
        ArtifactFile {
            path,
            is_gzip,
            fetched: None,
        }
    }

    /// A file that was fetched from `url` into a temporary file.
    pub(crate) fn fetched(url: &str, is_gzip: bool, file: File) -> ArtifactFile {
        ArtifactFile {
            path: url.into(),
            is_gzip,
            fetched: Some(Arc::new(file)),
        }
    }

    /// Opens the file. Readers of a fetched file must not be used at the same time.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(&self) -> Result<ArtifactReader> {
        let file = self.open_raw()?;
        Ok(if self.is_gzip {
            ArtifactReader::gunzip(&self.path, file)
        } else {
            ArtifactReader {
                path: self.path.clone(),
                contents: Box::new(file),
                is_gzip: false,
            }
        })
    }

    fn open_raw(&self) -> Result<File> {
        let opened = match &self.fetched {
            Some(file) => file.try_clone().and_then(|mut file| {
                file.rewind()?;
                Ok(file)
            }),
            None => open::open(&self.path),
        };
        opened.map_err(|error| reading(&self.path, &error))
    }

    /// The heap image `name` that is in the file, compressed as a store has it. A gzip file of this
    /// package's encoder stays as it is; any other is compressed again.
    ///
    /// # Errors
    /// [`Error::ArtifactTooLong`] for more than `max_bytes`, before more of it is decompressed;
    /// [`Error::BadGzip`]; [`Error::TooBig`]; [`Error::Io`]; [`Error::Aborted`].
    pub(crate) fn image(
        &self,
        name: &[u8],
        max_bytes: u64,
        monitor: &Monitor,
    ) -> Result<Compressed> {
        let mut reader = if self.is_gzip {
            match self.adopt_image(max_bytes, value_bytes() as u64, monitor)? {
                Ok(image) => return Ok(image),
                Err(reader) => reader,
            }
        } else {
            self.open()?
        };
        let mut compressor = Compressor::default();
        reader.read_at_most(max_bytes, name, monitor, |chunk| compressor.add(chunk))?;
        compressor.finish()
    }

    /// The image, if the gzip file is one of our encoder and has at most `most` bytes, so that it can
    /// be stored as it is; otherwise a reader of the file.
    fn adopt_image(
        &self,
        max_bytes: u64,
        most: u64,
        monitor: &Monitor,
    ) -> Result<std::result::Result<Compressed, ArtifactReader>> {
        let io = |error| reading(&self.path, &error);
        let mut file = self.open_raw()?;
        let length = file.metadata().map_err(io)?.len();
        let mut bytes = Vec::new();
        (&mut file)
            .take(START_BYTES)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        let gunzip = |bytes: Vec<u8>, rest: File| {
            ArtifactReader::gunzip(&self.path, Cursor::new(bytes).chain(rest))
        };
        if !may_be_own(&bytes) || length > most {
            return Ok(Err(gunzip(bytes, file)));
        }
        let room = usize::try_from(length).unwrap_or_default();
        bytes.reserve_exact(room.saturating_sub(bytes.len()));
        // The file may grow meanwhile.
        (&mut file)
            .take(most.saturating_sub(bytes.len() as u64))
            .read_to_end(&mut bytes)
            .map_err(io)?;
        match adopt(bytes, max_bytes, |length| monitor.count(length))? {
            Adopted::Own(image) => Ok(Ok(image)),
            Adopted::Other(bytes) => Ok(Err(gunzip(bytes, file))),
        }
    }
}

impl ArtifactReader {
    fn gunzip(path: &Path, file: impl Read + Send + 'static) -> ArtifactReader {
        ArtifactReader {
            path: path.to_owned(),
            contents: Box::new(GzipReader::new(file)),
            is_gzip: true,
        }
    }

    /// Reads the next bytes into `chunk`. Returns their number; 0 at the end.
    ///
    /// # Errors
    /// [`Error::BadGzip`]; [`Error::Io`].
    pub(crate) fn read(&mut self, chunk: &mut [u8]) -> Result<usize> {
        loop {
            match self.contents.read(chunk) {
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.is_gzip && error.raw_os_error().is_none() => {
                    return Err(Error::BadGzip(format!(
                        "{} is not an intact gzip file: {error}. Copy it again, or export again",
                        self.path.display()
                    )));
                }
                Err(error) => return Err(reading(&self.path, &error)),
            }
        }
    }

    /// Calls `take` with each chunk up to the end.
    ///
    /// # Errors
    /// Those of [`ArtifactReader::read`] and `take`; [`Error::Aborted`].
    pub(crate) fn read_all(
        &mut self,
        monitor: &Monitor,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut chunk = vec![0; limits().chunk_bytes.max(1)];
        loop {
            let length = self.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            take(&chunk[..length])?;
            monitor.count(length)?;
        }
    }

    /// Like [`ArtifactReader::read_all`], but refuses an artifact `name` of more than `limit` bytes.
    ///
    /// # Errors
    /// [`Error::ArtifactTooLong`]; those of [`ArtifactReader::read_all`].
    pub(crate) fn read_at_most(
        &mut self,
        limit: u64,
        name: &[u8],
        monitor: &Monitor,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = 0;
        self.read_all(monitor, |chunk| {
            bytes += chunk.len() as u64;
            if bytes > limit {
                return Err(Error::ArtifactTooLong {
                    name: name.to_vec(),
                    limit,
                });
            }
            take(chunk)
        })
    }
}

fn reading(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format!("reading {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::store::gzip::BlockWriter;
    use crate::store::tasks::limits::limits;

    /// Fails with each of these errors, and then returns a byte.
    struct Failing(Vec<io::Error>);

    impl Read for Failing {
        fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
            match self.0.pop() {
                Some(error) => Err(error),
                None => {
                    chunk[0] = b'x';
                    Ok(1)
                }
            }
        }
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        let outcome = |errors: Vec<io::Error>, is_gzip| {
            let mut reader = ArtifactReader {
                path: "file".into(),
                contents: Box::new(Failing(errors)),
                is_gzip,
            };
            reader.read(&mut [0; 2])
        };
        let interrupted = || io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(outcome(vec![], false).unwrap(), 1);
        assert_eq!(
            outcome(vec![interrupted(), interrupted()], false).unwrap(),
            1
        );
        // An error of the system, and one of a decoder.
        let of_system = || io::Error::from_raw_os_error(5);
        let of_decoder = || io::Error::other("malformed");
        for (error, is_gzip, is_about_gzip) in [
            (of_system(), false, false),
            (of_system(), true, false),
            (of_decoder(), false, false),
            (of_decoder(), true, true),
        ] {
            let error = outcome(vec![error], is_gzip).unwrap_err();
            assert_eq!(matches!(error, Error::BadGzip(_)), is_about_gzip, "{error}");
            assert_eq!(matches!(error, Error::Io { .. }), !is_about_gzip, "{error}");
        }
    }

    fn artifact_file(directory: &Path, bytes: &[u8], is_gzip: bool) -> ArtifactFile {
        let path = directory.join("file");
        std::fs::write(&path, bytes).unwrap();
        ArtifactFile::new(path, is_gzip)
    }

    #[test]
    fn an_image_larger_than_permitted_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let image = vec![b'x'; 600_000];
        let file = artifact_file(directory.path(), &image, false);
        for (most, is_refused) in [(599_999, true), (600_000, false)] {
            let outcome = file.image(b"name", most, &Monitor::default());
            let is_too_long = matches!(outcome, Err(Error::ArtifactTooLong { .. }));
            assert_eq!((is_too_long, outcome.is_ok()), (is_refused, !is_refused));
        }
    }

    #[test]
    fn a_file_of_an_export_is_stored_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let image: Vec<u8> = (0..100_000_u64).map(|at| ((at * at) >> 9) as u8).collect();
        let mut bytes = Vec::new();
        let mut writer = BlockWriter::default();
        let mut write = |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok(())
        };
        writer.add(&image, &mut write).unwrap();
        writer.finish(&mut write).unwrap();
        let file = artifact_file(directory.path(), &bytes, true);
        let found = file.image(b"name", u64::MAX, &Monitor::default()).unwrap();
        assert_eq!(found.bytes, bytes);

        // A file of another program is compressed again.
        let mut other = GzEncoder::new(Vec::new(), Compression::fast());
        other.write_all(&image).unwrap();
        let file = artifact_file(directory.path(), &other.finish().unwrap(), true);
        let found = file.image(b"name", u64::MAX, &Monitor::default()).unwrap();
        let mut compressor = Compressor::default();
        compressor.add(&image).unwrap();
        assert_eq!(found.bytes, compressor.finish().unwrap().bytes);
    }

    #[test]
    fn a_file_that_is_too_large_to_be_stored_is_not_stored_in_part() {
        let directory = tempfile::tempdir().unwrap();
        let compress = |image: &[u8]| {
            let mut compressor = Compressor::default();
            compressor.add(image).unwrap();
            compressor.finish().unwrap().bytes
        };
        let block = limits().image_block_bytes;
        let image: Vec<u8> = (0..block + 5000)
            .map(|at| (at.wrapping_mul(at) >> 7) as u8)
            .collect();
        let bytes = compress(&image);
        // The first member would be a complete file.
        let first = compress(&image[..block]).len();
        assert!(bytes.starts_with(&compress(&image[..block])));
        let file = artifact_file(directory.path(), &bytes, true);
        let monitor = Monitor::default();
        for most in [first, bytes.len() - 1, bytes.len(), bytes.len() + 1] {
            match file.adopt_image(u64::MAX, most as u64, &monitor).unwrap() {
                Ok(found) => {
                    assert!(most >= bytes.len(), "{most}");
                    assert!(found.bytes == bytes);
                }
                Err(mut reader) => {
                    assert!(most < bytes.len(), "{most}");
                    let mut found = Vec::new();
                    let read = reader.read_all(&monitor, |chunk| {
                        found.extend_from_slice(chunk);
                        Ok(())
                    });
                    read.unwrap();
                    assert!(found == image);
                }
            }
        }
    }
}
