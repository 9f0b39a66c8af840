//! Where a module specifier leads: to another compartment, or to a file of this one.

use super::coerce;
use super::link::Linked;
use super::object_prototype;
use super::quote;
use super::refusal::Refusal;
use crate::store::js_json::Json;

/// Where a specifier leads.
pub(super) enum Target<'a> {
    /// To the module of this specifier in the compartment of this index.
    Alias(usize, &'a [u8]),
    /// To an object in the map that stands for a module which imports nothing.
    Object,
    /// To a file.
    File,
}

/// Looks a specifier up in the map of a compartment's modules.
pub(super) fn look_up<'a>(
    linked: &Linked<'a>,
    compartment: usize,
    specifier: &[u8],
) -> Result<Target<'a>, Refusal> {
    let compartment = &linked.compartments[compartment];
    let Some(module) = compartment.modules.get(specifier) else {
        if object_prototype::has(specifier) {
            // The reference marks what it found as used, which this can't be.
            return Err(Refusal::type_error(
                "Cannot add property retained, object is not extensible",
            ));
        }
        return Ok(Target::File);
    };
    let foreign = module.get("compartment").zip(module.get("module"));
    let Some((foreign_compartment, foreign_module)) = foreign else {
        return Ok(Target::File);
    };
    if module.get("exit").is_some() || module.get("deferredError").is_some() {
        return Ok(Target::File);
    }
    let name = coerce::to_string(foreign_compartment)?;
    let Some(index) = linked.find(&name) else {
        return Err(Refusal::error(format!(
            "Cannot import from missing compartment {}}}",
            quote::value(Some(foreign_compartment))
        )));
    };
    match foreign_module {
        Json::String(specifier) => Ok(Target::Alias(index, specifier)),
        Json::Array(_) | Json::Object(_) => Ok(Target::Object),
        Json::Null | Json::Bool(_) | Json::Number(_) => Err(Refusal::error(format!(
            "Invalid compartment in module descriptor for specifier {} in compartment {}",
            quote::string(specifier),
            quote::string(compartment.location)
        ))),
    }
}
