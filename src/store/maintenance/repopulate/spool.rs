//! The items of an artifact that is being checked: few of them in memory, many in a file.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::error::{Error, Result};
use crate::store::fs::scratch::{Scratch, remove_leftovers};
use crate::store::records::item_batch::ItemBatch;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;

/// What the names of scratch directories of repopulations begin with.
const PREFIX: &str = ".swing-store-repopulate-";

/// How many batches of items are held in memory before they go to a file.
const BATCHES: usize = 16;

/// A place for files of items, made when the first one is needed. What killed repopulations have
/// left there is removed.
pub(super) struct SpoolPlace {
    parent: PathBuf,
    scratch: std::sync::Mutex<Option<Arc<Scratch>>>,
    next: AtomicU64,
}

impl SpoolPlace {
    pub(super) fn new(parent: &Path) -> SpoolPlace {
        remove_leftovers(parent, PREFIX);
        SpoolPlace {
            parent: parent.to_owned(),
            scratch: std::sync::Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    fn scratch(&self) -> Result<Arc<Scratch>> {
        let mut place = lock::lock(&self.scratch);
        if let Some(scratch) = &*place {
            return Ok(scratch.clone());
        }
        let scratch = Arc::new(Scratch::new(&self.parent, PREFIX)?);
        Ok(place.insert(scratch).clone())
    }
}

/// Items on their way.
pub(super) struct Spool {
    place: Arc<SpoolPlace>,
    memory: ItemBatch,
    limit: usize,
    file: Option<SpoolFile>,
}

/// A file of items, each behind its length; gone when this value is.
struct SpoolFile {
    path: PathBuf,
    writer: BufWriter<File>,
    /// Keeps the directory.
    _scratch: Arc<Scratch>,
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        // What can't be removed goes with the directory.
        drop(fs::remove_file(&self.path));
    }
}

impl Spool {
    pub(super) fn new(place: &Arc<SpoolPlace>) -> Spool {
        Spool {
            place: place.clone(),
            memory: ItemBatch::default(),
            limit: limits().item_batch_bytes.saturating_mul(BATCHES),
            file: None,
        }
    }

    /// Takes the next item.
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

    /// Moves what is in memory to the file.
    fn spill(&mut self) -> Result<()> {
        if self.file.is_none() {
            let scratch = self.place.scratch()?;
            let number = self.place.next.fetch_add(1, Ordering::Relaxed);
            let path = scratch.path().join(format!("items-{number}"));
            let file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
                .map_err(|error| Error::io(format!("making {}", path.display()), &error))?;
            self.file = Some(SpoolFile {
                path,
                writer: BufWriter::new(file),
                _scratch: scratch,
            });
        }
        if let Some(file) = &mut self.file {
            for (_, item) in self.memory.iter() {
                file.write(item)?;
            }
        }
        self.memory.clear();
        Ok(())
    }

    /// The items, from the first on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn into_reader(mut self) -> Result<SpoolReader> {
        let mut file = None;
        if self.file.is_some() {
            self.spill()?;
        }
        if let Some(written) = &mut self.file {
            let io = |error| Error::io(format!("reading {}", written.path.display()), &error);
            written.writer.flush().map_err(io)?;
            let mut reader = written.writer.get_ref().try_clone().map_err(io)?;
            std::io::Seek::rewind(&mut reader).map_err(io)?;
            file = Some(BufReader::new(reader));
        }
        Ok(SpoolReader {
            spool: self,
            read: 0,
            file,
            item: Vec::new(),
        })
    }
}

impl SpoolFile {
    fn write(&mut self, item: &[u8]) -> Result<()> {
        let length = (item.len() as u64).to_le_bytes();
        self.writer
            .write_all(&length)
            .and_then(|()| self.writer.write_all(item))
            .map_err(|error| Error::io(format!("writing {}", self.path.display()), &error))
    }
}

/// Items, read one by one.
pub(super) struct SpoolReader {
    spool: Spool,
    read: usize,
    file: Option<BufReader<File>>,
    item: Vec<u8>,
}

impl SpoolReader {
    /// The next item; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        let Some(file) = &mut self.file else {
            let item = self.spool.memory.get(self.read);
            self.read += 1;
            return Ok(item.map(|(_, item)| item));
        };
        let mut length = [0; 8];
        match file.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(reading(&error)),
        }
        // It is what `write` has written; no item is longer than the memory it once was in.
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        self.item.resize(length, 0);
        file.read_exact(&mut self.item)
            .map_err(|error| reading(&error))?;
        Ok(Some(&self.item))
    }
}

fn reading(error: &std::io::Error) -> Error {
    Error::io("reading items that were checked", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_in_their_order() {
        let parent = tempfile::tempdir().unwrap();
        let place = Arc::new(SpoolPlace::new(parent.path()));
        for limit in [0, 10, 10_000] {
            let mut spool = Spool::new(&place);
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
        }
        drop(place);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
