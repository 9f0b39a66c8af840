//! Zip files of stored members, as bundles are.

use flate2::Crc;

/// A zip file of these members.
pub fn zip(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in members {
        let start = bytes.len() as u32;
        let mut crc = Crc::new();
        crc.update(content);
        let mut header = vec![10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.extend(crc.sum().to_le_bytes());
        header.extend((content.len() as u32).to_le_bytes());
        header.extend((content.len() as u32).to_le_bytes());
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 2]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&header);
        bytes.extend([name, *content].concat());
        directory.extend(b"PK\x01\x02\x0A\x03");
        directory.extend(&header);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(*name);
    }
    let count = (members.len() as u16).to_le_bytes();
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", count.as_slice(), &count].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
