//! Metrics of a store's contents, and the definitions of all metrics.

use super::job;
use crate::node::raw::{Call, Reply, Value};
use crate::node::store::database::path_from;
use crate::store::error::{Error, Result};
use crate::store::measure::{MeasureOptions, measure_store};
use crate::store::metrics::definitions::METRICS;
use crate::store::metrics::text::render;
use crate::store::places::Place;

/// `makeMeasurement(dirPath, options, archive)`: a job that measures the store, and what the archive
/// lacks if one is given. Its report is a `StoreMetrics`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: MeasureOptions = call.options(1)?;
    let archive = match call.optional_text(2) {
        Some(archive) => Some(path_from(archive)?),
        None => None,
    };
    job::make_reporting(call, move |monitor| {
        let archive = archive.as_deref().map(Place::parse).transpose()?;
        measure_store(&store, archive.as_ref(), &options, monitor)
    })
}

/// `metricDefinitions()`: the definitions of all metrics as JSON text.
pub fn definitions(_: &Call<'_, ()>) -> Result<Reply> {
    job::json(&METRICS).map(Reply::Value)
}

/// `metricsText(report)`: metrics, given as JSON text, in the text format of Prometheus.
pub fn text(call: &Call<'_, ()>) -> Result<Reply> {
    let report = call.text(0, "metrics")?;
    let report = serde_json::from_slice(&report).map_err(|_| {
        Error::BadArgument(
            "metrics must be an object with metrics by name, as hostStorage.metrics() returns it"
                .into(),
        )
    })?;
    Ok(Value::text(render(&report)).into())
}
