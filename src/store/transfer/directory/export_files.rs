//! An export directory whose manifest has been read.

use std::path::{Path, PathBuf};

use dunce::simplified;

use super::artifact_file::ArtifactFile;
use super::layout::MANIFEST_NAME;
use super::manifest::Manifest;
use super::paths;
use crate::store::database::locate::file_in_directory;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result, system};

/// An export directory and its manifest.
#[derive(Debug)]
pub(super) struct ExportFiles {
    /// The directory's path, without symbolic links.
    pub directory: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
}

impl ExportFiles {
    /// Reads the manifest of an export directory.
    ///
    /// # Errors
    /// [`Error::Directory`] if it is malformed; [`Error::Io`].
    pub(super) fn open(directory: &Path) -> Result<ExportFiles> {
        let directory = directory.canonicalize().map_err(|error| {
            let doing = format!("looking for the export {}", directory.display());
            Error::io(doing, &error)
        })?;
        let path = simplified(&directory).join(MANIFEST_NAME);
        let missing = match path.try_exists() {
            Ok(true) => None,
            Ok(false) => Some(system::not_found()),
            Err(error) => Some(error),
        };
        if missing.is_some() && file_in_directory(&directory).exists() {
            return Err(Fault::is_store(&directory));
        }
        if let Some(error) = missing {
            let doing = format!("looking for the manifest {}", path.display());
            return Err(Error::io(doing, &error));
        }
        let path = paths::find(&directory, MANIFEST_NAME.as_bytes())?;
        let manifest = Manifest::read(&path)?;
        Ok(ExportFiles {
            directory,
            manifest,
        })
    }

    /// Checks that the export is of the block `expected`, if any.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(super) fn check_height(&self, expected: Option<f64>) -> Result<()> {
        let found = self.manifest.block_height;
        match expected {
            Some(expected) if expected != found => {
                Err(Fault::height("the export is", found, expected))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the export has export data; returns the file's name.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(super) fn check_data(&self) -> Result<&[u8]> {
        self.manifest.data.as_deref().ok_or_else(|| {
            Fault::manifest(
                &self.directory.join(MANIFEST_NAME),
                "it names no export data, which an import needs. Export again with export data",
            )
        })
    }

    /// The names and files of the artifacts, in the manifest's order.
    ///
    /// # Errors
    /// [`Error::Directory`] if a file must not be read; [`Error::Io`].
    pub(super) fn artifacts(&self) -> Result<Vec<(Vec<u8>, ArtifactFile)>> {
        let files = self.manifest.artifacts.iter();
        files
            .map(|(name, file)| {
                let path = paths::find(&self.directory, file)?;
                let is_gzip = self.manifest.is_gzip(name, file);
                Ok((name.clone(), ArtifactFile::new(path, is_gzip)))
            })
            .collect()
    }

    /// The file with the export data.
    ///
    /// # Errors
    /// [`Error::Directory`] if there is none, or the file must not be read; [`Error::Io`].
    pub(super) fn data(&self) -> Result<PathBuf> {
        paths::find(&self.directory, self.check_data()?)
    }
}
