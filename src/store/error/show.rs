//! Values in messages.

use crate::store::encoding::quote;

/// Formats a string for a message.
pub(crate) fn show(value: &[u8]) -> String {
    quote::string(value)
}

/// Formats a number for a message.
pub(crate) fn show_number(number: f64) -> String {
    let text = ryu_js::Buffer::new().format(number).to_owned();
    if number.is_finite() {
        text
    } else {
        format!("\"[{text}]\"")
    }
}
