//! The transcript items that the open transaction has changed.
//!
//! A rollback removes only items changed since its savepoint, and a commit makes visible only items
//! that the transaction changed. So only these are saved for open span readers, however large their
//! spans are.

/// Maximum number of ranges that are recorded separately.
const MAX_CHANGES: usize = 10_000;

/// Inserted, deleted or updated items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Items of a vat from `start_pos` to `end_pos`, exclusive.
    Range {
        vat_id: Vec<u8>,
        start_pos: i64,
        end_pos: i64,
    },
    /// Any items, changed by a tool's SQL.
    Any,
}

/// The changes of a transaction, with the number of changes at each savepoint.
#[derive(Debug, Default)]
pub(crate) struct ItemChanges {
    list: Vec<Change>,
    marks: Vec<usize>,
}

impl ItemChanges {
    /// Records a change of a range.
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

    /// Records that any item may have changed.
    pub(crate) fn add_any(&mut self) {
        // This covers all earlier changes, relative to every savepoint.
        self.list.clear();
        self.list.push(Change::Any);
        self.marks.fill(0);
    }

    /// All changes.
    pub(crate) fn all(&self) -> &[Change] {
        &self.list
    }

    /// The changes since the savepoint with this index.
    pub(crate) fn since(&self, savepoint: usize) -> &[Change] {
        let length = self.marks.get(savepoint).copied().unwrap_or(0);
        self.list.get(length..).unwrap_or_default()
    }

    /// Records that a savepoint was set.
    pub(crate) fn mark(&mut self) {
        self.marks.push(self.list.len());
    }

    /// Removes the changes since a savepoint, which was rolled back and still exists.
    pub(crate) fn undo_to(&mut self, savepoint: usize) {
        if let Some(&length) = self.marks.get(savepoint) {
            // `Change::Any` may include changes from before the savepoint.
            if !self.since(savepoint).contains(&Change::Any) {
                self.list.truncate(length);
            }
            for later in &mut self.marks[savepoint..] {
                *later = length;
            }
        }
    }

    /// Removes the savepoint and later ones, and keeps the changes.
    pub(crate) fn release_marks_from(&mut self, savepoint: usize) {
        self.marks.truncate(savepoint);
    }

    /// Removes all changes, at the end of the transaction.
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
    fn returns_the_changes_since_a_savepoint() {
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
    fn too_many_changes_are_recorded_as_any() {
        let mut changes = ItemChanges::default();
        for pos in 0..=MAX_CHANGES as i64 {
            changes.mark();
            changes.add(b"v", 2 * pos, 2 * pos + 1);
        }
        assert_eq!(changes.since(3), [Change::Any]);
    }
}
