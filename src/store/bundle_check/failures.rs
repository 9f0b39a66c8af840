//! Why modules could not be loaded, all in one message.

use std::fmt;

use crate::store::error::refusal::Refusal;

/// How much is kept of the messages. An archive can make any number of modules fail, each with a
/// message as long as it likes; so all of them could take far more room than the archive does.
const ROOM: usize = 1 << 20;

/// What stands for everything that there was no room for.
const CUT: &str = "\u{2026}";

/// The failures of one load.
#[derive(Default)]
pub(super) struct Failures {
    messages: Vec<String>,
    /// How long the messages are together.
    length: usize,
    /// The failures that were reported, of which some are so more than once.
    reported: Vec<usize>,
}

impl Failures {
    /// Keeps a failure, and gives the number by which it can be reported.
    pub(super) fn note(&mut self, refusal: Refusal) -> usize {
        if self.length < ROOM {
            self.length += refusal.message().len();
            self.messages.push(refusal.message().to_owned());
        } else if self.messages.last().is_some_and(|last| last != CUT) {
            self.messages.push(CUT.to_owned());
        }
        self.messages.len() - 1
    }

    pub(super) fn report(&mut self, failure: usize) {
        self.reported.push(failure);
    }

    /// The error that the reported failures make, if there are any.
    pub(super) fn into_result(self, attempt: fmt::Arguments<'_>) -> Result<(), Refusal> {
        let count = self.reported.len();
        if count == 0 {
            return Ok(());
        }
        // The reference leaves the parenthesis open.
        let mut message = format!("{attempt} ({count} underlying failures: ");
        for (place, failure) in self.reported.iter().enumerate() {
            if place > 0 {
                message.push_str(", ");
            }
            if message.len() > 2 * ROOM {
                message.push_str(CUT);
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
    fn failures_are_told_in_the_order_of_their_reports() {
        let mut failures = Failures::default();
        let first = failures.note(Refusal::error("one"));
        let second = failures.note(Refusal::error("two"));
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
    fn the_message_has_an_end() {
        let mut failures = Failures::default();
        for _ in 0..1000 {
            let failure = failures.note(Refusal::error("x".repeat(100_000)));
            failures.report(failure);
            failures.report(0);
        }
        assert!(failures.messages.len() < 20);
        let refusal = failures.into_result(format_args!("No")).unwrap_err();
        assert!(refusal.message().len() < 3 * ROOM);
        assert!(
            refusal
                .message()
                .starts_with("No (2000 underlying failures: ")
        );
    }
}
