//! Makes text from a store safe to print on a terminal.
//!
//! IDs, names and messages in a store may come from anybody. Terminals execute control characters,
//! and characters that change the direction of text or start a new line mislead readers. So all
//! output of commands passes through this module.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character controls a terminal or the order of text, instead of being displayed.
fn is_control(c: char) -> bool {
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
    is_escaped: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            escape(c, &mut replaced);
        } else {
            replaced.push(c);
        }
    }
    Cow::Owned(replaced)
}

/// Makes text printable on one line: control characters are written as `\u{1b}`, and newlines as
/// `\n`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replace(text, is_control, |c, out| out.extend(c.escape_default()))
}

/// Makes text printable, keeping its newlines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let is_escaped = |c| c != '\n' && is_control(c);
    replace(text, is_escaped, |c, out| out.extend(c.escape_default()))
}

/// Makes a JSON document printable by escaping the same characters as JSON does. Outside of
/// strings, only newlines occur.
pub(crate) fn json(document: &str) -> Cow<'_, str> {
    let is_escaped = |c| c != '\n' && is_control(c);
    replace(document, is_escaped, |c, out| {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIPBOARD: &str =
        "v1\u{1b}]52;c;ZXZpbA==\u{7}\nerror: forged\u{202e}\u{9b}2J\u{2028}\u{7f}é";

    #[test]
    fn control_characters_are_escaped() {
        let expected =
            "v1\\u{1b}]52;c;ZXZpbA==\\u{7}\\nerror: forged\\u{202e}\\u{9b}2J\\u{2028}\\u{7f}é";
        assert_eq!(printable(CLIPBOARD), expected);
        assert_eq!(lines(CLIPBOARD), expected.replace("\\n", "\n"));
        let document = serde_json::json!({ "id": CLIPBOARD });
        let text = format!("{document:#}");
        let shown = json(&text);
        assert!(!shown.contains(|c| c != '\n' && is_control(c)), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, document);
    }

    #[test]
    fn harmless_text_is_unchanged() {
        let text = "v1 é \u{1f600} \\ \"";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
    }
}
