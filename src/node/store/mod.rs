//! The objects that JavaScript holds: databases, stores, exporters, and the two ends of streams.

pub(crate) mod database;
pub(crate) mod exporter;
pub(crate) mod hasher;
pub(crate) mod methods;
pub(crate) mod packed;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod span_archive;
pub(crate) mod span_reader;
pub(crate) mod staging;
