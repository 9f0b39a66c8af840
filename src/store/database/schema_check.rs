//! Compares the declarations of a database with those of a store.
//!
//! A table's declaration can change the effect of a write: a trigger changes the row, a collation
//! makes two keys equal, a CHECK refuses the row. So the declarations of a store's tables are
//! compared token by token, and every other object is reported. SQLite takes the kind and name of
//! an object from its SQL, not from the other columns of its schema row. This does the same, so an
//! object cannot hide under another name.

use std::sync::{LazyLock, Mutex};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::schema::{COMPRESSED_ITEMS, OLDER_SNAPSHOTS_CONSTRAINT, Part};
use crate::store::error::{Result, show};
use crate::store::tasks::lock;

/// Maximum length of the SQL of an object that is compared, in bytes. A store's own SQL is far
/// shorter.
const MAX_SQL_BYTES: i64 = 100_000;

/// Maximum number of characters of foreign SQL in a message.
const MAX_SHOWN: usize = 120;

/// The effect of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// It does not affect a store.
    None,
    /// It may change or refuse writes.
    Writes,
    /// Reads may never end, or return data that was not written.
    Reads,
}

/// A difference between a database's schema and a store's.
#[derive(Debug, Clone)]
pub(crate) struct SchemaDifference {
    /// The store's table that it concerns, if any.
    pub(crate) table: Option<&'static str>,
    pub(crate) harm: Harm,
    /// A description for messages.
    pub(crate) message: String,
}

/// The tables of a store. SQLite ignores the case of names.
const TABLES: [&str; 7] = [
    "kvStore",
    "transcriptItems",
    "transcriptSpans",
    "snapshots",
    "bundles",
    "pendingExports",
    "compressedItems",
];

/// The store's table with a name.
fn table_named(name: &str) -> Option<&'static str> {
    TABLES
        .into_iter()
        .find(|table| table.eq_ignore_ascii_case(name))
}

/// Splits SQL into tokens: words in lower case, symbols, and quoted tokens unchanged. Comments and
/// white space are dropped.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if first.is_whitespace() => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '-' if rest.starts_with("--") => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest[2..].split_once("*/").map_or("", |(_, after)| after);
                continue;
            }
            '\'' | '"' | '`' => quoted_length(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if OPERATORS.iter().any(|operator| rest.starts_with(operator)) => 2,
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(if is_word(first) {
            token.to_ascii_lowercase()
        } else {
            token.to_owned()
        });
        rest = after;
    }
    tokens
}

/// Two-character operators.
const OPERATORS: [&str; 8] = ["<>", "<=", ">=", "==", "!=", "||", "<<", ">>"];

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// The length of a quoted token. A doubled quote stands for itself.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|&(_, next)| next == quote) {
                chars.next();
            } else {
                return at + 1;
            }
        }
    }
    text.len()
}

/// Removes the quotes of a name.
fn unquoted(token: &str) -> String {
    let inner = |close: char| token[1..].strip_suffix(close).unwrap_or(&token[1..]);
    match token.chars().next() {
        Some(quote @ ('"' | '`' | '\'')) => {
            inner(quote).replace(&format!("{quote}{quote}"), &quote.to_string())
        }
        Some('[') => inner(']').to_owned(),
        _ => token.to_owned(),
    }
}

/// An object, parsed from its SQL.
#[derive(Debug, PartialEq)]
struct Declaration {
    /// `table`, `virtual table`, `index`, `unique index`, `trigger` or `view`.
    kind: String,
    /// In lower case, because SQLite ignores case.
    name: String,
    /// The table of an index or a trigger.
    on: Option<String>,
    /// The tokens after the name. For a table: a part for each column, the constraints, sorted, and
    /// what follows the parentheses.
    body: Vec<Vec<String>>,
}

impl Declaration {
    /// Parses a CREATE statement; `None` for anything else.
    fn parse(sql: &[String]) -> Option<Declaration> {
        let mut rest = sql.iter().map(String::as_str).peekable();
        if rest.next()? != "create" {
            return None;
        }
        while rest
            .next_if(|word| matches!(*word, "temp" | "temporary"))
            .is_some()
        {}
        let mut kind = rest.next()?.to_owned();
        if matches!(kind.as_str(), "unique" | "virtual") {
            kind = format!("{kind} {}", rest.next()?);
        }
        if !matches!(
            kind.as_str(),
            "table" | "virtual table" | "index" | "unique index" | "trigger" | "view"
        ) {
            return None;
        }
        if rest.next_if_eq(&"if").is_some() {
            rest.next();
            rest.next();
        }
        let name = unquoted(rest.next()?).to_ascii_lowercase();
        let body: Vec<String> = rest.map(str::to_owned).collect();
        let on = match kind.as_str() {
            "index" | "unique index" | "trigger" => body
                .iter()
                .position(|word| word == "on")
                .and_then(|at| body.get(at + 1))
                .map(|table| unquoted(table).to_ascii_lowercase()),
            _ => None,
        };
        let body = match kind.as_str() {
            "table" => table_body(body),
            _ => vec![body],
        };
        Some(Declaration {
            kind,
            name,
            on,
            body,
        })
    }

    /// The body without the columns that `other` does not have, if they consist of a name and at
    /// most a type.
    fn without_added_columns(&self, other: &Declaration) -> Vec<Vec<String>> {
        let is_added = |part: &Vec<String>| {
            (1..=2).contains(&part.len())
                && part.iter().all(|word| word.chars().all(is_word))
                && !other
                    .body
                    .iter()
                    .any(|theirs| theirs.first() == part.first())
        };
        // The last part is what follows the parentheses.
        let (last, parts) = self
            .body
            .split_last()
            .unwrap_or((const { &Vec::new() }, &[]));
        let kept = parts.iter().filter(|part| !is_added(part));
        kept.chain([last]).cloned().collect()
    }

    /// Whether this is an index of columns that is neither unique nor has a collation, so it cannot
    /// refuse rows.
    fn is_plain_index(&self) -> bool {
        let words = self.body.first().map_or(&[][..], Vec::as_slice);
        self.kind == "index"
            && words.iter().filter(|word| *word == "(").count() == 1
            && words.last().is_some_and(|word| word == ")")
            && !words.iter().any(|word| word == "collate")
    }
}

/// Splits the body of a table into its columns in order, its constraints, sorted, and what follows
/// the parentheses.
fn table_body(words: Vec<String>) -> Vec<Vec<String>> {
    let mut words = words.into_iter();
    if words.next().as_deref() != Some("(") {
        return vec![words.collect()];
    }
    let mut parts = vec![Vec::new()];
    let mut depth = 0_u32;
    for word in words.by_ref() {
        match word.as_str() {
            ")" if depth == 0 => break,
            "," if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(word);
        }
    }
    let (mut constraints, mut body): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part: &Vec<String>| is_constraint(part));
    constraints.sort();
    body.extend(constraints);
    body.push(words.collect());
    body
}

fn is_constraint(part: &[String]) -> bool {
    part.first().is_some_and(|word| {
        matches!(
            word.as_str(),
            "primary" | "unique" | "check" | "foreign" | "constraint"
        )
    })
}

/// A row of the schema table.
#[derive(Debug, PartialEq)]
struct Row {
    kind: String,
    name: String,
    sql: Option<String>,
}

impl Row {
    /// Whether it contains all of its SQL.
    fn is_whole(&self) -> bool {
        let length = self.sql.as_ref().map_or(0, String::len);
        i64::try_from(length).is_ok_and(|length| length < MAX_SQL_BYTES)
    }
}

fn rows(connection: &Connection) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT type, name, substr(sql, 1, {MAX_SQL_BYTES}) FROM sqlite_schema ORDER BY rowid"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| -> Result<Option<String>> {
            let bytes = match row.get_ref(column)? {
                rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                    bytes
                }
                _ => return Ok(None),
            };
            Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
        };
        found.push(Row {
            kind: text(0)?.unwrap_or_default(),
            name: text(1)?.unwrap_or_default(),
            sql: text(2)?,
        });
    }
    Ok(found)
}

/// The accepted declarations of a store's objects.
static ACCEPTED: LazyLock<Vec<Declaration>> = LazyLock::new(accepted);

fn accepted() -> Vec<Declaration> {
    let mut accepted = Vec::new();
    for part in Part::ALL {
        for statement in tokens(part.sql()).split(|word| word == ";") {
            accepted.extend(Declaration::parse(statement));
        }
    }
    accepted.extend(Declaration::parse(&tokens(COMPRESSED_ITEMS)));
    // Stores of an older version of the reference have an additional constraint.
    let older = tokens(&Part::Snapshots.sql().replace(
        "UNIQUE (vatID, inUse)",
        &format!("UNIQUE (vatID, inUse), {OLDER_SNAPSHOTS_CONSTRAINT}"),
    ));
    accepted.extend(Declaration::parse(&older));
    accepted
}

/// The rows of the last schema without differences. Most stores of a process have the same schema.
/// Parsing it and asking SQLite for generated columns takes 0.1 ms, a tenth of the time of opening
/// a store.
static SOUND: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Compares the schema of a database with a store's. Missing tables are not differences.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn differences(connection: &Connection) -> Result<Vec<SchemaDifference>> {
    let rows = rows(connection)?;
    if *lock::lock(&SOUND) == rows {
        return Ok(Vec::new());
    }
    let differences = differences_of(connection, &rows)?;
    if differences.is_empty() && rows.iter().all(Row::is_whole) {
        *lock::lock(&SOUND) = rows;
    }
    Ok(differences)
}

fn differences_of(connection: &Connection, rows: &[Row]) -> Result<Vec<SchemaDifference>> {
    let mut differences = Vec::new();
    let mut tables = Vec::new();
    for row in rows {
        let Some(sql) = &row.sql else {
            if !is_automatic(row) {
                differences.push(SchemaDifference {
                    table: None,
                    harm: Harm::Writes,
                    message: format!(
                        "the schema has an entry without SQL that SQLite did not create: {}",
                        named(&row.kind, &row.name)
                    ),
                });
            }
            continue;
        };
        let tokens = tokens(sql);
        match Declaration::parse(&tokens) {
            Some(found) => {
                if found.kind == "table" {
                    tables.extend(table_named(&found.name));
                }
                differences.extend(compare(&ACCEPTED, row, &found));
            }
            None => differences.push(SchemaDifference {
                table: None,
                harm: Harm::Reads,
                message: format!(
                    "the schema has an entry, {}, that is not a declaration: {}",
                    named(&row.kind, &row.name),
                    shown(&tokens)
                ),
            }),
        }
    }
    for table in tables {
        if let Some(column) = generated_column(connection, table)? {
            differences.push(SchemaDifference {
                table: Some(table),
                harm: Harm::Reads,
                message: format!(
                    "the column {} of the table {table} is generated or hidden; no store has such a \
                     column",
                    show(column.as_bytes())
                ),
            });
        }
    }
    Ok(differences)
}

/// Whether SQLite created the row itself, as the index of a UNIQUE or PRIMARY KEY constraint. If a
/// store's table has an additional one, its constraints differ, too.
fn is_automatic(row: &Row) -> bool {
    row.kind == "index" && row.name.starts_with("sqlite_autoindex_")
}

fn compare(accepted: &[Declaration], row: &Row, found: &Declaration) -> Option<SchemaDifference> {
    let of_store = found.on.as_deref().and_then(table_named);
    let difference = |table, harm, message| {
        Some(SchemaDifference {
            table,
            harm,
            message,
        })
    };
    let kind = found
        .kind
        .trim_start_matches("unique ")
        .trim_start_matches("virtual ");
    if row.kind != kind || !row.name.eq_ignore_ascii_case(&found.name) {
        return difference(
            of_store.or(table_named(&found.name)),
            Harm::Writes,
            format!(
                "the {} has another name in its schema entry: {}",
                named(&found.kind, &found.name),
                named(&row.kind, &row.name)
            ),
        );
    }
    if let Some(table) = table_named(&found.name)
        && found.kind != "index"
    {
        if found.kind != "table" {
            let message = format!("{table} is a {} and should be a table", found.kind);
            return difference(Some(table), Harm::Reads, message);
        }
        let of_table = || {
            accepted
                .iter()
                .filter(|other| other.kind == "table" && other.name.eq_ignore_ascii_case(table))
        };
        // Additional columns without constraints do not affect writes, and are reported elsewhere.
        if of_table().any(|other| other.body == found.without_added_columns(other)) {
            return None;
        }
        let expected = of_table().next()?;
        return difference(
            Some(table),
            Harm::Writes,
            declared_otherwise(table, expected, found),
        );
    }
    if accepted.iter().any(|other| other == found) {
        return None;
    }
    match (found.kind.as_str(), of_store) {
        ("trigger", Some(table)) => difference(
            of_store,
            Harm::Writes,
            format!(
                "the trigger {} may change or refuse writes to the table {table}",
                show(row.name.as_bytes())
            ),
        ),
        ("index" | "unique index", Some(table)) if !found.is_plain_index() => difference(
            of_store,
            Harm::Writes,
            format!(
                "the index {} may refuse writes to the table {table}",
                show(row.name.as_bytes())
            ),
        ),
        _ => difference(
            of_store,
            Harm::None,
            format!(
                "there is a {} that no store has; exports leave it out",
                named(&found.kind, &row.name)
            ),
        ),
    }
}

/// Describes the first part of a table's declaration that differs.
fn declared_otherwise(table: &str, expected: &Declaration, found: &Declaration) -> String {
    let not_in = |these: &Declaration, those: &Declaration| {
        let part = these.body.iter().find(|part| !those.body.contains(part));
        part.filter(|part| !part.is_empty()).map(|part| shown(part))
    };
    match (not_in(found, expected), not_in(expected, found)) {
        (Some(found), Some(expected)) => {
            format!("the table {table} is declared with ({found}) instead of ({expected})")
        }
        (Some(found), None) => {
            format!("the table {table} is declared with ({found}), which no store has")
        }
        (None, Some(expected)) => format!("the table {table} is declared without ({expected})"),
        (None, None) => {
            format!("the table {table} declares its columns in another order")
        }
    }
}

fn named(kind: &str, name: &str) -> String {
    format!(
        "{} {}",
        show(kind.as_bytes()).trim_matches('"'),
        show(name.as_bytes()).trim_matches('"')
    )
}

/// Formats tokens for a message.
fn shown(tokens: &[String]) -> String {
    let text = tokens.join(" ");
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    let ending = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{ending}", show(cut.as_bytes()).trim_matches('"'))
}

/// Finds a generated or hidden column of a table.
fn generated_column(connection: &Connection, table: &str) -> Result<Option<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0 LIMIT 1")?;
    let mut rows = statement.query([table])?;
    match rows.next()? {
        Some(row) => Ok(Some(row.get(0)?)),
        None => Ok(None),
    }
}

/// Disables everything in a file's schema that could run code or change data: functions with side
/// effects, triggers and views. For connections that tools do not use.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn distrust(connection: &Connection) -> Result<()> {
    guard(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(())
}

/// Protects the schema as better-sqlite3 does: it cannot be written as a table, and cannot call
/// functions with side effects.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn guard(connection: &Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for part in Part::ALL {
            connection.execute_batch(part.sql()).unwrap();
        }
        connection
    }

    /// Creates a store whose `table` is declared with `to` in place of `from`.
    fn altered(table: &str, from: &str, to: &str) -> Connection {
        let connection = store();
        let sql: String = connection
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE name = ?",
                [table],
                |row| row.get(0),
            )
            .unwrap();
        assert!(sql.contains(from), "{sql}");
        connection
            .execute_batch(&format!(
                "DROP TABLE {table}; {}",
                sql.replacen(from, to, 1)
            ))
            .unwrap();
        connection
    }

    #[test]
    fn a_schema_is_compared_again_after_a_sound_one() {
        for _ in 0..2 {
            assert!(harms(&store()).is_empty());
            let changed = altered("kvStore", "value TEXT", "value TEXT NOT NULL");
            assert_eq!(harms(&changed).len(), 1);
            let index = store();
            index
                .execute_batch("CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END")
                .unwrap();
            assert_eq!(harms(&index).len(), 1);
        }
    }

    fn harms(connection: &Connection) -> Vec<(Harm, String)> {
        let found = differences(connection).unwrap();
        found.into_iter().map(|d| (d.harm, d.message)).collect()
    }

    #[test]
    fn a_store_has_no_differences() {
        assert_eq!(harms(&store()), []);
        let older = altered(
            "snapshots",
            "UNIQUE (vatID, inUse)",
            &format!("UNIQUE (vatID, inUse),\n {OLDER_SNAPSHOTS_CONSTRAINT}"),
        );
        assert_eq!(harms(&older), []);
        let spelled = altered(
            "kvStore",
            "kvStore (\n                   key TEXT,",
            "\"kvStore\" ( -- keys\n KEY text /* a key */ ,",
        );
        assert_eq!(harms(&spelled), []);
    }

    #[test]
    fn tables_are_compared_token_by_token() {
        for (table, from, to, expected) in [
            (
                "kvStore",
                "key TEXT,",
                "key TEXT COLLATE NOCASE,",
                "the table kvStore is declared with (key text collate nocase) instead of (key text)",
            ),
            (
                "kvStore",
                "PRIMARY KEY (key)",
                "PRIMARY KEY (key), CHECK (key <> 'host.height' OR value < '7')",
                "the table kvStore is declared with (check ( key <> 'host.height' or value < '7' )), which \
                 no store has",
            ),
            (
                "kvStore",
                "PRIMARY KEY (key)",
                "PRIMARY KEY (key), FOREIGN KEY (value) REFERENCES bundles (bundleID) ON DELETE CASCADE",
                "the table kvStore is declared with (foreign key ( value ) references bundles ( bundleid ) on \
                 delete cascade), which no store has",
            ),
            (
                "transcriptSpans",
                "isCurrent INTEGER CHECK (isCurrent = 1)",
                "isCurrent INTEGER CHECK (isCurrent >= 1)",
                "the table transcriptSpans is declared with (iscurrent integer check ( iscurrent >= 1 )) \
                 instead of (iscurrent integer check ( iscurrent = 1 ))",
            ),
            (
                "bundles",
                "PRIMARY KEY (bundleID)",
                "PRIMARY KEY (bundleID) ON CONFLICT IGNORE",
                "the table bundles is declared with (primary key ( bundleid ) on conflict ignore) instead \
                 of (primary key ( bundleid ))",
            ),
            (
                "bundles",
                "bundle BLOB",
                "bundle BLOB DEFAULT 'x'",
                "the table bundles is declared with (bundle blob default 'x') instead of (bundle blob)",
            ),
        ] {
            let found = harms(&altered(table, from, to));
            assert_eq!(found.first(), Some(&(Harm::Writes, expected.to_owned())));
        }
        let strict = store();
        strict
            .execute_batch("DROP TABLE kvStore; CREATE TABLE kvStore (key TEXT, value TEXT, PRIMARY KEY (key)) STRICT")
            .unwrap();
        assert_eq!(harms(&strict).len(), 1);
    }

    #[test]
    fn views_and_generated_columns_affect_reads() {
        let connection = store();
        connection
            .execute_batch("DROP TABLE transcriptSpans; CREATE VIEW transcriptSpans AS SELECT 1")
            .unwrap();
        let expected = "transcriptSpans is a view and should be a table";
        assert_eq!(harms(&connection), [(Harm::Reads, expected.to_owned())]);
        let computed = altered("bundles", "bundle BLOB", "bundle BLOB AS (zeroblob(9))");
        assert!(
            harms(&computed)
                .iter()
                .any(|(harm, _)| *harm == Harm::Reads)
        );
    }

    #[test]
    fn every_other_object_is_reported_under_any_name() {
        let connection = store();
        connection
            .execute_batch(
                "CREATE TRIGGER t AFTER UPDATE ON kvStore BEGIN DELETE FROM bundles; END;
                 CREATE UNIQUE INDEX u ON kvStore (value);
                 CREATE INDEX p ON transcriptItems (incarnation);
                 CREATE INDEX e ON transcriptItems (json(item));
                 CREATE TABLE notes (x);
                 CREATE TRIGGER own AFTER INSERT ON notes BEGIN SELECT 1; END;
                 CREATE VIEW v AS SELECT * FROM kvStore",
            )
            .unwrap();
        let found: Vec<Harm> = harms(&connection).iter().map(|(harm, _)| *harm).collect();
        let (writes, none) = (Harm::Writes, Harm::None);
        assert_eq!(found, [writes, writes, none, writes, none, none, none]);

        connection
            .execute_batch(
                "DROP INDEX u; DROP INDEX p; DROP INDEX e; DROP VIEW v; DROP TABLE notes;
                 PRAGMA writable_schema=1;
                 UPDATE sqlite_schema SET type = 'index', name = 'sqlite_autoindex_kvStore_9'
                 WHERE name = 't'",
            )
            .unwrap();
        let expected =
            "the trigger t has another name in its schema entry: index sqlite_autoindex_kvStore_9";
        assert_eq!(harms(&connection), [(Harm::Writes, expected.to_owned())]);
    }
}
