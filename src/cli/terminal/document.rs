//! JSON documents, which `--json` prints. Each is a type, from which `schema` derives a JSON schema.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

/// The document of a command: its name, its arguments, and the fields of its report as JavaScript gets
/// them.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Document<A, R> {
    /// The command.
    command: &'static str,
    #[serde(flatten)]
    arguments: A,
    #[serde(flatten)]
    report: R,
}

impl<A, R> Document<A, R> {
    pub(crate) fn new(command: &'static str, arguments: A, report: R) -> Document<A, R> {
        Document {
            command,
            arguments,
            report,
        }
    }
}

/// A report, and the time that the work took.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Timed<R> {
    #[serde(flatten)]
    report: R,
    /// How long the work took, in seconds.
    seconds: f64,
}

impl<R> Timed<R> {
    pub(crate) fn new(report: R, seconds: f64) -> Timed<R> {
        Timed { report, seconds }
    }
}

/// The document of a command that failed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorDocument {
    /// The error.
    pub(crate) error: ErrorFields,
}

/// An error.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorFields {
    /// The stable code.
    pub(crate) code: String,
    /// What was requested, what was found, and what to do.
    pub(crate) message: String,
}

/// The arguments of a command that takes only a store.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreArguments {
    /// The directory of the store.
    state_dir: String,
}

impl StoreArguments {
    pub(crate) fn new(store: &Path) -> StoreArguments {
        StoreArguments {
            state_dir: text(store),
        }
    }
}

/// The arguments of a command that takes a store, and a place with what the store has pruned.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryArguments {
    /// The directory of the store.
    state_dir: String,
    /// The place with what the store has pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    history_from: Option<String>,
}

impl HistoryArguments {
    pub(crate) fn new(store: &Path, history_from: Option<&Path>) -> HistoryArguments {
        HistoryArguments {
            state_dir: text(store),
            history_from: history_from.map(text),
        }
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
