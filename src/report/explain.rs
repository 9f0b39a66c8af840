//! What kinds of findings mean, and what to do about them, as pieces of a page.

use crate::store::verify::FindingKind;

/// A text in which every other piece, starting with the second, is code.
pub(super) type Marked = Vec<(bool, &'static str)>;

/// What a kind of finding means, and what to do about it.
pub(super) fn explain(kind: FindingKind) -> (Marked, Marked) {
    (marked(kind.meaning()), marked(kind.remedy()))
}

fn marked(text: &'static str) -> Marked {
    let pieces = text.split('`').enumerate();
    pieces.map(|(at, piece)| (at % 2 == 1, piece)).collect()
}
