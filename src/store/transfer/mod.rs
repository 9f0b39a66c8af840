//! Export, import, export directories, archives, and history from other places.

pub mod archive;
pub(crate) mod completeness;
pub(crate) mod destination;
pub mod directory;
pub(crate) mod exporter;
pub(crate) mod history_source;
pub(crate) mod incomplete;
pub(crate) mod record_import;
pub(crate) mod span_import;
pub(crate) mod span_lines;
