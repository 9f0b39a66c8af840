//! Checks that the schema is the one of a new store.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use rusqlite::Connection;

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable};
use super::remedy::RESTORE;
use crate::store::database::locate::other_database;
use crate::store::database::schema::{COMPRESSED_ITEMS, Part};
use crate::store::database::schema_check::{Harm, SchemaDifference};
use crate::store::database::{Database, schema_check};
use crate::store::error::Result;

/// The parts of a database's schema that are compared here. [`schema_check`] compares types and
/// constraints.
struct Schema {
    /// The columns of each table.
    columns: BTreeMap<String, Vec<String>>,
    /// The names of the indexes.
    indexes: BTreeSet<String>,
}

impl Schema {
    /// Reads the schema of `tables`.
    fn read(connection: &Connection, tables: &[StoreTable]) -> Result<Schema> {
        let mut schema = Schema {
            columns: BTreeMap::new(),
            indexes: BTreeSet::new(),
        };
        let mut statement = connection.prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_bytes()?;
            schema
                .indexes
                .insert(String::from_utf8_lossy(name).into_owned());
        }
        for table in tables.iter().filter_map(|table| table.name()) {
            let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?)")?;
            let columns = statement
                .query_map([table], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            if !columns.is_empty() {
                schema.columns.insert(table.to_owned(), columns);
            }
        }
        Ok(schema)
    }
}

/// The schema of a new store.
fn expected() -> Result<Schema> {
    let connection = Connection::open_in_memory()?;
    for part in Part::ALL {
        connection.execute_batch(part.sql())?;
    }
    connection.execute_batch(COMPRESSED_ITEMS)?;
    Schema::read(&connection, &StoreTable::STORES)
}

/// The result of comparing the schema.
pub(super) struct SchemaCheck {
    /// The tables that can be read.
    pub(super) tables: HashSet<StoreTable>,
    /// Whether SQLite's integrity check may evaluate the expressions in the schema.
    pub(super) is_harmless: bool,
}

/// Compares the schema with that of a new store, and adds a finding for each difference.
///
/// # Errors
/// [`Error::NoStore`](crate::store::error::Error::NoStore) if the file has none of a store's tables; SQLite's errors.
pub(super) fn check_schema(check: &Check<'_>, db: &Database) -> Result<SchemaCheck> {
    let read = || {
        let connection = db.connection()?;
        let differences = schema_check::differences(connection)?;
        let replaced = |table: &StoreTable| {
            let is_this = |difference: &&SchemaDifference| {
                difference.harm == Harm::Reads && difference.table == table.name()
            };
            differences.iter().any(|difference| is_this(&difference))
        };
        let tables: Vec<StoreTable> = StoreTable::STORES
            .into_iter()
            .filter(|table| !replaced(table))
            .collect();
        Ok((Schema::read(connection, &tables)?, tables, differences))
    };
    let found = check.tolerate(read(), |finding| finding, StoreTable::Database)?;
    let Some((found, tables, differences)) = found else {
        return Ok(SchemaCheck {
            tables: HashSet::new(),
            is_harmless: true,
        });
    };
    if found.columns.is_empty() && differences.iter().all(|found| found.harm != Harm::Reads) {
        let directory = db.file().and_then(Path::parent).unwrap_or(Path::new(""));
        return Err(other_database(directory, "any of a store's tables"));
    }
    let is_harmless = differences.iter().all(|found| found.harm == Harm::None);
    let tables = compare(check, &expected()?, &found, &tables, differences)?;
    Ok(SchemaCheck {
        tables,
        is_harmless,
    })
}

fn missing(check: &Check<'_>, table: StoreTable, message: String) {
    check.add(Finding::new(FindingKind::SchemaMissing, table, message));
}

fn differs(check: &Check<'_>, table: StoreTable, message: String) {
    check.add(Finding::new(FindingKind::SchemaDiffers, table, message));
}

fn compare(
    check: &Check<'_>,
    expected: &Schema,
    found: &Schema,
    tables: &[StoreTable],
    differences: Vec<SchemaDifference>,
) -> Result<HashSet<StoreTable>> {
    let mut readable = HashSet::new();
    for table in tables {
        let Some(name) = table.name() else { continue };
        if *table == StoreTable::CompressedItems && !found.columns.contains_key(name) {
            continue;
        }
        if compare_columns(check, expected, found, (*table, name)) {
            readable.insert(*table);
        }
    }
    for difference in differences {
        let of =
            |table: &StoreTable| difference.table.is_some() && table.name() == difference.table;
        let table = StoreTable::STORES.into_iter().find(of);
        let kind = match difference.harm {
            Harm::None => FindingKind::SchemaDiffers,
            Harm::Writes | Harm::Reads => FindingKind::SchemaAltered,
        };
        let table = table.unwrap_or(StoreTable::Database);
        let message = match kind {
            FindingKind::SchemaAltered => format!("{}. {RESTORE}", difference.message),
            _ => difference.message,
        };
        check.add(Finding::new(kind, table, message));
    }
    for index in expected.indexes.difference(&found.indexes) {
        differs(
            check,
            StoreTable::Database,
            format!(
                "the index {index} is missing, which makes some operations slower. Opening the \
                 store for writing creates it"
            ),
        );
    }
    Ok(readable)
}

/// Whether a table has all its columns, so that it can be read.
fn compare_columns(
    check: &Check<'_>,
    expected: &Schema,
    found: &Schema,
    (table, name): (StoreTable, &str),
) -> bool {
    let Some(columns) = found.columns.get(name) else {
        missing(
            check,
            table,
            format!(
                "the table {name} is missing. If an older version created the store, opening it \
                 for writing adds the table; otherwise restore the store"
            ),
        );
        return false;
    };
    let wanted = expected.columns.get(name).map_or(&[][..], Vec::as_slice);
    let mut complete = true;
    for column in wanted.iter().filter(|column| !columns.contains(column)) {
        complete = false;
        missing(
            check,
            table,
            format!(
                "the table {name} has no column {column}, so none of its rows were checked. Did \
                 another version of swing-store create it?"
            ),
        );
    }
    for column in columns {
        if !wanted.contains(column) {
            differs(
                check,
                table,
                format!(
                    "the table {name} has a column {column} that no store has; exports omit it"
                ),
            );
        }
    }
    complete
}
