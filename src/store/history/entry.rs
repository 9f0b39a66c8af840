//! Parses transcript items: pseudo-deliveries, with which the kernel records how a worker started
//! and ended, and ordinary deliveries.

use rusqlite::params;
use serde::Serialize;
use serde_json::value::RawValue;

use super::handle::{History, readable};
use super::spans::SpanInfo;
use crate::store::database::Database;
use crate::store::database::item_source::ItemSource;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::json::Json;
use crate::store::error::Result;
use crate::store::substores::delivery;
use crate::store::substores::delivery::Delivery;
use crate::store::tasks::monitor::{Monitor, Stage};

/// The longest item that is parsed, in bytes. The kernel's pseudo-deliveries have hundreds.
const MAX_BYTES: i64 = 1 << 20;

/// The deepest nesting of a value in a result.
const MAX_DEPTH: usize = 100;

/// A JSON value from the store, unchanged.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "cli", schemars(inline))]
pub struct JsonText(
    #[cfg_attr(feature = "cli", schemars(with = "serde_json::Value"))] Box<RawValue>,
);

impl JsonText {
    /// `None` if the value is nested deeper than anything that a kernel writes.
    pub(super) fn new(json: &Json) -> Option<JsonText> {
        if json.is_deeper_than(MAX_DEPTH) {
            return None;
        }
        let text = String::from_utf8(json.stringify()).ok()?;
        RawValue::from_string(text).ok().map(JsonText)
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

/// The meaning of an item.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// A worker was started from bundles.
    #[serde(rename_all = "camelCase")]
    InitializeWorker {
        /// The vat's bundle; `None` if it has no ID.
        #[serde(rename = "bundleID")]
        bundle_id: Option<String>,
        /// The worker's type, and the IDs of its own bundles.
        worker_options: JsonText,
    },
    /// A worker was started from a heap snapshot.
    LoadSnapshot {
        /// The snapshot's hash.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
    },
    /// A heap snapshot was made.
    SaveSnapshot {
        /// The snapshot's hash.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
    },
    /// The worker was shut down because the vat was upgraded.
    ShutdownWorker,
    /// A delivery to the vat.
    Delivery {
        /// Its kind: `message`, `notify`, `startVat`, ….
        delivery: String,
    },
    /// Something that no kernel writes.
    Unknown {
        /// The problem.
        problem: String,
    },
    /// The item was pruned.
    Pruned {
        /// The name of the artifact that contains it.
        artifact: String,
    },
}

impl Entry {
    /// Parses an item.
    pub(super) fn parse(item: &[u8]) -> Entry {
        let unknown = |problem: &str| Entry::Unknown {
            problem: problem.to_owned(),
        };
        let delivery = match Delivery::parse(item) {
            Ok(delivery) => delivery,
            Err(problem) => return unknown(problem),
        };
        let details = delivery.details();
        let snapshot_id = delivery.snapshot_id().map(readable);
        match delivery.kind() {
            delivery::INITIALIZE_WORKER => {
                let options = details.and_then(|details| details.get("workerOptions"));
                let options = options.filter(|options| options.as_object().is_some());
                let Some(worker_options) = options.and_then(JsonText::new) else {
                    return unknown("its initialize-worker has no workerOptions");
                };
                let source = details.and_then(|details| details.get("source"));
                let bundle_id = source.and_then(|source| source.get("bundleID")?.as_str());
                Entry::InitializeWorker {
                    bundle_id: bundle_id.map(readable),
                    worker_options,
                }
            }
            delivery::LOAD_SNAPSHOT => match snapshot_id {
                Some(snapshot_id) => Entry::LoadSnapshot { snapshot_id },
                None => unknown("its load-snapshot has no snapshotID"),
            },
            delivery::SAVE_SNAPSHOT => match snapshot_id {
                Some(snapshot_id) => Entry::SaveSnapshot { snapshot_id },
                None => unknown("its save-snapshot has no snapshotID in its result"),
            },
            delivery::SHUTDOWN_WORKER => Entry::ShutdownWorker,
            other => Entry::Delivery {
                delivery: readable(other),
            },
        }
    }

    fn too_long(bytes: i64) -> Entry {
        Entry::Unknown {
            problem: format!("it has {bytes} bytes, which is too long to parse"),
        }
    }

    /// Reads and parses the item at a position of a span.
    pub(super) fn read(db: &Database, span: &SpanInfo, position: i64) -> Result<Entry> {
        let row = db.peek_row(
            "SELECT octet_length(item), CASE WHEN octet_length(item) <= ?3 THEN item END
             FROM transcriptItems WHERE vatID = ?1 AND position = ?2",
            params![SqlText(span.vat_id.as_bytes()), position, MAX_BYTES],
            |row| {
                let bytes: Option<i64> = row.get(0)?;
                let item = row.get_ref(1)?.as_bytes_or_null()?;
                Ok(match (item, bytes) {
                    (Some(item), _) => Entry::parse(item),
                    (None, Some(bytes)) => Entry::too_long(bytes),
                    (None, None) => Entry::Unknown {
                        problem: "it has no text".into(),
                    },
                })
            },
        )?;
        if let Some(entry) = row {
            return Ok(entry);
        }
        let mut found = None;
        let range = position..position.saturating_add(1);
        db.read_items(span.vat_id.as_bytes(), range, &mut |_, item, _| {
            found = Some(Entry::parse_any(item));
            true
        })?;
        Ok(found.unwrap_or_else(|| Entry::Pruned {
            artifact: span.artifact.clone(),
        }))
    }

    /// Parses an item of any length.
    pub(super) fn parse_any(item: &[u8]) -> Entry {
        let bytes = i64::try_from(item.len()).unwrap_or(i64::MAX);
        if bytes <= MAX_BYTES {
            Entry::parse(item)
        } else {
            Entry::too_long(bytes)
        }
    }
}

/// A first or last entry of a span.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PseudoDelivery {
    /// The position in the vat's transcript.
    pub position: i64,
    /// The incarnation.
    pub incarnation: i64,
    /// The first position of its span.
    pub span_start: i64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

impl History {
    /// Parses the first and the last item of a span. Both are `None` for an empty span, and the
    /// second one is `None` for a span of one item.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`]; SQLite's errors.
    pub fn ends_of(&self, span: &SpanInfo) -> Result<(Option<Entry>, Option<Entry>)> {
        let read = |position| self.ask(|db| Entry::read(db, span, position)).map(Some);
        match span.ends() {
            Some((first, last)) if first == last => Ok((read(first)?, None)),
            Some((first, last)) => Ok((read(first)?, read(last)?)),
            None => Ok((None, None)),
        }
    }

    /// Returns the pseudo-deliveries of a vat, in order. Only the first and the last item of each
    /// span are read, because the kernel puts pseudo-deliveries nowhere else. The result includes an
    /// ordinary delivery at the start of a span, where the kernel puts none.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat;
    /// SQLite's errors.
    pub fn pseudo_deliveries(
        &self,
        vat_id: &str,
        monitor: &Monitor,
    ) -> Result<Vec<PseudoDelivery>> {
        let spans = self.span_records(vat_id)?;
        monitor.add_total(spans.len());
        monitor.begin(Stage::Working);
        let mut found = Vec::new();
        for span in &spans {
            self.check(monitor)?;
            let listed = |position, entry| PseudoDelivery {
                position,
                incarnation: span.incarnation,
                span_start: span.start_pos,
                entry,
            };
            let (first, last) = self.ends_of(span)?;
            found.extend(first.map(|entry| listed(span.start_pos, entry)));
            let last = last.filter(|entry| !matches!(entry, Entry::Delivery { .. }));
            found.extend(last.map(|entry| listed(span.end_pos - 1, entry)));
            monitor.finish_piece();
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(item: &str) -> String {
        serde_json::to_string(&Entry::parse(item.as_bytes())).unwrap()
    }

    #[test]
    fn pseudo_deliveries_are_parsed() {
        assert_eq!(
            json(
                r#"{"d":["initialize-worker",{"source":{"bundleID":"b1-0"},"workerOptions":{"type":"xsnap","bundleIDs":["b0-1"]}}],"sc":[],"r":{"status":"ok"}}"#
            ),
            r#"{"kind":"initialize-worker","bundleID":"b1-0","workerOptions":{"type":"xsnap","bundleIDs":["b0-1"]}}"#
        );
        assert_eq!(
            json(
                r#"{"d":["initialize-worker",{"source":{},"workerOptions":{"type":"local"}}],"sc":[],"r":{}}"#
            ),
            r#"{"kind":"initialize-worker","bundleID":null,"workerOptions":{"type":"local"}}"#
        );
        assert_eq!(
            json(r#"{"d":["load-snapshot",{"snapshotID":"00"}],"sc":[],"r":{"status":"ok"}}"#),
            r#"{"kind":"load-snapshot","snapshotID":"00"}"#
        );
        assert_eq!(
            json(r#"{"d":["save-snapshot"],"sc":[],"r":{"status":"ok","snapshotID":"11"}}"#),
            r#"{"kind":"save-snapshot","snapshotID":"11"}"#
        );
        assert_eq!(
            json(r#"{"r":{"status":"ok"},"d":["shutdown-worker"]}"#),
            r#"{"kind":"shutdown-worker"}"#
        );
        assert_eq!(
            json(r#"{"d":["notify",[]],"sc":[],"r":{}}"#),
            r#"{"kind":"delivery","delivery":"notify"}"#
        );
    }

    #[test]
    fn items_that_no_kernel_writes_are_unknown() {
        let deep = format!(
            r#"{{"d":["initialize-worker",{{"workerOptions":{{"a":{}{}}}}}]}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        for (item, problem) in [
            ("", "not JSON"),
            ("{\"d\":[", "not JSON"),
            ("null", "d is not an array"),
            ("[]", "d is not an array"),
            ("{\"d\":{}}", "d is not an array"),
            ("{\"d\":[]}", "d[0] is not a string"),
            ("{\"d\":[7]}", "d[0] is not a string"),
            ("{\"d\":[\"initialize-worker\"]}", "no workerOptions"),
            (
                "{\"d\":[\"initialize-worker\",{\"workerOptions\":7}]}",
                "no workerOptions",
            ),
            (&deep, "no workerOptions"),
            ("{\"d\":[\"load-snapshot\"]}", "no snapshotID"),
            (
                "{\"d\":[\"load-snapshot\",{\"snapshotID\":7}]}",
                "no snapshotID",
            ),
            ("{\"d\":[\"save-snapshot\"],\"r\":null}", "no snapshotID"),
        ] {
            match Entry::parse(item.as_bytes()) {
                Entry::Unknown { problem: found } => assert!(found.contains(problem), "{found}"),
                other => panic!("{item}: {other:?}"),
            }
        }
    }
}
