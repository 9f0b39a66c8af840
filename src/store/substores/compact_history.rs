//! Compresses history in the store's own connection, between a host's blocks.

use super::Store;
use super::compaction_state::{Compaction, CompactionStep};
use crate::store::error::{Error, Result};

impl Store {
    /// Starts to compress history in steps, with [`Store::compact_step`].
    ///
    /// # Errors
    /// [`Error::InBlock`] in a crank, or if there are uncommitted changes; [`Error::StoreClosed`].
    pub fn begin_compaction(&mut self) -> Result<()> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        if self.is_in_block() {
            return Err(Error::InBlock("compactHistory"));
        }
        self.compaction = Compaction::default();
        Ok(())
    }

    fn is_in_block(&self) -> bool {
        self.is_in_crank() || self.db.lock().in_transaction()
    }

    /// Compresses a part of the history, in a few milliseconds and at most one transaction.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; SQLite's errors, after which the transaction is rolled back.
    pub fn compact_step(&mut self) -> Result<CompactionStep> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        let mut step = CompactionStep::default();
        if self.is_in_block() {
            step.is_in_block = true;
            return Ok(step);
        }
        let db = self.db.lock();
        self.compaction.step(&db, &mut step)?;
        Ok(step)
    }
}
