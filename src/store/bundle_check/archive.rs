//! The files of an archive, with a record of which were used.

use indexmap::IndexMap;
use sha2::{Digest, Sha512};

use super::zip;
use crate::store::encoding::{json, quote};
use crate::store::error::refusal::Refusal;

/// The files of an archive, and which of them were read.
pub(super) struct Archive<'a> {
    /// The archive's name in messages.
    pub(super) name: &'a str,
    files: IndexMap<Vec<u8>, File<'a>>,
    /// The number of bytes read so far.
    bytes_read: u64,
}

struct File<'a> {
    content: &'a [u8],
    was_read: bool,
}

impl<'a> Archive<'a> {
    pub(super) fn open(name: &'a str, data: &'a [u8]) -> Result<Archive<'a>, Refusal> {
        let file = |content| File {
            content,
            was_read: false,
        };
        let members = zip::read(data)?.into_iter();
        Ok(Archive {
            name,
            files: members
                .map(|(name, content)| (name, file(content)))
                .collect(),
            bytes_read: 0,
        })
    }

    /// Reads a file.
    pub(super) fn read(&mut self, path: &[u8]) -> Result<&'a [u8], Refusal> {
        let Some(file) = self.files.get_mut(path) else {
            return Err(Refusal::error(format!(
                "Cannot find file {} in Zip file {}",
                quote::text(path),
                self.name
            )));
        };
        file.was_read = true;
        self.bytes_read += file.content.len() as u64;
        if self.bytes_read > zip::MAX_BYTES {
            return Err(Refusal::error(format!(
                "Cannot load more than {} bytes of modules from {}",
                zip::MAX_BYTES,
                quote::string(self.name.as_bytes())
            )));
        }
        Ok(file.content)
    }

    /// The content of a file that has not been read, unless the limit of bytes has been reached.
    pub(super) fn unread(&mut self, path: &[u8]) -> Option<&'a [u8]> {
        let file = self.files.get(path).filter(|file| !file.was_read)?;
        self.bytes_read += file.content.len() as u64;
        (self.bytes_read <= zip::MAX_BYTES).then_some(file.content)
    }

    /// Marks a file as read.
    pub(super) fn mark_read(&mut self, path: &[u8]) {
        if let Some(file) = self.files.get_mut(path) {
            file.was_read = true;
        }
    }

    /// The number of files.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Checks that all files have been read.
    pub(super) fn require_all_read(&self) -> Result<(), Refusal> {
        let unread = self.files.iter().filter(|(_, file)| !file.was_read);
        let mut unread = unread.map(|(name, _)| name.as_slice()).peekable();
        if unread.peek().is_none() {
            return Ok(());
        }
        Err(Refusal::error(format!(
            "Archive contains extraneous files: {} in {}",
            quote::list(unread),
            quote::string(self.name.as_bytes())
        )))
    }
}

/// The SHA-512 hash of a file, in hexadecimal.
pub(super) fn sha512(content: &[u8]) -> String {
    let hash = Sha512::digest(content);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parses a JSON file. `location` is its name in messages.
pub(super) fn parse_json(content: &[u8], location: &str) -> Result<json::Json, Refusal> {
    json::parse(zip::decode(content).as_bytes()).map_err(|error| {
        Refusal::syntax_error(format!(
            "Cannot parse JSON from {location}, SyntaxError: {error}"
        ))
    })
}
