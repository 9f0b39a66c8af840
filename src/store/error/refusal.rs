//! Why a bundle was refused.

use std::fmt;

use super::class::Class;

/// The error that the reference throws.
///
/// Its message is the same under every error taming of SES, because SES never hides the values in
/// it. For text that is not JSON, the reason is worded by this package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    class: Class,
    message: String,
}

impl Refusal {
    pub(crate) fn error(message: impl Into<String>) -> Refusal {
        Refusal::new(Class::Error, message)
    }

    pub(crate) fn type_error(message: impl Into<String>) -> Refusal {
        Refusal::new(Class::TypeError, message)
    }

    pub(crate) fn syntax_error(message: impl Into<String>) -> Refusal {
        Refusal::new(Class::SyntaxError, message)
    }

    /// V8's error for a value that is nested too deeply for its stack.
    pub(crate) fn stack_overflow() -> Refusal {
        Refusal::new(Class::RangeError, "Maximum call stack size exceeded")
    }

    fn new(class: Class, message: impl Into<String>) -> Refusal {
        Refusal {
            class,
            message: message.into(),
        }
    }

    /// The constructor of the error.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The message of the error.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
