//! Compresses and decompresses gzip files with libdeflate.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::Outcome;

/// The level of the heap images in a store.
pub const IMAGE_LEVEL: i32 = 1;

/// The level of the files of an export.
pub const FILE_LEVEL: i32 = 6;

/// A compressor of a level.
pub fn compressor(level: i32) -> Outcome<Compressor> {
    let level = CompressionLvl::new(level).map_err(|_| "libdeflate has no such level")?;
    Ok(Compressor::new(level))
}

/// Compresses `bytes` to a gzip file of one member.
pub fn compress(compressor: &mut Compressor, bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut file = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut file)?;
    file.truncate(length);
    Ok(file)
}

/// Decompresses all members of a gzip file.
pub fn decompress(decompressor: &mut Decompressor, file: &[u8]) -> Outcome<Vec<u8>> {
    let mut members = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let (member, after) = split_member(rest)?;
        // A member ends with the size of its contents.
        let size = member.last_chunk().ok_or("a gzip file ends early")?;
        members.push((member, usize::try_from(u32::from_le_bytes(*size))?));
        rest = after;
    }
    let mut contents = vec![0; members.iter().map(|(_, size)| size).sum()];
    let mut rest = &mut contents[..];
    for (member, size) in members {
        let (block, after) = rest.split_at_mut(size);
        decompressor.gzip_decompress(member, block)?;
        rest = after;
    }
    Ok(contents)
}

/// Splits a file after its first member. The header of a member that this package wrote has its
/// length; a file of the reference is one member.
fn split_member(file: &[u8]) -> Outcome<(&[u8], &[u8])> {
    let is_own = file.starts_with(&[0x1f, 0x8b, 8, 4]) && file.get(12..14) == Some(b"IG");
    let length = match file.get(16..20) {
        Some(length) if is_own => usize::try_from(u32::from_le_bytes(length.try_into()?))?,
        _ => file.len(),
    };
    file.split_at_checked(length)
        .ok_or_else(|| "a gzip file ends early".into())
}
