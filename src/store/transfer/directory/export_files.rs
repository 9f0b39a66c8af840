//! An export that was found in a directory, of which only the manifest was read.

use std::path::{Path, PathBuf};

use dunce::simplified;

use super::manifest::Manifest;
use super::{MANIFEST_NAME, paths};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result, system};

/// A directory with an export.
#[derive(Debug)]
pub(super) struct ExportFiles {
    /// The directory, by its path without links.
    pub directory: PathBuf,
    /// What the manifest says.
    pub manifest: Manifest,
}

impl ExportFiles {
    /// Reads the manifest in a directory.
    ///
    /// # Errors
    /// [`Error::Directory`] if it is malformed; [`Error::Io`].
    pub(super) fn in_directory(directory: &Path) -> Result<ExportFiles> {
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

    /// Fails unless the export is of the block that is expected, if one is.
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

    /// Fails unless there is export data.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(super) fn check_data(&self) -> Result<&[u8]> {
        self.manifest.data.as_deref().ok_or_else(|| {
            Fault::manifest(
                &self.directory.join(MANIFEST_NAME),
                "it names no export data, without which nothing can be imported. Export again \
                 with it",
            )
        })
    }

    /// The file with the export data.
    ///
    /// # Errors
    /// [`Error::Directory`] if there is none, or it must not be read; [`Error::Io`].
    pub(super) fn data(&self) -> Result<PathBuf> {
        paths::find(&self.directory, self.check_data()?)
    }
}
