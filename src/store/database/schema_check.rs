//! Compares what a database declares with what a store declares.
//!
//! A table's declaration decides what becomes of a write: a trigger changes it, a collation makes two
//! keys one, a CHECK refuses it. So the declarations of a store's tables are compared token by token,
//! and each other object is looked at. SQLite takes an object's kind and name from its SQL and not from
//! the columns beside it, so this does, too: an object can't hide under another name.

use std::path::Path;
use std::sync::LazyLock;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Database;
use super::schema::{OLDER_SNAPSHOTS_CONSTRAINT, Part};
use crate::store::error::{Error, Result, show};

/// The longest SQL of an object that is compared, in bytes. A store's own are far shorter.
const MAX_SQL_BYTES: i64 = 100_000;

/// How many characters of a stranger's SQL a message shows.
const MAX_SHOWN: usize = 120;

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// Nothing that a store does is affected.
    None,
    /// Writes may be changed or refused.
    Writes,
    /// Reading may take forever, or give what nobody wrote.
    Reads,
}

/// How a database's schema differs from a store's.
#[derive(Debug, Clone)]
pub(crate) struct SchemaDifference {
    /// The table of a store that it is about.
    pub(crate) table: Option<&'static str>,
    pub(crate) harm: Harm,
    /// What differs, in words.
    pub(crate) message: String,
}

/// The tables of a store, as SQLite compares names.
const TABLES: [&str; 6] = [
    "kvStore",
    "transcriptItems",
    "transcriptSpans",
    "snapshots",
    "bundles",
    "pendingExports",
];

/// The table of a store that has a name.
fn table_named(name: &str) -> Option<&'static str> {
    TABLES
        .into_iter()
        .find(|table| table.eq_ignore_ascii_case(name))
}

/// SQL cut into tokens: words and symbols in lower case, what is quoted as it stands, no comments and no
/// white space.
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

/// Operators of two characters.
const OPERATORS: [&str; 8] = ["<>", "<=", ">=", "==", "!=", "||", "<<", ">>"];

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// The length of a quoted token, in which the quote stands twice for itself.
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

/// A name without its quotes.
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

/// An object as its SQL declares it.
#[derive(Debug, PartialEq)]
struct Declaration {
    /// `table`, `virtual table`, `index`, `unique index`, `trigger` or `view`.
    kind: String,
    /// In lower case, since SQLite does not tell cases apart.
    name: String,
    /// The table that an index or a trigger belongs to.
    on: Option<String>,
    /// What follows the name. Of a table: its columns, its constraints in any fixed order, and what
    /// follows the parentheses.
    body: Vec<Vec<String>>,
}

impl Declaration {
    /// Understands a statement that creates something; `None` for anything else.
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

    /// The body without columns that `other` does not have, as far as these are names with types.
    fn without_added_columns(&self, other: &Declaration) -> Vec<Vec<String>> {
        let is_added = |part: &Vec<String>| {
            (1..=2).contains(&part.len())
                && part.iter().all(|word| word.chars().all(is_word))
                && !other
                    .body
                    .iter()
                    .any(|theirs| theirs.first() == part.first())
        };
        // The last part is what comes after the parentheses.
        let (last, parts) = self
            .body
            .split_last()
            .unwrap_or((const { &Vec::new() }, &[]));
        let kept = parts.iter().filter(|part| !is_added(part));
        kept.chain([last]).cloned().collect()
    }

    /// Whether this is an index over columns alone, which can refuse no row.
    fn is_plain_index(&self) -> bool {
        let words = self.body.first().map_or(&[][..], Vec::as_slice);
        self.kind == "index"
            && words.iter().filter(|word| *word == "(").count() == 1
            && words.last().is_some_and(|word| word == ")")
            && !words.iter().any(|word| word == "collate")
    }
}

/// A table's columns in their order, its constraints sorted, and what comes after the parentheses.
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

/// A row of the schema.
struct Row {
    kind: String,
    name: String,
    sql: Option<String>,
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

/// The accepted declarations of each object of a store. Each opening compares with them twice.
static ACCEPTED: LazyLock<Vec<Declaration>> = LazyLock::new(accepted);

fn accepted() -> Vec<Declaration> {
    let mut accepted = Vec::new();
    for part in Part::ALL {
        for statement in tokens(part.sql()).split(|word| word == ";") {
            accepted.extend(Declaration::parse(statement));
        }
    }
    // Stores of an earlier version of the reference have one more constraint.
    let older = tokens(&Part::Snapshots.sql().replace(
        "UNIQUE (vatID, inUse)",
        &format!("UNIQUE (vatID, inUse), {OLDER_SNAPSHOTS_CONSTRAINT}"),
    ));
    accepted.extend(Declaration::parse(&older));
    accepted
}

/// How the schema of a database differs from a store's, the tables that are missing left out.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn differences(connection: &Connection) -> Result<Vec<SchemaDifference>> {
    let mut differences = Vec::new();
    let mut tables = Vec::new();
    for row in rows(connection)? {
        let Some(sql) = &row.sql else {
            if !is_automatic(&row) {
                differences.push(SchemaDifference {
                    table: None,
                    harm: Harm::Writes,
                    message: format!(
                        "the schema has an entry without SQL, {}, which SQLite does not make",
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
                differences.extend(compare(&ACCEPTED, &row, &found));
            }
            None => differences.push(SchemaDifference {
                table: None,
                harm: Harm::Reads,
                message: format!(
                    "the schema has an entry that declares nothing SQLite knows, {}: {}",
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
                    "the column {} of the table {table} is computed, or hidden, and no store has such a \
                     column",
                    show(column.as_bytes())
                ),
            });
        }
    }
    Ok(differences)
}

/// Whether SQLite made a row by itself: an index that a UNIQUE or PRIMARY KEY constraint needs. One of a
/// store's tables that is not the store's comes from a constraint, which differs, too.
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
                "the {} goes by another name: its entry says {}",
                named(&found.kind, &found.name),
                named(&row.kind, &row.name)
            ),
        );
    }
    if let Some(table) = table_named(&found.name)
        && found.kind != "index"
    {
        if found.kind != "table" {
            let message = format!("{table} is a {}, and should be a table", found.kind);
            return difference(Some(table), Harm::Reads, message);
        }
        let of_table = || {
            accepted
                .iter()
                .filter(|other| other.kind == "table" && other.name.eq_ignore_ascii_case(table))
        };
        // Columns that are added and have no constraint keep nobody from writing, and are told elsewhere.
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
                "there is a trigger {} on the table {table}, which changes or refuses what is written to it",
                show(row.name.as_bytes())
            ),
        ),
        ("index" | "unique index", Some(table)) if !found.is_plain_index() => difference(
            of_store,
            Harm::Writes,
            format!(
                "there is an index {} on the table {table} that may refuse what is written to it",
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

/// Words the first part of a declaration that is not as it should be.
fn declared_otherwise(table: &str, expected: &Declaration, found: &Declaration) -> String {
    let not_in = |these: &Declaration, those: &Declaration| {
        let part = these.body.iter().find(|part| !those.body.contains(part));
        part.filter(|part| !part.is_empty()).map(|part| shown(part))
    };
    match (not_in(found, expected), not_in(expected, found)) {
        (Some(found), Some(expected)) => {
            format!("the table {table} is declared with ({found}), and should be with ({expected})")
        }
        (Some(found), None) => {
            format!("the table {table} is declared with ({found}), which no store has")
        }
        (None, Some(expected)) => format!("the table {table} is declared without ({expected})"),
        (None, None) => {
            format!("the table {table} declares the columns of a store in another order")
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

/// Tokens as a message shows them.
fn shown(tokens: &[String]) -> String {
    let text = tokens.join(" ");
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    let ending = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{ending}", show(cut.as_bytes()).trim_matches('"'))
}

/// A column of a table that is computed from others, or hidden.
fn generated_column(connection: &Connection, table: &str) -> Result<Option<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0 LIMIT 1")?;
    let mut rows = statement.query([table])?;
    match rows.next()? {
        Some(row) => Ok(Some(row.get(0)?)),
        None => Ok(None),
    }
}

/// Lets nothing that a file's schema declares run or be written by itself: no function that it names, no
/// trigger and no view. For connections that no tool gets.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn distrust(connection: &Connection) -> Result<()> {
    guard(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(())
}

/// As better-sqlite3 does for tools: the schema can't be written as a table, and names no function that
/// has effects.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn guard(connection: &Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

impl Database {
    /// Fails if the schema would change or refuse what a store writes.
    ///
    /// # Errors
    /// [`Error::Schema`]; SQLite's errors.
    pub(crate) fn check_declared(&self) -> Result<()> {
        self.refuse(Harm::Writes)
    }

    /// Fails if one of a store's tables is not a table of its own columns.
    ///
    /// # Errors
    /// [`Error::Schema`]; SQLite's errors.
    pub(crate) fn check_tables(&self) -> Result<()> {
        self.refuse(Harm::Reads)
    }

    fn refuse(&self, least: Harm) -> Result<()> {
        let found = differences(self.connection()?)?;
        match found.into_iter().find(|found| found.harm >= least) {
            None => Ok(()),
            Some(found) => Err(Error::Schema {
                file: self.file().map(Path::to_owned),
                problem: found.message,
            }),
        }
    }
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

    /// A store in which `table` is declared with `to` in place of `from`.
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
    fn a_table_is_declared_token_by_token() {
        for (table, from, to, expected) in [
            (
                "kvStore",
                "key TEXT,",
                "key TEXT COLLATE NOCASE,",
                "the table kvStore is declared with (key text collate nocase), and should be with (key text)",
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
                "the table transcriptSpans is declared with (iscurrent integer check ( iscurrent >= 1 )), and \
                 should be with (iscurrent integer check ( iscurrent = 1 ))",
            ),
            (
                "bundles",
                "PRIMARY KEY (bundleID)",
                "PRIMARY KEY (bundleID) ON CONFLICT IGNORE",
                "the table bundles is declared with (primary key ( bundleid ) on conflict ignore), and should \
                 be with (primary key ( bundleid ))",
            ),
            (
                "bundles",
                "bundle BLOB",
                "bundle BLOB DEFAULT 'x'",
                "the table bundles is declared with (bundle blob default 'x'), and should be with (bundle blob)",
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
    fn what_takes_a_tables_place_is_refused_before_it_is_read() {
        let connection = store();
        connection
            .execute_batch("DROP TABLE transcriptSpans; CREATE VIEW transcriptSpans AS SELECT 1")
            .unwrap();
        let expected = "transcriptSpans is a view, and should be a table";
        assert_eq!(harms(&connection), [(Harm::Reads, expected.to_owned())]);
        let computed = altered("bundles", "bundle BLOB", "bundle BLOB AS (zeroblob(9))");
        assert!(
            harms(&computed)
                .iter()
                .any(|(harm, _)| *harm == Harm::Reads)
        );
    }

    #[test]
    fn every_other_object_is_listed_whatever_its_name() {
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
            "the trigger t goes by another name: its entry says index sqlite_autoindex_kvStore_9";
        assert_eq!(harms(&connection), [(Harm::Writes, expected.to_owned())]);
    }
}
