//! Archives of modules: the `endoZipBase64` format, without the base64.

use indexmap::IndexMap;
use sha2::{Digest, Sha512};

use super::loader::Loader;
use super::{attenuate, compartment_map, hex, link, zip};
use crate::store::encoding::{json, quote};
use crate::store::error::refusal::Refusal;

const MAP_NAME: &str = "compartment-map.json";

/// The files of an archive, and which of them were not asked for yet.
pub(super) struct Archive<'a> {
    /// What messages call the archive.
    pub(super) name: &'a str,
    files: IndexMap<Vec<u8>, File<'a>>,
    /// How many bytes were asked for.
    bytes_read: u64,
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
    let mut loader = Loader::new(&linked, &mut archive);
    let can_import_more = attenuate::check(&linked, &mut loader)?;
    loader.load(linked.entry, map.entry_module)?;
    if can_import_more {
        loader.read_the_rest();
    }
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
            bytes_read: 0,
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
        self.bytes_read += file.content.len() as u64;
        if self.bytes_read > zip::MOST_BYTES {
            return Err(Refusal::error(format!(
                "Cannot load so many modules of the same files: more than {} bytes in all, of {}",
                zip::MOST_BYTES,
                quote::string(self.name.as_bytes())
            )));
        }
        Ok(file.content)
    }

    /// The content of a file that was not read yet, unless too many bytes were read already.
    pub(super) fn unread(&mut self, path: &[u8]) -> Option<&'a [u8]> {
        let file = self.files.get(path).filter(|file| !file.was_read)?;
        self.bytes_read += file.content.len() as u64;
        (self.bytes_read <= zip::MOST_BYTES).then_some(file.content)
    }

    /// ExportChanges that a file was read.
    pub(super) fn mark_read(&mut self, path: &[u8]) {
        if let Some(file) = self.files.get_mut(path) {
            file.was_read = true;
        }
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
pub(super) fn parse_json(content: &[u8], location: &str) -> Result<json::Json, Refusal> {
    json::parse(zip::decode(content).as_bytes()).map_err(|error| {
        Refusal::syntax_error(format!(
            "Cannot parse JSON from {location}, SyntaxError: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{Member, id_of, map_of, verdict, zip};
    use crate::store::bundle_check::{Checked, check};

    const MODULES: &str = r#"{"./i.js":{"location":"i.js","parser":"text"}}"#;

    #[test]
    fn a_good_archive_is_stored_as_it_is() {
        let map = map_of(MODULES);
        let members = [
            Member::new("compartment-map.json", &map),
            Member::new("a/i.js", "hello"),
        ];
        let archive = zip(&members);
        assert_eq!(
            check(&id_of(&map), &archive),
            Ok(Checked::EndoZip(&archive))
        );
    }

    #[test]
    fn the_map_must_have_the_hash_in_the_id() {
        let map = map_of(MODULES);
        let members = [
            Member::new("compartment-map.json", format!("{map} ")),
            Member::new("a/i.js", "hello"),
        ];
        let refusal = check(&id_of(&map), &zip(&members)).unwrap_err();
        let expected = format!(
            "Archive compartment map failed a SHA-512 integrity check, expected {}, got {}, for \
             archive {}",
            &id_of(&map)[3..],
            &id_of(&format!("{map} "))[3..],
            id_of(&map)
        );
        assert_eq!(refusal.message(), expected);
    }

    #[test]
    fn there_must_be_a_map_and_a_module() {
        let message = |members: &[Member]| {
            let refusal = check("b1-00", &zip(members)).unwrap_err();
            refusal.message().to_owned()
        };
        let few = "Archive failed sanity check: should contain at least a compartment map file \
                   and one module file in \"b1-00\"";
        assert_eq!(message(&[]), few);
        let map = Member::new("compartment-map.json", "{}");
        assert_eq!(message(&[map]), few);
        assert_eq!(
            message(&[Member::new("a", ""), Member::new("b", "")]),
            "Cannot find file compartment-map.json in Zip file b1-00"
        );
    }

    #[test]
    fn the_same_file_is_not_loaded_again_and_again() {
        let names: Vec<String> = (0..1025).map(|number| format!("./m{number}")).collect();
        let modules: String = names
            .iter()
            .map(|name| format!(r#","{name}":{{"location":"t","parser":"text"}}"#))
            .collect();
        let modules =
            format!(r#"{{"./i.js":{{"location":"i.js","parser":"pre-mjs-json"}}{modules}}}"#);
        let entry = |count: usize| {
            format!(
                r#"{{"imports":["{}"],"exports":[],"reexports":[],"__syncModuleProgram__":"","__liveExportMap__":{{}},"__fixedExportMap__":{{}},"__reexportMap__":{{}}}}"#,
                names[..count].join("\",\"")
            )
        };
        let text = "x".repeat(1 << 20);
        let load = |count| {
            verdict(
                &map_of(&modules),
                &[("a/i.js", &entry(count)), ("a/t", &text)],
            )
        };
        assert_eq!(load(2), Ok(()));
        let refusal = load(names.len()).unwrap_err();
        assert!(
            refusal.contains("Cannot load so many modules of the same files"),
            "{refusal}"
        );
    }

    #[test]
    fn every_file_must_be_used() {
        let files = [("[x", ""), ("a/i.js", "hello"), ("a/j.js", "")];
        assert_eq!(
            verdict(&map_of(MODULES), &files).unwrap_err(),
            "Archive contains extraneous files: [\"[[x]\",\"a/j.js\"] in \"ID\""
        );
    }

    #[test]
    fn the_map_must_be_json() {
        let files = [("a/i.js", "hello")];
        let map = format!("\u{FEFF}{}", map_of(MODULES));
        assert_eq!(verdict(&map, &files), Ok(()));
        assert_eq!(
            verdict(&map_of("x"), &files).unwrap_err(),
            "Cannot parse JSON from compartment-map.json, SyntaxError: no value in JSON at byte 116"
        );
    }
}
