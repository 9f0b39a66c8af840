//! Checks attenuators: modules that choose the globals of other compartments.
//!
//! Before the reference loads the entry module, it imports and runs the attenuator of every
//! compartment whose policy names one. Here the attenuator is loaded, which checks the hashes of
//! its modules, and linked as far as that is possible without its program.

use std::collections::{HashMap, HashSet};

use super::link::{Attenuation, Linked};
use super::linking::NotAnAttenuator;
use super::loader::{Loader, ModuleKey, ModuleKind};
use crate::store::encoding::json::Json;
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// The length of a message after which further problems are omitted. Any number of compartments can
/// have the same problem.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Stands for the omitted problems.
const ELLIPSIS: &str = "\u{2026}";

/// Checks the attenuators of globals. Returns whether one of them can import modules that its
/// record does not list.
///
/// # Errors
/// A [`Refusal`] if an attenuator can't be loaded, or fails regardless of its program.
pub(super) fn check<'a>(linked: &Linked<'a>, loader: &mut Loader<'a, '_>) -> Result<bool, Refusal> {
    if linked.attenuations.is_empty() {
        return Ok(false);
    }
    loader.keep_sources(true);
    let mut verdicts: HashMap<&[u8], Result<(), String>> = HashMap::new();
    let mut linker = Linker::default();
    let mut problems = Problems::default();
    for attenuation in &linked.attenuations {
        let place = match module(linked, attenuation) {
            Ok(place) => place,
            Err(problem) => {
                problems.add(attenuation, problem);
                continue;
            }
        };
        let verdict = verdicts.entry(place.1);
        match verdict.or_insert_with(|| linker.load_and_link(loader, place)) {
            Ok(()) => {
                if let Some(fault) = not_an_attenuator(loader, place) {
                    problems.add(attenuation, &fault.message(attenuation.display_name()));
                }
            }
            Err(problem) => problems.add(attenuation, problem),
        }
    }
    loader.keep_sources(false);
    problems.into_result().map(|()| linker.can_import_more)
}

impl<'a> Attenuation<'a> {
    /// The attenuator's name in messages.
    fn display_name(&self) -> &'a [u8] {
        self.named.unwrap_or(b"<default attenuator>")
    }
}

/// The problems of all attenuations, in one message.
#[derive(Default)]
struct Problems(String);

impl Problems {
    fn add(&mut self, attenuation: &Attenuation<'_>, problem: &str) {
        if self.0.ends_with(ELLIPSIS) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push_str(", ");
        }
        if self.0.len() > MAX_MESSAGE_BYTES {
            self.0.push_str(ELLIPSIS);
            return;
        }
        self.0.push_str(&format!(
            "Error while attenuating globals for {} with {}: {}",
            quote::plain(attenuation.package),
            quote::plain(attenuation.display_name()),
            quote::plain(problem.as_bytes())
        ));
    }

    fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Refusal::error(format!(
            "Globals attenuation errors: {}",
            self.0
        )))
    }
}

/// The attenuator's module.
fn module<'a>(
    linked: &Linked<'a>,
    attenuation: &Attenuation<'a>,
) -> Result<ModuleKey<'a>, &'static str> {
    let Some(attenuators) = &linked.attenuators else {
        return Err("No attenuators specified in policy");
    };
    let specifier = match attenuation.named {
        Some(named) if !named.is_empty() => named,
        _ => match attenuators.default {
            Some(Json::String(default)) if !default.is_empty() => default,
            Some(default) if default.truthy() => {
                return Err("first argument of import() must be a string");
            }
            _ => return Err("No default attenuator specified in policy"),
        },
    };
    Ok((attenuators.compartment, specifier))
}

/// Links each module once, as far as that is possible without its program.
#[derive(Default)]
struct Linker<'a> {
    linked: HashSet<ModuleKey<'a>>,
    /// Whether one of them can import modules that its record does not list.
    can_import_more: bool,
}

impl<'a> Linker<'a> {
    /// Loads an attenuator, and links it and all its imports.
    fn load_and_link(
        &mut self,
        loader: &mut Loader<'a, '_>,
        attenuator: ModuleKey<'a>,
    ) -> Result<(), String> {
        let load = loader.load(attenuator.0, attenuator.1);
        load.map_err(|refusal| refusal.message().to_owned())?;
        let mut pending = vec![attenuator];
        while let Some(place) = pending.pop() {
            if !self.linked.insert(place) {
                continue;
            }
            match loader.source(place) {
                Some(ModuleKind::Alias(place)) => pending.push(*place),
                Some(ModuleKind::Module(imports, linking)) => {
                    if let Some(problem) = &linking.problem {
                        return Err(problem.clone());
                    }
                    self.can_import_more |= linking.imports_more;
                    pending.extend(imports.iter().rev());
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Why a loaded module is not an attenuator, regardless of its program.
fn not_an_attenuator<'l, 'a>(
    loader: &'l Loader<'a, '_>,
    mut place: ModuleKey<'a>,
) -> Option<&'l NotAnAttenuator> {
    loop {
        match loader.source(place)? {
            ModuleKind::Alias(target) => place = *target,
            ModuleKind::Module(_, linking) => return linking.not_an_attenuator.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{hash_of, verdict};

    const ATTENUATOR: &str = r#"{"imports":[],"exports":["attenuateGlobals"],"__syncModuleProgram__":"","__liveExportMap__":{},"__fixedExportMap__":{"attenuateGlobals":["attenuateGlobals"]}}"#;

    /// An archive in which a module of the attenuators' compartment, `t`, attenuates the globals of
    /// the only other compartment.
    struct Attenuated {
        globals: &'static str,
        default: &'static str,
        modules: String,
        files: Vec<(&'static str, String)>,
    }

    impl Attenuated {
        fn by(record: &str) -> Attenuated {
            Attenuated {
                globals: r#"{"attenuate":"x"}"#,
                default: r#""x""#,
                modules: format!(
                    r#"{{"x":{{"compartment":"t","module":"./x"}},"./x":{{"location":"x","parser":"pre-mjs-json","sha512":"{}"}}}}"#,
                    hash_of(record)
                ),
                files: vec![("a/i.js", "hello".into()), ("t/x", record.into())],
            }
        }

        fn verdict(&self) -> Result<(), String> {
            let Attenuated {
                globals,
                default,
                modules,
                files,
            } = self;
            let map = format!(
                r#"{{"entry":{{"compartment":"a","module":"./i.js"}},"compartments":{{
                "<ATTENUATORS>":{{"name":"t","label":"t","location":"t","modules":{modules},"policy":{{"defaultAttenuator":{default}}}}},
                "t":{{"name":"t","label":"t","location":"t","modules":{modules}}},
                "a":{{"name":"p","label":"p","location":"a","policy":{{"globals":{globals}}},"modules":{{"./i.js":{{"location":"i.js","parser":"text"}}}}}}
                }}}}"#
            );
            let files: Vec<(&str, &str)> = files
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect();
            verdict(&map, &files)
        }

        #[track_caller]
        fn fails(&self, with: &str, problem: &str) {
            assert_eq!(
                self.verdict().unwrap_err(),
                format!(
                    "Globals attenuation errors: Error while attenuating globals for \"p\" with \
                     \"{with}\": \"{problem}\""
                )
            );
        }
    }

    #[test]
    fn an_attenuator_is_loaded_and_not_run() {
        assert_eq!(Attenuated::by(ATTENUATOR).verdict(), Ok(()));
        for globals in [r#"["params"]"#, "[]", r#"{"attenuate":""}"#] {
            let attenuated = Attenuated {
                globals,
                ..Attenuated::by(ATTENUATOR)
            };
            assert_eq!(attenuated.verdict(), Ok(()));
        }
        let throws = ATTENUATOR.replace(
            "\"__syncModuleProgram__\":\"\"",
            "\"__syncModuleProgram__\":\"throw\"",
        );
        assert_eq!(Attenuated::by(&throws).verdict(), Ok(()));
    }

    #[test]
    fn the_hashes_of_attenuators_are_checked() {
        let mut attenuated = Attenuated::by(ATTENUATOR);
        attenuated.files[1].1.push(' ');
        attenuated.fails(
            "x",
            "Failed to load module \\\"x\\\" in package \\\"t\\\" (1 underlying failures: Module \
             \\\"x\\\" of package \\\"t\\\" in archive \\\"ID\\\" failed a SHA-512 integrity check",
        );
    }

    #[test]
    fn an_attenuator_must_be_there() {
        for (globals, default, with, problem) in [
            (
                r#"["x"]"#,
                "\"\"",
                "<default attenuator>",
                "No default attenuator specified in policy",
            ),
            (
                r#"["x"]"#,
                "[1]",
                "<default attenuator>",
                "first argument of import() must be a string",
            ),
            (
                r#"{"attenuate":"y"}"#,
                "\"x\"",
                "y",
                "Failed to load module \\\"y\\\" in package \\\"t\\\" (1 underlying failures: Cannot find \
                 module \\\"y\\\" in package \\\"t\\\" in archive \\\"ID\\\"",
            ),
        ] {
            let attenuated = Attenuated {
                globals,
                default,
                ..Attenuated::by(ATTENUATOR)
            };
            attenuated.fails(with, problem);
        }
        let without = Attenuated {
            modules: "{}".into(),
            ..Attenuated::by(ATTENUATOR)
        };
        assert!(without.verdict().is_err());
    }

    #[test]
    fn modules_that_can_not_be_attenuators_are_refused() {
        for (from, to, problem) in [
            (
                r#"{"attenuateGlobals":["attenuateGlobals"]}"#,
                r#"{"attenuate":["attenuateGlobals"]}"#,
                r#"Attenuator \"x\" does not export \"attenuateGlobals\""#,
            ),
            (
                r#""exports":["attenuateGlobals"]"#,
                r#""exports":1"#,
                r#"Invalid module source: 'exports' must be an array, got 1, for module \"./x\""#,
            ),
            (
                r#""__liveExportMap__":{}"#,
                r#""__liveExportMap__":null"#,
                r#"Property '__liveExportMap__' of a precompiled module source must be an object, got null, for module \"./x\""#,
            ),
        ] {
            assert!(ATTENUATOR.contains(from));
            Attenuated::by(&ATTENUATOR.replace(from, to))
                .fails("x", &problem.replace('"', "\\\"").replace("\\\\\"", "\\\""));
        }
    }

    #[test]
    fn programs_can_import_modules_that_no_record_lists() {
        let unlisted = |record: &str, hash: &str| {
            let mut attenuated = Attenuated::by(record);
            let more = format!(r#","./y":{{"location":"y","parser":"text","sha512":"{hash}"}}}}"#);
            attenuated.modules.pop();
            attenuated.modules.push_str(&more);
            attenuated.files.push(("t/y", "more".into()));
            attenuated.verdict()
        };
        let extraneous = Err("Archive contains extraneous files: [\"t/y\"] in \"ID\"".to_owned());
        assert_eq!(unlisted(ATTENUATOR, &hash_of("more")), extraneous);
        let importing = ATTENUATOR.replacen('{', r#"{"__needsImport__":true,"#, 1);
        assert_eq!(unlisted(&importing, &hash_of("more")), Ok(()));
        assert_eq!(unlisted(&importing, &hash_of("less")), extraneous);
    }
}
