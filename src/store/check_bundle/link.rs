//! The compartments that a map describes, made ready for modules to be loaded.

use std::collections::HashMap;

use super::compartment_map::CompartmentMap;
use super::policy::{self, Globals};
use super::refusal::Refusal;
use super::{object_prototype, quote};
use crate::store::js_json::{JsObject, Json};

/// The compartment whose modules decide about globals.
const ATTENUATORS: &[u8] = b"<ATTENUATORS>";

/// All compartments of an archive.
pub(super) struct Linked<'a> {
    /// The compartments, in the order of the map.
    pub(super) compartments: Vec<Compartment<'a>>,
    by_name: HashMap<&'a [u8], usize>,
    /// Which of them the entry module is in.
    pub(super) entry: usize,
}

/// A compartment.
pub(super) struct Compartment<'a> {
    /// The directory of its files, which is also its name in messages.
    pub(super) location: &'a [u8],
    /// The name of its package.
    pub(super) package: &'a [u8],
    /// The modules among which the module map looks.
    pub(super) modules: &'a JsObject,
    /// The modules among which files are looked for: those of the compartment that the location
    /// names, which need not be this one; `None` if that is no compartment but an inherited
    /// property.
    pub(super) importable: Option<&'a JsObject>,
}

impl<'a> Compartment<'a> {
    /// The specifier as the map has it, if any of the modules that count here bears it.
    pub(super) fn known_specifier(&self, specifier: &[u8]) -> Option<&'a [u8]> {
        let importable = self
            .importable
            .and_then(|modules| modules.get_key_value(specifier));
        let found = self.modules.get_key_value(specifier).or(importable);
        found.map(|(specifier, _)| specifier)
    }
}

impl Linked<'_> {
    /// The compartment of a name in the map.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// Makes the compartments of a map.
pub(super) fn link<'a>(map: &CompartmentMap<'a>) -> Result<Linked<'a>, Refusal> {
    let names = map.compartments.iter().map(|(name, _)| *name);
    let by_name: HashMap<_, _> = names
        .enumerate()
        .map(|(index, name)| (name, index))
        .collect();
    let attenuators = by_name
        .get(ATTENUATORS)
        .map(|index| &map.compartments[*index].1);
    if attenuators.is_some_and(|attenuators| attenuators.policy.is_none()) {
        return Err(Refusal::error(
            "\"<ATTENUATORS>\" is missing the required policy; this is likely a bug",
        ));
    }
    let attenuators = attenuators.and_then(|attenuators| attenuators.policy);

    let mut compartments = Vec::with_capacity(map.compartments.len());
    let mut failed_attenuations = Vec::new();
    for (_, descriptor) in &map.compartments {
        let importable = match by_name.get(descriptor.location) {
            Some(index) => Some(map.compartments[*index].1.modules),
            None if object_prototype::has(descriptor.location) => None,
            None => {
                return Err(Refusal::type_error(
                    "Cannot destructure property 'modules' of 'compartmentDescriptor' as it is \
                     undefined.",
                ));
            }
        };
        match policy::globals(descriptor.policy) {
            Globals::All => {}
            Globals::Named(names) => assign_globals(&names)?,
            Globals::Attenuated(attenuation) => {
                failed_attenuations.push(fail_attenuation(
                    descriptor.name,
                    attenuation,
                    attenuators,
                ));
            }
        }
        compartments.push(Compartment {
            location: descriptor.location,
            package: descriptor.name,
            modules: descriptor.modules,
            importable,
        });
    }
    let Some(entry) = by_name.get(map.entry_compartment).copied() else {
        return Err(Refusal::error(format!(
            "Cannot assemble compartment graph because the root compartment named {} is missing \
             from the compartment map",
            quote::string(map.entry_compartment)
        )));
    };
    if !failed_attenuations.is_empty() {
        return Err(Refusal::error(format!(
            "Globals attenuation errors: {}",
            failed_attenuations.join(", ")
        )));
    }
    Ok(Linked {
        compartments,
        by_name,
        entry,
    })
}

/// Gives a compartment the globals of these names, none of which has a value.
fn assign_globals(names: &[&[u8]]) -> Result<(), Refusal> {
    let read_only = names
        .iter()
        .find(|name| object_prototype::is_read_only_global(name));
    match read_only {
        None => Ok(()),
        Some(name) => Err(Refusal::type_error(format!(
            "Cannot assign to read only property '{}' of object '[object Object]'",
            quote::text(name)
        ))),
    }
}

/// Why globals could not be attenuated.
///
/// This always fails. An attenuator would have to run, and nothing of an archive runs here.
fn fail_attenuation(package: &[u8], attenuation: &Json, attenuators: Option<&Json>) -> String {
    let named = policy::attenuator(attenuation);
    let default = attenuators.and_then(|policy| policy.get("defaultAttenuator"));
    let is_default = named.is_none_or(<[u8]>::is_empty);
    let problem = match attenuators {
        None => "No attenuators specified in policy",
        Some(_) if is_default && !default.is_some_and(Json::truthy) => {
            "No default attenuator specified in policy"
        }
        Some(_) => "attenuators are not run while a bundle is checked",
    };
    format!(
        "Error while attenuating globals for {} with {}: \"{problem}\"",
        quote::plain(package),
        quote::plain(named.unwrap_or(b"<default attenuator>"))
    )
}

#[cfg(test)]
mod tests {
    use crate::store::check_bundle::testing::{map_of, map_with, verdict};

    const MODULES: &str = r#"{"./i.js":{"location":"i.js","parser":"text"}}"#;
    const FILES: [(&str, &str); 1] = [("a/i.js", "hello")];

    fn with_policy(policy: &str) -> Result<(), String> {
        verdict(
            &map_with(&format!(r#""policy":{policy},"#), MODULES),
            &FILES,
        )
    }

    /// The verdict when there are also attenuators, with these properties.
    fn with_attenuators(properties: &str, policy: &str) -> Result<(), String> {
        let map = map_with(&format!(r#""policy":{policy},"#), MODULES);
        let attenuators = format!(
            r#""compartments":{{"<ATTENUATORS>":{{{properties}"name":"x","label":"x","location":"a","modules":{{}}}},"#
        );
        verdict(&map.replace("\"compartments\":{", &attenuators), &FILES)
    }

    #[test]
    fn globals_that_have_no_value_do_no_harm() {
        for globals in [
            "\"any\"",
            "{}",
            r#"{"console":true,"toString":true,"__proto__":true}"#,
        ] {
            assert_eq!(with_policy(&format!(r#"{{"globals":{globals}}}"#)), Ok(()));
        }
        assert_eq!(with_policy(r#"{"globals":{"NaN":false}}"#), Ok(()));
    }

    #[test]
    fn some_globals_can_not_be_assigned() {
        for name in ["NaN", "constructor", "__defineGetter__"] {
            assert_eq!(
                with_policy(&format!(r#"{{"globals":{{"{name}":true}}}}"#)).unwrap_err(),
                format!("Cannot assign to read only property '{name}' of object '[object Object]'")
            );
        }
    }

    #[test]
    fn attenuators_are_not_run() {
        let attenuated = r#"{"globals":{"attenuate":"x"}}"#;
        let failed = |with: &str, problem: &str| {
            format!(
                "Globals attenuation errors: Error while attenuating globals for \"p\" with \
                 \"{with}\": \"{problem}\""
            )
        };
        assert_eq!(
            with_policy(attenuated).unwrap_err(),
            failed("x", "No attenuators specified in policy")
        );
        assert_eq!(
            with_attenuators("\"policy\":{},", r#"{"globals":[]}"#).unwrap_err(),
            failed(
                "<default attenuator>",
                "No default attenuator specified in policy"
            )
        );
        assert_eq!(
            with_attenuators("\"policy\":{},", attenuated).unwrap_err(),
            failed("x", "attenuators are not run while a bundle is checked")
        );
    }

    #[test]
    fn attenuators_need_a_policy() {
        assert_eq!(
            with_attenuators("", "{}").unwrap_err(),
            "\"<ATTENUATORS>\" is missing the required policy; this is likely a bug"
        );
        assert_eq!(with_attenuators("\"policy\":{},", "{}"), Ok(()));
    }

    #[test]
    fn an_inherited_entry_is_no_compartment() {
        let map = map_of(MODULES).replace(r#""compartment":"a""#, r#""compartment":"toString""#);
        assert_eq!(
            verdict(&map, &FILES).unwrap_err(),
            "Cannot assemble compartment graph because the root compartment named \"toString\" is \
             missing from the compartment map"
        );
    }

    #[test]
    fn a_location_must_be_a_compartment() {
        let at = |location: &str| {
            let location = format!(r#""location":"{location}","modules""#);
            verdict(
                &map_of(MODULES).replace(r#""location":"a","modules""#, &location),
                &FILES,
            )
        };
        assert_eq!(
            at("b").unwrap_err(),
            "Cannot destructure property 'modules' of 'compartmentDescriptor' as it is undefined."
        );
        assert_eq!(
            at("valueOf").unwrap_err(),
            "Failed to load module \"./i.js\" in package \"valueOf\" (1 underlying failures: \
             Cannot read properties of undefined (reading './i.js')"
        );
    }

    #[test]
    fn files_are_looked_for_in_the_compartment_of_the_location() {
        let map = r#"{
            "entry": {"compartment": "b", "module": "./i.js"},
            "compartments": {
                "a": {"name": "p", "label": "p", "location": "a", "modules": {
                    "./i.js": {"location": "i.js", "parser": "text"}
                }},
                "b": {"name": "q", "label": "q", "location": "a", "modules": {}}
            }
        }"#;
        assert_eq!(verdict(map, &FILES), Ok(()));
    }
}
