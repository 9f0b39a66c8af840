//! Merges spans into the pieces that a time line can show.

use crate::store::history::{Entry, History, Populated, SnapshotSummary, SpanInfo};

/// One or several consecutive spans.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The first position.
    pub(super) start: i64,
    /// The end position, exclusive.
    pub(super) end: i64,
    /// The incarnations of the first and the last span.
    pub(super) incarnations: (i64, i64),
    /// The number of spans.
    pub(super) spans: usize,
    /// The number of spans with all their items.
    pub(super) whole: usize,
    /// The number of spans with only some of their items.
    pub(super) partial: usize,
    pub(super) items: i64,
    /// The size of these items in bytes.
    pub(super) bytes: u64,
    pub(super) is_current: bool,
    /// The number of snapshots within these positions.
    pub(super) snapshots: usize,
    /// The number of these snapshots that have an image.
    pub(super) images: usize,
    /// Whether one of them is in use.
    pub(super) in_use: bool,
    /// The compressed size of the images in bytes.
    pub(super) image_bytes: i64,
    /// The first and the last item, if the piece is a single span.
    pub(super) ends: (Option<Entry>, Option<Entry>),
}

/// The maximum that each of several claims on `total` may get, so that the total suffices and no
/// claim is reduced more than necessary. `usize::MAX` if all claims fit.
pub(super) fn fair_share(wanted: &[usize], total: usize) -> usize {
    let mut sorted = wanted.to_vec();
    sorted.sort_unstable();
    let mut left = total;
    for (at, wanted) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - at);
        if *wanted > share {
            return share.max(1);
        }
        left -= wanted;
    }
    usize::MAX
}

/// Merges a vat's spans into about `most` pieces. The current span is a piece of its own.
pub(super) fn cut(spans: &[SpanInfo], snapshots: &[SnapshotSummary], most: usize) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let size = spans.len().div_ceil(most.max(1)).max(1);
    let same = |one: &SpanInfo, next: &SpanInfo| {
        !one.is_current && !next.is_current && one.incarnation == next.incarnation
    };
    let groups = || spans.chunk_by(same);
    // With more incarnations than pieces, a piece may contain several incarnations.
    if groups().count() > most {
        pieces.extend(spans.chunks(size).map(merge));
    } else {
        // Rounding up adds at most one piece per group.
        pieces.extend(groups().flat_map(|group| group.chunks(size)).map(merge));
    }
    let mut rest = snapshots;
    for piece in &mut pieces {
        let before = rest.partition_point(|one| one.snap_pos < piece.start);
        rest = &rest[before..];
        let inside = rest.partition_point(|one| one.snap_pos < piece.end);
        let (these, others) = rest.split_at(inside);
        rest = others;
        piece.snapshots = these.len();
        for snapshot in these {
            piece.in_use |= snapshot.in_use;
            if snapshot.populated == Populated::All {
                piece.images += 1;
                let bytes = snapshot.compressed_size.unwrap_or(0).max(0);
                piece.image_bytes = piece.image_bytes.saturating_add(bytes);
            }
        }
    }
    pieces
}

fn merge(spans: &[SpanInfo]) -> Piece {
    let mut piece = Piece::default();
    if let (Some(first), Some(last)) = (spans.first(), spans.last()) {
        (piece.start, piece.end) = (first.start_pos, last.end_pos);
        piece.incarnations = (first.incarnation, last.incarnation);
    }
    for span in spans {
        piece.spans += 1;
        piece.whole += usize::from(span.populated == Populated::All);
        piece.partial += usize::from(span.populated == Populated::Some);
        piece.items = piece.items.saturating_add(span.items);
        piece.bytes = piece.bytes.saturating_add(span.bytes.unwrap_or(0));
        piece.is_current |= span.is_current;
    }
    piece
}

/// Reads the first and last item of each piece that is a single span.
pub(super) fn read_ends(
    pieces: &mut [Piece],
    spans: &[SpanInfo],
    history: &History,
) -> crate::store::error::Result<()> {
    let mut at = 0;
    for piece in pieces {
        if piece.spans == 1
            && let Some(span) = spans.get(at)
        {
            piece.ends = history.ends_of(span)?;
        }
        at += piece.spans;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_pos: i64, incarnation: i64, populated: Populated) -> SpanInfo {
        let items = if populated == Populated::None { 0 } else { 10 };
        SpanInfo {
            vat_id: "v1".into(),
            start_pos,
            end_pos: start_pos + 10,
            hash: "00".into(),
            is_current: false,
            incarnation,
            artifact: format!("transcript.v1.{start_pos}.{}", start_pos + 10),
            items,
            populated,
            bytes: Some(items as u64 * 100),
        }
    }

    fn snapshot(snap_pos: i64, in_use: bool) -> SnapshotSummary {
        SnapshotSummary {
            vat_id: "v1".into(),
            snap_pos,
            hash: "00".into(),
            in_use,
            populated: if in_use {
                Populated::All
            } else {
                Populated::None
            },
            uncompressed_size: Some(100),
            compressed_size: Some(20),
            artifact: format!("snapshot.v1.{snap_pos}"),
        }
    }

    #[test]
    fn shares_are_fair() {
        assert_eq!(fair_share(&[], 10), usize::MAX);
        assert_eq!(fair_share(&[1, 2, 3], 6), usize::MAX);
        assert_eq!(fair_share(&[1, 2, 3], 5), 2);
        assert_eq!(fair_share(&[100, 1, 100], 21), 10);
        assert_eq!(fair_share(&[100; 500], 100), 1);
    }

    #[test]
    fn few_spans_are_not_merged() {
        let mut spans: Vec<_> = (0..5)
            .map(|n| span(n * 10, i64::from(n > 2), Populated::All))
            .collect();
        spans[4].is_current = true;
        let snapshots: Vec<_> = [9, 19, 39].map(|at| snapshot(at, at == 39)).into();
        let pieces = cut(&spans, &snapshots, 10);
        assert_eq!(pieces.len(), 5);
        let counts: Vec<_> = pieces
            .iter()
            .map(|one| (one.snapshots, one.in_use))
            .collect();
        assert_eq!(
            counts,
            [(1, false), (1, false), (0, false), (1, true), (0, false)]
        );
        assert!(pieces[4].is_current && pieces[3].image_bytes == 20);
    }

    #[test]
    fn many_spans_are_merged_without_losing_any() {
        for (count, most, per_incarnation) in [
            (10_000, 40, 2_000),
            (1_000, 100, 7),
            (1_000, 100, 1),
            (101, 100, 101),
            (3, 1, 3),
            (5, 0, 1),
        ] {
            let mut spans: Vec<_> = (0..count)
                .map(|n| {
                    let populated = [Populated::All, Populated::None][usize::from(n % 3 == 0)];
                    span(n * 10, n / per_incarnation, populated)
                })
                .collect();
            spans.last_mut().unwrap().is_current = true;
            let snapshots: Vec<_> = (0..count).map(|n| snapshot(n * 10 + 9, false)).collect();
            let pieces = cut(&spans, &snapshots, most);
            assert!(pieces.len() <= 2 * most.max(1) + 1, "{}", pieces.len());
            let sum = |of: fn(&Piece) -> usize| pieces.iter().map(of).sum::<usize>();
            assert_eq!(sum(|one| one.spans), count as usize);
            assert_eq!(sum(|one| one.snapshots), count as usize);
            let whole = spans.iter().filter(|one| one.populated == Populated::All);
            assert_eq!(sum(|one| one.whole), whole.count());
            assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn positions_may_be_arbitrary() {
        let mut odd = span(0, 0, Populated::Some);
        (odd.start_pos, odd.end_pos) = (i64::MAX, i64::MIN);
        odd.items = i64::MAX;
        let pieces = cut(&[odd.clone(), odd], &[snapshot(i64::MIN, true)], 1);
        assert_eq!(pieces.len(), 1);
    }
}
