//! How fields of reports and options stand in JSON, for `#[serde(serialize_with, deserialize_with)]`.
//!
//! A report is one JSON text, which the command line prints and JavaScript parses. A field without a
//! value is left out.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

/// A text from a store, as JavaScript reads it: each malformed byte sequence becomes `U+FFFD`.
pub(crate) fn text<S: Serializer>(text: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(text))
}

/// The same for a text that may be missing. Use it with `skip_serializing_if = "Option::is_none"`.
pub(crate) fn optional_text<S: Serializer>(
    text: &Option<impl AsRef<[u8]>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => self::text(text.as_ref(), serializer),
        None => serializer.serialize_none(),
    }
}

/// An array of texts from a store.
pub(crate) fn texts<S: Serializer>(texts: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut array = serializer.serialize_seq(Some(texts.len()))?;
    for text in texts {
        array.serialize_element(&String::from_utf8_lossy(text))?;
    }
    array.end()
}

/// A number as JavaScript prints it: a whole number has no fraction.
pub(crate) fn number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *number as i64 {
        whole if whole as f64 == *number => serializer.serialize_i64(whole),
        _ => serializer.serialize_f64(*number),
    }
}

/// The same for a number that may be missing; `null` unless the field is skipped.
pub(crate) fn optional_number<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => self::number(number, serializer),
        None => serializer.serialize_none(),
    }
}

/// An array of numbers, with `null` for those that are missing.
pub(crate) fn optional_numbers<S: Serializer>(
    numbers: &[Option<f64>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct Element(Option<f64>);
    impl serde::Serialize for Element {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            optional_number(&self.0, serializer)
        }
    }
    serializer.collect_seq(numbers.iter().copied().map(Element))
}

/// A duration in milliseconds, with its fraction.
pub(crate) fn milliseconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1000.0)
}

/// Counts by name, as an object.
pub(crate) fn counts<'a, S: Serializer>(
    counts: impl ExactSizeIterator<Item = (&'a str, u64)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(counts.len()))?;
    for (name, count) in counts {
        object.serialize_entry(name, &count)?;
    }
    object.end()
}

/// A count from JavaScript, whose JSON may write it with an exponent.
pub(crate) fn count<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<N, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if !(number >= 0.0 && number.fract() == 0.0) {
        return Err(D::Error::custom("not a whole number from 0"));
    }
    N::try_from(number as u64).map_err(|_| D::Error::custom("the number is too large"))
}

/// The same for a count that may be missing. Use it with `default`.
pub(crate) fn optional_count<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    count(deserializer).map(Some)
}

/// A duration, from a whole number of milliseconds.
pub(crate) fn from_milliseconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    count(deserializer).map(Duration::from_millis)
}

/// Gives a type that is serialized as another one the JSON schema of that one, which the command line
/// prints.
macro_rules! schema_of {
    ($type:ty, $fields:ty) => {
        #[cfg(feature = "cli")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($type)).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$fields>::json_schema(generator)
            }
        }
    };
}

pub(crate) use schema_of;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Report {
        #[serde(serialize_with = "text")]
        id: Vec<u8>,
        #[serde(
            serialize_with = "optional_text",
            skip_serializing_if = "Option::is_none"
        )]
        name: Option<Vec<u8>>,
        #[serde(serialize_with = "texts")]
        all: Vec<Vec<u8>>,
        #[serde(serialize_with = "optional_numbers")]
        heights: [Option<f64>; 3],
        #[serde(serialize_with = "milliseconds")]
        longest: Duration,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(deserialize_with = "count")]
        limit: usize,
        #[serde(default, deserialize_with = "optional_count")]
        bytes: Option<u64>,
    }

    #[test]
    fn reports_are_json_as_javascript_reads_it() {
        let report = Report {
            id: b"a\xED\xA0\x80\"".to_vec(),
            name: None,
            all: vec![b"x".to_vec(), b"\xFF".to_vec()],
            heights: [Some(7.0), None, Some(0.5)],
            longest: Duration::from_micros(1500),
        };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            "{\"id\":\"a\u{FFFD}\u{FFFD}\u{FFFD}\\\"\",\"all\":[\"x\",\"\u{FFFD}\"],\
             \"heights\":[7,null,0.5],\"longest\":1.5}"
        );
    }

    #[test]
    fn counts_are_whole_numbers() {
        let options = |text: &str| serde_json::from_str::<Options>(text);
        let read = options(r#"{"limit":1e3,"bytes":9007199254740991}"#).unwrap();
        let expected = Options {
            limit: 1000,
            bytes: Some(9_007_199_254_740_991),
        };
        assert_eq!(read, expected);
        assert_eq!(options(r#"{"limit":0}"#).unwrap().bytes, None);
        for wrong in [
            "{}",
            r#"{"limit":-1}"#,
            r#"{"limit":1.5}"#,
            r#"{"limit":null}"#,
            r#"{"limit":1,"byte":1}"#,
        ] {
            assert!(options(wrong).is_err(), "{wrong}");
        }
    }
}
