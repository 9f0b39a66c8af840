//! Text that comes from a store, made fit for a terminal.
//!
//! IDs, names and messages in a store may be anybody's. A terminal obeys control characters in them,
//! and a reader is misled by characters that change the direction of writing or begin a new line. So
//! everything that a command writes passes through here.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character does something to a terminal, or to the order of what is shown, instead of
/// being shown.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' // marks of direction
            | '\u{2028}' | '\u{2029}' // separators of lines and paragraphs
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // embedded directions
        )
}

fn replace(
    text: &str,
    obeyed: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&obeyed) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match obeyed(c) {
            true => escape(c, &mut replaced),
            false => replaced.push(c),
        }
    }
    Cow::Owned(replaced)
}

/// One piece of text from a store, on one line: what a terminal would obey is written as `\u{1b}`, and
/// newlines as `\n`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replace(text, is_obeyed, |c, out| out.extend(c.escape_default()))
}

/// Lines of text, with their newlines, in which nothing else is obeyed.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let obeyed = |c| c != '\n' && is_obeyed(c);
    replace(text, obeyed, |c, out| out.extend(c.escape_default()))
}

/// A JSON document, in which the same characters are escaped as JSON escapes them. Outside of strings
/// there are none but newlines.
pub(crate) fn json(document: &str) -> Cow<'_, str> {
    let obeyed = |c| c != '\n' && is_obeyed(c);
    replace(document, obeyed, |c, out| {
        // Writing to a string does not fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIPBOARD: &str =
        "v1\u{1b}]52;c;ZXZpbA==\u{7}\nerror: forged\u{202e}\u{9b}2J\u{2028}\u{7f}é";

    #[test]
    fn nothing_is_obeyed() {
        let expected =
            "v1\\u{1b}]52;c;ZXZpbA==\\u{7}\\nerror: forged\\u{202e}\\u{9b}2J\\u{2028}\\u{7f}é";
        assert_eq!(printable(CLIPBOARD), expected);
        assert_eq!(lines(CLIPBOARD), expected.replace("\\n", "\n"));
        let document = serde_json::json!({ "id": CLIPBOARD });
        let text = format!("{document:#}");
        let shown = json(&text);
        assert!(!shown.contains(|c| c != '\n' && is_obeyed(c)), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, document);
    }

    #[test]
    fn what_is_harmless_stays() {
        let text = "v1 é \u{1f600} \\ \"";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
    }
}
