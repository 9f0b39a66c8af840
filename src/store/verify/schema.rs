//! Checks that the schema is the one of a new store.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use rusqlite::Connection;

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable};
use crate::store::database::locate::other_database;
use crate::store::database::schema::{Part, normalize_sql};
use crate::store::database::schema_check::{Harm, SchemaDifference};
use crate::store::database::{Database, schema_check};
use crate::store::error::Result;

/// The parts of a database's schema that are compared.
struct Schema {
    /// The columns of each table, each with its type and its place in the primary key.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// The columns of each unique index, as `table(column, …)`.
    unique: BTreeSet<String>,
    /// The SQL of each table, in lower case and without white space.
    checks: BTreeMap<String, String>,
    /// The names of the indexes.
    indexes: BTreeSet<String>,
}

impl Schema {
    /// Reads the schema of `tables`.
    fn read(connection: &Connection, tables: &[StoreTable]) -> Result<Schema> {
        let mut schema = Schema {
            columns: BTreeMap::new(),
            unique: BTreeSet::new(),
            checks: BTreeMap::new(),
            indexes: BTreeSet::new(),
        };
        let mut statement = connection.prepare(
            "SELECT type, name, coalesce(sql, '') FROM sqlite_schema
             WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column| -> Result<String> {
                let bytes = row.get_ref(column)?.as_bytes()?;
                Ok(String::from_utf8_lossy(bytes).into_owned())
            };
            let (kind, name) = (text(0)?, text(1)?);
            if kind == "table" {
                schema.checks.insert(name.clone(), normalize_sql(&text(2)?));
            }
            if kind == "index" {
                schema.indexes.insert(name);
            }
        }
        for table in tables.iter().filter_map(|table| table.name()) {
            let mut statement =
                connection.prepare("SELECT name, upper(type), pk FROM pragma_table_xinfo(?)")?;
            let columns = statement
                .query_map([table], |row| {
                    let (kind, key): (String, i64) = (row.get(1)?, row.get(2)?);
                    Ok((row.get(0)?, format!("{kind}, key {key}")))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            if !columns.is_empty() {
                schema.columns.insert(table.to_owned(), columns);
            }
            let mut statement = connection.prepare(
                "SELECT (SELECT group_concat(name, ', ') FROM (
                   SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))
                 FROM pragma_index_list(?) i WHERE i.\"unique\" = 1 AND i.partial = 0",
            )?;
            let mut rows = statement.query([table])?;
            while let Some(row) = rows.next()? {
                let columns: Option<String> = row.get(0)?;
                let columns = columns.unwrap_or_default();
                schema.unique.insert(format!("{table}({columns})"));
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
        if compare_columns(check, expected, found, (*table, name)) {
            readable.insert(*table);
        }
        compare_constraints(check, expected, found, (*table, name));
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
            FindingKind::SchemaAltered => format!(
                "{}. No command repairs this: restore the store from a backup, or by state-sync",
                difference.message
            ),
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
    for (column, kind) in wanted {
        match columns.iter().find(|(other, _)| other == column) {
            None => {
                complete = false;
                missing(
                    check,
                    table,
                    format!(
                        "the table {name} has no column {column}, so none of its rows were checked. \
                         Did another version of swing-store create it?"
                    ),
                );
            }
            Some((_, other)) if other != kind => differs(
                check,
                table,
                format!("the column {column} of {name} is {other}, and should be {kind}"),
            ),
            Some(_) => {}
        }
    }
    for (column, _) in columns {
        if !wanted.iter().any(|(other, _)| other == column) {
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

/// Checks that a table has the constraints of a new store's table.
fn compare_constraints(
    check: &Check<'_>,
    expected: &Schema,
    found: &Schema,
    (table, name): (StoreTable, &str),
) {
    if !found.columns.contains_key(name) {
        return;
    }
    for mark in ["check(iscurrent=1)", "check(inuse=1)"] {
        let has = |schema: &Schema| {
            let sql = schema.checks.get(name);
            sql.is_some_and(|sql| sql.contains(mark))
        };
        if has(expected) && !has(found) {
            differs(
                check,
                table,
                format!(
                    "the table {name} lacks the constraint {mark}, so it may hold values that no \
                     store has"
                ),
            );
        }
    }
    let of_table = format!("{name}(");
    for index in expected.unique.difference(&found.unique) {
        if index.starts_with(&of_table) {
            differs(
                check,
                table,
                format!(
                    "no constraint makes {index} unique, so the table may hold contradicting \
                     records"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_comments_do_not_matter() {
        let sql = "CREATE TABLE t ( -- it's a table\n  a INTEGER CHECK (a = 1)\n)";
        assert_eq!(normalize_sql(sql), "createtablet(aintegercheck(a=1))");
    }
}
