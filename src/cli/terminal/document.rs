//! JSON documents, which `--json` prints.

use serde::Serialize;
use serde_json::{Value, json};

use super::exit::Result;
use crate::store::encoding::fields;
use crate::store::error::Error;

/// The document of a command that reports on its work: the command, its arguments, the fields of the
/// report as JavaScript gets them, and how long the work took, if that was measured.
pub(crate) fn of_report(
    command: &str,
    arguments: Value,
    report: &impl Serialize,
    seconds: Option<f64>,
) -> Result<Value> {
    let mut result = json!({ "command": command });
    merge(&mut result, arguments);
    merge(&mut result, document(report)?);
    if let Some(seconds) = seconds {
        merge(&mut result, json!({ "seconds": seconds }));
    }
    Ok(result)
}

/// A number for a document: a whole one without a fraction, as JavaScript prints it.
pub(crate) fn number(number: f64) -> Value {
    // A number that JSON cannot express is `null`, as in JavaScript.
    fields::number(&number, serde_json::value::Serializer).unwrap_or_default()
}

/// A value as a document.
pub(crate) fn document(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()).into())
}

/// Adds the fields of a document to those of another one.
pub(crate) fn merge(document: &mut Value, other: Value) {
    if let (Some(document), Value::Object(other)) = (document.as_object_mut(), other) {
        document.extend(other);
    }
}
