//! Builds archives for tests.

use flate2::Crc;

use super::archive::sha512;
use super::check;
use super::zip::Header;

/// A member of a zip file, with all fields that a test may set.
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    /// The name in the local header, if it differs.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) content: Vec<u8>,
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) attributes: u32,
    pub(super) extra: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) signature: bool,
    /// The start of the member in the directory, if it is wrong.
    pub(super) start: Option<u32>,
}

impl Member {
    pub(super) fn new(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Member {
        let content = content.as_ref().to_vec();
        let mut crc = Crc::new();
        crc.update(&content);
        let header = Header {
            bit_flag: 0,
            method: 0,
            crc32: crc.sum(),
            compressed_length: content.len() as u32,
            uncompressed_length: content.len() as u32,
        };
        Member {
            name: name.as_ref().to_vec(),
            local_name: None,
            content,
            local: header.clone(),
            central: header,
            attributes: 0,
            extra: Vec::new(),
            comment: Vec::new(),
            signature: true,
            start: None,
        }
    }
}

/// Builds a zip file of these members.
pub(super) fn zip(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        let start = member.start.unwrap_or(bytes.len() as u32);
        let name = member.local_name.as_ref().unwrap_or(&member.name);
        if member.signature {
            bytes.extend(b"PK\x03\x04");
        }
        header(&member.local, &mut bytes);
        lengths(&[name, &member.extra], &mut bytes);
        bytes.extend([name.as_slice(), &member.extra, &member.content].concat());

        directory.extend(b"PK\x01\x02\x0A\x03");
        header(&member.central, &mut directory);
        lengths(
            &[&member.name, &member.extra, &member.comment],
            &mut directory,
        );
        directory.extend([0; 4]);
        directory.extend(member.attributes.to_le_bytes());
        directory.extend(start.to_le_bytes());
        directory.extend([member.name.as_slice(), &member.extra, &member.comment].concat());
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((members.len() as u16).to_le_bytes());
    bytes.extend((members.len() as u16).to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

fn header(header: &Header, bytes: &mut Vec<u8>) {
    bytes.extend(10_u16.to_le_bytes());
    bytes.extend(header.bit_flag.to_le_bytes());
    bytes.extend(header.method.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(header.crc32.to_le_bytes());
    bytes.extend(header.compressed_length.to_le_bytes());
    bytes.extend(header.uncompressed_length.to_le_bytes());
}

fn lengths(fields: &[&Vec<u8>], bytes: &mut Vec<u8>) {
    for field in fields {
        bytes.extend((field.len() as u16).to_le_bytes());
    }
}

/// A valid archive, and the ID of its bundle.
pub(crate) fn archive() -> (String, Vec<u8>) {
    let map = map_of(r#"{"./i.js":{"location":"i.js","parser":"text"}}"#);
    let members = [
        Member::new("compartment-map.json", &map),
        Member::new("a/i.js", "a text"),
    ];
    (id_of(&map), zip(&members))
}

/// The ID of the bundle with this compartment map.
pub(super) fn id_of(map: &str) -> String {
    format!("b1-{}", sha512(map.as_bytes()))
}

/// The hash of a file, in the form of the map.
pub(super) fn hash_of(content: &str) -> String {
    sha512(content.as_bytes())
}

/// A map of one compartment, `a`, whose entry module is `./i.js`.
pub(super) fn map_of(modules: &str) -> String {
    map_with("", modules)
}

/// As [`map_of`], with more properties of the compartment, each followed by a comma.
pub(super) fn map_with(properties: &str, modules: &str) -> String {
    format!(
        r#"{{"entry":{{"compartment":"a","module":"./i.js"}},"compartments":{{"a":{{{properties}"name":"p","label":"p","location":"a","modules":{modules}}}}}}}"#
    )
}

/// Checks an archive of a map and other files. In messages, the ID is replaced by `ID`.
pub(super) fn verdict(map: &str, files: &[(&str, &str)]) -> Result<(), String> {
    let id = id_of(map);
    let mut members = vec![Member::new("compartment-map.json", map)];
    members.extend(
        files
            .iter()
            .map(|(name, content)| Member::new(name, content)),
    );
    match check(&id, &zip(&members)) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.message().replace(&id, "ID")),
    }
}
