//! Names of artifacts and keys of export records.

use crate::store::error::{Error, Result};

/// Prefix of the keys of entries' export records.
pub(crate) const RECORD_PREFIX: &[u8] = b"kv.";

/// The name of a span's artifact: `transcript.VAT.START.END`.
pub(crate) fn span_name(vat_id: &[u8], start_pos: i64, end_pos: i64) -> Vec<u8> {
    join(&[
        b"transcript",
        vat_id,
        start_pos.to_string().as_bytes(),
        end_pos.to_string().as_bytes(),
    ])
}

/// The key of a span's export record: `transcript.VAT.current`, or `transcript.VAT.START`.
pub(crate) fn span_key(vat_id: &[u8], start_pos: i64, current: bool) -> Vec<u8> {
    if current {
        join(&[b"transcript", vat_id, b"current"])
    } else {
        join(&[b"transcript", vat_id, start_pos.to_string().as_bytes()])
    }
}

/// The name of a snapshot's artifact, and the key of its export record: `snapshot.VAT.POS`.
pub(crate) fn snapshot_name(vat_id: &[u8], snap_pos: i64) -> Vec<u8> {
    join(&[b"snapshot", vat_id, snap_pos.to_string().as_bytes()])
}

/// The key of the export record that names a vat's current snapshot.
pub(crate) fn current_snapshot_key(vat_id: &[u8]) -> Vec<u8> {
    join(&[b"snapshot", vat_id, b"current"])
}

/// The name of a bundle's artifact, and the key of its export record: `bundle.ID`.
pub(crate) fn bundle_name(bundle_id: &[u8]) -> Vec<u8> {
    join(&[b"bundle", bundle_id])
}

/// The part of a name before the first dot, which is its kind.
pub(crate) fn kind(name: &[u8]) -> &[u8] {
    parts(name).next().unwrap_or_default()
}

/// The parts of a name between its dots.
pub(crate) fn parts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'.')
}

/// Parses a span's name into the vat and both positions, as text.
pub(crate) fn parse_span_name(name: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"transcript", vat_id, start_pos, end_pos] => Some((vat_id, start_pos, end_pos)),
        _ => None,
    }
}

/// Parses a snapshot's name into the vat and the position, as text.
pub(crate) fn parse_snapshot_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"snapshot", vat_id, snap_pos] => Some((vat_id, snap_pos)),
        _ => None,
    }
}

/// Returns the ID in a bundle's name.
///
/// # Errors
/// [`Error::NotBundleName`].
pub fn bundle_id_from_name(name: &[u8]) -> Result<&[u8]> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"bundle", bundle_id] => Ok(bundle_id),
        _ => Err(Error::NotBundleName(name.to_vec())),
    }
}

impl Error {
    /// The error for importing an export record of an unknown kind.
    pub fn unknown_record(key: &[u8]) -> Error {
        Error::UnknownOnImport {
            what: "export-data",
            kind: kind(key).to_vec(),
        }
    }

    /// The error for importing an artifact of an unknown kind.
    pub fn unknown_artifact(name: &[u8]) -> Error {
        Error::UnknownOnImport {
            what: "artifact",
            kind: kind(name).to_vec(),
        }
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_parts() {
        let name = span_name(b"v1", 3, 15);
        assert_eq!(name, b"transcript.v1.3.15");
        assert_eq!(
            parse_span_name(&name),
            Some((&b"v1"[..], &b"3"[..], &b"15"[..]))
        );
        assert_eq!(parse_span_name(b"transcript.v1.3"), None);
        assert_eq!(parse_snapshot_name(b"snapshot.v1.3.4"), None);
        assert_eq!(bundle_id_from_name(b"bundle.b1-00").unwrap(), b"b1-00");
        assert!(bundle_id_from_name(b"bundle.b1.00").is_err());
        assert_eq!(kind(b""), b"");
    }
}
