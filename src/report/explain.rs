//! The meaning and remedy of each kind of finding, as parts of a page.

use crate::store::verify::FindingKind;

/// A text split into pieces, each with a flag that says whether it is code.
pub(super) type Marked = Vec<(bool, &'static str)>;

/// The meaning and the remedy of a kind of finding.
pub(super) fn explain(kind: FindingKind) -> (Marked, Marked) {
    (marked(kind.meaning()), marked(kind.remedy()))
}

fn marked(text: &'static str) -> Marked {
    let pieces = text.split('`').enumerate();
    pieces.map(|(at, piece)| (at % 2 == 1, piece)).collect()
}
