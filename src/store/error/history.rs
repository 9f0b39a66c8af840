//! What a question about a store's history can meet, and the words for it.

use std::fmt;

use super::{Error, show};

/// How many artifacts a message names.
const MAX_NAMED: usize = 3;

/// Why a question about a store's history has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFault {
    code: &'static str,
    message: String,
}

impl HistoryFault {
    /// A stable name for the kind of fault.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The history was closed.
    pub(crate) fn closed() -> Error {
        fault(
            "ERR_SWING_STORE_CLOSED",
            "this history was closed; open another one".into(),
        )
    }

    /// The store knows nothing of a vat.
    pub(crate) fn no_vat(vat_id: &[u8]) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!("the store has no transcript of a vat {vat}"),
        )
    }

    /// Several vats have one name.
    pub(crate) fn several_vats(name: &str, vat_ids: &[String]) -> Error {
        let name = show(name.as_bytes());
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!(
                "{} vats are called {name}: give the ID of one of them, {}",
                vat_ids.len(),
                vat_ids.join(", ")
            ),
        )
    }

    /// The vat has no such incarnation; those that it has spans of.
    pub(crate) fn no_incarnation(vat_id: &[u8], incarnation: i64, known: &[i64]) -> Error {
        let vat = show(vat_id);
        let known = match known {
            [] => "none".to_owned(),
            [only] => only.to_string(),
            [first, .., last] => format!("{first} to {last}"),
        };
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!(
                "vat {vat} has no incarnation {incarnation}: the store has {known} \
                 (the first incarnation is 0)"
            ),
        )
    }

    /// The vat has no current incarnation to take.
    pub(crate) fn no_current(vat_id: &[u8]) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!("vat {vat} has no current span: say which incarnation is meant"),
        )
    }

    /// No span starts at a position; the one that the position lies in.
    pub(crate) fn no_span(vat_id: &[u8], start_pos: i64, around: Option<(i64, i64)>) -> Error {
        let vat = show(vat_id);
        let hint = match around {
            Some((start, end)) => format!("; that position is in the span from {start} to {end}"),
            None => String::new(),
        };
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!("no span of vat {vat} starts at {start_pos}{hint}"),
        )
    }

    /// A range of positions that the vat does not have.
    pub(crate) fn bad_range(vat_id: &[u8], start: i64, end: i64, has: (i64, i64)) -> Error {
        let vat = show(vat_id);
        let (first, behind) = has;
        fault(
            "ERR_SWING_STORE_ARGUMENT",
            format!(
                "positions {start} up to, not including, {end} were asked for; \
                 vat {vat} has {first} up to, not including, {behind}"
            ),
        )
    }

    /// Items that were asked for are not there; the artifacts that have them.
    pub(crate) fn pruned(vat_id: &[u8], artifacts: &[String]) -> Error {
        let vat = show(vat_id);
        let named = artifacts[..artifacts.len().min(MAX_NAMED)].join(", ");
        let more = match artifacts.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (what, them) = match artifacts.len() {
            1 => ("the artifact", "it"),
            _ => ("the artifacts", "them"),
        };
        fault(
            "ERR_SWING_STORE_INCOMPLETE",
            format!(
                "transcript items of vat {vat} are missing from this store (pruned): \
                 {what} {named}{more} would fill {them}"
            ),
        )
    }

    /// Two spans that do not follow each other, as when the record of one between was deleted.
    pub(crate) fn gap(vat_id: &[u8], end: i64, next_start: i64) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_INCOMPLETE",
            format!(
                "the spans of vat {vat} do not follow each other: \
                 one ends at {end}, the next one starts at {next_start}"
            ),
        )
    }
}

fn fault(code: &'static str, message: String) -> Error {
    Error::History(HistoryFault { code, message })
}

impl fmt::Display for HistoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
