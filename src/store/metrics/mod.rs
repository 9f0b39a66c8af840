//! Metrics: their names, and what a store counts while it runs.
//!
//! [`METRICS`](definitions::METRICS) defines all metrics. A report of metrics is a struct whose
//! fields have these names in JSON: [`RunningMetrics`](running::RunningMetrics) for an open store,
//! and [`StoreMetrics`](crate::store::measure::StoreMetrics) for the contents of one.
//! [`text::render`] converts the JSON to the text format of Prometheus.

pub(crate) mod definitions;
pub(crate) mod histogram;
pub(crate) mod running;
pub(crate) mod text;
