//! Predicts the result of linking a module from its record.
//!
//! Only attenuators and their imports are linked while an archive is checked. In the reference,
//! linking checks a module's record and compiles its program, and running the program sets its
//! exports. No program is compiled or run here.

use crate::store::encoding::json::Json;
use crate::store::encoding::quote;

/// The name of the export that attenuates globals.
pub(super) const ATTENUATE_GLOBALS: &str = "attenuateGlobals";

/// The predicted result of linking a module.
pub(super) struct Linking {
    /// Why the module can't be linked.
    pub(super) problem: Option<String>,
    /// Why the module is not an attenuator, regardless of its program.
    pub(super) not_an_attenuator: Option<NotAnAttenuator>,
    /// Whether its program can import modules that its record does not list.
    pub(super) imports_more: bool,
}

/// Why a module is not an attenuator of globals.
pub(super) enum NotAnAttenuator {
    /// It does not export `attenuateGlobals`.
    LacksExport,
    /// Its export is not a function.
    NotAFunction,
    /// It throws an error with this message when it runs.
    Throws(String),
}

impl Linking {
    /// For a data module, whose only export is `default`.
    pub(super) fn of_data() -> Linking {
        Linking {
            problem: None,
            not_an_attenuator: Some(NotAnAttenuator::LacksExport),
            imports_more: false,
        }
    }

    /// For an object in the map that stands for a module.
    pub(super) fn of_object(namespace: &Json) -> Linking {
        let export = namespace.get(ATTENUATE_GLOBALS);
        Linking {
            not_an_attenuator: Some(if export.is_some_and(Json::truthy) {
                NotAnAttenuator::NotAFunction
            } else {
                NotAnAttenuator::LacksExport
            }),
            ..Linking::of_data()
        }
    }

    /// For a module that throws when it runs.
    pub(super) fn of_error(error: &Json) -> Linking {
        let message = error.as_str().map(quote::text).unwrap_or_default();
        Linking {
            not_an_attenuator: Some(NotAnAttenuator::Throws(message)),
            ..Linking::of_data()
        }
    }

    /// For a precompiled ECMAScript module.
    pub(super) fn of_ecmascript(record: &Json, specifier: &[u8]) -> Linking {
        let maps = ["__fixedExportMap__", "__liveExportMap__"];
        let problem = bad_lists(record, specifier).or_else(|| {
            let bad = maps.into_iter().find(|map| !is_object(record.get(map)));
            bad.map(|map| {
                format!(
                    "Property '{map}' of a precompiled module source must be an object, got {}, \
                     for module {}",
                    quote::value(record.get(map)),
                    quote::string(specifier)
                )
            })
        });
        let problem = problem.or_else(|| {
            let maps = maps.into_iter().filter_map(|map| record.get(map));
            let mut entries = maps.filter_map(Json::as_object).flat_map(|map| map.iter());
            let is_bad = entries.any(|(_, value)| !is_iterable(value));
            is_bad.then(|| "an entry of an export map is not iterable".to_owned())
        });
        let exports = |map: &str| record.get(map).is_some_and(exports_attenuator);
        let reexports = record.get("reexports").and_then(Json::as_array);
        let can_export = maps.into_iter().any(exports)
            || reexports.is_some_and(|reexports| !reexports.is_empty())
            || record.get("__reexportMap__").is_some_and(is_filled);
        Linking {
            problem,
            not_an_attenuator: (!can_export).then_some(NotAnAttenuator::LacksExport),
            imports_more: record.get("__needsImport__").is_some_and(Json::truthy),
        }
    }

    /// For a CommonJS module, which can have exports that its record does not list.
    pub(super) fn of_commonjs(record: &Json, specifier: &[u8]) -> Linking {
        let problem = bad_lists(record, specifier).or_else(|| {
            let exports = record.get("exports").and_then(Json::as_array)?;
            let names: Option<Vec<&[u8]>> = exports.iter().map(Json::as_str).collect();
            let Some(mut names) = names else {
                return Some(format!(
                    "SES virtual module source \"exports\" property must be an array of strings \
                     for module {}",
                    quote::text(specifier)
                ));
            };
            names.sort_unstable();
            let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
            Some(format!(
                "Cannot redefine property: {}",
                quote::text(twice[0])
            ))
        });
        Linking {
            problem,
            not_an_attenuator: None,
            imports_more: false,
        }
    }
}

impl NotAnAttenuator {
    /// The message of the error that the reference throws for the module `attenuator`.
    pub(super) fn message(&self, attenuator: &[u8]) -> String {
        match self {
            NotAnAttenuator::LacksExport => format!(
                "Attenuator {} does not export \"{ATTENUATE_GLOBALS}\"",
                quote::plain(attenuator)
            ),
            NotAnAttenuator::NotAFunction => {
                "attenuator[attenuatorExportName].bind is not a function".to_owned()
            }
            NotAnAttenuator::Throws(message) => message.clone(),
        }
    }
}

/// The problem of the lists that every record has, if any.
fn bad_lists(record: &Json, specifier: &[u8]) -> Option<String> {
    let bad = |field: &str, condition: &str| {
        format!(
            "Invalid module source: '{field}' must be an array{condition}, got {}, for module {}",
            quote::value(record.get(field)),
            quote::string(specifier)
        )
    };
    if record.get("exports").and_then(Json::as_array).is_none() {
        return Some(bad("exports", ""));
    }
    let reexports = record.get("reexports");
    let is_bad = reexports.is_some_and(|reexports| reexports.as_array().is_none());
    is_bad.then(|| bad("reexports", " if present"))
}

fn is_object(value: Option<&Json>) -> bool {
    matches!(value, Some(Json::Array(_) | Json::Object(_)))
}

fn is_iterable(value: &Json) -> bool {
    matches!(value, Json::Array(_) | Json::String(_))
}

fn is_filled(value: &Json) -> bool {
    match value {
        Json::Object(object) => !object.is_empty(),
        value => value.truthy(),
    }
}

/// Whether an export map has the export that attenuates globals.
fn exports_attenuator(map: &Json) -> bool {
    map.get(ATTENUATE_GLOBALS).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::encoding::json::parse;

    const GOOD: &str = r#"{"exports":["x"],"__fixedExportMap__":{"attenuateGlobals":["a"]},"__liveExportMap__":{}}"#;

    fn ecmascript(from: &str, to: &str) -> Linking {
        assert!(GOOD.contains(from));
        let record = parse(GOOD.replace(from, to).as_bytes()).unwrap();
        Linking::of_ecmascript(&record, b"./s")
    }

    #[test]
    fn ecmascript_modules_are_linked_by_their_records() {
        let good = ecmascript("", "");
        assert!(good.problem.is_none() && good.not_an_attenuator.is_none() && !good.imports_more);
        for (from, to) in [
            (r#"["x"]"#, "{}"),
            (r#"["x"]"#, r#"["x"],"reexports":null"#),
            (r#"{"attenuateGlobals":["a"]}"#, "null"),
            (
                r#"{"attenuateGlobals":["a"]}"#,
                r#"{"attenuateGlobals":{}}"#,
            ),
            (r#""__liveExportMap__":{}"#, r#""__liveExportMap__":0"#),
        ] {
            assert!(ecmascript(from, to).problem.is_some(), "{to}");
        }
    }

    #[test]
    fn exports_can_come_from_other_modules() {
        let map = r#"{"attenuateGlobals":["a"]}"#;
        for (more, can_be) in [
            ("", false),
            (r#","reexports":["./y"]"#, true),
            (r#","reexports":[]"#, false),
            (r#","__reexportMap__":{"./y":[]}"#, true),
            (r#","__reexportMap__":{}"#, false),
        ] {
            let linking = ecmascript(map, &format!("{{}}{more}"));
            assert_eq!(linking.not_an_attenuator.is_none(), can_be, "{more}");
        }
        let live = ecmascript(map, r#"{},"x":0"#);
        assert!(live.not_an_attenuator.is_some());
    }

    #[test]
    fn commonjs_modules_list_each_export_once() {
        let problem =
            |record: &str| Linking::of_commonjs(&parse(record.as_bytes()).unwrap(), b"./s").problem;
        assert_eq!(problem(r#"{"exports":["a","b"]}"#), None);
        for record in [
            "{}",
            r#"{"exports":"a"}"#,
            r#"{"exports":[1]}"#,
            r#"{"exports":["a","b","a"]}"#,
            r#"{"exports":[],"reexports":{}}"#,
        ] {
            assert!(problem(record).is_some(), "{record}");
        }
    }

    #[test]
    fn objects_and_errors_are_not_attenuators() {
        let message = |linking: Linking| linking.not_an_attenuator.map(|why| why.message(b"x"));
        let object = parse(br#"{"attenuateGlobals":1}"#).unwrap();
        assert_eq!(
            message(Linking::of_object(&object)).unwrap(),
            "attenuator[attenuatorExportName].bind is not a function"
        );
        assert_eq!(
            message(Linking::of_error(&Json::String(b"no".to_vec()))).unwrap(),
            "no"
        );
    }
}
