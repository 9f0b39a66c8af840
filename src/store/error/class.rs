//! The JavaScript classes of errors.

/// The JavaScript constructor of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `Error`
    Error,
    /// `TypeError`
    TypeError,
    /// `RangeError`
    RangeError,
    /// `SyntaxError`
    SyntaxError,
    /// `SqliteError`, an error of SQLite, whose `code` is SQLite's.
    SqliteError,
}
