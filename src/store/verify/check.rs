//! State and helpers that all parts of a verification share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::types::ValueRef;

use super::elsewhere::Elsewhere;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::findings::Findings;
use super::remedy::{RESTORE, Remedies};
use super::report::Totals;
use crate::store::encoding::plural::plural;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// A running verification.
pub(super) struct Check<'a> {
    pub(super) mode: ArtifactMode,
    /// Remedies that findings quote.
    pub(super) remedies: Remedies,
    pub(super) findings: Findings,
    /// Has what the mode needs and the store has pruned.
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) monitor: &'a Monitor,
    /// Set when one thread failed, to stop the others.
    pub(super) stop: Arc<AtomicBool>,
    /// The tables that exist with all their columns.
    pub(super) tables: HashSet<StoreTable>,
    pub(super) totals: Mutex<Totals>,
}

impl Check<'_> {
    /// Fails if the verification was aborted or another thread failed.
    pub(super) fn go_on(&self) -> Result<()> {
        self.monitor.check()?;
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Aborted);
        }
        Ok(())
    }

    pub(super) fn add(&self, finding: Finding) {
        self.findings.add(finding);
    }

    pub(super) fn has(&self, table: StoreTable) -> bool {
        self.tables.contains(&table)
    }

    /// Changes the totals.
    pub(super) fn count(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut lock::lock(&self.totals));
    }

    /// Turns a read failure into a finding, so that the other checks continue. `place` adds the
    /// position to the finding.
    pub(super) fn tolerate<T>(
        &self,
        outcome: Result<T>,
        place: impl FnOnce(Finding) -> Finding,
        table: StoreTable,
    ) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_damage(&error) => {
                let code = error.code();
                let message = format!(
                    "could not be read: {error} ({code}). The file or its disk is damaged. \
                     {RESTORE}"
                );
                self.add(place(Finding::new(FindingKind::Unreadable, table, message)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Adds a finding if `text` is not well-formed Unicode, so that it reads back differently.
    pub(super) fn check_unicode(
        &self,
        what: &str,
        text: &[u8],
        place: impl FnOnce(Finding) -> Finding,
        table: StoreTable,
    ) {
        if std::str::from_utf8(text).is_err() {
            let message = format!(
                "{what} {} is not well-formed Unicode (an unpaired surrogate, for example). It \
                 reads back as a different text, and exports contain that text. No action is needed \
                 if the program that wrote it accepts that",
                brief(text)
            );
            self.add(place(Finding::new(FindingKind::NotUnicode, table, message)));
        }
    }

    /// Adds a finding: a column of a record has a value of the wrong type.
    pub(super) fn bad_value(
        &self,
        table: StoreTable,
        column: &str,
        found: ValueRef<'_>,
        wanted: &str,
        place: impl FnOnce(Finding) -> Finding,
    ) {
        self.bad_contents(table, column, found, wanted, RESTORE, place);
    }

    /// Adds a finding: a column has a value of the wrong type. `remedy` says what to do.
    pub(super) fn bad_contents(
        &self,
        table: StoreTable,
        column: &str,
        found: ValueRef<'_>,
        wanted: &str,
        remedy: &str,
        place: impl FnOnce(Finding) -> Finding,
    ) {
        let message = format!(
            "{column} is {}, and should be {wanted}. No kernel writes such a value: find out which \
             tool changed the store. {remedy}",
            describe(found)
        );
        self.add(place(Finding::new(FindingKind::BadValue, table, message)));
    }
}

/// Whether an error means that the file is damaged.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Sqlite { code, .. } => DAMAGE.iter().any(|damage| code.starts_with(damage)),
        // The checks that depend on a column's type test it first.
        Error::BadRow(_) => true,
        _ => false,
    }
}

/// The SQLite error codes that indicate damaged pages.
const DAMAGE: [&str; 5] = [
    "SQLITE_CORRUPT",
    "SQLITE_IOERR",
    "SQLITE_NOTADB",
    "SQLITE_FORMAT",
    // A length that no row can have.
    "SQLITE_TOOBIG",
];

/// A value as messages show it.
pub(super) fn describe(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => format!("the number {number}"),
        ValueRef::Real(number) => format!("the number {number}"),
        ValueRef::Text(text) => format!("the text {}", brief(text)),
        ValueRef::Blob(bytes) => format!("a blob of {}", plural(bytes.len(), "byte")),
    }
}

/// The value, if it is text.
pub(super) fn text(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

/// The value, if it is an integer.
pub(super) fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

/// The highest position: the largest integer that JavaScript represents exactly.
pub(super) const MAX_POSITION: i64 = (1 << 53) - 1;

/// Whether a text is a SHA-256 hash in the form that stores write.
pub(super) fn is_hash(text: &[u8]) -> bool {
    text.len() == 64
        && text
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a mark (`isCurrent` or `inUse`) is set; `None` if it is neither 1 nor NULL.
pub(super) fn mark(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Null => Some(false),
        ValueRef::Integer(1) => Some(true),
        _ => None,
    }
}

/// The finding for a mark that is neither 1 nor NULL.
pub(super) fn bad_mark(table: StoreTable, column: &str, found: ValueRef<'_>) -> Finding {
    let message = format!(
        "{column} is {}, and should be 1 or NULL: the record is neither current nor historical, \
         and some exports omit it. {RESTORE}",
        describe(found)
    );
    Finding::new(FindingKind::BadMark, table, message)
}

/// Adds a finding if the artifact names of an ID could not be parsed.
pub(super) fn check_id(check: &Check<'_>, what: &str, id: &[u8], table: StoreTable) {
    if id.is_empty() || id.contains(&b'.') {
        let message = format!(
            "the {what} {} is {}, so the names of its artifacts cannot be parsed, and imports \
             reject them. No kernel creates such IDs: find out which tool changed the store. \
             {RESTORE}",
            brief(id),
            if id.is_empty() {
                "empty"
            } else {
                "an ID with a dot"
            },
        );
        check.add(Finding::new(FindingKind::BadName, table, message).of(id));
    }
    check.check_unicode(what, id, |finding| finding.of(id), table);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_described_by_type_and_content() {
        for (value, expected) in [
            (ValueRef::Null, "NULL"),
            (ValueRef::Integer(-7), "the number -7"),
            (ValueRef::Real(0.5), "the number 0.5"),
            (ValueRef::Blob(b"abc"), "a blob of 3 bytes"),
            (ValueRef::Blob(b"a"), "a blob of 1 byte"),
        ] {
            assert_eq!(describe(value), expected);
        }
        let text = describe(ValueRef::Text(b"v1"));
        assert_eq!(text, format!("the text {}", brief(b"v1")));
    }

    #[test]
    fn only_what_is_wrong_with_the_file_is_damage() {
        assert!(is_damage(&Error::BadRow("a row".into())));
        assert!(!is_damage(&Error::Aborted));
        assert!(!is_damage(&Error::DatabaseClosed));
    }
}
