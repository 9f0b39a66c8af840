//! Reads the zip files of bundles: stored members only, and no comment at the end.
//!
//! A member's record in the directory must equal the member's local header. This reader accepts
//! exactly the files that the reference accepts; other zip readers are stricter or more lenient.

use std::borrow::Cow;

use flate2::Crc;
use indexmap::IndexMap;

use super::cursor::Cursor;
use crate::store::encoding::quote::plain;
use crate::store::error::refusal::Refusal;

/// The limit for the total size of the members, each counted as often as the directory lists it,
/// and for the bytes read while modules are loaded. Only an archive that uses the same bytes many
/// times exceeds it, to keep a checker busy for hours.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// The contents of the members by name, in the order of the directory.
pub(super) type Members<'a> = IndexMap<Vec<u8>, &'a [u8]>;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
/// The length of the record at the end, without a comment.
const DIRECTORY_END_LENGTH: u64 = 22;
const STORED: u16 = 0;
const ENCRYPTED: u16 = 1;
const DIRECTORY: u32 = 0x10;
/// The reference's messages use this name for the archive.
const ARCHIVE_NAME: &str = "\"<unknown>\"";

/// The fields that both the directory and the local header of a member have.
#[derive(Clone, PartialEq)]
pub(super) struct Header {
    pub(super) bit_flag: u16,
    pub(super) method: u16,
    pub(super) crc32: u32,
    pub(super) compressed_length: u32,
    pub(super) uncompressed_length: u32,
}

struct CentralRecord<'a> {
    header: Header,
    name: &'a [u8],
    attributes: u32,
    start: u32,
}

struct LocalRecord<'a> {
    header: Header,
    name: &'a [u8],
    content: &'a [u8],
}

/// Reads a zip file. If several members have the same name, the last one wins.
pub(super) fn read(bytes: &[u8]) -> Result<Members<'_>, Refusal> {
    let mut cursor = Cursor::new(bytes);
    let directory = find_directory(&mut cursor, bytes.len() as u64)?;
    let central_records = read_directory(&mut cursor, &directory)?;
    // As in the reference, all members are read before any is checked, which determines the first
    // error.
    let mut records = Vec::new();
    for central in central_records {
        cursor.seek(u64::from(central.start))?;
        records.push((central, read_local_record(&mut cursor)?));
    }
    let listed: u64 = records
        .iter()
        .map(|(_, local)| local.content.len() as u64)
        .sum();
    if listed > MAX_BYTES {
        return Err(Refusal::error(format!(
            "Cannot read a zip file whose members overlap: it lists {listed} bytes, and has {}",
            bytes.len()
        )));
    }
    let mut members = Members::new();
    for (central, local) in records {
        check_record(&central, &local)?;
        if central.header.bit_flag & ENCRYPTED != 0 {
            return Err(Refusal::error("Encrypted zip are not supported"));
        }
        if central.attributes & DIRECTORY != 0 {
            continue;
        }
        if central.header.method != STORED {
            let name: Vec<String> = central.name.iter().map(u8::to_string).collect();
            return Err(Refusal::error(format!(
                "Cannot find decompressor for compression method {} for file {}",
                central.header.method,
                name.join(",")
            )));
        }
        members.insert(
            decode(central.name).into_owned().into_bytes(),
            local.content,
        );
    }
    Ok(members)
}

/// The start of the directory, and its number of records.
struct Directory {
    start: u32,
    records: u16,
}

fn find_directory(cursor: &mut Cursor<'_>, length: u64) -> Result<Directory, Refusal> {
    let Some(end) = length.checked_sub(DIRECTORY_END_LENGTH) else {
        return Err(Refusal::error("Corrupted zip: not enough content"));
    };
    cursor.seek(end)?;
    if !cursor.skip_signature(DIRECTORY_END) {
        return Err(Refusal::error(
            "Corrupt zip file, or zip file containing an unsupported variable-width \
             end-of-archive comment, or an unsupported zip file with 64 bit sizes",
        ));
    }
    let disk = cursor.u16()?;
    let first_disk = cursor.u16()?;
    let records_on_disk = cursor.u16()?;
    let records = cursor.u16()?;
    let size = cursor.u32()?;
    let start = cursor.u32()?;
    let comment_length = cursor.u16()?;
    // This record is at the end, so a comment length other than zero fails here.
    cursor.read(u32::from(comment_length))?;
    if [disk, first_disk, records_on_disk, records].contains(&u16::MAX)
        || [size, start].contains(&u32::MAX)
    {
        return Err(zip64());
    }
    cursor.set_offset(end as i64 - i64::from(start) - i64::from(size))?;
    Ok(Directory { start, records })
}

fn read_directory<'a>(
    cursor: &mut Cursor<'a>,
    directory: &Directory,
) -> Result<Vec<CentralRecord<'a>>, Refusal> {
    cursor.seek(u64::from(directory.start))?;
    let mut records = Vec::new();
    while cursor.skip_signature(CENTRAL_HEADER) {
        records.push(read_central_record(cursor)?);
    }
    if usize::from(directory.records) != records.len() {
        return Err(Refusal::error(format!(
            "Corrupted zip or bug: expected {} records in central dir, got {}",
            directory.records,
            records.len()
        )));
    }
    Ok(records)
}

fn read_central_record<'a>(cursor: &mut Cursor<'a>) -> Result<CentralRecord<'a>, Refusal> {
    let _version = cursor.u8()?;
    let _made_by = cursor.u8()?;
    let header = read_header(cursor)?;
    let name_length = cursor.u16()?;
    let extra_length = cursor.u16()?;
    let comment_length = cursor.u16()?;
    let _disk = cursor.u16()?;
    let _internal_attributes = cursor.u16()?;
    let attributes = cursor.u32()?;
    let start = cursor.u32()?;
    let name = cursor.read(u32::from(name_length))?;
    cursor.skip(extra_length)?;
    if [header.uncompressed_length, header.compressed_length, start].contains(&u32::MAX) {
        return Err(zip64());
    }
    cursor.read(u32::from(comment_length))?;
    Ok(CentralRecord {
        header,
        name,
        attributes,
        start,
    })
}

fn read_local_record<'a>(cursor: &mut Cursor<'a>) -> Result<LocalRecord<'a>, Refusal> {
    // As in the reference, the signature is optional.
    cursor.skip_signature(LOCAL_HEADER);
    let header = read_header(cursor)?;
    let name_length = cursor.u16()?;
    let extra_length = cursor.u16()?;
    let name = cursor.read(u32::from(name_length))?;
    cursor.skip(extra_length)?;
    let content = cursor.read(header.compressed_length)?;
    Ok(LocalRecord {
        header,
        name,
        content,
    })
}

fn read_header(cursor: &mut Cursor<'_>) -> Result<Header, Refusal> {
    let _version_needed = cursor.u16()?;
    let bit_flag = cursor.u16()?;
    let method = cursor.u16()?;
    let _date = cursor.u32()?;
    Ok(Header {
        bit_flag,
        method,
        crc32: cursor.u32()?,
        compressed_length: cursor.u32()?,
        uncompressed_length: cursor.u32()?,
    })
}

fn check_record(central: &CentralRecord<'_>, local: &LocalRecord<'_>) -> Result<(), Refusal> {
    let central_name = decode(central.name);
    let local_name = decode(local.name);
    if central_name.replace('\\', "/") != local_name {
        return Err(Refusal::error(format!(
            "Zip integrity error: central record file name {} must match local file name {} in \
             archive {ARCHIVE_NAME}",
            plain(central_name.as_bytes()),
            plain(local_name.as_bytes())
        )));
    }
    let mut crc = Crc::new();
    crc.update(local.content);
    let problem = if let Some(difference) = difference(&central.header, &local.header) {
        difference
    } else if crc.sum() != local.header.crc32 {
        let (wanted, actual) = (local.header.crc32, crc.sum());
        format!("CRC-32 checksum mismatch, wanted {wanted} but actual content is {actual}")
    } else {
        return Ok(());
    };
    Err(Refusal::error(format!(
        "Zip integrity error: {problem} for file {} in archive {ARCHIVE_NAME}",
        plain(local_name.as_bytes())
    )))
}

/// The first field in which the directory and the local header differ.
fn difference(central: &Header, local: &Header) -> Option<String> {
    if central == local {
        return None;
    }
    Some(if central.bit_flag != local.bit_flag {
        format!(
            "Central record bit flag {:x} must match local record bit flag {:x}",
            central.bit_flag, local.bit_flag
        )
    } else if central.method != local.method {
        format!(
            "Central record compression method {} must match local compression method {}",
            central.method, local.method
        )
    } else if central.crc32 != local.crc32 {
        format!(
            "Central record CRC-32 checksum {} must match local checksum {}",
            central.crc32, local.crc32
        )
    } else if central.compressed_length != local.compressed_length {
        format!(
            "Central record compressed size {} must match local {}",
            central.compressed_length, local.compressed_length
        )
    } else {
        format!(
            "Central record uncompressed size {} must match local {}",
            central.uncompressed_length, local.uncompressed_length
        )
    })
}

fn zip64() -> Refusal {
    Refusal::error("Cannot read Zip64")
}

/// Decodes UTF-8 as JavaScript's `TextDecoder`: replaces invalid bytes, and removes a byte order
/// mark.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bundle_check::testing::{Member, zip};

    #[test]
    fn overlapping_members_are_limited() {
        let mut members = vec![Member::new("a", vec![0; 1 << 20])];
        let central = members[0].central.clone();
        for _ in 0..MAX_BYTES >> 20 {
            let mut again = Member::new("a", "");
            again.central = central.clone();
            again.start = Some(0);
            members.push(again);
        }
        let refusal = read(&zip(&members)).unwrap_err();
        let expected =
            "Cannot read a zip file whose members overlap: it lists 1074790400 bytes, and has ";
        assert!(
            refusal.message().starts_with(expected),
            "{}",
            refusal.message()
        );
        members.truncate(3);
        assert_eq!(read(&zip(&members)).unwrap().len(), 1);
    }

    fn two() -> Vec<Member> {
        vec![Member::new("a", "one"), Member::new("b/c", "two")]
    }

    #[track_caller]
    fn contents(bytes: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let members = read(bytes).unwrap();
        let pairs = members
            .iter()
            .map(|(name, content)| (text(name), text(content)));
        pairs.collect()
    }

    #[track_caller]
    fn accepted(members: &[Member], expected: &[(&str, &str)]) {
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(name, content)| (String::from(*name), String::from(*content)))
            .collect();
        assert_eq!(contents(&zip(members)), expected);
    }

    #[track_caller]
    fn refused(bytes: &[u8], message: &str) {
        assert_eq!(read(bytes).unwrap_err().message(), message);
    }

    /// Changes one of two members, and expects a refusal.
    #[track_caller]
    fn refused_with(change: impl FnOnce(&mut Member), message: &str) {
        let mut members = two();
        change(&mut members[0]);
        refused(&zip(&members), message);
    }

    #[test]
    fn members_are_found_by_name() {
        accepted(&two(), &[("a", "one"), ("b/c", "two")]);
        accepted(&[], &[]);
    }

    #[test]
    fn the_last_of_equal_names_wins() {
        let mut members = two();
        members.push(Member::new("a", "three"));
        accepted(&members, &[("a", "three"), ("b/c", "two")]);
    }

    #[test]
    fn names_are_decoded() {
        accepted(
            &[Member::new(b"\xEF\xBB\xBFa\xFF", "one")],
            &[("a\u{FFFD}", "one")],
        );
    }

    #[test]
    fn only_the_directory_may_have_backslashes() {
        let mut members = two();
        members[1].name = b"b\\c".to_vec();
        members[1].local_name = Some(b"b/c".to_vec());
        accepted(&members, &[("a", "one"), ("b\\c", "two")]);
        refused_with(
            |member| member.local_name = Some(b"x".to_vec()),
            "Zip integrity error: central record file name \"a\" must match local file name \"x\" \
             in archive \"<unknown>\"",
        );
    }

    #[test]
    fn directories_are_left_out() {
        let mut members = two();
        members[0].attributes = DIRECTORY;
        members[0].local.method = 8;
        members[0].central.method = 8;
        accepted(&members, &[("b/c", "two")]);
    }

    #[test]
    fn extra_fields_and_comments_are_skipped() {
        let mut members = two();
        members[0].extra = vec![1, 2, 3];
        members[1].comment = vec![0xFF];
        members[1].local.uncompressed_length = 9;
        members[1].central.uncompressed_length = 9;
        accepted(&members, &[("a", "one"), ("b/c", "two")]);
    }

    #[test]
    fn a_local_signature_is_not_required() {
        let mut members = two();
        members[0].signature = false;
        accepted(&members, &[("a", "one"), ("b/c", "two")]);
    }

    #[test]
    fn bytes_before_an_archive_hide_its_end() {
        let bytes = [b"#!".to_vec(), zip(&two())].concat();
        assert_eq!(contents(&bytes).len(), 2);
        let bytes = [vec![b'#'; 40], zip(&two())].concat();
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn compression_is_refused() {
        refused_with(
            |member| {
                member.local.method = 8;
                member.central.method = 8;
            },
            "Cannot find decompressor for compression method 8 for file 97",
        );
    }

    #[test]
    fn encryption_is_refused() {
        refused_with(
            |member| {
                member.local.bit_flag = 1;
                member.central.bit_flag = 1;
            },
            "Encrypted zip are not supported",
        );
    }

    #[test]
    fn the_directory_must_agree_with_the_members() {
        let unequal = |change: fn(&mut Header), what: &str| {
            let message = format!(
                "Zip integrity error: Central record {what} for file \"a\" in archive \"<unknown>\""
            );
            refused_with(|member| change(&mut member.central), &message);
        };
        unequal(
            |header| header.bit_flag = 0x8A,
            "bit flag 8a must match local record bit flag 0",
        );
        unequal(
            |header| header.method = 8,
            "compression method 8 must match local compression method 0",
        );
        unequal(
            |header| header.crc32 = 5,
            "CRC-32 checksum 5 must match local checksum 2053932785",
        );
        unequal(
            |header| header.compressed_length = 2,
            "compressed size 2 must match local 3",
        );
        unequal(
            |header| header.uncompressed_length = 2,
            "uncompressed size 2 must match local 3",
        );
    }

    #[test]
    fn the_checksum_must_be_that_of_the_content() {
        refused_with(
            |member| {
                member.local.crc32 = 5;
                member.central.crc32 = 5;
            },
            "Zip integrity error: CRC-32 checksum mismatch, wanted 5 but actual content is \
             2053932785 for file \"a\" in archive \"<unknown>\"",
        );
    }

    #[test]
    fn lengths_after_the_content_are_refused() {
        refused_with(
            |member| {
                member.local.compressed_length = 0;
                member.local.crc32 = 0;
            },
            "Zip integrity error: Central record CRC-32 checksum 2053932785 must match local \
             checksum 0 for file \"a\" in archive \"<unknown>\"",
        );
    }

    #[test]
    fn long_archives_are_refused() {
        refused_with(
            |member| member.central.uncompressed_length = u32::MAX,
            "Cannot read Zip64",
        );
        let mut bytes = zip(&two());
        let records = bytes.len() - 12;
        bytes[records] = 3;
        refused(
            &bytes,
            "Corrupted zip or bug: expected 3 records in central dir, got 2",
        );
        bytes[records..records + 2].fill(0xFF);
        refused(&bytes, "Cannot read Zip64");
    }

    #[test]
    fn the_end_must_be_where_it_is_expected() {
        refused(b"PK", "Corrupted zip: not enough content");
        let unfound = "Corrupt zip file, or zip file containing an unsupported variable-width \
             end-of-archive comment, or an unsupported zip file with 64 bit sizes";
        let bytes = zip(&two());
        refused(&[bytes.clone(), vec![0]].concat(), unfound);
        refused(&bytes[..bytes.len() - 1], unfound);
        let mut commented = bytes.clone();
        let last = commented.len() - 2;
        commented[last] = 1;
        refused(
            &commented,
            &format!(
                "End of data reached (data length = {0}, asked index {1}",
                bytes.len(),
                bytes.len() + 1
            ),
        );
        let mut early = bytes;
        let size = early.len() - 10;
        early[size + 2] = 1;
        refused(&early, "Cannot set negative offset");
    }

    #[test]
    fn members_beyond_the_end_are_refused() {
        let mut members = two();
        members[0].start = Some(1000);
        let bytes = zip(&members);
        refused(
            &bytes,
            &format!(
                "End of data reached (data length = {}, asked index 1000",
                bytes.len()
            ),
        );
    }

    #[test]
    fn a_truncated_archive_is_refused() {
        let bytes = zip(&two());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err());
        }
    }
}
