//! Which transcript items the open transaction has changed.
//!
//! A rollback takes away from open span readers only what was changed since the savepoint, and a commit
//! makes visible to others only what the transaction changed: so that is all that has to be saved for
//! readers, however large their spans are.

/// The most changes that are remembered one by one.
const MAX_CHANGES: usize = 10_000;

/// Items that were inserted, deleted or updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Of a vat, from a position up to, not including, another one.
    Range {
        vat_id: Vec<u8>,
        start_pos: i64,
        end_pos: i64,
    },
    /// Any: a tool's SQL did it.
    Any,
}

/// The changes of a transaction, and how many there were when each savepoint was set.
#[derive(Debug, Default)]
pub(crate) struct ItemChanges {
    list: Vec<Change>,
    marks: Vec<usize>,
}

impl ItemChanges {
    /// Adds a change of a range.
    pub(crate) fn add(&mut self, vat_id: &[u8], start_pos: i64, end_pos: i64) {
        let is_new = self.marks.last() == Some(&self.list.len());
        match self.list.last_mut() {
            Some(Change::Any) if !is_new => return,
            Some(Change::Range {
                vat_id: last_vat,
                end_pos: last_end,
                ..
            }) if !is_new && *last_end == start_pos && last_vat.as_slice() == vat_id => {
                *last_end = end_pos;
                return;
            }
            _ => {}
        }
        if self.list.len() >= MAX_CHANGES {
            self.add_any();
            return;
        }
        self.list.push(Change::Range {
            vat_id: vat_id.to_vec(),
            start_pos,
            end_pos,
        });
    }

    /// Adds a change of whatever it may be.
    pub(crate) fn add_any(&mut self) {
        // That includes all that came before, as seen from every savepoint.
        self.list.clear();
        self.list.push(Change::Any);
        self.marks.fill(0);
    }

    /// All changes.
    pub(crate) fn all(&self) -> &[Change] {
        &self.list
    }

    /// The changes since a savepoint, counted from 0.
    pub(crate) fn since(&self, savepoint: usize) -> &[Change] {
        let length = self.marks.get(savepoint).copied().unwrap_or(0);
        self.list.get(length..).unwrap_or_default()
    }

    /// A savepoint is set.
    pub(crate) fn mark(&mut self) {
        self.marks.push(self.list.len());
    }

    /// What was changed since a savepoint is undone. The savepoint stays.
    pub(crate) fn undo_to(&mut self, savepoint: usize) {
        if let Some(&length) = self.marks.get(savepoint) {
            // Of a change of anything, a part may have come before.
            if !self.since(savepoint).contains(&Change::Any) {
                self.list.truncate(length);
            }
            for later in &mut self.marks[savepoint..] {
                *later = length;
            }
        }
    }

    /// The savepoint and later ones are gone.
    pub(crate) fn release_marks_from(&mut self, savepoint: usize) {
        self.marks.truncate(savepoint);
    }

    /// The transaction is at its end.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.marks.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(vat: &[u8], start_pos: i64, end_pos: i64) -> Change {
        Change::Range {
            vat_id: vat.to_vec(),
            start_pos,
            end_pos,
        }
    }

    #[test]
    fn changes_are_those_since_a_savepoint() {
        let mut changes = ItemChanges::default();
        changes.add(b"v1", 0, 1);
        changes.add(b"v1", 1, 2);
        changes.mark();
        changes.add(b"v1", 2, 3);
        changes.mark();
        changes.add(b"v2", 3, 4);
        assert_eq!(
            changes.all(),
            [range(b"v1", 0, 2), range(b"v1", 2, 3), range(b"v2", 3, 4)]
        );
        assert_eq!(changes.since(0), [range(b"v1", 2, 3), range(b"v2", 3, 4)]);
        assert_eq!(changes.since(1), [range(b"v2", 3, 4)]);
        changes.undo_to(1);
        assert_eq!(changes.since(1), []);
        changes.release_marks_from(1);
        assert_eq!(changes.since(0), [range(b"v1", 2, 3)]);
        changes.add_any();
        changes.add(b"v1", 5, 6);
        assert_eq!(changes.since(0), [Change::Any]);
        changes.undo_to(0);
        assert_eq!(changes.all(), [Change::Any]);
        changes.clear();
        assert_eq!(changes.all(), []);
    }

    #[test]
    fn a_new_savepoint_takes_the_place_of_one_that_is_gone() {
        let mut changes = ItemChanges::default();
        changes.add(b"v1", 0, 1);
        changes.mark();
        changes.add(b"v1", 1, 2);
        changes.release_marks_from(0);
        changes.mark();
        changes.add(b"v2", 0, 1);
        assert_eq!(changes.since(0), [range(b"v2", 0, 1)]);
    }

    #[test]
    fn very_many_changes_are_remembered_as_one() {
        let mut changes = ItemChanges::default();
        for pos in 0..=MAX_CHANGES as i64 {
            changes.mark();
            changes.add(b"v", 2 * pos, 2 * pos + 1);
        }
        assert_eq!(changes.since(3), [Change::Any]);
    }
}
