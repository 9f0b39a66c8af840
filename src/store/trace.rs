//! A log of every set and delete, for debugging.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::text;

/// A file to which each change is appended as it is made, one line a change.
pub(super) struct Trace {
    file: File,
    path: PathBuf,
}

impl Trace {
    pub(super) fn append_to(path: &Path) -> Result<Trace> {
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

    /// Appends `words`, with spaces between them.
    pub(super) fn line(&mut self, words: &[&[u8]]) -> Result<()> {
        let mut line = Vec::new();
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(&text::for_hash(word));
        }
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| {
            Error::io(format!("writing traceFile {}", self.path.display()), &error)
        })
    }
}
