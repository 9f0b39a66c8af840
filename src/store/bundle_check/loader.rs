//! Loads a module and all its imports, without running code.
//!
//! The reference loads modules concurrently in asynchronous steps, and reports all failures in the
//! order in which they happen. A first-in, first-out queue of steps behaves like its event loop,
//! and gives the same order.

use std::collections::{HashMap, HashSet, VecDeque};

use super::archive::Archive;
use super::failures::Failures;
use super::import::Module;
use super::link::Linked;
use super::linking::Linking;
use super::module_map::ModuleTarget;
use super::record::{Imports, ModuleRecord};
use super::{import, module_map, specifier as specifiers};
use crate::store::encoding::json::{JsObject, Json};
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// A module: the index of its compartment, and its specifier there.
pub(super) type ModuleKey<'a> = (usize, &'a [u8]);

/// The parts of a module that linking needs.
pub(super) enum ModuleKind<'a> {
    /// An alias of another module.
    Alias(ModuleKey<'a>),
    /// A module with these imports.
    Module(Vec<ModuleKey<'a>>, Linking),
}

/// Loads modules of an archive, one entry module after another.
pub(super) struct Loader<'a, 'l> {
    linked: &'l Linked<'a>,
    archive: &'l mut Archive<'a>,
    /// The modules that were loaded successfully, with all their imports.
    loaded: HashSet<ModuleKey<'a>>,
    /// The loaded modules, if they will be linked.
    sources: Option<HashMap<ModuleKey<'a>, ModuleKind<'a>>>,
    /// The loads for the current entry module.
    loads: Vec<Load<'a>>,
    /// The loads of specifiers in the map. Loads of other specifiers fail and are not shared.
    known: HashMap<ModuleKey<'a>, usize>,
    steps: VecDeque<Step>,
    failures: Failures,
}

/// The loading of one module.
struct Load<'a> {
    compartment: usize,
    specifier: &'a [u8],
    outcome: Option<Outcome>,
    waiting: Vec<Waiting>,
}

/// The result of a load: success, or the index of a failure.
type Outcome = Result<(), usize>;

/// Something that waits for a load to end.
#[derive(Clone, Copy)]
enum Waiting {
    /// A load whose specifier is an alias of this load's.
    Alias(usize),
    /// An import of the module, which reports a failure.
    Importer,
}

/// The next step of a load, which is given by its index.
enum Step {
    /// Look up the specifier.
    Begin(usize),
    /// Read the file.
    Import(usize),
    /// The file has been parsed.
    Parsed(usize, Module),
    /// The module is available; load its imports.
    Loaded(usize, Module),
    /// The load ends.
    End(usize, Outcome),
    /// The load fails after this number of further steps.
    Fail(usize, usize, u8),
    /// Report a failure.
    Report(usize),
}

impl<'a, 'l> Loader<'a, 'l> {
    pub(super) fn new(linked: &'l Linked<'a>, archive: &'l mut Archive<'a>) -> Loader<'a, 'l> {
        Loader {
            linked,
            archive,
            loaded: HashSet::new(),
            sources: None,
            loads: Vec::new(),
            known: HashMap::new(),
            steps: VecDeque::new(),
            failures: Failures::default(),
        }
    }

    /// Starts or stops keeping loaded modules for linking.
    pub(super) fn keep_sources(&mut self, keep: bool) {
        self.sources = keep.then(HashMap::new);
    }

    /// A module that was loaded while modules were kept.
    pub(super) fn source(&self, place: ModuleKey<'a>) -> Option<&ModuleKind<'a>> {
        self.sources.as_ref()?.get(&place)
    }

    /// Marks the files of all unread modules with correct hashes as read.
    ///
    /// A program can import them at run time by specifiers that it computes.
    pub(super) fn read_unlisted_modules(&mut self) {
        let mut locations = HashSet::new();
        for compartment in &self.linked.compartments {
            if !locations.insert(compartment.location) {
                continue;
            }
            let modules = compartment.importable.map(JsObject::iter);
            for (_, module) in modules.into_iter().flatten() {
                import::read_unlisted(self.archive, compartment, module);
            }
        }
    }

    /// Loads a module and all that it imports.
    pub(super) fn load(&mut self, compartment: usize, specifier: &'a [u8]) -> Result<(), Refusal> {
        self.loads.clear();
        self.known.clear();
        self.failures = Failures::default();
        let entry = self.start_known(compartment, specifier);
        self.wait(entry, Waiting::Importer);
        while let Some(step) = self.steps.pop_front() {
            self.run(step);
        }
        // Only an alias waits for another load, so this load is part of a cycle of aliases.
        if let Some(cycle) = self.loads.iter().find(|load| load.outcome.is_none()) {
            return Err(Refusal::error(format!(
                "Module {} is an alias of itself",
                quote::string(cycle.specifier)
            )));
        }
        let location = self.linked.compartments[compartment].location;
        let failures = std::mem::take(&mut self.failures);
        failures.into_result(format_args!(
            "Failed to load module {} in package {}",
            quote::string(specifier),
            quote::string(location)
        ))?;
        self.loaded.extend(self.known.keys());
        Ok(())
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Begin(load) => self.begin(load),
            Step::Import(load) => self.import(load),
            Step::Parsed(load, module) => self.steps.push_back(Step::Loaded(load, module)),
            Step::Loaded(load, module) => {
                let outcome = self.follow(load, module);
                self.end(load, outcome);
            }
            Step::End(load, outcome) => self.end(load, outcome),
            Step::Fail(load, failure, 0) => self.end(load, Err(failure)),
            Step::Fail(load, failure, steps) => {
                self.steps.push_back(Step::Fail(load, failure, steps - 1));
            }
            Step::Report(failure) => self.failures.report(failure),
        }
    }

    fn begin(&mut self, load: usize) {
        let Load {
            compartment,
            specifier,
            ..
        } = self.loads[load];
        if self.loaded.contains(&(compartment, specifier)) {
            self.end(load, Ok(()));
            return;
        }
        match module_map::look_up(self.linked, compartment, specifier) {
            Ok(ModuleTarget::Alias(to, foreign)) => {
                let target = self.start_known(to, foreign);
                self.wait(target, Waiting::Alias(load));
                self.keep_source((compartment, specifier), ModuleKind::Alias((to, foreign)));
            }
            Ok(ModuleTarget::Object(namespace)) => {
                self.end(load, Ok(()));
                let linking = Linking::of_object(namespace);
                self.keep_source(
                    (compartment, specifier),
                    ModuleKind::Module(Vec::new(), linking),
                );
            }
            Ok(ModuleTarget::File) => self.steps.push_back(Step::Import(load)),
            Err(refusal) => {
                let failure = self.failures.add(refusal);
                self.end(load, Err(failure));
            }
        }
    }

    fn import(&mut self, load: usize) {
        let Load {
            compartment,
            specifier,
            ..
        } = self.loads[load];
        let compartment = &self.linked.compartments[compartment];
        let next = match import::import(self.archive, compartment, specifier) {
            Ok(module @ Module::DeferredError(_)) => Step::Loaded(load, module),
            Ok(module) => Step::Parsed(load, module),
            Err(refusal) => Step::End(load, Err(self.failures.add(refusal))),
        };
        self.steps.push_back(next);
    }

    /// Starts the loads of a module's imports.
    fn follow(&mut self, load: usize, module: Module) -> Outcome {
        let Load {
            compartment,
            specifier: referrer,
            ..
        } = self.loads[load];
        let place = (compartment, referrer);
        let ModuleRecord { imports, linking } = match module {
            Module::DeferredError(linking) => {
                self.keep_source(place, ModuleKind::Module(Vec::new(), linking));
                return Ok(());
            }
            Module::File(record) => record,
        };
        let specifiers = match imports {
            Imports::Specifiers(specifiers) => specifiers,
            Imports::Invalid(found) => {
                return Err(self.failures.add(Refusal::error(format!(
                    "Invalid module source: 'imports' must be an array of strings, got ({} {found}) \
                     for module {} of compartment {}",
                    if found.starts_with(['o', 'u']) { "an" } else { "a" },
                    quote::string(referrer),
                    quote::string(self.linked.compartments[compartment].location)
                ))));
            }
        };
        for specifier in &specifiers {
            if let Err(refusal) = specifiers::resolve(specifier, referrer) {
                return Err(self.failures.add(refusal));
            }
        }
        // The reference keeps the imports as the properties of an object, and loads them in the
        // order of properties.
        let imports: JsObject = specifiers
            .into_iter()
            .map(|key| (key, Json::Null))
            .collect();
        let mut places = Vec::new();
        for (specifier, _) in imports.iter() {
            if let Ok(specifier) = specifiers::resolve(specifier, referrer) {
                let import = self.start(compartment, &specifier);
                self.wait(import, Waiting::Importer);
                if self.sources.is_some() {
                    places.push((compartment, self.loads[import].specifier));
                }
            }
        }
        self.keep_source(place, ModuleKind::Module(places, linking));
        Ok(())
    }

    fn keep_source(&mut self, place: ModuleKey<'a>, source: ModuleKind<'a>) {
        if let Some(sources) = &mut self.sources {
            sources.insert(place, source);
        }
    }

    /// Starts the load of a specifier, or returns the existing one.
    fn start(&mut self, compartment: usize, specifier: &[u8]) -> usize {
        let linked = self.linked;
        let found = linked.compartments[compartment].known_specifier(specifier);
        match found {
            Some(specifier) => self.start_known(compartment, specifier),
            None => self.start_unknown(compartment, specifier),
        }
    }

    fn start_known(&mut self, compartment: usize, specifier: &'a [u8]) -> usize {
        if let Some(load) = self.known.get(&(compartment, specifier)) {
            return *load;
        }
        let load = self.add(compartment, specifier);
        self.known.insert((compartment, specifier), load);
        self.steps.push_back(Step::Begin(load));
        load
    }

    /// Starts the load of a specifier that is not in the map. It fails after the usual number of
    /// steps. Its specifier is not kept, because there can be many, each as long as its referrer.
    fn start_unknown(&mut self, compartment: usize, specifier: &[u8]) -> usize {
        let load = self.add(compartment, b"");
        let next = match module_map::look_up(self.linked, compartment, specifier) {
            Err(refusal) => Step::Fail(load, self.failures.add(refusal), 0),
            Ok(_) => {
                let compartment = &self.linked.compartments[compartment];
                match import::import(self.archive, compartment, specifier) {
                    Err(refusal) => Step::Fail(load, self.failures.add(refusal), 2),
                    Ok(module) => Step::Loaded(load, module),
                }
            }
        };
        self.steps.push_back(next);
        load
    }

    fn add(&mut self, compartment: usize, specifier: &'a [u8]) -> usize {
        self.loads.push(Load {
            compartment,
            specifier,
            outcome: None,
            waiting: Vec::new(),
        });
        self.loads.len() - 1
    }

    fn wait(&mut self, load: usize, waiting: Waiting) {
        match self.loads[load].outcome {
            None => self.loads[load].waiting.push(waiting),
            Some(outcome) => self.wake(waiting, outcome),
        }
    }

    fn end(&mut self, load: usize, outcome: Outcome) {
        self.loads[load].outcome = Some(outcome);
        for waiting in std::mem::take(&mut self.loads[load].waiting) {
            self.wake(waiting, outcome);
        }
    }

    fn wake(&mut self, waiting: Waiting, outcome: Outcome) {
        match (waiting, outcome) {
            (Waiting::Alias(load), outcome) => self.steps.push_back(Step::End(load, outcome)),
            (Waiting::Importer, Err(failure)) => self.steps.push_back(Step::Report(failure)),
            (Waiting::Importer, Ok(())) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{map_of, verdict};

    /// Loads modules, given by name and imports, from files of the same names.
    fn load(modules: &[(&str, &str)], more: &str) -> Result<(), String> {
        let entries: Vec<String> = modules
            .iter()
            .map(|(name, _)| {
                format!(r#""./{name}":{{"location":"{name}","parser":"pre-mjs-json"}}"#)
            })
            .collect();
        let records: Vec<(String, String)> = modules
            .iter()
            .map(|(name, imports)| (format!("a/{name}"), format!(r#"{{"imports":{imports}}}"#)))
            .collect();
        let files: Vec<(&str, &str)> = records
            .iter()
            .map(|(name, record)| (name.as_str(), record.as_str()))
            .collect();
        verdict(&map_of(&format!("{{{}{more}}}", entries.join(","))), &files)
    }

    #[track_caller]
    fn fails(modules: &[(&str, &str)], more: &str, count: usize, problems: &str) {
        let expected = format!(
            "Failed to load module \"./i.js\" in package \"a\" ({count} underlying failures: {problems}"
        );
        assert_eq!(load(modules, more).unwrap_err(), expected);
    }

    #[test]
    fn imports_are_followed() {
        let modules = [
            ("i.js", r#"["./x/j.js","dep","./i.js"]"#),
            ("x/j.js", r#"["../k.js","./j.js"]"#),
            ("k.js", r#"["./i.js"]"#),
            ("l.js", "[]"),
        ];
        let dep = r#","dep":{"compartment":"a","module":"./l.js"}"#;
        assert_eq!(load(&modules, dep), Ok(()));
        assert_eq!(
            load(
                &modules[..1],
                r#","dep":{"deferredError":"x"},"./x/j.js":{"deferredError":"y"}"#
            ),
            Ok(())
        );
    }

    #[test]
    fn files_that_are_not_imported_are_extraneous() {
        assert_eq!(
            load(&[("i.js", "[]"), ("j.js", "[]")], "").unwrap_err(),
            "Archive contains extraneous files: [\"a/j.js\"] in \"ID\""
        );
    }

    #[test]
    fn failures_come_in_the_order_of_the_reference() {
        let missing = |name: &str| {
            format!("Cannot find module \"{name}\" in package \"a\" in archive \"ID\"")
        };
        // Lookups in the map fail first; then missing modules fail, in the order of properties.
        fails(
            &[("i.js", r#"["./b","toString","7"]"#)],
            "",
            3,
            &format!(
                "Cannot add property retained, object is not extensible, {}, {}",
                missing("7"),
                missing("./b")
            ),
        );
    }

    #[test]
    fn each_import_of_a_module_reports_its_failure() {
        let modules = [
            ("i.js", r#"["./j.js","./k.js"]"#),
            ("j.js", r#"["./l.js"]"#),
            ("k.js", r#"["./x/../l.js","./l.js"]"#),
            ("l.js", "[5]"),
        ];
        let invalid = "Invalid module source: 'imports' must be an array of strings, got (an \
                       object) for module \"./l.js\" of compartment \"a\"";
        fails(&modules, "", 3, &[invalid; 3].join(", "));
    }

    #[test]
    fn an_alias_fails_with_its_module() {
        fails(
            &[("i.js", r#"["x"]"#)],
            r#","x":{"compartment":"a","module":"y"},"y":{"compartment":"a","module":"z"}"#,
            1,
            "Cannot find module \"z\" in package \"a\" in archive \"ID\"",
        );
    }

    #[test]
    fn cycles_of_aliases_are_refused() {
        let aliases =
            r#","x":{"compartment":"a","module":"y"},"y":{"compartment":"a","module":"x"}"#;
        assert_eq!(
            load(&[("i.js", r#"["x"]"#)], aliases).unwrap_err(),
            "Module \"x\" is an alias of itself"
        );
        let unused = load(&[("i.js", "[]")], aliases);
        assert_eq!(unused, Ok(()));
    }

    #[test]
    fn specifiers_must_resolve() {
        fails(
            &[("i.js", r#"["./ok","../../x"]"#)],
            "",
            1,
            "Module specifier \"../../x\" via referrer \"./i.js\" must not traverse behind an empty \
             path",
        );
    }

    #[test]
    fn the_message_of_many_failures_is_bounded() {
        let imports: Vec<String> = (0..100_000)
            .map(|number| format!("\"m{number}\""))
            .collect();
        let message = load(&[("i.js", &format!("[{}]", imports.join(",")))], "").unwrap_err();
        assert!(message.len() < 4 << 20);
        assert!(message.contains("(100000 underlying failures: "));
    }
}
