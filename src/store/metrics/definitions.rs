//! The definitions of all metrics.

use serde::Serialize;

/// The type of a metric, as Prometheus names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// A number that only grows, until the store is closed.
    Counter,
    /// A number that grows and shrinks.
    Gauge,
    /// The number of observations below each of several bounds, with their sum.
    Histogram,
}

/// The definition of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its name, by the conventions of Prometheus.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: MetricType,
    /// The unit of its values, if they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// The name of its label: then its value is an object with a number for each value of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'static str>,
    /// Whether an open store has it.
    pub running: bool,
    /// Whether a measurement of a store's contents has it.
    pub stored: bool,
    /// What it measures, in a sentence.
    pub help: &'static str,
}

/// Which reports have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Running,
    Stored,
    Both,
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

const fn metric(
    name: &'static str,
    kind: MetricType,
    unit: Option<&'static str>,
    label: Option<&'static str>,
    of: Of,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        label,
        running: matches!(of, Of::Running | Of::Both),
        stored: matches!(of, Of::Stored | Of::Both),
        help,
    }
}

use MetricType::{Counter, Gauge, Histogram};
use Of::{Both, Running, Stored};

/// All metrics.
pub const METRICS: &[Metric] = &[
    metric(
        "swing_store_commit_seconds",
        Histogram,
        SECONDS,
        None,
        Running,
        "Time of a commit in the store: writing the block's changes, and waiting for the disk",
    ),
    metric(
        "swing_store_calls_total",
        Counter,
        None,
        Some("part"),
        Running,
        "Calls of the addon by a part of the store, since its metrics were first requested",
    ),
    metric(
        "swing_store_call_seconds_total",
        Counter,
        SECONDS,
        Some("part"),
        Running,
        "Time in these calls; that of kvStore is estimated from every sixteenth",
    ),
    metric(
        "swing_store_value_cache_hits_total",
        Counter,
        None,
        None,
        Running,
        "Reads of keys that the cache of values answered",
    ),
    metric(
        "swing_store_value_cache_misses_total",
        Counter,
        None,
        None,
        Running,
        "Reads of keys that called the addon",
    ),
    metric(
        "swing_store_page_cache_hits_total",
        Counter,
        None,
        None,
        Running,
        "Pages that SQLite found in the page cache of the store's connection",
    ),
    metric(
        "swing_store_page_cache_misses_total",
        Counter,
        None,
        None,
        Running,
        "Pages that SQLite read from the file or the log",
    ),
    metric(
        "swing_store_page_cache_spills_total",
        Counter,
        None,
        None,
        Running,
        "Pages that SQLite wrote before a commit because its page cache was full",
    ),
    metric(
        "swing_store_page_cache_bytes",
        Gauge,
        BYTES,
        None,
        Running,
        "Memory of SQLite's page cache of the store's connection",
    ),
    metric(
        "swing_store_write_buffer_bytes",
        Gauge,
        BYTES,
        None,
        Running,
        "Memory of changes that SQLite has not received, with what undoes them",
    ),
    metric(
        "swing_store_write_buffer_flushes_total",
        Counter,
        None,
        None,
        Running,
        "How often buffered entries were written to SQLite, at a commit or before",
    ),
    metric(
        "swing_store_snapshot_save_seconds",
        Histogram,
        SECONDS,
        None,
        Running,
        "Time of saving a heap snapshot, without its archiver",
    ),
    metric(
        "swing_store_snapshot_save_bytes_total",
        Counter,
        BYTES,
        Some("form"),
        Running,
        "Size of the saved snapshots, uncompressed and compressed",
    ),
    metric(
        "swing_store_ended_spans_total",
        Counter,
        None,
        Some("form"),
        Running,
        "Transcript spans that ended, by what the store does with their items",
    ),
    metric(
        "swing_store_checkpoints_total",
        Counter,
        None,
        None,
        Running,
        "Checkpoints of the log on another thread",
    ),
    metric(
        "swing_store_checkpoint_seconds_total",
        Counter,
        SECONDS,
        None,
        Running,
        "Time of these checkpoints",
    ),
    metric(
        "swing_store_log_pages",
        Gauge,
        None,
        None,
        Running,
        "Pages in the write-ahead log",
    ),
    metric(
        "swing_store_log_bytes",
        Gauge,
        BYTES,
        None,
        Both,
        "Size of the file of the write-ahead log",
    ),
    metric(
        "swing_store_file_bytes",
        Gauge,
        BYTES,
        None,
        Both,
        "Size of the store's file, without its log",
    ),
    metric(
        "swing_store_free_bytes",
        Gauge,
        BYTES,
        None,
        Stored,
        "Size of the free pages in the file, which SQLite reuses",
    ),
    metric(
        "swing_store_block_height",
        Gauge,
        None,
        None,
        Stored,
        "Block height that the host recorded; 0 if it recorded none",
    ),
    metric(
        "swing_store_last_commit_timestamp_seconds",
        Gauge,
        SECONDS,
        None,
        Stored,
        "When the file or its log was last written: by a commit, or by the checkpoint after it",
    ),
    metric(
        "swing_store_vats",
        Gauge,
        None,
        Some("state"),
        Stored,
        "Vats with a transcript; those that ended have no current span",
    ),
    metric(
        "swing_store_spans",
        Gauge,
        None,
        Some("form"),
        Stored,
        "Transcript spans, by how their items are stored",
    ),
    metric(
        "swing_store_items",
        Gauge,
        None,
        Some("form"),
        Stored,
        "Transcript items of these spans, whether stored or pruned",
    ),
    metric(
        "swing_store_snapshots",
        Gauge,
        None,
        Some("state"),
        Stored,
        "Heap snapshots: in use, kept, without their image, or in use without it",
    ),
    metric(
        "swing_store_snapshot_bytes",
        Gauge,
        BYTES,
        Some("form"),
        Stored,
        "Size of the stored snapshots, uncompressed and compressed",
    ),
    metric(
        "swing_store_bundles",
        Gauge,
        None,
        Some("state"),
        Stored,
        "Bundles in the bundle store, with and without their contents",
    ),
    metric(
        "swing_store_complete",
        Gauge,
        None,
        Some("mode"),
        Stored,
        "1 if the store has what an export in this artifact mode needs, otherwise 0",
    ),
    metric(
        "swing_store_vat_end_position",
        Gauge,
        None,
        Some("vat"),
        Stored,
        "End position of a vat's transcript",
    ),
    metric(
        "swing_store_vat_oldest_position",
        Gauge,
        None,
        Some("vat"),
        Stored,
        "Oldest position from which all items of a vat's transcript are stored",
    ),
    metric(
        "swing_store_vat_current_items",
        Gauge,
        None,
        Some("vat"),
        Stored,
        "Items in a vat's current span",
    ),
    metric(
        "swing_store_archive_up",
        Gauge,
        None,
        None,
        Stored,
        "1 if the archive could be read, otherwise 0",
    ),
    metric(
        "swing_store_unarchived_spans",
        Gauge,
        None,
        None,
        Stored,
        "Historical spans whose items are stored, and which the archive lacks",
    ),
    metric(
        "swing_store_unarchived_items",
        Gauge,
        None,
        None,
        Stored,
        "Items of these spans",
    ),
    metric(
        "swing_store_unarchived_snapshots",
        Gauge,
        None,
        None,
        Stored,
        "Snapshots whose images are stored, and which the archive lacks",
    ),
    metric(
        "swing_store_lost_spans",
        Gauge,
        None,
        None,
        Stored,
        "Spans without all of their items in the store, which the archive lacks",
    ),
    metric(
        "swing_store_measured_timestamp_seconds",
        Gauge,
        SECONDS,
        None,
        Stored,
        "When the store was measured",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in METRICS {
            let name = metric.name;
            assert!(name.starts_with("swing_store_"), "{name}");
            assert!(
                name.bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase()),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), metric.kind == Counter, "{name}");
            let base = name.strip_suffix("_total").unwrap_or(name);
            for unit in ["seconds", "bytes"] {
                assert_eq!(base.ends_with(unit), metric.unit == Some(unit), "{name}");
            }
            assert!(metric.running || metric.stored, "{name}");
            assert!(!metric.help.ends_with('.'), "{name}");
            let same = METRICS.iter().filter(|other| other.name == name);
            assert_eq!(same.count(), 1, "{name}");
        }
    }
}
