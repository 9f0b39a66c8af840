//! The rooms of `src/`: which module may import which. ARCHITECTURE.md describes them.
//!
//! A room imports only rooms before it in its list, so the rooms form no cycle. Neither do the
//! files: a file imports another if it names a path to it, in `use` or elsewhere, outside of
//! tests. The path of an item that a `mod.rs` re-exports leads to the file that defines the item.
//! So a `mod.rs` does not import a child by `mod` and `pub use`, but by using its items. Calling a
//! method imports nothing: a file that adds methods to a type imports the type's file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::visit::Visit;

/// The floors of the crate, from the one that imports none of the others.
const FLOORS: [&[&str]; 4] = [&["store"], &["report"], &["cli"], &["node"]];

/// The rooms of each floor that has any. Rooms in the same entry do not import each other.
const ROOMS: [(&str, &[&[&str]]); 3] = [
    (
        "store",
        &[
            &["encoding"],
            &["error"],
            &["log"],
            &["tasks"],
            &["metrics"],
            &["fs"],
            &["gzip"],
            &["places"],
            &["bundle_check"],
            &["records"],
            &["database"],
            &["substores"],
            &["transfer"],
            &["history", "verify", "diff", "maintenance", "measure"],
        ],
    ),
    ("cli", &[&["terminal"], &["arguments"], &["commands"]]),
    (
        "node",
        &[
            &["threads"],
            &["raw"],
            &["limits", "logging"],
            &["store"],
            &["jobs"],
        ],
    ),
];

/// A path of modules from the crate's root, such as `["store", "fs", "open"]`.
type ModulePath = Vec<String>;

/// Collects the paths that a file names.
struct Imports {
    /// The module that the visitor is in.
    module: ModulePath,
    /// The modules that the file declares. Their paths may begin with their name.
    children: BTreeSet<String>,
    found: Vec<ModulePath>,
    /// Items that the file re-exports: their name, and their path.
    re_exported: BTreeMap<String, ModulePath>,
}

impl Imports {
    fn of(file: &syn::File, module: ModulePath) -> Imports {
        let children = file.items.iter().filter_map(|item| match item {
            syn::Item::Mod(item) if item.content.is_none() => Some(item.ident.to_string()),
            _ => None,
        });
        let mut imports = Imports {
            module,
            children: children.collect(),
            found: Vec::new(),
            re_exported: BTreeMap::new(),
        };
        imports.visit_file(file);
        imports
    }

    fn add(&mut self, segments: &[String]) {
        self.found.extend(self.absolute(segments));
    }

    /// The path from the crate's root; `None` for a path to elsewhere.
    fn absolute(&self, segments: &[String]) -> Option<ModulePath> {
        let mut base = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            Some(name) if self.children.contains(name) => self.module.clone(),
            _ => return None,
        };
        let mut rest = segments;
        while let Some(first) = rest.first() {
            match first.as_str() {
                "super" => drop(base.pop()),
                "crate" | "self" => {}
                _ => break,
            }
            rest = &rest[1..];
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// Calls `add` with each name and path of a `use`.
    fn each(prefix: &[String], tree: &syn::UseTree, add: &mut dyn FnMut(String, &[String])) {
        let with = |ident: &syn::Ident| {
            let mut path = prefix.to_vec();
            path.push(ident.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => Imports::each(&with(&path.ident), &path.tree, add),
            syn::UseTree::Name(name) => add(name.ident.to_string(), &with(&name.ident)),
            syn::UseTree::Rename(rename) => add(rename.rename.to_string(), &with(&rename.ident)),
            syn::UseTree::Glob(_) => add("*".to_owned(), prefix),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    Imports::each(prefix, tree, add);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // Tests may use any room.
        let is_test = item.attrs.iter().any(|attribute| {
            matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("test"))
        });
        if !is_test {
            self.module.push(item.ident.to_string());
            syn::visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_re_export = !matches!(item.vis, syn::Visibility::Inherited);
        Imports::each(&[], &item.tree, &mut |name, path| {
            let Some(path) = self.absolute(path) else {
                return;
            };
            if is_re_export {
                self.re_exported.insert(name, path.clone());
            }
            self.found.push(path);
        });
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(super)` names no item.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.add(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let text = item.tokens.to_string();
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || "(){}[],;.&!".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        for (at, word) in words.iter().enumerate() {
            if matches!(*word, "crate" | "super") && (at == 0 || words[at - 1] != "::") {
                let path: Vec<String> = words[at..]
                    .chunks(2)
                    .take_while(|pair| pair[0] != "::")
                    .scan(true, |goes_on, pair| {
                        let segment = goes_on.then(|| pair[0].to_owned());
                        *goes_on = pair.get(1) == Some(&"::");
                        segment
                    })
                    .collect();
                self.add(&path);
            }
        }
        syn::visit::visit_macro(self, item);
    }
}

fn source_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The rank of a name in a list of ranks.
fn rank(ranks: &[&[&str]], name: &str) -> Option<usize> {
    ranks.iter().position(|names| names.contains(&name))
}

/// Returns why a module may not import a path, if it may not.
fn objection(module: &[String], import: &[String]) -> Option<String> {
    let (Some(from), Some(to)) = (module.first(), import.first()) else {
        return None;
    };
    let says = |why: &str| {
        Some(format!(
            "{} imports {}: {why}",
            module.join("::"),
            import.join("::")
        ))
    };
    if from != to {
        let (Some(from), Some(to)) = (rank(&FLOORS, from), rank(&FLOORS, to)) else {
            return None;
        };
        return if to < from {
            None
        } else {
            says("that floor is above it")
        };
    }
    let (_, rooms) = ROOMS.iter().find(|(floor, _)| floor == from)?;
    // The `mod.rs` of a floor may import all of its rooms.
    let from = module.get(1)?;
    let Some(to) = import.get(1) else {
        return says("name the room");
    };
    let Some(to_rank) = rank(rooms, to) else {
        return says("it is not in a room: name the room that has it");
    };
    let from_rank = rank(rooms, from)
        .unwrap_or_else(|| panic!("{} is in no room: add its room to ROOMS", module.join("::")));
    if from == to || to_rank < from_rank {
        None
    } else {
        says("that room is not below it in ROOMS")
    }
}

/// The files of `src/` by their module, without programs and tests.
static MODULES: LazyLock<BTreeMap<ModulePath, Imports>> = LazyLock::new(modules);

fn modules() -> BTreeMap<ModulePath, Imports> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 200, "{} files", files.len());
    let mut modules = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap().with_extension("");
        let mut module: ModulePath = inside
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        let is_test = module
            .iter()
            .any(|part| part == "tests" || part == "testing");
        if is_test || module[0] == "bin" {
            continue;
        }
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        let source = fs::read_to_string(&file).unwrap();
        let parsed = syn::parse_file(&source).unwrap();
        modules.insert(module.clone(), Imports::of(&parsed, module));
    }
    modules
}

/// The file that defines the item at a path.
fn file_of(modules: &BTreeMap<ModulePath, Imports>, path: &[String]) -> Option<ModulePath> {
    let length = (0..=path.len())
        .rev()
        .find(|length| modules.contains_key(&path[..*length]))?;
    let (file, rest) = path.split_at(length);
    let re_exported = rest
        .first()
        .and_then(|name| modules[file].re_exported.get(name));
    match re_exported {
        Some(target) if target != path => file_of(modules, &[target, &rest[1..]].concat()),
        _ => Some(file.to_vec()),
    }
}

/// The files that each file imports.
fn imported_files(
    modules: &BTreeMap<ModulePath, Imports>,
) -> BTreeMap<&ModulePath, BTreeSet<ModulePath>> {
    let imported = |(module, imports): (&_, &Imports)| {
        let re_exported: BTreeSet<_> = imports.re_exported.values().collect();
        let used = imports
            .found
            .iter()
            .filter(|path| !re_exported.contains(path));
        let files = used.filter_map(|path| file_of(modules, path));
        files.filter(|file| file != module).collect()
    };
    modules
        .iter()
        .map(|(module, imports)| (module, imported((module, imports))))
        .collect()
}

/// The files that import each other in a circle, directly or through others.
fn files_in_circles(modules: &BTreeMap<ModulePath, Imports>) -> Vec<String> {
    let mut imported = imported_files(modules);
    // Repeatedly drops files that import none of the rest, or that none of the rest imports.
    loop {
        let before = imported.len();
        let names: BTreeSet<ModulePath> = imported.keys().map(|name| (*name).clone()).collect();
        for files in imported.values_mut() {
            files.retain(|file| names.contains(file));
        }
        imported.retain(|_, files| !files.is_empty());
        let targets: BTreeSet<ModulePath> = imported.values().flatten().cloned().collect();
        imported.retain(|name, _| targets.contains(*name));
        if imported.len() == before {
            break;
        }
    }
    let line = |(name, files): (&&ModulePath, &BTreeSet<ModulePath>)| {
        let files: Vec<String> = files.iter().map(|file| file.join("::")).collect();
        format!("{} imports {}", name.join("::"), files.join(", "))
    };
    imported.iter().map(line).collect()
}

#[test]
fn rooms_import_only_rooms_before_them() {
    let mut objections = BTreeSet::new();
    let mut imports_seen = 0;
    for (module, imports) in MODULES.iter() {
        imports_seen += imports.found.len();
        let objects = |import: &ModulePath| objection(module, import);
        objections.extend(imports.found.iter().filter_map(objects));
    }
    assert!(imports_seen > 1000, "{imports_seen} imports");
    let objections: Vec<String> = objections.into_iter().collect();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
}

#[test]
fn files_do_not_import_each_other() {
    let arrows: usize = imported_files(&MODULES).values().map(BTreeSet::len).sum();
    assert!(arrows > 500, "{arrows} imports");
    let circles = files_in_circles(&MODULES);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn only_mod_rs_of_the_store_is_outside_its_rooms() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let entries = fs::read_dir(store).unwrap();
    let loose: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(loose, ["mod.rs"]);
}

#[test]
fn imports_that_run_upward_are_refused() {
    let path = |text: &str| -> ModulePath { text.split("::").map(str::to_owned).collect() };
    for (module, import) in [
        ("store::fs::open", "store::database::Database"),
        ("store::verify", "store::history::History"),
        ("store::kv", "report::page"),
        ("cli::terminal::table", "cli::commands::verify"),
        ("store::fs::open", "store::Error"),
    ] {
        assert!(
            objection(&path(module), &path(import)).is_some(),
            "{module} {import}"
        );
    }
    for (module, import) in [
        ("store::database", "store::fs::open"),
        ("store::fs::open", "store::fs::rename"),
        ("store", "store::verify"),
        ("node::jobs::verify", "cli::run"),
    ] {
        assert_eq!(objection(&path(module), &path(import)), None);
    }
}

#[test]
fn circles_of_files_are_found() {
    let circles = |files: &[(&str, &str)]| {
        let modules = files.iter().map(|(module, source)| {
            let module: ModulePath = module.split("::").map(str::to_owned).collect();
            let parsed = syn::parse_file(source).unwrap();
            (module.clone(), Imports::of(&parsed, module))
        });
        files_in_circles(&modules.collect())
    };
    let parent = ("a", "mod b; pub use b::B; pub struct A;");
    for (child, is_circle) in [
        ("use super::A; pub struct B;", false),
        ("pub struct B;", false),
        ("use crate::a::B;", false),
    ] {
        assert_eq!(
            !circles(&[parent, ("a::b", child)]).is_empty(),
            is_circle,
            "{child}"
        );
    }
    for (parent, child, is_circle) in [
        (
            "mod b; use b::B; pub struct A;",
            "use super::A; pub struct B;",
            true,
        ),
        (
            "mod b; pub struct A(b::B);",
            "pub fn f(_: &super::A) {}",
            true,
        ),
        ("mod b; pub struct A(b::B);", "pub struct B;", false),
        (
            "mod b; pub struct A(b::B);",
            "pub struct B; #[cfg(test)] mod tests { use super::super::A; }",
            false,
        ),
    ] {
        let found = circles(&[("a", parent), ("a::b", child)]);
        assert_eq!(!found.is_empty(), is_circle, "{parent} {child}");
    }
    // `c` imports `b` by the name that `a` re-exports.
    let found = circles(&[
        parent,
        ("a::b", "use crate::c::C; pub struct B;"),
        ("c", "use crate::a::B; pub struct C;"),
    ]);
    assert_eq!(found, ["a::b imports c", "c imports a::b"]);
}
