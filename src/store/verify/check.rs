//! What all parts of a verification share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::types::ValueRef;

use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::findings::Findings;
use super::remedy::{RESTORE, Remedies};
use super::report::Totals;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// A verification under way.
pub(super) struct Check<'a> {
    pub(super) mode: ArtifactMode,
    /// What to do about findings.
    pub(super) remedies: Remedies,
    pub(super) findings: Findings,
    pub(super) monitor: &'a Monitor,
    /// Set when one thread failed, so that the others need not go on.
    pub(super) stop: Arc<AtomicBool>,
    /// The tables that are there with all their columns.
    pub(super) tables: HashSet<StoreTable>,
    pub(super) totals: Mutex<Totals>,
}

impl Check<'_> {
    /// Fails once the work is to end.
    pub(super) fn go_on(&self) -> Result<()> {
        self.monitor.check()?;
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Error::Aborted),
            false => Ok(()),
        }
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

    /// Turns a failure to read into the finding that `place` makes of nothing but its place, so
    /// that the work goes on elsewhere.
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
                    "could not be read: {error} ({code}). The file, or the disk that it lies \
                     on, is damaged. {RESTORE}"
                );
                self.add(place(Finding::new(FindingKind::Unreadable, table, message)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// ExportChanges that a text is not what it reads back as.
    pub(super) fn check_unicode(
        &self,
        what: &str,
        text: &[u8],
        place: impl FnOnce(Finding) -> Finding,
        table: StoreTable,
    ) {
        if std::str::from_utf8(text).is_err() {
            let message = format!(
                "{what} {} is not well-formed Unicode (half of a surrogate pair, say). It reads \
                 back as another text, so an export does not carry what the store has. Nothing need \
                 be done if the program that wrote it lives with that",
                brief(text)
            );
            self.add(place(Finding::new(FindingKind::NotUnicode, table, message)));
        }
    }

    /// ExportChanges that a column of a record holds something of the wrong type.
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

    /// ExportChanges that a column holds something of the wrong type, and what to do about it.
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
            "{column} is {}, and should be {wanted}. No kernel writes that: find out which tool \
             changed the store. {remedy}",
            describe(found)
        );
        self.add(place(Finding::new(FindingKind::BadValue, table, message)));
    }
}

/// Whether an error says that what is on the disk is not what was written there.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Sqlite { code, .. } => DAMAGE.iter().any(|damage| code.starts_with(damage)),
        // Wherever it matters, types were looked at before.
        Error::BadRow(_) => true,
        _ => false,
    }
}

/// What SQLite says of pages that are not as it wrote them.
const DAMAGE: [&str; 5] = [
    "SQLITE_CORRUPT",
    "SQLITE_IOERR",
    "SQLITE_NOTADB",
    "SQLITE_FORMAT",
    // Of a length that no row can have.
    "SQLITE_TOOBIG",
];

/// A value as messages show it.
pub(super) fn describe(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => format!("the number {number}"),
        ValueRef::Real(number) => format!("the number {number}"),
        ValueRef::Text(text) => format!("the text {}", brief(text)),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// A text, if it is one.
pub(super) fn text(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

/// A whole number, if it is one.
pub(super) fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

/// The highest position that JavaScript holds exactly, and records carry.
pub(super) const MAX_POSITION: i64 = (1 << 53) - 1;

/// Whether a text is a SHA-256 as stores write it.
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

/// The finding for a mark that is neither.
pub(super) fn bad_mark(table: StoreTable, column: &str, found: ValueRef<'_>) -> Finding {
    let message = format!(
        "{column} is {}, and should be 1 or NULL: the record is neither current nor historical, \
         and some exports leave it out. {RESTORE}",
        describe(found)
    );
    Finding::new(FindingKind::BadMark, table, message)
}

/// ExportChanges an ID that makes no name which could be taken apart again.
pub(super) fn check_id(check: &Check<'_>, what: &str, id: &[u8], table: StoreTable) {
    if id.is_empty() || id.contains(&b'.') {
        let message = format!(
            "the {what} {} is {}, so that names of its artifacts can't be taken apart again, and \
             no import takes them. No kernel makes such IDs: find out which tool changed the store. \
             {RESTORE}",
            brief(id),
            if id.is_empty() {
                "empty"
            } else {
                "one with a dot in it"
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
