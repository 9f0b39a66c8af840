//! Moving a store: exporters, imports, export directories and archives.

pub mod archive;
pub(crate) mod completeness;
pub(crate) mod destination;
pub mod directory;
pub(crate) mod exporter;
pub(crate) mod record_import;
pub(crate) mod shortfall;
pub(crate) mod span_import;
pub(crate) mod span_lines;
