//! Reads an export directory.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use libdeflater::Decompressor;
use memchr::memchr_iter;
use serde::Deserialize;

use crate::{Outcome, gzip};

/// A record of the export data.
#[derive(Deserialize)]
pub struct Record<'a>(
    #[serde(borrow)] pub Cow<'a, str>,
    #[serde(borrow)] pub Cow<'a, str>,
);

/// A span, from its record.
#[derive(Deserialize)]
pub struct Span {
    #[serde(rename = "vatID")]
    pub vat: String,
    #[serde(rename = "startPos")]
    pub start: i64,
    #[serde(rename = "endPos")]
    pub end: i64,
    pub hash: String,
    #[serde(rename = "isCurrent")]
    is_current: i64,
    pub incarnation: i64,
}

impl Span {
    /// The value of the column, which is never 0.
    pub fn is_current(&self) -> Option<i64> {
        (self.is_current == 1).then_some(1)
    }
}

/// A snapshot, from its record.
#[derive(Deserialize)]
pub struct Snapshot {
    #[serde(rename = "vatID")]
    pub vat: String,
    #[serde(rename = "snapPos")]
    pub position: i64,
    pub hash: String,
    #[serde(rename = "inUse")]
    in_use: i64,
}

impl Snapshot {
    /// The value of the column, which is never 0.
    pub fn in_use(&self) -> Option<i64> {
        (self.in_use == 1).then_some(1)
    }
}

#[derive(Deserialize)]
struct Manifest {
    data: String,
    artifacts: Vec<(String, String)>,
}

/// What the records say about the artifacts, by the parts of an artifact's name that identify it.
#[derive(Default)]
pub struct Contents {
    /// By vat and start: `v1.0`.
    pub spans: IndexMap<String, Span>,
    /// By vat and position: `v1.0`.
    pub snapshots: IndexMap<String, Snapshot>,
}

/// An export directory.
pub struct Export {
    directory: PathBuf,
    manifest: Manifest,
}

impl Export {
    /// Reads the manifest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(directory: &Path) -> Outcome<Export> {
        let manifest = fs::read(directory.join("export-manifest.json"))?;
        Ok(Export {
            directory: directory.to_owned(),
            manifest: serde_json::from_slice(&manifest)?,
        })
    }

    /// Reads the export data. Calls `entry` with each key and value.
    ///
    /// # Errors
    /// Those of `entry`; if a record is invalid.
    pub fn records(&self, mut entry: impl FnMut(&str, &str) -> Outcome<()>) -> Outcome<Contents> {
        let mut contents = Contents::default();
        let data = fs::read(self.directory.join(&self.manifest.data))?;
        for line in lines(&data) {
            let Record(key, value) = serde_json::from_slice(line)?;
            if let Some(key) = key.strip_prefix("kv.") {
                entry(key, &value)?;
            } else if key.starts_with("transcript.") {
                let span: Span = serde_json::from_str(&value)?;
                let name = format!("{}.{}", span.vat, span.start);
                contents.spans.insert(name, span);
            } else if key.starts_with("snapshot.") && !key.ends_with(".current") {
                let snapshot: Snapshot = serde_json::from_str(&value)?;
                let name = format!("{}.{}", snapshot.vat, snapshot.position);
                contents.snapshots.insert(name, snapshot);
            }
        }
        Ok(contents)
    }

    /// Reads the artifacts. Calls `each` with the name of each and its file.
    ///
    /// # Errors
    /// Those of `each`; if a file cannot be read.
    pub fn artifacts(&self, mut each: impl FnMut(&str, Artifact) -> Outcome<()>) -> Outcome<()> {
        let mut decompressor = Decompressor::new();
        for (name, file) in &self.manifest.artifacts {
            let bytes = fs::read(self.directory.join(file))?;
            let artifact = if file.ends_with(".gz") {
                Artifact {
                    contents: gzip::decompress(&mut decompressor, &bytes)?,
                    compressed: Some(bytes),
                }
            } else {
                Artifact {
                    contents: bytes,
                    compressed: None,
                }
            };
            each(name, artifact)?;
        }
        Ok(())
    }
}

/// An artifact.
pub struct Artifact {
    pub contents: Vec<u8>,
    /// Its gzip file, if it is compressed.
    pub compressed: Option<Vec<u8>>,
}

/// The lines of a text whose last line ends with a newline, too.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', text).map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line
    })
}
