//! Reads an export without importing it, for comparisons.

use std::path::{Path, PathBuf};

use super::artifact_file::ArtifactFile;
use super::data;
use super::data::Entry;
use super::export_files::ExportFiles;
use super::layout::MANIFEST_NAME;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::Monitor;

/// The contents of an export directory.
pub(crate) struct Contents {
    /// The height of the block that was exported.
    pub block_height: f64,
    /// The artifact mode of the export; `None` if it is unknown, or there are no artifacts.
    pub mode: Option<ArtifactMode>,
    /// The file with the export data, if any.
    data: Option<PathBuf>,
    /// The artifacts' names and files.
    pub artifacts: Vec<(Vec<u8>, ArtifactFile)>,
}

impl Contents {
    /// Whether a directory contains an export.
    pub(crate) fn are_in(directory: &Path) -> bool {
        directory.join(MANIFEST_NAME).exists()
    }

    /// Reads the manifest of the export in a directory.
    ///
    /// # Errors
    /// [`Error::Directory`](crate::store::error::Error::Directory) if it is malformed, or names a
    /// file that must not be read; [`Error::Io`](crate::store::error::Error::Io).
    pub(crate) fn find(directory: &Path) -> Result<Contents> {
        let found = ExportFiles::open(directory)?;
        let data = match &found.manifest.data {
            Some(_) => Some(found.data()?),
            None => None,
        };
        let artifacts = found.artifacts()?;
        let mode = found.manifest.artifact_mode.as_deref();
        Ok(Contents {
            block_height: found.manifest.block_height,
            mode: mode.and_then(|mode| ArtifactMode::parse(mode.as_bytes(), b"").ok()),
            data,
            artifacts,
        })
    }

    /// Whether the export has export data.
    pub(crate) fn has_data(&self) -> bool {
        self.data.is_some()
    }

    /// Reads the export data, if any, in batches: keys with their values, or `None` for a deletion,
    /// in the order of the file.
    ///
    /// # Errors
    /// As for an import.
    pub(crate) fn read_data(
        &self,
        monitor: &Monitor,
        take: impl FnMut(Vec<Entry>) -> Result<()>,
    ) -> Result<()> {
        match &self.data {
            Some(path) => data::read(path, monitor, take),
            None => Ok(()),
        }
    }
}
