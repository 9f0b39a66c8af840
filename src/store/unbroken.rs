//! Counting transcript items without looking at each.
//!
//! To count the items of a span, SQLite steps over every one of them. To count those of a whole
//! table it adds up what the pages of an index say they hold, which takes a hundredth of the
//! time. That is enough where no vat has gaps in its transcript. Let each vat's items lie between
//! its first position and its last; then a vat has at most as many items as there are positions
//! between these, and all vats together have that many only if none of them lacks any. (An item
//! between two positions, at 2.5, could stand in for a missing one. Nothing writes such an item.)

use std::collections::HashMap;

use rusqlite::params;

use super::Database;
use super::error::Result;
use super::span_reader::SqlText;

/// The first and the last position of each vat's items, if none of them has gaps.
pub(super) struct UnbrokenItems(Option<HashMap<Vec<u8>, (i64, i64)>>);

impl UnbrokenItems {
    /// Nothing is known: every count looks at each item.
    pub(super) fn unknown() -> UnbrokenItems {
        UnbrokenItems(None)
    }

    /// Finds out whether any vat's items have gaps.
    pub(super) fn find(db: &Database) -> Result<UnbrokenItems> {
        let mut vats = HashMap::new();
        let mut total = 0i64;
        let mut vat_id = Vec::new();
        while let Some(next) = db.peek_row(
            "SELECT vatID FROM transcriptItems WHERE vatID > ? ORDER BY vatID LIMIT 1",
            params![SqlText(&vat_id)],
            |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()),
        )? {
            let end = |order: &str| {
                // Positions that are no integers count as gaps.
                db.peek_row(
                    &format!(
                        "SELECT position FROM transcriptItems WHERE vatID = ?
                         ORDER BY position {order} LIMIT 1"
                    ),
                    params![SqlText(&next)],
                    |row| Ok(row.get_ref(0)?.as_i64().ok()),
                )
            };
            let (Some(Some(first)), Some(Some(last))) = (end("ASC")?, end("DESC")?) else {
                return Ok(UnbrokenItems(None));
            };
            total = total.saturating_add(last.saturating_sub(first).saturating_add(1));
            vats.insert(next.clone(), (first, last));
            vat_id = next;
        }
        let count: i64 = db
            .peek_value("SELECT COUNT(*) FROM transcriptItems", [])?
            .unwrap_or(0);
        Ok(UnbrokenItems((count == total).then_some(vats)))
    }

    /// How many items a vat has from `start_pos` up to, not including, `end_pos`.
    pub(super) fn count(
        &self,
        db: &Database,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> Result<i64> {
        let Some(vats) = &self.0 else {
            return db.count_items(vat_id, start_pos, end_pos);
        };
        let Some((first, last)) = vats.get(vat_id) else {
            return Ok(0);
        };
        let behind = end_pos.min(last.saturating_add(1));
        Ok(behind.saturating_sub(start_pos.max(*first)).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreOptions};

    /// Counts every range both ways.
    fn compare(store: &Store) -> bool {
        let db = store.database().lock();
        let unbroken = UnbrokenItems::find(&db).unwrap();
        for vat_id in [b"v1".as_slice(), b"v2", b"v3", b""] {
            for start in -1..12 {
                for end in start..12 {
                    assert_eq!(
                        unbroken.count(&db, vat_id, start, end).unwrap(),
                        db.count_items(vat_id, start, end).unwrap(),
                    );
                }
            }
        }
        unbroken.0.is_some()
    }

    #[test]
    fn counts_are_the_same_with_and_without_gaps() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        assert!(compare(&store));
        for (vat_id, count) in [(b"v1".as_slice(), 7), (b"v2", 3), (b"", 2)] {
            store.init_transcript(vat_id).unwrap();
            for _ in 0..count {
                store.add_item(vat_id, b"item").unwrap();
            }
        }
        store.commit().unwrap();
        let delete = |position: i64| {
            let db = store.database().lock();
            db.run(
                "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = ?",
                [position],
            )
            .unwrap();
        };
        // The vat without a name is passed over, so its items don't add up.
        assert!(!compare(&store));
        let db = store.database().lock();
        db.run("DELETE FROM transcriptItems WHERE vatID = ''", [])
            .unwrap();
        drop(db);
        assert!(compare(&store));
        delete(0);
        delete(6);
        assert!(compare(&store), "pruned at its ends");
        delete(3);
        assert!(!compare(&store), "a gap");
    }
}
