//! Many strings for JavaScript at the price of one.
//!
//! To make a string in JavaScript takes a call of Node-API, and to put it into an array takes a
//! more expensive one. Strings that come in numbers are therefore handed over as one, with their
//! lengths, and cut apart there (see `js/packed.js`), which takes a tenth of the time.

use super::raw::Value;
use crate::store::text_as_read;

/// The length of what is `null`.
const NULL: u32 = u32::MAX;

/// Strings in one.
#[derive(Default)]
pub struct Packed {
    text: Vec<u8>,
    lengths: Vec<u32>,
}

impl Packed {
    /// Adds a string, from bytes as the file holds them, or `null`.
    pub fn add(&mut self, text: Option<&[u8]>) {
        let Some(text) = text else {
            self.lengths.push(NULL);
            return;
        };
        let text = text_as_read(text);
        self.lengths.push(utf16_length(&text));
        self.text.extend_from_slice(&text);
    }

    /// An array of the one string and of the lengths.
    pub fn into_value(self) -> Value {
        Value::Array(vec![Value::Text(self.text), Value::Lengths(self.lengths)])
    }
}

/// How many 16-bit units JavaScript takes for a text: one a character, and another one for each
/// of those that take four bytes of UTF-8.
fn utf16_length(text: &[u8]) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    let units = |byte: &u8| match byte {
        0x80..=0xBF => 0,
        0xF0.. => 2,
        _ => 1,
    };
    text.iter().map(units).sum()
}
