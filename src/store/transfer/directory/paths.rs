//! File names: those that an export gives its artifacts, and those that an import finds in a
//! manifest.
//!
//! A manifest may be hostile. An import only reads regular files in the manifest's directory, and
//! rejects names that mean anything else on any operating system.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use dunce::simplified;

use super::layout::{DATA_NAME, MANIFEST_NAME};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};

/// The longest file name on common file systems, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a name can't be the name of a file in an export, as the end of the sentence "the manifest
/// names the file NAME, …"; `None` if it can.
pub(crate) fn file_name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("which is empty");
    }
    if name == "." || name == ".." {
        return Some("which is a directory");
    }
    if name.contains(['/', '\\']) {
        return Some("which contains a path separator");
    }
    if name.contains(|c: char| c.is_control() || "<>:\"|?*".contains(c)) {
        return Some("which contains a character that some file systems reject");
    }
    if name.ends_with(['.', ' ']) {
        return Some("which ends in a dot or a space, and Windows removes that");
    }
    if name.len() > MAX_NAME_BYTES {
        return Some("which is longer than 255 bytes");
    }
    is_device(name).then_some("which is a device on Windows")
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_lowercase();
    let numbered = |kind| {
        stem.strip_prefix(kind).is_some_and(|rest: &str| {
            matches!(rest, "\u{b9}" | "\u{b2}" | "\u{b3}") || is_digit(rest)
        })
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

fn is_digit(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'])
}

/// Chooses the file names of a new export: the artifact's name, as `cosmic-swingset` does, if it is
/// a valid file name.
pub(super) struct FileNames {
    /// In lower case, because some file systems ignore case.
    taken: HashSet<String>,
}

impl FileNames {
    pub(super) fn new() -> FileNames {
        let own = [MANIFEST_NAME, DATA_NAME];
        FileNames {
            taken: own.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The name of an artifact's file, with this extension.
    pub(super) fn name_for(&mut self, artifact: &[u8], extension: &str) -> String {
        if let Ok(name) = std::str::from_utf8(artifact) {
            let name = format!("{name}{extension}");
            if file_name_problem(&name).is_none() && self.taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        let mut number = self.taken.len();
        loop {
            let name = format!("artifact-{number}{extension}");
            if self.taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }
}

/// Finds the file that a manifest names. `directory` comes from [`Path::canonicalize`]; the
/// returned path, and paths in messages, are without Windows' `\\?\` prefix.
///
/// # Errors
/// [`Error::Directory`] if the name leads out of the directory, for example by a symbolic link, or
/// is not the name of a regular file; [`Error::Io`].
pub(super) fn find(directory: &Path, name: &[u8]) -> Result<PathBuf> {
    let text = std::str::from_utf8(name)
        .map_err(|_| Fault::file(name, "which is not well-formed Unicode"))?;
    if let Some(problem) = file_name_problem(text) {
        return Err(Fault::file(name, problem));
    }
    let path = match directory.join(text).canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem = format!("which is not in {}", simplified(directory).display());
            return Err(Fault::file(name, problem));
        }
        Err(error) => return Err(Error::io(format!("looking for {text}"), &error)),
    };
    if !path.starts_with(directory) {
        let problem = format!(
            "a symbolic link that leads out of {}",
            simplified(directory).display()
        );
        return Err(Fault::file(name, problem));
    }
    let path = simplified(&path).to_owned();
    let found = fs::metadata(&path)
        .map_err(|error| Error::io(format!("looking at {}", path.display()), &error))?;
    if !found.is_file() {
        return Err(Fault::file(name, "which is not a regular file"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_anything_but_files_in_the_directory_are_refused() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/etc/passwd",
            "a\\b",
            "..\\x",
            "c:x",
            "c:\\x",
            "a\0b",
            "a\nb",
            "x.",
            "x ",
            "con",
            "CON",
            "nul.txt",
            "Com1.x",
            "lpt9",
            "com\u{b9}",
            "a*",
            "aux .x",
        ] {
            assert!(file_name_problem(bad).is_some(), "{bad:?}");
        }
        for directory in [".", ".."] {
            assert_eq!(file_name_problem(directory), Some("which is a directory"));
        }
        assert!(file_name_problem(&"x".repeat(256)).is_some());
        for good in [
            "transcript.v1.0.5",
            "snapshot.v1.5",
            "bundle.b1-00",
            "export-data.jsonl",
            "...x",
            "com10",
            "console",
            ".hidden",
            "\u{e9}t\u{e9}",
        ] {
            assert!(file_name_problem(good).is_none(), "{good:?}");
        }
    }

    #[test]
    fn each_artifact_gets_a_file_of_its_own() {
        let mut names = FileNames::new();
        assert_eq!(
            names.name_for(b"transcript.v1.0.1", ""),
            "transcript.v1.0.1"
        );
        let odd: [&[u8]; 5] = [
            b"transcript.V1.0.1",
            b"transcript.a/b.0.1",
            b"transcript.../../x.0.1",
            b"transcript.\xED\xA0\x80.0.1",
            b"export-manifest.json",
        ];
        let mut files_of = |extension| -> HashSet<String> {
            let names = odd.iter().map(|name| names.name_for(name, extension));
            names.collect()
        };
        let files = files_of("");
        assert_eq!(files.len(), odd.len());
        assert!(files.iter().all(|name| name.starts_with("artifact-")));
        let files = files_of(".gz");
        assert_eq!(files.len(), odd.len());
        assert!(files.contains("transcript.V1.0.1.gz"));
        assert!(files.contains("export-manifest.json.gz"));
        assert!(files.iter().all(|name| name.ends_with(".gz")));
    }
}
