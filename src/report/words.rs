//! Formats numbers and texts for the page.

use indicatif::HumanBytes;

use crate::store::encoding::printable::printable;
use crate::store::history::Entry;

/// The longest text from a store that the page shows, in characters. Bundle IDs have 131.
const LONGEST: usize = 160;

/// A text from a store, without control characters, and truncated if it is very long.
pub(super) fn text(text: &str) -> String {
    cut_text(text, LONGEST)
}

/// The start of a text from a store.
pub(super) fn cut_text(text: &str, longest: usize) -> String {
    let (text, end) = match text.char_indices().nth(longest) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    };
    printable(text).into_owned() + end
}

/// A hash or a bundle ID, shortened to its first characters.
pub(super) fn short(hash: &str) -> String {
    let hash = text(hash);
    match hash.char_indices().nth(12) {
        Some((end, _)) => hash[..end].to_owned() + "…",
        None => hash,
    }
}

/// A number of bytes with its unit.
pub(super) fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A part as a percentage of the whole: `37 %`, `0.4 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match part as f64 / whole.max(1) as f64 * 100.0 {
        0.0 => "0 %".into(),
        small if small < 0.1 => "< 0.1 %".into(),
        some if some < 9.95 => format!("{some:.1} %"),
        much => format!("{much:.0} %"),
    }
}

/// A first or last entry of a span.
pub(super) fn entry(entry: &Entry) -> String {
    match entry {
        Entry::InitializeWorker { bundle_id, .. } => match bundle_id {
            Some(bundle_id) => format!("initialize-worker {}", short(bundle_id)),
            None => "initialize-worker without a bundle".into(),
        },
        Entry::LoadSnapshot { snapshot_id } => format!("load-snapshot {}", short(snapshot_id)),
        Entry::SaveSnapshot { snapshot_id } => format!("save-snapshot {}", short(snapshot_id)),
        Entry::ShutdownWorker => "shutdown-worker".into(),
        Entry::Delivery { delivery } => format!("delivery: {}", text(delivery)),
        Entry::Unknown { problem } => format!("unknown: {}", text(problem)),
        Entry::Pruned { .. } => "(pruned)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!(bytes(18 << 20), "18.00 MiB");
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!(percent(1, 100_000), "< 0.1 %");
        assert_eq!(percent(1, 30), "3.3 %");
        assert_eq!(percent(999, 1000), "100 %");
    }

    #[test]
    fn texts_are_printable_and_bounded() {
        assert_eq!(text("a\u{1b}[31m\0"), "a\\u{1b}[31m\\u{0}");
        assert_eq!(text("a\u{202e}b"), "a\\u{202e}b");
        let long = text(&"é".repeat(1_000_000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert_eq!(short(&"a".repeat(64)), "aaaaaaaaaaaa…");
    }
}
