//! The data from which the page's script draws time lines: JSON that is safe within HTML.

use serde::Serialize;

use crate::report::contents::StoreContents;
use crate::report::pieces::Piece;
use crate::report::{pieces, words};
use crate::store::error::{Error, Result};
use crate::store::history::{Incarnation, VatInfo};
use crate::store::tasks::monitor::Monitor;

/// The longest vat source or options that the page shows, in characters.
const LONGEST_NOTE: usize = 1000;

/// Limits of the data in a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// About how many pieces of time lines all vats may have together; at most twice as many.
    pub(super) pieces: usize,
    /// About how many pieces one vat may have.
    pub(super) pieces_of_one: usize,
    /// How many incarnations all vats may have together.
    pub(super) incarnations: usize,
}

impl Limits {
    /// The limits of a report about all vats.
    pub(super) const ALL_VATS: Limits = Limits {
        pieces: 12_000,
        pieces_of_one: 400,
        incarnations: 5_000,
    };
    /// The limits of a report about one vat.
    pub(super) const ONE_VAT: Limits = Limits {
        pieces: 2_000,
        pieces_of_one: 2_000,
        incarnations: 2_000,
    };
}

/// The script's data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    vats: Vec<VatData>,
    /// Whether the page is about one vat.
    one: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VatData {
    id: String,
    name: Option<String>,
    end: i64,
    spans: usize,
    source: Option<String>,
    options: Option<String>,
    /// The number of snapshots at positions outside every span.
    snapshots_elsewhere: usize,
    incarnations_left_out: usize,
    incarnations: Vec<IncarnationData>,
    pieces: Vec<PieceData>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IncarnationData {
    number: i64,
    start: i64,
    end: i64,
    items: i64,
    bytes: u64,
    spans: usize,
    pruned: usize,
    complete: bool,
    began: Option<String>,
    ended: Option<String>,
}

/// A [`Piece`]. Zero, false and missing values are left out.
#[derive(Serialize)]
struct PieceData {
    #[serde(rename = "s")]
    start: i64,
    #[serde(rename = "e")]
    end: i64,
    #[serde(rename = "i")]
    incarnation: i64,
    #[serde(rename = "j", skip_serializing_if = "Option::is_none")]
    last_incarnation: Option<i64>,
    #[serde(rename = "n")]
    spans: usize,
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    whole: usize,
    #[serde(rename = "p", skip_serializing_if = "is_zero")]
    partial: usize,
    #[serde(rename = "t")]
    items: i64,
    #[serde(rename = "b")]
    bytes: u64,
    #[serde(rename = "c", skip_serializing_if = "is_false")]
    is_current: bool,
    #[serde(rename = "m", skip_serializing_if = "is_zero")]
    snapshots: usize,
    #[serde(rename = "g", skip_serializing_if = "is_zero")]
    images: usize,
    #[serde(rename = "u", skip_serializing_if = "is_false")]
    in_use: bool,
    #[serde(rename = "h", skip_serializing_if = "is_zero_bytes")]
    image_bytes: i64,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero_bytes(bytes: &i64) -> bool {
    *bytes == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The data of a page, and what was left out of it.
pub(super) struct LimitedData {
    pub(super) data: Data,
    /// The number of vats whose spans were merged into pieces.
    pub(super) merged_vats: usize,
    /// About how many pieces each vat may have.
    pub(super) pieces_of_one: usize,
    pub(super) incarnations_left_out: usize,
}

impl Data {
    /// Collects the data of these vats.
    pub(super) fn of(
        contents: &StoreContents,
        vats: &[&VatInfo],
        limits: Limits,
        monitor: &Monitor,
    ) -> Result<LimitedData> {
        let wanted: Vec<usize> = vats.iter().map(|vat| vat.spans).collect();
        let most = pieces::fair_share(&wanted, limits.pieces).min(limits.pieces_of_one);
        let wanted: Vec<usize> = vats.iter().map(|vat| vat.incarnations).collect();
        let most_incarnations = pieces::fair_share(&wanted, limits.incarnations);
        let mut limited = LimitedData {
            data: Data {
                vats: Vec::new(),
                one: contents.one.is_some(),
            },
            merged_vats: 0,
            pieces_of_one: most,
            incarnations_left_out: 0,
        };
        for vat in vats {
            let spans = contents.spans_of(&vat.vat_id);
            let snapshots = contents.snapshots_of(&vat.vat_id);
            let mut pieces = pieces::cut(spans, snapshots, most);
            pieces::read_ends(&mut pieces, spans, &contents.history)?;
            let incarnations =
                contents
                    .history
                    .incarnations_with(spans, most_incarnations, monitor)?;
            let left_out = vat.incarnations.saturating_sub(incarnations.len());
            limited.merged_vats += usize::from(pieces.len() < spans.len());
            limited.incarnations_left_out += left_out;
            let placed: usize = pieces.iter().map(|piece| piece.snapshots).sum();
            let note = |text: &Option<crate::store::history::JsonText>| {
                let text = text.as_ref();
                text.map(|text| words::cut_text(text.get(), LONGEST_NOTE))
            };
            limited.data.vats.push(VatData {
                id: words::text(&vat.vat_id),
                name: vat.name.as_deref().map(words::text),
                end: vat.end_pos,
                spans: vat.spans,
                source: note(&vat.source),
                options: note(&vat.options),
                snapshots_elsewhere: snapshots.len().saturating_sub(placed),
                incarnations_left_out: left_out,
                incarnations: incarnations.iter().map(IncarnationData::of).collect(),
                pieces: pieces.iter().map(PieceData::of).collect(),
            });
        }
        Ok(limited)
    }

    /// The text of a `script` element: JSON without characters that HTML could take for a tag or
    /// comment, or JavaScript for a line end.
    pub(super) fn script(&self) -> Result<String> {
        let json =
            serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))?;
        let mut text = String::with_capacity(json.len());
        for c in json.chars() {
            match c {
                // JSON has these characters only within strings.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => text.push(c),
            }
        }
        Ok(text)
    }
}

impl IncarnationData {
    fn of(one: &Incarnation) -> IncarnationData {
        IncarnationData {
            number: one.incarnation,
            start: one.start_pos,
            end: one.end_pos,
            items: one.items,
            bytes: one.bytes.unwrap_or(0),
            spans: one.spans,
            pruned: one.spans.saturating_sub(one.populated_spans),
            complete: one.complete,
            began: one.began.as_ref().map(words::entry),
            ended: if one.is_current {
                None
            } else {
                one.ended.as_ref().map(words::entry)
            },
        }
    }
}

impl PieceData {
    fn of(piece: &Piece) -> PieceData {
        let (incarnation, last) = piece.incarnations;
        let (first_entry, last_entry) = &piece.ends;
        PieceData {
            start: piece.start,
            end: piece.end,
            incarnation,
            last_incarnation: (last != incarnation).then_some(last),
            spans: piece.spans,
            whole: piece.whole,
            partial: piece.partial,
            items: piece.items,
            bytes: piece.bytes,
            is_current: piece.is_current,
            snapshots: piece.snapshots,
            images: piece.images,
            in_use: piece.in_use,
            image_bytes: piece.image_bytes,
            first: first_entry.as_ref().map(words::entry),
            last: last_entry.as_ref().map(words::entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_element() {
        let nasty = "</script><script>alert(1)</script><!-- \u{2028}&amp;\"\\";
        let data = Data {
            vats: vec![VatData {
                id: nasty.into(),
                name: Some(nasty.into()),
                end: 0,
                spans: 0,
                source: Some(nasty.into()),
                options: None,
                snapshots_elsewhere: 0,
                incarnations_left_out: 0,
                incarnations: Vec::new(),
                pieces: Vec::new(),
            }],
            one: false,
        };
        let text = data.script().unwrap();
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["vats"][0]["id"], nasty);
        assert_eq!(parsed["vats"][0]["name"], nasty);
    }
}
