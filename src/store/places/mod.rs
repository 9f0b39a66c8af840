//! Places that hold files of history: directories, object stores and web servers.
//!
//! [`Place::parse`] takes a path or a URL. A directory is read and written by the callers, with the
//! functions of `fs`. Everything else is a [`Remote`], which the feature `remote` connects to.

#[cfg(feature = "remote")]
mod connect;
#[cfg(not(feature = "remote"))]
mod none;
#[cfg(feature = "remote")]
mod reason;
#[cfg(feature = "remote")]
mod remote;
#[cfg(all(test, feature = "remote"))]
mod tests;
mod url;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::SpooledTempFile;

use crate::store::error::Result;
use url::Location;

#[cfg(not(feature = "remote"))]
pub use none::Remote;
#[cfg(feature = "remote")]
pub use remote::Remote;

/// A place that holds files.
pub enum Place {
    /// A directory.
    Directory(PathBuf),
    /// A prefix in an object store, or a directory of a web server.
    Remote(Arc<Remote>),
}

impl Place {
    /// The place that a path or a URL names: `file://`, `s3://`, `gs://`, `az://`, or `http://` and
    /// `https://`, which are only read. Makes no request.
    ///
    /// # Errors
    /// [`Error::BadArgument`](crate::store::error::Error::BadArgument) for an invalid URL, invalid
    /// settings in the environment, or a build without the feature `remote`.
    pub fn parse(text: &Path) -> Result<Place> {
        Ok(match Location::parse(text)? {
            Location::Directory(directory) => Place::Directory(directory),
            Location::Remote(url) => Place::Remote(Arc::new(Remote::connect(&url)?)),
        })
    }
}

/// Shows the place as messages and reports name it.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Directory(directory) => write!(f, "{}", directory.display()),
            Place::Remote(remote) => write!(f, "{}", remote.url()),
        }
    }
}

/// The largest file that an upload reads into memory, in bytes.
const MAX_WHOLE_BYTES: usize = 16 << 20;

/// A temporary file for contents that are to be uploaded: in memory while it is small.
pub(crate) fn temporary() -> SpooledTempFile {
    SpooledTempFile::new(MAX_WHOLE_BYTES)
}

/// How many files of a [`Remote`] are transferred at a time.
pub(crate) const PARALLEL: usize = 8;
