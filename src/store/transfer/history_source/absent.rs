//! Finds the artifacts that a store has pruned.

use std::collections::HashMap;

use rusqlite::{Row, params};

use super::wanted::Wanted;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::number::to_number;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::SpanRecord;

/// The artifacts of a mode whose contents a store lacks.
pub(crate) struct Absent {
    /// In the order of an export.
    pub(crate) artifacts: Vec<Wanted>,
    /// For each vat, the start positions of these spans, and the numbers of their missing items.
    items: HashMap<Vec<u8>, Vec<(i64, i64)>>,
}

impl Absent {
    /// Nothing.
    pub(crate) fn nothing() -> Absent {
        Absent {
            artifacts: Vec::new(),
            items: HashMap::new(),
        }
    }

    /// The number of missing items of the vat's spans that start at `first` or later.
    pub(crate) fn items_from(&self, vat_id: &[u8], first: i64) -> i64 {
        let spans = self.items.get(vat_id).into_iter().flatten();
        spans
            .filter(|(start_pos, _)| *start_pos >= first)
            .map(|(_, missing)| missing)
            .sum()
    }
}

impl Database {
    /// The artifacts of a mode whose contents are missing.
    pub(crate) fn absent(&self, mode: ArtifactMode) -> Result<Absent> {
        let mut artifacts = self.peek_rows(
            "SELECT vatID, snapPos, hash, uncompressedSize FROM snapshots
             WHERE inUse = 1 AND compressedSnapshot IS NULL ORDER BY vatID, snapPos",
            [],
            snapshot,
        )?;
        let mut items: HashMap<_, Vec<_>> = HashMap::new();
        for span in self.spans_of_mode(mode)? {
            let missing = self.missing_items(&span)?;
            if missing > 0 {
                let of_vat = items.entry(span.vat_id.clone()).or_default();
                of_vat.push((span.start_pos, missing));
                artifacts.push(Wanted::Span(span));
            }
        }
        artifacts.extend(self.peek_rows(
            "SELECT bundleID FROM bundles WHERE bundle IS NULL ORDER BY bundleID",
            [],
            bundle,
        )?);
        Ok(Absent { artifacts, items })
    }

    /// The artifact of this name, if the store has a record of it and lacks its contents.
    pub(crate) fn absent_artifact(&self, name: &[u8]) -> Result<Option<Wanted>> {
        if let Some((vat_id, start_pos, _)) = names::parse_span_name(name) {
            let Some(span) = self.span_at(vat_id, SqlText(start_pos))? else {
                return Ok(None);
            };
            let is_absent = self.missing_items(&span)? > 0;
            return Ok(is_absent.then_some(Wanted::Span(span)));
        }
        if let Some((vat_id, snap_pos)) = names::parse_snapshot_name(name) {
            return self.peek_row(
                "SELECT vatID, snapPos, hash, uncompressedSize FROM snapshots
                 WHERE vatID = ? AND snapPos = ? AND compressedSnapshot IS NULL",
                params![SqlText(vat_id), to_number(snap_pos)],
                snapshot,
            );
        }
        let Ok(bundle_id) = names::bundle_id_from_name(name) else {
            return Ok(None);
        };
        self.peek_row(
            "SELECT bundleID FROM bundles WHERE bundleID = ? AND bundle IS NULL",
            params![SqlText(bundle_id)],
            bundle,
        )
    }

    /// How many items of a span are missing.
    fn missing_items(&self, span: &SpanRecord) -> Result<i64> {
        let found = self.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
        Ok(span
            .end_pos
            .saturating_sub(span.start_pos)
            .saturating_sub(found))
    }
}

fn snapshot(row: &Row<'_>) -> rusqlite::Result<Wanted> {
    let vat_id = wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned();
    // A size of the wrong type counts as unknown.
    let size = row.get_ref(3)?.as_i64().ok();
    Ok(Wanted::Snapshot {
        name: names::snapshot_name(&vat_id, row.get(1)?),
        hash: wtf8::as_read(row.get_ref(2)?.as_bytes()?).into_owned(),
        size: size.and_then(|size| u64::try_from(size).ok()),
    })
}

fn bundle(row: &Row<'_>) -> rusqlite::Result<Wanted> {
    Ok(Wanted::Bundle(names::bundle_name(
        row.get_ref(0)?.as_bytes()?,
    )))
}
