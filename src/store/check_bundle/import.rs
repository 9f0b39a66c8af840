//! From a module's entry in the map to its file.

use std::borrow::Cow;

use super::archive::{self, Archive};
use super::link::Compartment;
use super::record::{self, Imports, Language};
use super::refusal::Refusal;
use super::{coerce, object_prototype, quote, specifier as specifiers};
use crate::store::js_json::Json;

/// What a module turned out to be.
pub(super) enum Module {
    /// An error that the archive keeps for the module's execution.
    DeferredError,
    /// A file that imports other modules.
    Importing(Imports),
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
        // What is inherited is no module, but is taken for one that lacks a parser.
        None if object_prototype::has(specifier) => &Json::Null,
        None => {
            return Err(Refusal::error(format!(
                "Cannot find module {} {}",
                named(),
                place()
            )));
        }
    };
    if module.get("deferredError").is_some() {
        return Ok(Module::DeferredError);
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
    let location = module.get("location");
    let path = location.map_or(
        Ok(Cow::Borrowed(b"undefined".as_slice())),
        coerce::to_string,
    )?;
    let content = archive.read(&[compartment.location, &path].join(&b'/'))?;
    if let Some(sha512) = module.get("sha512")
        && sha512.as_str() != Some(archive::sha512(content).as_bytes())
    {
        return Err(Refusal::error(format!(
            "Module {} of package {} in archive {} failed a SHA-512 integrity check",
            quote::value(location),
            quote::string(compartment.location),
            quote::string(archive.name.as_bytes())
        )));
    }
    let package = compartment.package.rsplit(|byte| *byte == b'/').next();
    let location = specifiers::join(package.unwrap_or_default(), specifier)?;
    let location = format!(".../{}", quote::text(&location));
    record::read(language, content, &location).map(Module::Importing)
}
