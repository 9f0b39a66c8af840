//! Archives of modules: the `endoZipBase64` format, without the base64.

use indexmap::IndexMap;
use sha2::{Digest, Sha512};

use super::loader::Loader;
use super::refusal::Refusal;
use super::{compartment_map, hex, link, quote, zip};
use crate::store::js_json;

const MAP_NAME: &str = "compartment-map.json";

/// The files of an archive, and which of them were not asked for yet.
pub(super) struct Archive<'a> {
    /// What messages call the archive.
    pub(super) name: &'a str,
    files: IndexMap<Vec<u8>, File<'a>>,
}

struct File<'a> {
    content: &'a [u8],
    was_read: bool,
}

/// Checks the data of a `b1-` bundle, whose ID ends with the hash of the compartment map.
pub(super) fn check(bundle_id: &str, sha512: &str, data: &[u8]) -> Result<(), Refusal> {
    let mut archive = Archive::open(bundle_id, data)?;
    if archive.files.len() < 2 {
        return Err(Refusal::error(format!(
            "Archive failed sanity check: should contain at least a compartment map file and one \
             module file in {}",
            quote::string(bundle_id.as_bytes())
        )));
    }
    let map = archive.read(MAP_NAME.as_bytes())?;
    let actual = self::sha512(map);
    if actual != sha512 {
        return Err(Refusal::error(format!(
            "Archive compartment map failed a SHA-512 integrity check, expected {sha512}, got \
             {actual}, for archive {bundle_id}"
        )));
    }
    let map = parse_json(map, MAP_NAME)?;
    let map = compartment_map::validate(&map, bundle_id)?;
    let linked = link::link(&map)?;
    Loader::new(&linked, &mut archive).load(linked.entry, map.entry_module)?;
    archive.require_all_read()
}

impl<'a> Archive<'a> {
    fn open(name: &'a str, data: &'a [u8]) -> Result<Archive<'a>, Refusal> {
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
        })
    }

    /// The content of a file.
    pub(super) fn read(&mut self, path: &[u8]) -> Result<&'a [u8], Refusal> {
        let Some(file) = self.files.get_mut(path) else {
            return Err(Refusal::error(format!(
                "Cannot find file {} in Zip file {}",
                quote::text(path),
                self.name
            )));
        };
        file.was_read = true;
        Ok(file.content)
    }

    fn require_all_read(&self) -> Result<(), Refusal> {
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

/// The hash of a file, in hexadecimal.
pub(super) fn sha512(content: &[u8]) -> String {
    hex(&Sha512::digest(content))
}

/// Parses a file that is JSON; `location` is what messages call it.
pub(super) fn parse_json(content: &[u8], location: &str) -> Result<js_json::Json, Refusal> {
    js_json::parse(zip::decode(content).as_bytes()).map_err(|error| {
        Refusal::syntax_error(format!(
            "Cannot parse JSON from {location}, SyntaxError: {error}"
        ))
    })
}
