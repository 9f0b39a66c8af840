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

    /// The mode's name.
    pub fn name(self) -> &'static str {
        match self {
            ArtifactMode::Operational => "operational",
            ArtifactMode::Replay => "replay",
            ArtifactMode::Archival => "archival",
            ArtifactMode::Debug => "debug",
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

/// What JavaScript's `Number()` makes of a position in a name; NaN if it is no number.
pub(super) fn to_number(text: &[u8]) -> f64 {
    let Ok(text) = std::str::from_utf8(text) else {
        return f64::NAN;
    };
    // What JavaScript trims is Unicode's white space without U+0085 and with U+FEFF.
    let text = text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{FEFF}');
    let radix = |digits: &str, radix| {
        let digits_only = digits.chars().all(|c| c.is_digit(radix)) && !digits.is_empty();
        if !digits_only {
            return f64::NAN;
        }
        let value =
            |sum: f64, c: char| sum * f64::from(radix) + f64::from(c.to_digit(radix).unwrap_or(0));
        digits.chars().fold(0.0, value)
    };
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', ..] => radix(&text[2..], 16),
        [b'0', b'o' | b'O', ..] => radix(&text[2..], 8),
        [b'0', b'b' | b'B', ..] => radix(&text[2..], 2),
        bytes
            if bytes
                .iter()
                .all(|b| b.is_ascii_digit() || b"+-.eE".contains(b)) =>
        {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => match text {
            "Infinity" | "+Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        },
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

    #[test]
    fn positions_are_numbers_as_in_javascript() {
        for (text, number) in [
            ("0", 0.0),
            ("120", 120.0),
            ("", 0.0),
            (" 7\n", 7.0),
            ("1e2", 100.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1", -1.0),
            ("0x1F", 31.0),
            ("0b101", 5.0),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(to_number(text.as_bytes()), number, "{text}");
        }
        for odd in [
            "x", "1 2", "0x", "0xg", "inf", "nan", "1e", "--1", "infinity", "1_0",
        ] {
            assert!(to_number(odd.as_bytes()).is_nan(), "{odd}");
        }
    }
}
