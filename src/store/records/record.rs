//! Export records: JSON with the hash and position of each span and snapshot.
//!
//! The order of fields is part of the format.

use super::names;
use crate::store::encoding::json::Json;
use crate::store::encoding::{json, quote};
use crate::store::error::{Described, Error, Result, show, show_number};

/// A span's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpanRecord {
    pub vat_id: Vec<u8>,
    pub start_pos: i64,
    pub end_pos: i64,
    pub hash: Vec<u8>,
    pub is_current: bool,
    pub incarnation: i64,
}

impl SpanRecord {
    /// The record as JSON text.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = b"{\"vatID\":".to_vec();
        json.extend(json::quote(&self.vat_id));
        json.extend(
            format!(
                ",\"startPos\":{},\"endPos\":{},\"hash\":",
                self.start_pos, self.end_pos
            )
            .bytes(),
        );
        json.extend(json::quote(&self.hash));
        json.extend(
            format!(
                ",\"isCurrent\":{},\"incarnation\":{}}}",
                u8::from(self.is_current),
                self.incarnation
            )
            .bytes(),
        );
        json
    }
}

/// A snapshot's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotRecord {
    pub vat_id: Vec<u8>,
    pub snap_pos: i64,
    pub hash: Vec<u8>,
    pub in_use: bool,
}

impl SnapshotRecord {
    /// The record as JSON text.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = b"{\"vatID\":".to_vec();
        json.extend(json::quote(&self.vat_id));
        json.extend(format!(",\"snapPos\":{},\"hash\":", self.snap_pos).bytes());
        json.extend(json::quote(&self.hash));
        json.extend(format!(",\"inUse\":{}}}", u8::from(self.in_use)).bytes());
        json
    }
}

/// A parsed record whose fields are not checked yet.
pub(crate) struct Metadata {
    kind: &'static str,
    json: Json,
}

impl Metadata {
    /// Parses a record of this kind.
    ///
    /// # Errors
    /// [`Error::NotJson`]; [`Error::NotAnObject`] for `null`.
    pub(crate) fn parse(kind: &'static str, text: &[u8]) -> Result<Metadata> {
        let json = json::parse(text).map_err(|_| Error::NotJson(text.to_vec()))?;
        match json {
            Json::Null => Err(Error::NotAnObject { field: "vatID" }),
            json => Ok(Metadata { kind, json }),
        }
    }

    /// The record, for messages.
    pub(crate) fn show(&self) -> Described {
        describe(&self.json)
    }

    /// Whether a field is truthy in JavaScript.
    pub(crate) fn is_truthy(&self, field: &str) -> bool {
        self.json.get(field).is_some_and(Json::truthy)
    }

    fn missing(&self, field: &'static str) -> Error {
        Error::MetadataMissing {
            kind: self.kind,
            field,
            metadata: self.show(),
        }
    }

    fn wrong_type(&self, field: &'static str) -> Error {
        Error::MetadataType {
            kind: self.kind,
            field,
            metadata: self.show(),
        }
    }

    /// Fails unless the field is truthy.
    pub(crate) fn require_truthy(&self, field: &'static str) -> Result<()> {
        if self.is_truthy(field) {
            Ok(())
        } else {
            Err(self.missing(field))
        }
    }

    /// Fails unless the field exists.
    pub(crate) fn require(&self, field: &'static str) -> Result<()> {
        match self.json.get(field) {
            Some(_) => Ok(()),
            None => Err(self.missing(field)),
        }
    }

    /// Returns a string field.
    pub(crate) fn text(&self, field: &'static str) -> Result<Vec<u8>> {
        match self.json.get(field) {
            Some(Json::String(text)) => Ok(text.clone()),
            _ => Err(self.wrong_type(field)),
        }
    }

    /// Returns a number field; NaN, which equals nothing, for any other type.
    pub(crate) fn number(&self, field: &str) -> f64 {
        match self.json.get(field) {
            Some(Json::Number(number)) => *number,
            _ => f64::NAN,
        }
    }

    /// Returns a field that is an integer within JavaScript's safe range.
    pub(crate) fn integer(&self, field: &'static str) -> Result<i64> {
        const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
        match self.json.get(field) {
            Some(Json::Number(number))
                if number.trunc() == *number && number.abs() <= MAX_SAFE_INTEGER =>
            {
                Ok(*number as i64)
            }
            _ => Err(self.wrong_type(field)),
        }
    }

    /// A field, for the message of a failed comparison.
    pub(crate) fn described(&self, field: &str) -> Described {
        match self.json.get(field) {
            None => ("\"[undefined]\"".into(), "(an undefined)"),
            Some(value) => describe(value),
        }
    }
}

/// Describes a value for messages.
fn describe(value: &Json) -> Described {
    let hidden = match value {
        Json::String(_) => "(a string)",
        Json::Number(_) => "(a number)",
        Json::Bool(_) => "(a boolean)",
        _ => "(an object)",
    };
    (quote::value(Some(value)), hidden)
}

/// Parses the key of a span's or a snapshot's record into the vat and the position or `current`.
///
/// # Errors
/// [`Error::NotSame`] if the key has another kind.
pub(crate) fn record_key<'k>(kind: &str, key: &'k [u8]) -> Result<(&'k [u8], &'k [u8])> {
    let mut parts = names::parts(key);
    let tag = parts.next().unwrap_or_default();
    if tag != kind.as_bytes() {
        return Err(Error::NotSame {
            actual: described_text(tag),
            expected: described_text(kind.as_bytes()),
        });
    }
    // In JavaScript, a missing part is `undefined`, which is not a number.
    Ok((
        parts.next().unwrap_or(b"undefined"),
        parts.next().unwrap_or(b"undefined"),
    ))
}

/// Describes a string for [`Error::NotSame`].
pub(crate) fn described_text(text: &[u8]) -> Described {
    (show(text), "(a string)")
}

/// Describes a number for [`Error::NotSame`].
pub(crate) fn described_number(number: f64) -> Described {
    (show_number(number), "(a number)")
}
