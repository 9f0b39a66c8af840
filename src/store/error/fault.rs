//! Errors of export directories and of queries of history. `directory.rs` and `history.rs` make them.

use std::fmt;

/// Why a directory cannot be exported to or imported from, or why a query of a store's history failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    code: &'static str,
    message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: String) -> Fault {
        Fault { code, message }
    }

    /// A stable code for the kind of error.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
