//! Creates the compartments of a map, for modules to be loaded into.

use std::collections::HashMap;

use super::compartment_map::CompartmentMap;
use super::policy::Globals;
use super::{object_prototype, policy};
use crate::store::encoding::json::{JsObject, Json};
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// The name of the compartment with the attenuators.
const ATTENUATORS: &[u8] = b"<ATTENUATORS>";

/// All compartments of an archive.
pub(super) struct Linked<'a> {
    /// The compartments, in the order of the map.
    pub(super) compartments: Vec<Compartment<'a>>,
    by_name: HashMap<&'a [u8], usize>,
    /// The index of the entry module's compartment.
    pub(super) entry: usize,
    /// The attenuations of globals, in the order of the compartments.
    pub(super) attenuations: Vec<Attenuation<'a>>,
    /// The compartment of the attenuators, if the map has one.
    pub(super) attenuators: Option<Attenuators<'a>>,
}

/// The attenuation of a compartment's globals.
pub(super) struct Attenuation<'a> {
    /// The name of the compartment's package.
    pub(super) package: &'a [u8],
    /// The attenuator that the policy names; `None` for the default attenuator.
    pub(super) named: Option<&'a [u8]>,
}

/// The compartment of the attenuators.
pub(super) struct Attenuators<'a> {
    /// Its index.
    pub(super) compartment: usize,
    /// The default attenuator; a specifier, if it is valid.
    pub(super) default: Option<&'a Json>,
}

/// A compartment.
pub(super) struct Compartment<'a> {
    /// The directory of its files; also its name in messages.
    pub(super) location: &'a [u8],
    /// The name of its package.
    pub(super) package: &'a [u8],
    /// The modules that `module_map` looks up.
    pub(super) modules: &'a JsObject,
    /// The modules whose files can be imported: those of the compartment that `location` names,
    /// which need not be this one. `None` if `location` names an inherited property instead.
    pub(super) importable: Option<&'a JsObject>,
}

impl<'a> Compartment<'a> {
    /// The specifier as borrowed from the map, if `modules` or `importable` has it.
    pub(super) fn known_specifier(&self, specifier: &[u8]) -> Option<&'a [u8]> {
        let importable = self
            .importable
            .and_then(|modules| modules.get_key_value(specifier));
        let found = self.modules.get_key_value(specifier).or(importable);
        found.map(|(specifier, _)| specifier)
    }
}

impl Linked<'_> {
    /// The index of a compartment, by its name in the map.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// Creates the compartments of a map.
pub(super) fn link<'a>(map: &CompartmentMap<'a>) -> Result<Linked<'a>, Refusal> {
    let names = map.compartments.iter().map(|(name, _)| *name);
    let by_name: HashMap<_, _> = names
        .enumerate()
        .map(|(index, name)| (name, index))
        .collect();
    let attenuators = match by_name.get(ATTENUATORS) {
        None => None,
        Some(index) => {
            let policy = map.compartments[*index].1.policy.ok_or_else(|| {
                Refusal::error(
                    "\"<ATTENUATORS>\" is missing the required policy; this is likely a bug",
                )
            })?;
            Some(Attenuators {
                compartment: *index,
                default: policy.get("defaultAttenuator"),
            })
        }
    };

    let mut compartments = Vec::with_capacity(map.compartments.len());
    let mut attenuations = Vec::new();
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
            Globals::Attenuated(attenuation) => attenuations.push(Attenuation {
                package: descriptor.name,
                named: policy::attenuator(attenuation),
            }),
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
    Ok(Linked {
        compartments,
        by_name,
        entry,
        attenuations,
        attenuators,
    })
}

/// Assigns the globals of these names, which all are undefined, to a compartment. Fails if one is
/// read-only.
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

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{map_of, map_with, verdict};

    const MODULES: &str = r#"{"./i.js":{"location":"i.js","parser":"text"}}"#;
    const FILES: [(&str, &str); 1] = [("a/i.js", "hello")];

    fn with_policy(policy: &str) -> Result<(), String> {
        verdict(
            &map_with(&format!(r#""policy":{policy},"#), MODULES),
            &FILES,
        )
    }

    /// The verdict on a map with attenuators, with these properties.
    fn with_attenuators(properties: &str, policy: &str) -> Result<(), String> {
        let map = map_with(&format!(r#""policy":{policy},"#), MODULES);
        let attenuators = format!(
            r#""compartments":{{"<ATTENUATORS>":{{{properties}"name":"x","label":"x","location":"a","modules":{{}}}},"#
        );
        verdict(&map.replace("\"compartments\":{", &attenuators), &FILES)
    }

    #[test]
    fn globals_that_can_be_assigned_are_accepted() {
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
    fn attenuators_need_a_policy() {
        assert_eq!(
            with_attenuators("", "{}").unwrap_err(),
            "\"<ATTENUATORS>\" is missing the required policy; this is likely a bug"
        );
        assert_eq!(with_attenuators("\"policy\":{},", "{}"), Ok(()));
    }

    #[test]
    fn an_inherited_property_is_not_an_entry_compartment() {
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
    fn files_are_imported_from_the_compartment_of_the_location() {
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
