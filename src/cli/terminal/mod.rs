//! Terminal output, progress, tables, interrupts and exit codes.

pub(crate) mod document;
pub(crate) mod exit;
pub(crate) mod interrupt;
pub(crate) mod logging;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod table;
