//! Changes of the export data on their way to the host.

use super::error::Result;
use super::{Database, NoteTo};

/// A change of the export data: a key, and its value or `None` for a deletion.
pub type Note = (Vec<u8>, Option<Vec<u8>>);

/// Where changes go, and those in the list.
pub(super) struct Notes {
    to: NoteTo,
    pub(super) list: Vec<Note>,
}

impl Notes {
    pub(super) fn new(to: NoteTo) -> Notes {
        Notes {
            to,
            list: Vec::new(),
        }
    }

    /// Notes one change. In the table it takes the place of an older one for the same key.
    pub(super) fn add(
        &mut self,
        db: &Database,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Result<()> {
        match self.to {
            NoteTo::Nobody => {}
            NoteTo::List => self.list.push((key, value)),
            NoteTo::PendingExports => {
                db.note_pending(&key, value)?;
            }
        }
        Ok(())
    }

    /// Returns all changes that were noted and forgets them, sorted by key.
    pub(super) fn take_pending(&self, db: &Database) -> Result<Vec<Note>> {
        if self.to != NoteTo::PendingExports {
            return Ok(Vec::new());
        }
        db.take_pending()
    }
}
