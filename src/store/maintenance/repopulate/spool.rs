//! Holds the items of an artifact until all of them are checked: a few in memory, many in a temporary
//! file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::tasks::limits::limits;

/// How many batches of items are held in memory before they go to a file.
const BATCHES: usize = 16;

/// Items that are being checked.
pub(super) struct Spool {
    /// Where the temporary file is created.
    directory: PathBuf,
    memory: ItemBatch,
    limit: usize,
    /// Each item follows its length. The file has no name, so it disappears with this process.
    file: Option<BufWriter<File>>,
}

impl Spool {
    /// An empty spool, whose temporary file, if it needs one, is in `directory`.
    pub(super) fn new(directory: &Path) -> Spool {
        Spool {
            directory: directory.to_owned(),
            memory: ItemBatch::default(),
            limit: limits().item_batch_bytes.saturating_mul(BATCHES),
            file: None,
        }
    }

    /// Adds the next item.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn add(&mut self, position: i64, item: &[u8]) -> Result<()> {
        self.memory.add(position, item);
        if self.memory.bytes() > self.limit {
            self.spill()?;
        }
        Ok(())
    }

    /// Moves the items in memory to the file.
    fn spill(&mut self) -> Result<()> {
        let failed = |error| failed("writing", &self.directory, &error);
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = tempfile::tempfile_in(&self.directory).map_err(failed)?;
                none.insert(BufWriter::new(file))
            }
        };
        for (_, item) in self.memory.iter() {
            let length = (item.len() as u64).to_le_bytes();
            file.write_all(&length)
                .and_then(|()| file.write_all(item))
                .map_err(failed)?;
        }
        self.memory.clear();
        Ok(())
    }

    /// Returns a reader of all items, from the first one on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn into_reader(mut self) -> Result<SpoolReader> {
        if self.file.is_some() {
            self.spill()?;
        }
        let rewind = |written: BufWriter<File>| -> io::Result<BufReader<File>> {
            let mut file = written
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(BufReader::new(file))
        };
        let file = self.file.map(rewind).transpose();
        Ok(SpoolReader {
            file: file.map_err(|error| failed("writing", &self.directory, &error))?,
            directory: self.directory,
            memory: self.memory,
            next: 0,
            item: Vec::new(),
        })
    }
}

/// Reads items one by one.
pub(super) struct SpoolReader {
    directory: PathBuf,
    memory: ItemBatch,
    /// The next item in memory.
    next: usize,
    file: Option<BufReader<File>>,
    item: Vec<u8>,
}

impl SpoolReader {
    /// Returns the next item; `None` after the last one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        let Some(file) = &mut self.file else {
            let item = self.memory.get(self.next);
            self.next += 1;
            return Ok(item.map(|(_, item)| item));
        };
        let failed = |error| failed("reading", &self.directory, &error);
        let mut length = [0; 8];
        match file.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        // `spill` wrote it, and the item was in memory then.
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        self.item.resize(length, 0);
        file.read_exact(&mut self.item).map_err(failed)?;
        Ok(Some(&self.item))
    }
}

fn failed(doing: &str, directory: &Path, error: &io::Error) -> Error {
    let what = format!("{doing} a temporary file in {}", directory.display());
    Error::io(what, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for limit in [0, 10, 10_000] {
            let mut spool = Spool::new(directory.path());
            spool.limit = limit;
            let items: Vec<Vec<u8>> = (0..30).map(|at| vec![b'x'; at % 7]).collect();
            for (at, item) in items.iter().enumerate() {
                spool.add(at as i64, item).unwrap();
            }
            assert_eq!(spool.file.is_some(), limit < 10_000);
            let mut reader = spool.into_reader().unwrap();
            for item in &items {
                assert_eq!(reader.next().unwrap(), Some(item.as_slice()));
            }
            assert_eq!(reader.next().unwrap(), None);
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(directory.path());
        spool.limit = 0;
        spool.add(0, b"an item").unwrap();
        let mut reader = spool.into_reader().unwrap();
        // A file that is open for writing only.
        let other = File::create(directory.path().join("other")).unwrap();
        reader.file = Some(BufReader::new(other));
        let error = reader.next().unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}
