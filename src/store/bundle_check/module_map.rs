//! Resolves a module specifier to a module of another compartment or a file of this one.

use super::link::Linked;
use super::{coerce, object_prototype};
use crate::store::encoding::json::Json;
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// The target of a specifier.
pub(super) enum ModuleTarget<'a> {
    /// The module of this specifier in the compartment of this index.
    Alias(usize, &'a [u8]),
    /// An object in the map that stands for a module without imports.
    Object(&'a Json),
    /// A file.
    File,
}

/// Looks up a specifier in the map of a compartment's modules.
pub(super) fn look_up<'a>(
    linked: &Linked<'a>,
    compartment: usize,
    specifier: &[u8],
) -> Result<ModuleTarget<'a>, Refusal> {
    let compartment = &linked.compartments[compartment];
    let Some(module) = compartment.modules.get(specifier) else {
        if object_prototype::has(specifier) {
            // The reference adds a property to the value that it finds, and inherited values are
            // frozen.
            return Err(Refusal::type_error(
                "Cannot add property retained, object is not extensible",
            ));
        }
        return Ok(ModuleTarget::File);
    };
    let foreign = module.get("compartment").zip(module.get("module"));
    let Some((foreign_compartment, foreign_module)) = foreign else {
        return Ok(ModuleTarget::File);
    };
    if module.get("exit").is_some() || module.get("deferredError").is_some() {
        return Ok(ModuleTarget::File);
    }
    let name = coerce::to_string(foreign_compartment)?;
    let Some(index) = linked.find(&name) else {
        return Err(Refusal::error(format!(
            "Cannot import from missing compartment {}}}",
            quote::value(Some(foreign_compartment))
        )));
    };
    match foreign_module {
        Json::String(specifier) => Ok(ModuleTarget::Alias(index, specifier)),
        Json::Array(_) | Json::Object(_) => Ok(ModuleTarget::Object(foreign_module)),
        Json::Null | Json::Bool(_) | Json::Number(_) => Err(Refusal::error(format!(
            "Invalid compartment in module descriptor for specifier {} in compartment {}",
            quote::string(specifier),
            quote::string(compartment.location)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{map_of, verdict};

    const FILES: [(&str, &str); 1] = [("a/j.js", "hello")];

    /// The verdict on this entry module, next to a file that it may refer to.
    fn entry_is(module: &str) -> Result<(), String> {
        let file = r#""./j.js":{"location":"j.js","parser":"text"}"#;
        verdict(&map_of(&format!(r#"{{"./i.js":{module},{file}}}"#)), &FILES)
    }

    #[track_caller]
    fn fails(module: &str, problem: &str) {
        let problem = format!(
            "Failed to load module \"./i.js\" in package \"a\" (1 underlying failures: {problem}"
        );
        assert_eq!(entry_is(module).unwrap_err(), problem);
    }

    #[test]
    fn an_alias_leads_to_its_module() {
        assert_eq!(entry_is(r#"{"compartment":"a","module":"./j.js"}"#), Ok(()));
        assert_eq!(
            entry_is(r#"{"compartment":[["a"]],"module":"./j.js"}"#),
            Ok(())
        );
        fails(
            r#"{"compartment":"b","module":"./j.js"}"#,
            "Cannot import from missing compartment \"b\"}",
        );
        fails(
            r#"{"compartment":{"toString":1},"module":"./j.js"}"#,
            "Cannot convert object to primitive value",
        );
    }

    #[test]
    fn an_object_may_stand_for_a_module() {
        for module in ["{}", "[]", r#"{"x":1}"#] {
            assert_eq!(
                entry_is(&format!(r#"{{"compartment":"a","module":{module}}}"#)).unwrap_err(),
                "Archive contains extraneous files: [\"a/j.js\"] in \"ID\""
            );
        }
        fails(
            r#"{"compartment":"a","module":null}"#,
            "Invalid compartment in module descriptor for specifier \"./i.js\" in compartment \"a\"",
        );
    }

    #[test]
    fn exits_and_errors_are_not_aliases() {
        fails(
            r#"{"compartment":"a","module":"./j.js","exit":null}"#,
            "Cannot parse module \"./i.js\" in package \"a\" in archive \"ID\"; missing parser",
        );
        assert_eq!(
            entry_is(r#"{"compartment":"b","module":"./j.js","deferredError":""}"#).unwrap_err(),
            "Archive contains extraneous files: [\"a/j.js\"] in \"ID\""
        );
    }

    #[test]
    fn inherited_names_can_not_be_looked_up() {
        let map = map_of(r#"{"./i.js":{"compartment":"a","module":"__proto__"}}"#);
        assert_eq!(
            verdict(&map, &FILES).unwrap_err(),
            "Failed to load module \"./i.js\" in package \"a\" (1 underlying failures: Cannot add \
             property retained, object is not extensible"
        );
    }
}
