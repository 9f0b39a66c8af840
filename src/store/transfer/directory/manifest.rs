//! The manifest, `export-manifest.json`: the list of an export's contents.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use super::layout::{GZIP, MAX_HEIGHT, is_height};
use crate::store::encoding::json;
use crate::store::encoding::json::{Json, number_to_string};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result, show, show_number};
use crate::store::fs::open;
use crate::store::records::mode::ArtifactMode;

/// The longest manifest that is read, in bytes; enough for a million artifacts.
const MAX_BYTES: u64 = 256 << 20;

/// The contents of an export.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    /// The height of the block that was exported.
    pub block_height: f64,
    /// The artifact mode, or `none`.
    pub artifact_mode: Option<String>,
    /// Whether all artifacts are gzip files. `None` if the manifest does not say it: an export
    /// without compression.
    pub compressed: Option<bool>,
    /// The name of the file with the export data, if any.
    pub data: Option<Vec<u8>>,
    /// The names and file names of the artifacts.
    pub artifacts: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Manifest {
    /// The manifest as `JSON.stringify(manifest, null, 2)` prints it.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut fields =
            vec![format!("\"blockHeight\": {}", number_to_string(self.block_height)).into_bytes()];
        if let Some(mode) = &self.artifact_mode {
            fields.push(
                [
                    b"\"artifactMode\": ".as_slice(),
                    &json::quote(mode.as_bytes()),
                ]
                .concat(),
            );
        }
        if let Some(compressed) = self.compressed {
            fields.push(format!("\"compressed\": {compressed}").into_bytes());
        }
        let pairs: Vec<Vec<u8>> = self
            .artifacts
            .iter()
            .map(|(name, file)| {
                let quoted = [json::quote(name), json::quote(file)];
                [
                    b"    [\n      ".as_slice(),
                    &quoted.join(&b",\n      "[..]),
                    b"\n    ]",
                ]
                .concat()
            })
            .collect();
        fields.push(if pairs.is_empty() {
            b"\"artifacts\": []".to_vec()
        } else {
            [
                b"\"artifacts\": [\n".as_slice(),
                &pairs.join(&b",\n"[..]),
                b"\n  ]",
            ]
            .concat()
        });
        if let Some(data) = &self.data {
            fields.push([b"\"data\": ".as_slice(), &json::quote(data)].concat());
        }
        [b"{\n  ".as_slice(), &fields.join(&b",\n  "[..]), b"\n}"].concat()
    }

    /// Whether the file of an artifact is a gzip file. If the manifest does not say it, the file is
    /// one if its name has the extension of archives, and the artifact's name does not have it.
    pub(super) fn is_gzip(&self, name: &[u8], file: &[u8]) -> bool {
        self.compressed
            .unwrap_or_else(|| has_gzip_extension(file) && !has_gzip_extension(name))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Directory`] if it is malformed; [`Error::Io`].
    pub(super) fn read(path: &Path) -> Result<Manifest> {
        Manifest::read_within(path, MAX_BYTES)
    }

    /// Reads a manifest of at most this many bytes.
    fn read_within(path: &Path, max_bytes: u64) -> Result<Manifest> {
        let io = |error| Error::io(format!("reading the manifest {}", path.display()), &error);
        let file = open::open(path).map_err(io)?;
        let mut text = Vec::new();
        file.take(max_bytes.saturating_add(1))
            .read_to_end(&mut text)
            .map_err(io)?;
        if text.len() as u64 > max_bytes {
            return Err(Fault::manifest(path, "it is too long"));
        }
        Manifest::parse(&text).map_err(|problem| Fault::manifest(path, problem))
    }

    fn parse(text: &[u8]) -> std::result::Result<Manifest, String> {
        let text = String::from_utf8_lossy(text);
        let mut json = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let Json::Object(object) = &mut json else {
            return Err("it is not a JSON object".into());
        };
        let block_height = match object.take("blockHeight") {
            Some(Json::Number(height)) if is_height(height) => height,
            Some(Json::Number(height)) => {
                return Err(format!(
                    "its blockHeight is {}, which is not a whole number from 0 to {}",
                    show_number(height),
                    number_to_string(MAX_HEIGHT)
                ));
            }
            Some(_) => return Err("its blockHeight is not a number".into()),
            None => return Err("it has no blockHeight".into()),
        };
        let artifact_mode = match object.take("artifactMode").map(Json::into_string) {
            None => None,
            Some(Ok(mode)) => Some(known_mode(&mode)?),
            Some(Err(_)) => return Err("its artifactMode is not a string".into()),
        };
        let compressed = match object.take("compressed") {
            None => None,
            Some(Json::Bool(compressed)) => Some(compressed),
            Some(other) => {
                return Err(format!(
                    "its compressed is of type {}, and must be true or false",
                    other.type_of()
                ));
            }
        };
        let data = match object.take("data").map(Json::into_string) {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => return Err("its data is not the name of a file".into()),
        };
        let artifacts: Vec<(Vec<u8>, Vec<u8>)> =
            match object.take("artifacts").map(Json::into_array) {
                None => Vec::new(),
                Some(Ok(pairs)) => pairs
                    .into_iter()
                    .map(pair)
                    .collect::<std::result::Result<_, _>>()?,
                Some(Err(_)) => return Err("its artifacts are not an array".into()),
            };
        let mut names = HashSet::with_capacity(artifacts.len());
        let mut files = HashSet::with_capacity(artifacts.len());
        files.extend(data.as_deref());
        for (name, file) in &artifacts {
            if !names.insert(name) {
                return Err(format!("it lists the artifact {} twice", show(name)));
            }
            if !files.insert(file) {
                return Err(format!(
                    "it names the file {} twice, the second time for the artifact {}",
                    show(file),
                    show(name)
                ));
            }
        }
        Ok(Manifest {
            block_height,
            artifact_mode,
            compressed,
            data,
            artifacts,
        })
    }
}

fn has_gzip_extension(name: &[u8]) -> bool {
    name.ends_with(GZIP.as_bytes())
}

/// An artifact's name and file name.
fn pair(json: Json) -> std::result::Result<(Vec<u8>, Vec<u8>), String> {
    const WANTED: &str = "each artifact must be [name, file], but one is ";
    let items = json
        .into_array()
        .map_err(|other| format!("{WANTED}of type {}", other.type_of()))?;
    let [name, file] = <[Json; 2]>::try_from(items)
        .map_err(|items| format!("{WANTED}an array of length {}", items.len()))?;
    match (name.into_string(), file.into_string()) {
        (Ok(name), Ok(file)) => Ok((name, file)),
        (Err(other), _) | (_, Err(other)) => Err(format!(
            "{WANTED}an array with a value of type {}",
            other.type_of()
        )),
    }
}

/// Checks that `mode` is an artifact mode or `none`.
fn known_mode(mode: &[u8]) -> std::result::Result<String, String> {
    if mode != b"none" && ArtifactMode::parse(mode, mode).is_err() {
        return Err(format!("unknown artifactMode {}", show(mode)));
    }
    Ok(String::from_utf8_lossy(mode).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_manifest_is_read() {
        let manifest = Manifest {
            block_height: 17.0,
            artifact_mode: Some("replay".into()),
            compressed: None,
            data: Some(b"export-data.jsonl".to_vec()),
            artifacts: vec![
                (b"bundle.b0-00".to_vec(), b"bundle.b0-00".to_vec()),
                (b"transcript.a\"b.0.1".to_vec(), b"artifact-3".to_vec()),
            ],
        };
        let text = manifest.to_json();
        let expected = "{\n  \"blockHeight\": 17,\n  \"artifactMode\": \"replay\",\n  \"artifacts\": [\n    \
             [\n      \"bundle.b0-00\",\n      \"bundle.b0-00\"\n    ],\n    \
             [\n      \"transcript.a\\\"b.0.1\",\n      \"artifact-3\"\n    ]\n  ],\n  \
             \"data\": \"export-data.jsonl\"\n}";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        let compressed = Manifest {
            compressed: Some(true),
            ..manifest.clone()
        };
        let text = compressed.to_json();
        let expected = expected.replace("\"replay\",\n", "\"replay\",\n  \"compressed\": true,\n");
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(Manifest::parse(&text).unwrap(), compressed);
        let empty = Manifest {
            artifacts: Vec::new(),
            data: None,
            ..manifest
        };
        assert_eq!(Manifest::parse(&empty.to_json()).unwrap(), empty);
    }

    #[test]
    fn a_manifest_that_is_too_long_is_not_parsed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("manifest");
        let text = br#"{"blockHeight":7}"#;
        std::fs::write(&path, text).unwrap();
        let length = text.len() as u64;
        let read = |max_bytes| Manifest::read_within(&path, max_bytes);
        assert_eq!(read(length).unwrap().block_height, 7.0);
        let error = read(length - 1).unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
        assert_eq!(Manifest::read(&path).unwrap(), read(length).unwrap());
        assert_eq!(MAX_BYTES, 268_435_456);
    }

    #[test]
    fn what_is_wrong_with_a_manifest_is_said() {
        for (fields, problem) in [
            (r#""x":1"#, "no blockHeight"),
            (r#""blockHeight":"7""#, "blockHeight is not a number"),
            (r#""blockHeight":1.5"#, "blockHeight is 1.5"),
            (r#""blockHeight":-1"#, "blockHeight is -1"),
            (r#""blockHeight":9007199254740992"#, "not a whole number"),
            (r#""blockHeight":1,"artifactMode":7"#, "not a string"),
            (
                r#""blockHeight":1,"artifactMode":"all""#,
                "unknown artifactMode",
            ),
            (r#""blockHeight":1,"compressed":7"#, "true or false"),
            (r#""blockHeight":1,"data":7"#, "not the name of a file"),
            (r#""blockHeight":1,"artifacts":7"#, "not an array"),
            (r#""blockHeight":1,"artifacts":[7]"#, "type number"),
            (
                r#""blockHeight":1,"artifacts":[["a"]]"#,
                "array of length 1",
            ),
            (
                r#""blockHeight":1,"artifacts":[["a","b","c"]]"#,
                "array of length 3",
            ),
            (r#""blockHeight":1,"artifacts":[["a",7]]"#, "type number"),
            (r#""blockHeight":1,"artifacts":[[7,"a"]]"#, "type number"),
            (
                r#""blockHeight":1,"artifacts":[["a","b"],["a","c"]]"#,
                "the artifact \"a\" twice",
            ),
            (
                r#""blockHeight":1,"artifacts":[["a","b"],["c","b"]]"#,
                "the file \"b\" twice",
            ),
            (
                r#""blockHeight":1,"data":"b","artifacts":[["c","b"]]"#,
                "the file \"b\" twice",
            ),
        ] {
            let text = format!("{{{fields}}}");
            let found = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
        assert!(
            Manifest::parse(b"[]")
                .unwrap_err()
                .contains("not a JSON object")
        );
        for mode in ["none", "operational", "replay", "archival", "debug"] {
            let text = format!("{{\"blockHeight\":1,\"artifactMode\":\"{mode}\"}}");
            let found = Manifest::parse(text.as_bytes()).unwrap();
            assert_eq!(found.artifact_mode.as_deref(), Some(mode));
        }
    }

    #[test]
    fn the_manifest_says_which_files_are_compressed() {
        let parsed = |field: &str| {
            let text = format!("{{\"blockHeight\":1{field},\"artifacts\":[]}}");
            Manifest::parse(text.as_bytes()).unwrap()
        };
        // An artifact, its file, and whether that is gzip if the manifest does not say it.
        for (name, file, is_gzip) in [
            ("transcript.v1.0.5", "transcript.v1.0.5", false),
            ("transcript.v1.0.5", "transcript.v1.0.5.gz", true),
            ("transcript.v1.0.5", "artifact-2.gz", true),
            ("bundle.b0-00.gz", "bundle.b0-00.gz", false),
        ] {
            let says = |field| parsed(field).is_gzip(name.as_bytes(), file.as_bytes());
            assert_eq!(says(""), is_gzip, "{name} {file}");
            assert!(says(",\"compressed\":true"), "{name} {file}");
            assert!(!says(",\"compressed\":false"), "{name} {file}");
        }
    }

    #[test]
    fn malformed_manifests_are_refused() {
        for (text, problem) in [
            ("", "JSON"),
            ("{\"blockHeight\":1", "JSON"),
            ("\u{feff}{\"blockHeight\":1}", "JSON"),
            ("[]", "not a JSON object"),
            ("{}", "no blockHeight"),
            ("{\"blockHeight\":\"1\"}", "blockHeight is not a number"),
            ("{\"blockHeight\":1,\"artifactMode\":7}", "not a string"),
            (
                "{\"blockHeight\":1,\"artifactMode\":\"all\"}",
                "unknown artifactMode \"all\"",
            ),
            ("{\"blockHeight\":1,\"data\":7}", "name of a file"),
            (
                "{\"blockHeight\":1,\"compressed\":\"gzip\"}",
                "compressed is of type string",
            ),
            (
                "{\"blockHeight\":1,\"compressed\":null}",
                "must be true or false",
            ),
            ("{\"blockHeight\":1,\"artifacts\":{}}", "not an array"),
            (
                "{\"blockHeight\":1,\"artifacts\":[[\"a\"]]}",
                "[name, file]",
            ),
            (
                "{\"blockHeight\":1,\"artifacts\":[[\"a\",7]]}",
                "[name, file]",
            ),
            (
                "{\"blockHeight\":1,\"artifacts\":[[\"a\",\"a\"],[\"a\",\"b\"]]}",
                "artifact \"a\" twice",
            ),
            (
                "{\"blockHeight\":1,\"artifacts\":[[\"a\",\"x\"],[\"b\",\"x\"]]}",
                "file \"x\" twice, the second time for the artifact \"b\"",
            ),
            (
                "{\"blockHeight\":1,\"data\":\"x\",\"artifacts\":[[\"a\",\"x\"]]}",
                "file \"x\" twice",
            ),
            ("{\"blockHeight\":1e400}", "\"[Infinity]\""),
            ("{\"blockHeight\":-1e400}", "not a whole number"),
            ("{\"blockHeight\":1.5}", "1.5, which is not a whole number"),
            ("{\"blockHeight\":-1}", "not a whole number"),
            ("{\"blockHeight\":9007199254740992}", "not a whole number"),
        ] {
            let found = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
