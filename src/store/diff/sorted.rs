//! Sorts keys in a temporary database, which spills to disk when it grows and disappears with the
//! process.

use rusqlite::{Connection, Rows, params};

use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::tasks::limits::page_cache_kib;

/// The keys and values of both sides, in the byte order of keys.
pub(super) struct Sorted {
    connection: Connection,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    fn table(self) -> &'static str {
        match self {
            Side::A => "a",
            Side::B => "b",
        }
    }
}

impl Sorted {
    pub(super) fn new() -> Result<Sorted> {
        let connection = Connection::open("")?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode=OFF;
             PRAGMA synchronous=OFF;
             PRAGMA cache_size=-{};
             BEGIN;
             CREATE TABLE a (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
             CREATE TABLE b (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
             CREATE TABLE differing (key TEXT PRIMARY KEY) WITHOUT ROWID;",
            page_cache_kib::SORTED_RECORDS
        ))?;
        Ok(Sorted { connection })
    }

    /// Sets a key, or deletes it if there is no value. A later call for the same key wins.
    pub(super) fn set(&self, side: Side, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let table = side.table();
        match value {
            Some(value) => self
                .connection
                .prepare_cached(&format!("INSERT OR REPLACE INTO {table} VALUES (?, ?)"))?
                .execute(params![SqlText(key), SqlText(value)])?,
            None => self
                .connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE key = ?"))?
                .execute(params![SqlText(key)])?,
        };
        Ok(())
    }

    /// Marks a record as differing.
    pub(super) fn mark_differing(&self, key: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO differing VALUES (?)")?
            .execute(params![SqlText(key)])?;
        Ok(())
    }

    /// Whether a record was marked as differing.
    pub(super) fn is_differing(&self, key: &[u8]) -> Result<bool> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM differing WHERE key = ?")?
            .exists(params![SqlText(key)])?)
    }

    /// Calls `walk` with a cursor over the keys of one side.
    pub(super) fn with_cursor<T>(
        &self,
        side: Side,
        walk: impl FnOnce(&mut dyn Cursor) -> Result<T>,
    ) -> Result<T> {
        let sql = format!("SELECT key, value FROM {} ORDER BY key", side.table());
        let mut statement = self.connection.prepare(&sql)?;
        let mut cursor = RowCursor::new(statement.query([])?, Vec::new());
        walk(&mut cursor)
    }
}

/// Keys and values in the order of keys.
pub(super) trait Cursor {
    /// Moves to the next key. Returns false at the end.
    fn advance(&mut self) -> Result<bool>;
    /// The current key.
    fn key(&self) -> &[u8];
    /// The current value.
    fn value(&self) -> &[u8];
}

/// A cursor over the rows of a statement.
pub(super) struct RowCursor<'s> {
    rows: Rows<'s>,
    /// A prefix that the cursor adds to every key.
    prefix: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'s> RowCursor<'s> {
    pub(super) fn new(rows: Rows<'s>, prefix: Vec<u8>) -> RowCursor<'s> {
        RowCursor {
            rows,
            prefix,
            key: Vec::new(),
            value: Vec::new(),
        }
    }
}

impl Cursor for RowCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        let Some(row) = self.rows.next()? else {
            return Ok(false);
        };
        self.key.clear();
        self.key.extend_from_slice(&self.prefix);
        self.key.extend_from_slice(row.get_ref(0)?.as_bytes()?);
        self.value.clear();
        self.value
            .extend_from_slice(&crate::store::encoding::wtf8::as_read(
                row.get_ref(1)?.as_bytes()?,
            ));
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        &self.key
    }

    fn value(&self) -> &[u8] {
        &self.value
    }
}

/// Two cursors merged into one.
pub(super) struct Union<'c> {
    cursors: [&'c mut dyn Cursor; 2],
    /// Whether each cursor has a current key; `None` before the first `advance`.
    more: Option<[bool; 2]>,
}

impl<'c> Union<'c> {
    pub(super) fn new(first: &'c mut dyn Cursor, second: &'c mut dyn Cursor) -> Union<'c> {
        Union {
            cursors: [first, second],
            more: None,
        }
    }

    /// The index of the cursor with the lesser key.
    fn lesser(&self) -> usize {
        let [first, second] = &self.cursors;
        match self.more {
            Some([false, true]) => 1,
            Some([true, true]) => usize::from(second.key() < first.key()),
            _ => 0,
        }
    }
}

impl Cursor for Union<'_> {
    fn advance(&mut self) -> Result<bool> {
        let more = match self.more {
            None => {
                let [first, second] = &mut self.cursors;
                [first.advance()?, second.advance()?]
            }
            Some(mut more) => {
                let lesser = self.lesser();
                more[lesser] = more[lesser] && self.cursors[lesser].advance()?;
                more
            }
        };
        self.more = Some(more);
        Ok(more[0] || more[1])
    }

    fn key(&self) -> &[u8] {
        self.cursors[self.lesser()].key()
    }

    fn value(&self) -> &[u8] {
        self.cursors[self.lesser()].value()
    }
}

/// Walks two cursors in parallel, and calls `visit` for each key with the values of both sides.
pub(super) fn merge(
    a: &mut dyn Cursor,
    b: &mut dyn Cursor,
    mut visit: impl FnMut(&[u8], Option<&[u8]>, Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let (mut more_a, mut more_b) = (a.advance()?, b.advance()?);
    while more_a || more_b {
        let order = match (more_a, more_b) {
            (true, false) => std::cmp::Ordering::Less,
            (false, _) => std::cmp::Ordering::Greater,
            (true, true) => a.key().cmp(b.key()),
        };
        if order.is_lt() {
            visit(a.key(), Some(a.value()), None)?;
            more_a = a.advance()?;
        } else if order.is_gt() {
            visit(b.key(), None, Some(b.value()))?;
            more_b = b.advance()?;
        } else {
            visit(a.key(), Some(a.value()), Some(b.value()))?;
            more_a = a.advance()?;
            more_b = b.advance()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_sides_are_merged_in_order() {
        let sorted = Sorted::new().unwrap();
        for key in ["c", "a", "gone", "\u{1F600}", "b"] {
            sorted.set(Side::A, key.as_bytes(), Some(b"1")).unwrap();
        }
        sorted.set(Side::A, b"gone", None).unwrap();
        for (key, value) in [("d", "2"), ("b", "1"), ("b", "2"), ("c", "1")] {
            let value = Some(value.as_bytes());
            sorted.set(Side::B, key.as_bytes(), value).unwrap();
        }
        let mut met = Vec::new();
        sorted
            .with_cursor(Side::A, |a| {
                sorted.with_cursor(Side::B, |b| {
                    merge(a, b, |key, in_a, in_b| {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        met.push(format!(
                            "{} {} {}",
                            text(key),
                            in_a.map_or("-".into(), text),
                            in_b.map_or("-".into(), text)
                        ));
                        Ok(())
                    })
                })
            })
            .unwrap();
        assert_eq!(met, ["a 1 -", "b 1 2", "c 1 1", "d - 2", "\u{1F600} 1 -"]);
    }
}
