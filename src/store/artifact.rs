//! Artifacts: what they are called, and which of them a mode takes.

use super::error::{Error, Result};

/// How much history an export carries. Each mode takes all that the one before it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArtifactMode {
    /// What is needed to run: current spans and snapshots, and bundles.
    Operational,
    /// All spans of each vat's current incarnation.
    Replay,
    /// All spans of each vat that is not terminated.
    Archival,
    /// Everything that is there, historical snapshots and terminated vats included, complete or
    /// not.
    Debug,
}

impl ArtifactMode {
    /// The mode of this name; `quoted` is the value as an error message shows it.
    ///
    /// # Errors
    /// [`Error::InvalidArtifactMode`].
    pub fn parse(name: &[u8], quoted: &[u8]) -> Result<ArtifactMode> {
        match name {
            b"operational" => Ok(ArtifactMode::Operational),
            b"replay" => Ok(ArtifactMode::Replay),
            b"archival" => Ok(ArtifactMode::Archival),
            b"debug" => Ok(ArtifactMode::Debug),
            _ => Err(Error::InvalidArtifactMode(quoted.to_vec())),
        }
    }
}

/// A span's name: `transcript.VAT.START.END`.
pub(super) fn span_name(vat_id: &[u8], start_pos: i64, end_pos: i64) -> Vec<u8> {
    join(&[
        b"transcript",
        vat_id,
        start_pos.to_string().as_bytes(),
        end_pos.to_string().as_bytes(),
    ])
}

/// The key of a span's export record: `transcript.VAT.current`, or `transcript.VAT.START`.
pub(super) fn span_key(vat_id: &[u8], start_pos: i64, current: bool) -> Vec<u8> {
    if current {
        join(&[b"transcript", vat_id, b"current"])
    } else {
        join(&[b"transcript", vat_id, start_pos.to_string().as_bytes()])
    }
}

/// A snapshot's name, and the key of its export record: `snapshot.VAT.POS`.
pub(super) fn snapshot_name(vat_id: &[u8], snap_pos: i64) -> Vec<u8> {
    join(&[b"snapshot", vat_id, snap_pos.to_string().as_bytes()])
}

/// The key of the export record that names a vat's current snapshot.
pub(super) fn current_snapshot_key(vat_id: &[u8]) -> Vec<u8> {
    join(&[b"snapshot", vat_id, b"current"])
}

/// A bundle's name, and the key of its export record: `bundle.ID`.
pub(super) fn bundle_name(bundle_id: &[u8]) -> Vec<u8> {
    join(&[b"bundle", bundle_id])
}

/// The part of a name before the first dot, which says of what kind it is.
pub(super) fn kind(name: &[u8]) -> &[u8] {
    parts(name).next().unwrap_or_default()
}

/// The parts of a name between its dots.
pub(super) fn parts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'.')
}

/// A span's name, taken apart: the vat, and the two positions as they are written.
pub(super) fn parse_span_name(name: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"transcript", vat_id, start_pos, end_pos] => Some((vat_id, start_pos, end_pos)),
        _ => None,
    }
}

/// A snapshot's name, taken apart: the vat, and the position as it is written.
pub(super) fn parse_snapshot_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"snapshot", vat_id, snap_pos] => Some((vat_id, snap_pos)),
        _ => None,
    }
}

/// The ID in a bundle's name.
///
/// # Errors
/// [`Error::NotBundleName`].
pub fn bundle_id_from_name(name: &[u8]) -> Result<&[u8]> {
    match parts(name).collect::<Vec<_>>()[..] {
        [b"bundle", bundle_id] => Ok(bundle_id),
        _ => Err(Error::NotBundleName(name.to_vec())),
    }
}

/// A position as names write it: decimal digits without needless zeros.
pub(super) fn parse_position(digits: &[u8]) -> Option<i64> {
    let position: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (position >= 0 && position.to_string().as_bytes() == digits).then_some(position)
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

    #[test]
    fn positions_are_written_one_way_only() {
        assert_eq!(parse_position(b"0"), Some(0));
        assert_eq!(parse_position(b"120"), Some(120));
        for odd in [
            "",
            "00",
            "-1",
            "+1",
            " 1",
            "1.5",
            "0x1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_position(odd.as_bytes()), None, "{odd}");
        }
    }
}
