//! What kinds of findings mean, and what to do: as the documentation has it.

use crate::store::verify::Kind;

/// Where each kind of finding has a row: kind, severity, meaning, remedy.
const DOCUMENTATION: &str = include_str!("../../../../docs/verify.md");

/// A text in which every other piece, beginning with the second, is code.
pub(super) type Marked = Vec<(bool, &'static str)>;

/// What a kind of finding means, and what to do about it.
pub(super) fn explain(kind: Kind) -> Option<(Marked, Marked)> {
    let [_, meaning, remedy] = row(kind)?;
    Some((marked(meaning), marked(remedy)))
}

fn row(kind: Kind) -> Option<[&'static str; 3]> {
    DOCUMENTATION.lines().find_map(|line| {
        let rest = line.strip_prefix("| `")?.strip_prefix(kind.name())?;
        let cells = rest.strip_prefix("` | ")?.trim_end().strip_suffix(" |")?;
        let mut cells = cells.split(" | ");
        let row = [cells.next()?, cells.next()?, cells.next()?];
        cells.next().is_none().then_some(row)
    })
}

fn marked(text: &'static str) -> Marked {
    let pieces = text.split('`').enumerate();
    pieces.map(|(at, piece)| (at % 2 == 1, piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_documented_as_what_it_is() {
        for kind in Kind::ALL {
            let row = row(*kind);
            let [severity, meaning, remedy] = row.unwrap_or_else(|| panic!("{}", kind.name()));
            assert_eq!(severity, kind.severity().name(), "{}", kind.name());
            for text in [meaning, remedy] {
                assert!(!text.is_empty());
                // Nothing that would have to be taken apart further.
                assert!(!text.contains("](") && !text.contains("**"), "{text}");
                // Nor anything that only makes sense beside another row.
                assert!(!text.contains("above"), "{text}");
                assert!(text.matches('`').count() % 2 == 0, "{text}");
            }
        }
    }
}
