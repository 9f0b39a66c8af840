//! Errors of queries of a store's history.

pub use super::fault::Fault;
use super::{Error, show};

/// Maximum number of artifacts that a message names.
const MAX_NAMED: usize = 3;

impl Fault {
    /// The history was closed.
    pub(crate) fn closed() -> Error {
        fault(
            "ERR_SWING_STORE_CLOSED",
            "this history was closed; open another one".into(),
        )
    }

    /// The store has no record of a vat.
    pub(crate) fn no_vat(vat_id: &[u8]) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!("the store has no transcript of a vat {vat}"),
        )
    }

    /// Several vats have the same name.
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

    /// The vat has no such incarnation. `known` are the incarnations of its spans.
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

    /// The vat has no current incarnation.
    pub(crate) fn no_current(vat_id: &[u8]) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_NOT_FOUND",
            format!("vat {vat} has no current span: name an incarnation"),
        )
    }

    /// No span starts at this position. `around` is the span that contains it.
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

    /// The vat does not have this range of positions; `has` is the range that it has. Ends are
    /// exclusive.
    pub(crate) fn bad_range(vat_id: &[u8], start: i64, end: i64, has: (i64, i64)) -> Error {
        let vat = show(vat_id);
        let (first, last_end) = has;
        fault(
            "ERR_SWING_STORE_ARGUMENT",
            format!(
                "positions {start} to {end} are out of range: \
                 vat {vat} has positions {first} to {last_end} (exclusive)"
            ),
        )
    }

    /// The requested items were pruned; `artifacts` contain them.
    pub(crate) fn pruned(vat_id: &[u8], artifacts: &[String]) -> Error {
        let vat = show(vat_id);
        let named = artifacts[..artifacts.len().min(MAX_NAMED)].join(", ");
        let more = match artifacts.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = if artifacts.len() == 1 {
            "the artifact"
        } else {
            "the artifacts"
        };
        fault(
            "ERR_SWING_STORE_INCOMPLETE",
            format!(
                "transcript items of vat {vat} are missing from this store (pruned): \
                 restore them from {what} {named}{more}"
            ),
        )
    }

    /// Two spans are not consecutive, for example because the record between them was deleted.
    pub(crate) fn gap(vat_id: &[u8], end: i64, next_start: i64) -> Error {
        let vat = show(vat_id);
        fault(
            "ERR_SWING_STORE_INCOMPLETE",
            format!(
                "the spans of vat {vat} are not consecutive: \
                 one ends at {end}, the next one starts at {next_start}"
            ),
        )
    }
}

fn fault(code: &'static str, message: String) -> Error {
    Error::History(Fault::new(code, message))
}
