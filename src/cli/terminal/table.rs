//! Tables in text output.

use std::io::{self, Write};

use crate::store::encoding::plural::grouped;
use crate::store::encoding::printable::printable;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, Table as Layout, presets};
use indicatif::HumanBytes;

/// The number of characters of a shortened hash or bundle ID.
const SHORT: usize = 15;

/// A table.
pub(crate) struct Table {
    layout: Layout,
    columns: Vec<Column>,
}

/// What the fields of a column are, so far.
#[derive(Clone, Copy, Default)]
struct Column {
    /// Whether it has a known value.
    is_known: bool,
    /// Whether it has a number. Its title is then aligned to the right, like the numbers.
    is_numeric: bool,
}

/// A field of a row.
pub(crate) enum Field {
    /// A text.
    Text(String),
    /// A position or another number that identifies something, aligned to the right.
    Number(i64),
    /// A count, with separators, aligned to the right.
    Count(u64),
    /// A number of bytes, aligned to the right.
    Bytes(i64),
    /// An empty field.
    Nothing,
    /// An unknown value. A column of unknown values is hidden.
    Unknown,
}

impl Field {
    /// A text from a store, with escaped control characters.
    pub(crate) fn text(text: impl AsRef<str>) -> Field {
        Field::Text(printable(text.as_ref()).into_owned())
    }

    /// A count.
    pub(crate) fn count(count: impl TryInto<u64>) -> Field {
        Field::Count(count.try_into().unwrap_or(0))
    }

    /// A number of bytes, or an empty field.
    pub(crate) fn bytes(bytes: Option<i64>) -> Field {
        bytes.map_or(Field::Nothing, Field::Bytes)
    }

    /// A number of bytes, or an unknown value.
    pub(crate) fn measured(bytes: Option<u64>) -> Field {
        let bytes = bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        bytes.map_or(Field::Unknown, Field::Bytes)
    }
}

impl Table {
    /// A table whose columns have these titles.
    pub(crate) fn new(titles: &[&str]) -> Table {
        let mut layout = Layout::new();
        layout.load_style(presets::NOTHING);
        layout.set_header(titles);
        Table {
            layout,
            columns: vec![Column::default(); titles.len()],
        }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, fields: impl IntoIterator<Item = Field>) {
        let mut columns = self.columns.iter_mut();
        let cells = fields.into_iter().map(|field| {
            if let Some(column) = columns.next() {
                column.is_known |= !matches!(field, Field::Unknown);
                column.is_numeric |=
                    matches!(field, Field::Number(_) | Field::Count(_) | Field::Bytes(_));
            }
            match field {
                Field::Text(text) => Cell::new(text).set_alignment(CellAlignment::Left),
                Field::Number(number) => right(number.to_string()),
                Field::Count(count) => right(grouped(count)),
                Field::Bytes(bytes) => right(human_bytes(bytes)),
                Field::Nothing | Field::Unknown => Cell::new(""),
            }
        });
        self.layout.add_row(cells);
    }

    /// Writes the table, starting at the left edge. A table without rows writes nothing.
    pub(crate) fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.layout.is_empty() {
            return Ok(());
        }
        for (index, column) in self.columns.iter().enumerate() {
            let Some(layout) = self.layout.column_mut(index) else {
                continue;
            };
            if !column.is_known {
                layout.set_constraint(ColumnConstraint::Hidden);
            }
            if column.is_numeric {
                layout.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in self.layout.lines() {
            let line = line.strip_prefix(' ').unwrap_or(&line);
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A number of bytes with its unit.
pub(crate) fn human_bytes(bytes: i64) -> String {
    HumanBytes(u64::try_from(bytes).unwrap_or(0)).to_string()
}

/// Shortens a hash or a bundle ID.
pub(crate) fn short(hash: &str) -> String {
    let mut beginning: String = hash.chars().take(SHORT).collect();
    if beginning.len() < hash.len() {
        beginning.push('…');
    }
    beginning
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_plain_text() {
        let mut table = Table::new(&["VAT", "ITEMS", "LENGTH", "SIZE"]);
        table.add([
            Field::text("v1\u{1b}[31m"),
            Field::Number(7),
            Field::measured(None),
            Field::bytes(Some(2048)),
        ]);
        table.add([
            Field::text("v2"),
            Field::count(12_345),
            Field::measured(None),
            Field::bytes(None),
        ]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "VAT            ITEMS      SIZE\n\
             v1\\u{1b}[31m       7  2.00 KiB\n\
             v2            12,345\n"
        );
    }

    #[test]
    fn hashes_are_cut() {
        assert_eq!(short("0123456789abcdef0"), "0123456789abcde…");
        assert_eq!(short("0123"), "0123");
    }
}
