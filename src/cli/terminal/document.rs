//! JSON documents, which `--json` prints.

use super::exit::Result;
use crate::store::error::Error;

/// A number for a document: a whole one without a fraction, as JavaScript prints it.
pub(crate) fn number(number: f64) -> serde_json::Value {
    match number as i64 {
        whole if whole as f64 == number => whole.into(),
        _ => number.into(),
    }
}

/// A value as a document.
pub(crate) fn document(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()).into())
}

/// Adds the fields of a document to those of another one.
pub(crate) fn merge(document: &mut serde_json::Value, other: serde_json::Value) {
    if let (Some(document), serde_json::Value::Object(other)) = (document.as_object_mut(), other) {
        document.extend(other);
    }
}
