//! A span whose items have to be checked, and the place of findings about it.

use super::finding::Finding;
use crate::store::records::names;

/// A span whose items have to be checked.
pub(super) struct SpanJob {
    pub(super) vat_id: Vec<u8>,
    pub(super) start_pos: i64,
    /// The end position, exclusive.
    pub(super) end_pos: i64,
    pub(super) hash: Vec<u8>,
    pub(super) is_current: bool,
    pub(super) incarnation: i64,
    /// Whether the artifact mode requires the span's items.
    pub(super) is_needed: bool,
}

/// Sets the vat, position and artifact of a finding about a span.
pub(super) fn place(finding: Finding, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Finding {
    let finding = finding.of(vat_id).at(start_pos);
    finding.artifact(names::span_name(vat_id, start_pos, end_pos))
}
