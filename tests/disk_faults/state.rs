//! The contents of a store, and whether it is sound. Used while no fault is armed.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use swing_store::store::verify::{Finding, VerifyOptions};
use swing_store::store::{ArtifactMode, Monitor, Sha256, file_in_directory, verify_store};

const TABLES: [&str; 6] = [
    "SELECT * FROM kvStore ORDER BY key",
    "SELECT vatID, position, item, incarnation FROM transcriptItems ORDER BY vatID, position",
    "SELECT * FROM transcriptSpans ORDER BY vatID, startPos",
    "SELECT * FROM snapshots ORDER BY vatID, snapPos",
    "SELECT * FROM bundles ORDER BY bundleID",
    "SELECT * FROM pendingExports ORDER BY key",
];

/// Everything in a store's tables, as one hash.
pub fn digest(directory: &Path) -> String {
    let connection = Connection::open(file_in_directory(directory)).unwrap();
    let mut hash = Sha256::new();
    for sql in TABLES {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let value = match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                    other => format!("{other:?}").into_bytes(),
                };
                hash.add(format!("{}:", value.len()).as_bytes());
                hash.add(&value);
            }
        }
        hash.add(b";");
    }
    hash.finish()
}

/// Asserts that a store is sound.
pub fn check_sound(directory: &Path, what: &str) {
    let findings = findings(directory, what);
    assert!(findings.is_empty(), "{what}: {findings:?}");
}

/// The findings of a verification.
pub fn findings(directory: &Path, what: &str) -> Vec<Finding> {
    let options = VerifyOptions {
        mode: ArtifactMode::Debug,
        ..VerifyOptions::default()
    };
    let report = verify_store(directory, &options, &Monitor::default())
        .unwrap_or_else(|error| panic!("{what}: the store cannot be verified: {error}"));
    report.findings
}

/// The names in a directory, including hidden ones; none if it does not exist.
pub fn names_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every file of a directory, with its contents.
pub fn files_in(directory: &Path) -> Vec<(String, Vec<u8>)> {
    names_in(directory)
        .into_iter()
        .map(|name| {
            let contents = fs::read(directory.join(&name)).unwrap_or_default();
            (name, contents)
        })
        .collect()
}

/// Copies a directory with its contents.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}
