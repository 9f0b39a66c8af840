//! The files of an export and the host's block height: names and formats.

use crate::store::encoding::number::to_number;
use crate::store::encoding::{json, wtf8};

/// The name of the manifest, which lists the files of an export.
pub const MANIFEST_NAME: &str = "export-manifest.json";

/// The name of the file with the export data.
pub const DATA_NAME: &str = "export-data.jsonl";

/// The extension of compressed artifacts, in exports and in archives.
pub(in crate::store::transfer) const GZIP: &str = ".gz";

/// The key in which the host keeps the height of the last committed block.
pub(crate) const HEIGHT_KEY: &[u8] = b"host.height";

/// JavaScript's `Number.MAX_SAFE_INTEGER`.
pub(super) const MAX_HEIGHT: f64 = 9_007_199_254_740_991.0;

/// Whether a number can be the height of a block.
pub(super) fn is_height(number: f64) -> bool {
    (0.0..=MAX_HEIGHT).contains(&number) && number.fract() == 0.0
}

/// Parses the host's value of [`HEIGHT_KEY`]. `None` if it is not a block height.
pub(crate) fn parse_height(text: Option<&[u8]>) -> Option<f64> {
    text.map(|text| to_number(&wtf8::as_read(text)))
        .filter(|height| is_height(*height))
}

/// Parses the host's value of [`HEIGHT_KEY`]. 0 if it is not a block height.
pub(crate) fn height_or_zero(text: Option<&[u8]>) -> f64 {
    parse_height(text).unwrap_or(0.0)
}

/// The host's value of [`HEIGHT_KEY`] for a block height.
pub(super) fn height_text(height: f64) -> String {
    json::number_to_string(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_whole_numbers() {
        for (text, height) in [
            ("0", 0.0),
            ("17", 17.0),
            ("1e3", 1000.0),
            (" 5 ", 5.0),
            ("9007199254740991", MAX_HEIGHT),
        ] {
            assert_eq!(parse_height(Some(text.as_bytes())), Some(height), "{text}");
        }
        for text in [
            "x",
            "-1",
            "1.5",
            "1e400",
            "-1e400",
            "9007199254740992",
            "NaN",
        ] {
            assert_eq!(parse_height(Some(text.as_bytes())), None, "{text}");
            assert_eq!(height_or_zero(Some(text.as_bytes())), 0.0, "{text}");
        }
        assert_eq!(parse_height(None), None);
    }
}
