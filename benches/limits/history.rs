//! Measures compressing a store's history, and exporting compressed history.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;

use crate::clock::{Figures, time};
use crate::frames::Frames;
use crate::{Outcome, gzip};

/// Compresses the items of a store's historical spans to frames, without storing them. Reading the
/// items is not measured. Returns the number of compressed bytes.
pub fn compress(database: &Path) -> Outcome<Figures> {
    let connection = Connection::open(database)?;
    let mut spans = connection.prepare(
        "SELECT vatID, startPos, endPos FROM transcriptSpans WHERE isCurrent IS NULL
         ORDER BY vatID, startPos",
    )?;
    let mut items = connection.prepare(
        "SELECT CAST(item AS BLOB) FROM transcriptItems
         WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position",
    )?;
    let mut history = Vec::new();
    let mut rows = spans.query([])?;
    while let Some(row) = rows.next()? {
        let span: (String, i64, i64) = row.try_into()?;
        let items = items.query_map(span, |row| row.get(0))?;
        history.push(items.collect::<Result<Vec<Vec<u8>>, _>>()?);
    }
    let mut frames = Frames::new()?;
    time(|| {
        let mut bytes = 0;
        for items in &history {
            frames.compress(0, items.iter().map(Vec::as_slice), |frame| {
                bytes += frame.compressed.len() as u64;
                Ok(())
            })?;
        }
        Ok(bytes)
    })
}

/// Writes the artifacts of a store with compressed history into the new directory `target`, as gzip
/// files: compresses the items of spans and the bundles, and writes the images as they are. Returns
/// the number of bytes written.
pub fn export(database: &Path, target: &Path) -> Outcome<Figures> {
    fs::create_dir(target)?;
    let connection = Connection::open(database)?;
    let mut spans = connection
        .prepare("SELECT vatID, startPos, endPos FROM transcriptSpans ORDER BY vatID, startPos")?;
    let mut of_frames = connection.prepare(
        "SELECT frame FROM compressedItems
         WHERE vatID = ? AND startPos >= ? AND startPos < ? ORDER BY startPos",
    )?;
    let mut of_rows = connection.prepare(
        "SELECT CAST(item AS BLOB) FROM transcriptItems
         WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position",
    )?;
    let mut images = connection
        .prepare("SELECT compressedSnapshot FROM snapshots WHERE compressedSnapshot IS NOT NULL")?;
    let mut bundles = connection.prepare("SELECT bundle FROM bundles WHERE bundle IS NOT NULL")?;
    let mut frames = Frames::new()?;
    let mut compressor = gzip::compressor(gzip::FILE_LEVEL)?;
    time(|| {
        let mut bytes = 0;
        let mut files = 0;
        let mut write = |content: &[u8]| -> Outcome<()> {
            files += 1;
            bytes += content.len() as u64;
            File::create_new(target.join(files.to_string()))?.write_all(content)?;
            Ok(())
        };
        let mut lines = Vec::new();
        let mut rows = spans.query([])?;
        while let Some(row) = rows.next()? {
            let span: (String, i64, i64) = row.try_into()?;
            lines.clear();
            let mut rows = of_frames.query((&span.0, span.1, span.2))?;
            while let Some(row) = rows.next()? {
                frames.decompress(row.get_ref(0)?.as_blob()?, &mut lines)?;
            }
            let mut rows = of_rows.query(span)?;
            while let Some(row) = rows.next()? {
                lines.extend_from_slice(row.get_ref(0)?.as_blob()?);
                lines.push(b'\n');
            }
            write(&gzip::compress(&mut compressor, &lines)?)?;
        }
        let mut rows = images.query([])?;
        while let Some(row) = rows.next()? {
            write(row.get_ref(0)?.as_blob()?)?;
        }
        let mut rows = bundles.query([])?;
        while let Some(row) = rows.next()? {
            write(&gzip::compress(
                &mut compressor,
                row.get_ref(0)?.as_bytes()?,
            )?)?;
        }
        Ok(bytes)
    })
}
