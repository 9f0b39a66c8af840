//! Stands in for remote places in a build without the feature `remote`.

use std::fs::File;
use std::path::Path;

use tempfile::SpooledTempFile;

use super::url::Url;
use crate::store::error::{Error, Result};
use crate::store::tasks::monitor::Monitor;

/// A remote place, which this build does not have.
#[derive(Debug, Clone, Copy)]
pub enum Remote {}

impl Remote {
    pub(super) fn connect(url: &Url) -> Result<Remote> {
        Err(Error::BadArgument(format!(
            "{} cannot be used, because this build lacks the cargo feature `remote`. Use a directory, or a \
             build with that feature",
            url.text()
        )))
    }

    pub(crate) fn url(&self) -> &str {
        match *self {}
    }

    pub(crate) fn require_writable(&self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn has(&self, _: &str, _: &Monitor) -> Result<bool> {
        match *self {}
    }

    pub(crate) fn fetch(&self, _: &str, _: &Path, _: u64, _: &Monitor) -> Result<Option<File>> {
        match *self {}
    }

    pub(crate) fn fetch_first(
        &self,
        _: &[(&str, u64)],
        _: &Path,
        _: &Monitor,
    ) -> Result<Option<(usize, File)>> {
        match *self {}
    }

    pub(crate) fn put(&self, _: &str, _: SpooledTempFile, _: bool, _: &Monitor) -> Result<bool> {
        match *self {}
    }
}
