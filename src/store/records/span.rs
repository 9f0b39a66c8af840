//! Spans of transcripts.

/// A vat's current span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// its first position
    pub start_pos: i64,
    /// its end position, exclusive
    pub end_pos: i64,
    /// the hash of its items
    pub hash: Vec<u8>,
    /// the incarnation that it belongs to
    pub incarnation: i64,
}
