//! Collects the failures of a load into one message.

use std::fmt;

use crate::store::error::refusal::Refusal;

/// The limit for the length of the messages. An archive can make any number of modules fail with
/// long messages, which together could be far longer than the archive.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Stands for the omitted failures.
const ELLIPSIS: &str = "\u{2026}";

/// The failures of one load.
#[derive(Default)]
pub(super) struct Failures {
    messages: Vec<String>,
    /// The total length of the messages.
    length: usize,
    /// The indices of the reported failures, with repetitions.
    reported: Vec<usize>,
}

impl Failures {
    /// Adds a failure; returns the index by which it can be reported.
    pub(super) fn add(&mut self, refusal: Refusal) -> usize {
        if self.length < MAX_MESSAGE_BYTES {
            self.length += refusal.message().len();
            self.messages.push(refusal.message().to_owned());
        } else if self.messages.last().is_some_and(|last| last != ELLIPSIS) {
            self.messages.push(ELLIPSIS.to_owned());
        }
        self.messages.len() - 1
    }

    pub(super) fn report(&mut self, failure: usize) {
        self.reported.push(failure);
    }

    /// The error with all reported failures, if any.
    pub(super) fn into_result(self, attempt: fmt::Arguments<'_>) -> Result<(), Refusal> {
        let count = self.reported.len();
        if count == 0 {
            return Ok(());
        }
        // The reference does not close the parenthesis.
        let mut message = format!("{attempt} ({count} underlying failures: ");
        for (place, failure) in self.reported.iter().enumerate() {
            if place > 0 {
                message.push_str(", ");
            }
            if message.len() > 2 * MAX_MESSAGE_BYTES {
                message.push_str(ELLIPSIS);
                break;
            }
            message.push_str(&self.messages[*failure]);
        }
        Err(Refusal::type_error(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_listed_in_the_order_of_their_reports() {
        let mut failures = Failures::default();
        let first = failures.add(Refusal::error("one"));
        let second = failures.add(Refusal::error("two"));
        for failure in [second, first, second] {
            failures.report(failure);
        }
        assert_eq!(
            failures
                .into_result(format_args!("No"))
                .unwrap_err()
                .message(),
            "No (3 underlying failures: two, one, two"
        );
        assert_eq!(Failures::default().into_result(format_args!("No")), Ok(()));
    }

    #[test]
    fn the_message_is_bounded() {
        let mut failures = Failures::default();
        for _ in 0..1000 {
            let failure = failures.add(Refusal::error("x".repeat(100_000)));
            failures.report(failure);
            failures.report(0);
        }
        assert!(failures.messages.len() < 20);
        let refusal = failures.into_result(format_args!("No")).unwrap_err();
        assert!(refusal.message().len() < 3 * MAX_MESSAGE_BYTES);
        assert!(
            refusal
                .message()
                .starts_with("No (2000 underlying failures: ")
        );
    }
}
