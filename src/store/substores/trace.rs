//! The trace file: a log of every set and delete, for debugging.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};

/// A file that each change is appended to, one line per change.
pub(crate) struct Trace {
    file: File,
    path: PathBuf,
}

impl Trace {
    pub(crate) fn append_to(path: &Path) -> Result<Trace> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| Error::io(format!("opening traceFile {}", path.display()), &error))?;
        Ok(Trace {
            file,
            path: path.to_owned(),
        })
    }

    /// Appends a line of `words`, separated by spaces. On failure, the file keeps its old length.
    pub(crate) fn line(&mut self, words: &[&[u8]]) -> Result<()> {
        let mut line = Vec::new();
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(&wtf8::for_hash(word));
        }
        line.push(b'\n');
        let mut written = 0;
        while written < line.len() {
            match self.file.write(&line[written..]) {
                Ok(0) => return Err(self.failed(written, &ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(written, &error)),
            }
        }
        Ok(())
    }

    /// Removes the `written` bytes of a line that failed with `error`; returns the error to report.
    fn failed(&self, written: usize, error: &std::io::Error) -> Error {
        if let Ok(found) = self.file.metadata()
            && found.is_file()
            && written > 0
        {
            let length = found.len().saturating_sub(written as u64);
            // If truncation fails, too, part of the line stays; the write's error matters more.
            drop(self.file.set_len(length));
        }
        Error::io(format!("writing traceFile {}", self.path.display()), error)
    }
}
