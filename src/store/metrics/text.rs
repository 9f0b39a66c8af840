//! The text format of Prometheus, version 0.0.4, which node_exporter reads.
//!
//! The crates for this format keep registries of counters, and most write OpenMetrics, whose counters
//! node_exporter does not take for counters. This is a function of a report.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::definitions::{METRICS, Metric, MetricType};

/// Renders a report: an object with metrics by name. Ignores other fields.
pub fn render(report: &Map<String, Value>) -> String {
    let mut text = String::new();
    for metric in METRICS {
        if let Some(value) = report.get(metric.name) {
            // A string can be written to without an error.
            render_metric(metric, value, &mut text).unwrap_or_default();
        }
    }
    text
}

fn render_metric(metric: &Metric, value: &Value, text: &mut String) -> std::fmt::Result {
    let Metric { name, help, .. } = metric;
    let kind = match metric.kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
    };
    writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}")?;
    match (value, metric.label) {
        (Value::Object(values), Some(label)) => {
            for (of, value) in values {
                writeln!(text, "{name}{{{label}=\"{}\"}} {value}", escape(of))?;
            }
            Ok(())
        }
        (Value::Object(histogram), None) => render_histogram(name, histogram, text),
        (value, _) => writeln!(text, "{name} {value}"),
    }
}

fn render_histogram(
    name: &str,
    histogram: &Map<String, Value>,
    text: &mut String,
) -> std::fmt::Result {
    let buckets = histogram.get("buckets").and_then(Value::as_array);
    for bucket in buckets.into_iter().flatten() {
        // Without the fraction that JSON gives to whole numbers.
        let bound = bucket["le"].as_f64().unwrap_or_default();
        writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {}", bucket["count"])?;
    }
    let [count, sum] = ["count", "sum"].map(|part| histogram.get(part).unwrap_or(&Value::Null));
    writeln!(
        text,
        "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
    )
}

/// Escapes the value of a label.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::store::metrics::histogram::Histogram;

    fn rendered(report: Value) -> String {
        match report {
            Value::Object(report) => render(&report),
            _ => panic!("not an object"),
        }
    }

    #[test]
    fn every_form_of_metric_is_rendered() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::from_millis(2));
        let text = rendered(json!({
            "swing_store_vat_end_position": { "v\"1\\\n": 5 },
            "swing_store_free_bytes": 4096,
            "swing_store_commit_seconds": histogram.values(),
            "seconds": 1,
        }));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "# TYPE swing_store_commit_seconds histogram");
        assert_eq!(
            lines[2],
            "swing_store_commit_seconds_bucket{le=\"0.001\"} 0"
        );
        assert_eq!(
            lines[3],
            "swing_store_commit_seconds_bucket{le=\"0.0025\"} 1"
        );
        assert_eq!(
            lines[14..18],
            [
                "swing_store_commit_seconds_bucket{le=\"10\"} 1",
                "swing_store_commit_seconds_bucket{le=\"+Inf\"} 1",
                "swing_store_commit_seconds_sum 0.002",
                "swing_store_commit_seconds_count 1",
            ]
        );
        assert_eq!(
            lines[18..],
            [
                "# HELP swing_store_free_bytes Size of the free pages in the file, which SQLite reuses.",
                "# TYPE swing_store_free_bytes gauge",
                "swing_store_free_bytes 4096",
                "# HELP swing_store_vat_end_position End position of a vat's transcript.",
                "# TYPE swing_store_vat_end_position gauge",
                "swing_store_vat_end_position{vat=\"v\\\"1\\\\\\n\"} 5",
            ]
        );
    }
}
