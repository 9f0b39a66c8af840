//! Lists the artifacts in a directory: an export or an archive.

use std::fs;
use std::path::Path;

use super::artifact_file::ArtifactFile;
use super::layout::{GZIP, MANIFEST_NAME};
use super::manifest::Manifest;
use super::paths;
use crate::store::database::locate::file_in_directory;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::names;

/// An artifact in a directory.
pub(crate) struct ArtifactSource {
    /// Its name.
    pub name: Vec<u8>,
    /// Its file, or the error if the file must not be read.
    pub file: Result<ArtifactFile>,
}

impl ArtifactSource {
    fn new(directory: &Path, name: &[u8], file: &[u8], is_gzip: bool) -> ArtifactSource {
        let path = paths::find(directory, file);
        ArtifactSource {
            name: name.to_vec(),
            file: path.map(|path| ArtifactFile::new(path, is_gzip)),
        }
    }
}

/// The artifacts of a directory: those in its manifest, if it is an export; otherwise all files
/// with an artifact's name, with or without `.gz`.
///
/// # Errors
/// [`Error::Directory`] if the manifest is malformed, or there are no artifacts; [`Error::Io`].
pub(crate) fn sources(directory: &Path) -> Result<Vec<ArtifactSource>> {
    let doing = || format!("looking for artifacts in {}", directory.display());
    let directory = directory
        .canonicalize()
        .map_err(|error| Error::io(doing(), &error))?;
    let found = if fs::symlink_metadata(directory.join(MANIFEST_NAME)).is_ok() {
        let manifest = Manifest::read(&paths::find(&directory, MANIFEST_NAME.as_bytes())?)?;
        let pairs = manifest.artifacts.iter();
        pairs
            .map(|(name, file)| {
                let is_gzip = manifest.is_gzip(name, file);
                ArtifactSource::new(&directory, name, file, is_gzip)
            })
            .collect()
    } else {
        list(&directory).map_err(|error| Error::io(doing(), &error))?
    };
    if found.is_empty() {
        let is_store = file_in_directory(&directory).exists();
        return Err(Fault::no_artifacts(&directory, is_store));
    }
    Ok(found)
}

fn list(directory: &Path) -> std::io::Result<Vec<ArtifactSource>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file = entry.file_name();
        // No export or archive has file names that are not Unicode.
        let Some(file) = file.to_str() else {
            continue;
        };
        let unzipped = file.strip_suffix(GZIP);
        let name = unzipped.unwrap_or(file).as_bytes();
        let is_artifact = matches!(names::kind(name), b"transcript" | b"snapshot" | b"bundle");
        // Unfinished files end in `.tmp`.
        if is_artifact && !file.ends_with(".tmp") && !entry.file_type()?.is_dir() {
            found.push(ArtifactSource::new(
                directory,
                name,
                file.as_bytes(),
                unzipped.is_some(),
            ));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
