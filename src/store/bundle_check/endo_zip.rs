//! Checks `b1-` bundles, of the `endoZipBase64` format: archives of modules, without the base64
//! encoding.

use super::archive::Archive;
use super::loader::Loader;
use super::{archive, attenuate, compartment_map, link};
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

const MAP_NAME: &str = "compartment-map.json";

/// Checks the data of a `b1-` bundle, whose ID ends with the hash of the compartment map.
pub(super) fn check(bundle_id: &str, sha512: &str, data: &[u8]) -> Result<(), Refusal> {
    let mut archive = Archive::open(bundle_id, data)?;
    if archive.len() < 2 {
        return Err(Refusal::error(format!(
            "Archive failed sanity check: should contain at least a compartment map file and one \
             module file in {}",
            quote::string(bundle_id.as_bytes())
        )));
    }
    let map = archive.read(MAP_NAME.as_bytes())?;
    let actual = archive::sha512(map);
    if actual != sha512 {
        return Err(Refusal::error(format!(
            "Archive compartment map failed a SHA-512 integrity check, expected {sha512}, got \
             {actual}, for archive {bundle_id}"
        )));
    }
    let map = archive::parse_json(map, MAP_NAME)?;
    let map = compartment_map::validate(&map, bundle_id)?;
    let linked = link::link(&map)?;
    let mut loader = Loader::new(&linked, &mut archive);
    let can_import_more = attenuate::check(&linked, &mut loader)?;
    loader.load(linked.entry, map.entry_module)?;
    if can_import_more {
        loader.read_unlisted_modules();
    }
    archive.require_all_read()
}

#[cfg(test)]
mod tests {
    use crate::store::bundle_check::testing::{Member, id_of, map_of, verdict, zip};
    use crate::store::bundle_check::{Checked, check};

    const MODULES: &str = r#"{"./i.js":{"location":"i.js","parser":"text"}}"#;

    #[test]
    fn a_valid_archive_is_stored_unchanged() {
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
    fn the_bytes_of_all_loaded_modules_are_limited() {
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
            refusal.contains("Cannot load more than 1073741824 bytes of modules"),
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
