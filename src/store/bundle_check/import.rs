//! Reads a module's file, as its entry in the map describes it.

use std::borrow::Cow;

use super::archive::Archive;
use super::link::Compartment;
use super::linking::Linking;
use super::record::{Language, ModuleRecord};
use super::{archive, coerce, object_prototype, record, specifier as specifiers};
use crate::store::encoding::json::Json;
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// An imported module.
pub(super) enum Module {
    /// An error that the module throws when it runs.
    DeferredError(Linking),
    /// The parsed file of a module.
    File(ModuleRecord),
}

/// Reads and checks the file of a module.
pub(super) fn import(
    archive: &mut Archive<'_>,
    compartment: &Compartment<'_>,
    specifier: &[u8],
) -> Result<Module, Refusal> {
    let place = || {
        let package = quote::string(compartment.location);
        let archive = quote::string(archive.name.as_bytes());
        format!("in package {package} in archive {archive}")
    };
    let Some(modules) = compartment.importable else {
        return Err(Refusal::type_error(format!(
            "Cannot read properties of undefined (reading '{}')",
            quote::text(specifier)
        )));
    };
    let named = || quote::string(specifier);
    let module = match modules.get(specifier) {
        Some(module) => module,
        // The reference finds an inherited property here, and treats it as a module without a
        // parser.
        None if object_prototype::has(specifier) => &Json::Null,
        None => {
            return Err(Refusal::error(format!(
                "Cannot find module {} {}",
                named(),
                place()
            )));
        }
    };
    if let Some(error) = module.get("deferredError") {
        return Ok(Module::DeferredError(Linking::of_error(error)));
    }
    let Some(parser) = module.get("parser") else {
        return Err(Refusal::error(format!(
            "Cannot parse module {} {}; missing parser",
            named(),
            place()
        )));
    };
    let Some(language) = Language::of(&coerce::to_string(parser)?) else {
        return Err(Refusal::error(format!(
            "Cannot parse module {} {}; unknown parser ({})",
            named(),
            place(),
            quote::value(Some(parser))
        )));
    };
    let content = archive.read(&path(compartment, module)?)?;
    if !has_hash(module, content) {
        return Err(Refusal::error(format!(
            "Module {} of package {} in archive {} failed a SHA-512 integrity check",
            quote::value(module.get("location")),
            quote::string(compartment.location),
            quote::string(archive.name.as_bytes())
        )));
    }
    let package = compartment.package.rsplit(|byte| *byte == b'/').next();
    let location = specifiers::join(package.unwrap_or_default(), specifier)?;
    let location = format!(".../{}", quote::text(&location));
    record::read(language, content, specifier, &location).map(Module::File)
}

/// Marks the file of a module as read if it has the hash in the map.
pub(super) fn read_unlisted(
    archive: &mut Archive<'_>,
    compartment: &Compartment<'_>,
    module: &Json,
) {
    let Ok(path) = path(compartment, module) else {
        return;
    };
    if archive
        .unread(&path)
        .is_some_and(|content| has_hash(module, content))
    {
        archive.mark_read(&path);
    }
}

/// The path of a module's file in the archive.
fn path(compartment: &Compartment<'_>, module: &Json) -> Result<Vec<u8>, Refusal> {
    let location = module.get("location");
    let location = location.map_or(
        Ok(Cow::Borrowed(b"undefined".as_slice())),
        coerce::to_string,
    )?;
    Ok([compartment.location, &location].join(&b'/'))
}

/// Whether a module's file has the hash in the map, or the map has none.
fn has_hash(module: &Json, content: &[u8]) -> bool {
    module
        .get("sha512")
        .is_none_or(|sha512| sha512.as_str() == Some(archive::sha512(content).as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{map_of, verdict};

    /// The verdict on an entry module with this description, whose file is text.
    fn outcome(module: &str) -> Result<(), String> {
        const FAILED: &str =
            "Failed to load module \"./i.js\" in package \"a\" (1 underlying failures: ";
        let map = map_of(&format!(r#"{{"./i.js":{module}}}"#));
        verdict(&map, &[("a/i.js", "hello")])
            .map_err(|message| message.strip_prefix(FAILED).unwrap_or(&message).to_owned())
    }

    #[test]
    fn a_hash_must_be_that_of_the_file() {
        // The digits of the hash of "hello".
        const HASH: &str = "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7\
                            2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043";
        let with = |hash: &str| {
            outcome(&format!(
                r#"{{"location":"i.js","parser":"text","sha512":{hash}}}"#
            ))
        };
        assert_eq!(with(&format!("\"{HASH}\"")), Ok(()));
        for hash in ["\"\"", "null", &format!("\"{}\"", HASH.to_uppercase())] {
            assert_eq!(
                with(hash).unwrap_err(),
                "Module \"i.js\" of package \"a\" in archive \"ID\" failed a SHA-512 integrity check"
            );
        }
    }

    #[test]
    fn a_parser_is_needed_and_must_be_known() {
        assert_eq!(
            outcome(r#"{"location":"i.js"}"#).unwrap_err(),
            "Cannot parse module \"./i.js\" in package \"a\" in archive \"ID\"; missing parser"
        );
        assert_eq!(
            outcome(r#"{"location":"i.js","parser":"mjs"}"#).unwrap_err(),
            "Cannot parse module \"./i.js\" in package \"a\" in archive \"ID\"; unknown parser \
             (\"mjs\")"
        );
        assert_eq!(outcome(r#"{"location":"i.js","parser":["text"]}"#), Ok(()));
    }

    #[test]
    fn the_file_must_be_there() {
        assert_eq!(
            outcome(r#"{"location":"j.js","parser":"text"}"#).unwrap_err(),
            "Cannot find file a/j.js in Zip file ID"
        );
        assert_eq!(
            outcome(r#"{"parser":"text"}"#).unwrap_err(),
            "Cannot find file a/undefined in Zip file ID"
        );
        assert_eq!(
            outcome(r#"{"location":[["i.js"]],"parser":"text"}"#),
            Ok(())
        );
    }

    #[test]
    fn a_deferred_error_is_not_thrown_while_loading() {
        assert_eq!(
            outcome(r#"{"deferredError":"","parser":"x"}"#).unwrap_err(),
            "Archive contains extraneous files: [\"a/i.js\"] in \"ID\""
        );
    }

    #[test]
    fn specifiers_of_files_are_relative() {
        let map = map_of(
            r#"{"./i.js":{"compartment":"a","module":"i"},"i":{"location":"i.js","parser":"text"}}"#,
        );
        assert_eq!(
            verdict(&map, &[("a/i.js", "hello")]).unwrap_err(),
            "Failed to load module \"./i.js\" in package \"a\" (1 underlying failures: Internal \
             module specifier \"i\" must be relative"
        );
    }
}
