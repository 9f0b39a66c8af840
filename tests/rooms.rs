//! The rooms of `src/`: which module may import which. ARCHITECTURE.md describes them.
//!
//! A room imports only rooms before it in its list, so the rooms form no cycle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
            &["tasks"],
            &["fs"],
            &["gzip"],
            &["bundle_check"],
            &["records"],
            &["database"],
            &["substores"],
            &["transfer"],
            &["history", "verify", "diff", "maintenance"],
        ],
    ),
    ("cli", &[&["terminal"], &["arguments"], &["commands"]]),
    (
        "node",
        &[&["threads"], &["raw"], &["limits"], &["store"], &["jobs"]],
    ),
];

/// A path of modules from the crate's root, such as `["store", "fs", "open"]`.
type ModulePath = Vec<String>;

/// Collects the paths that a file names.
struct Imports {
    /// The module that the visitor is in.
    module: ModulePath,
    found: Vec<ModulePath>,
}

impl Imports {
    fn add(&mut self, segments: &[String]) {
        let mut base = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
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
        self.found.push(base);
    }

    fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| {
            let mut path = prefix.to_vec();
            path.push(ident.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(prefix),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(prefix, tree);
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
        self.add_tree(&[], &item.tree);
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

#[test]
fn rooms_import_only_rooms_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 200, "{} files", files.len());
    let mut objections = BTreeSet::new();
    let mut imports_seen = 0;
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
        let mut imports = Imports {
            module: module.clone(),
            found: Vec::new(),
        };
        imports.visit_file(&parsed);
        imports_seen += imports.found.len();
        let objects = |import: &ModulePath| objection(&module, import);
        objections.extend(imports.found.iter().filter_map(objects));
    }
    assert!(imports_seen > 1000, "{imports_seen} imports");
    let objections: Vec<String> = objections.into_iter().collect();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
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
