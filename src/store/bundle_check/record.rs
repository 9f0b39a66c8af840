//! Parses the file of a module, by language, for its imports.

use super::archive::parse_json;
use super::coerce;
use super::linking::Linking;
use crate::store::encoding::json::Json;
use crate::store::error::refusal::Refusal;

/// The languages of modules in archives.
#[derive(Clone, Copy)]
pub(super) enum Language {
    /// An ECMAScript module, compiled to a program and described as JSON.
    PrecompiledEcmaScript,
    /// A CommonJS module, described as JSON.
    PrecompiledCommonJs,
    /// Data: JSON, text or bytes, not parsed until it is used.
    Data,
}

impl Language {
    /// The language of a parser name in the map.
    pub(super) fn of(parser: &[u8]) -> Option<Language> {
        match parser {
            b"pre-mjs-json" => Some(Language::PrecompiledEcmaScript),
            b"pre-cjs-json" => Some(Language::PrecompiledCommonJs),
            b"json" | b"text" | b"bytes" => Some(Language::Data),
            _ => None,
        }
    }
}

/// The imports of a module.
pub(super) enum Imports {
    /// The specifiers.
    Specifiers(Vec<Vec<u8>>),
    /// A value of this type that is not an array of strings.
    Invalid(&'static str),
}

/// The parsed file of a module.
pub(super) struct ModuleRecord {
    /// The module's imports.
    pub(super) imports: Imports,
    /// The result of linking the module, for attenuators and their imports.
    pub(super) linking: Linking,
}

/// Parses the file of a module. `specifier` and `location` are its names in messages.
pub(super) fn read(
    language: Language,
    content: &[u8],
    specifier: &[u8],
    location: &str,
) -> Result<ModuleRecord, Refusal> {
    match language {
        Language::PrecompiledEcmaScript => {
            read_ecmascript(&parse_json(content, location)?, specifier)
        }
        Language::PrecompiledCommonJs => read_commonjs(&parse_json(content, location)?, specifier),
        Language::Data => Ok(ModuleRecord {
            imports: Imports::Specifiers(Vec::new()),
            linking: Linking::of_data(),
        }),
    }
}

/// Like the reference, fails if a string can't be appended to the module's program. A missing
/// program is an error only when it runs.
fn read_ecmascript(record: &Json, specifier: &[u8]) -> Result<ModuleRecord, Refusal> {
    const PROGRAM: &str = "__syncModuleProgram__";
    let primitive = match record {
        Json::Null => {
            return Err(Refusal::type_error(format!(
                "Cannot read properties of null (reading '{PROGRAM}')"
            )));
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) => coerce::to_string(record)?,
        Json::Array(_) | Json::Object(_) => {
            if let Some(program @ (Json::Array(_) | Json::Object(_))) = record.get(PROGRAM) {
                coerce::to_string(program)?;
            }
            return Ok(ModuleRecord {
                imports: imports_of(record),
                linking: Linking::of_ecmascript(record, specifier),
            });
        }
    };
    Err(Refusal::type_error(format!(
        "Cannot create property '{PROGRAM}' on {} '{}'",
        record.type_of(),
        crate::store::encoding::quote::text(&primitive)
    )))
}

fn read_commonjs(record: &Json, specifier: &[u8]) -> Result<ModuleRecord, Refusal> {
    match record {
        Json::Null => Err(Refusal::type_error(
            "Cannot destructure property 'source' of 'parseLocatedJson(...)' as it is null.",
        )),
        record => Ok(ModuleRecord {
            imports: imports_of(record),
            linking: Linking::of_commonjs(record, specifier),
        }),
    }
}

fn imports_of(record: &Json) -> Imports {
    let Some(imports) = record.get("imports") else {
        return Imports::Invalid("undefined");
    };
    let specifiers = imports.as_array().and_then(|imports| {
        let specifiers = imports
            .iter()
            .map(|import| import.as_str().map(<[u8]>::to_vec));
        specifiers.collect::<Option<_>>()
    });
    specifiers.map_or(Imports::Invalid(imports.type_of()), Imports::Specifiers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(parser: &str, content: &str) -> Result<Vec<String>, String> {
        let language = Language::of(parser.as_bytes()).unwrap();
        match read(language, content.as_bytes(), b"s", "l").map(|record| record.imports) {
            Ok(Imports::Specifiers(specifiers)) => {
                let text = |specifier| String::from_utf8(specifier).unwrap();
                Ok(specifiers.into_iter().map(text).collect())
            }
            Ok(Imports::Invalid(found)) => Err(found.to_owned()),
            Err(refusal) => Err(refusal.message().to_owned()),
        }
    }

    #[test]
    fn data_imports_nothing() {
        for parser in ["json", "text", "bytes"] {
            assert_eq!(outcome(parser, "{"), Ok(vec![]));
        }
        assert!(Language::of(b"mjs").is_none());
    }

    #[test]
    fn modules_say_what_they_import() {
        for parser in ["pre-mjs-json", "pre-cjs-json"] {
            let imports = r#"{"imports":["a","b"],"exports":null}"#;
            assert_eq!(outcome(parser, imports), Ok(vec!["a".into(), "b".into()]));
            assert_eq!(
                outcome(parser, "{").unwrap_err(),
                "Cannot parse JSON from l, SyntaxError: no property name in JSON at byte 1"
            );
            for (content, found) in [
                ("{}", "undefined"),
                ("[]", "undefined"),
                (r#"{"imports":null}"#, "object"),
                (r#"{"imports":[1]}"#, "object"),
                (r#"{"imports":"a"}"#, "string"),
            ] {
                assert_eq!(outcome(parser, content).unwrap_err(), found);
            }
        }
    }

    #[test]
    fn an_ecmascript_record_must_take_a_program() {
        for (content, message) in [
            (
                "null",
                "Cannot read properties of null (reading '__syncModuleProgram__')",
            ),
            (
                "5",
                "Cannot create property '__syncModuleProgram__' on number '5'",
            ),
            (
                "\"x\"",
                "Cannot create property '__syncModuleProgram__' on string 'x'",
            ),
            (
                r#"{"imports":[],"__syncModuleProgram__":[{"toString":1}]}"#,
                "Cannot convert object to primitive value",
            ),
        ] {
            assert_eq!(outcome("pre-mjs-json", content).unwrap_err(), message);
        }
        let program = r#"{"imports":[],"__syncModuleProgram__":{"a":[]}}"#;
        assert_eq!(outcome("pre-mjs-json", program), Ok(vec![]));
    }

    #[test]
    fn a_commonjs_record_can_be_almost_anything() {
        assert_eq!(
            outcome("pre-cjs-json", "null").unwrap_err(),
            "Cannot destructure property 'source' of 'parseLocatedJson(...)' as it is null."
        );
        for content in ["5", "true", "\"imports\""] {
            assert_eq!(outcome("pre-cjs-json", content).unwrap_err(), "undefined");
        }
    }
}
