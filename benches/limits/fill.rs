//! Measures SQLite alone for an import: inserts the rows of an export into a new database.

use std::fs::File;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use crate::clock::{Figures, time};
use crate::export_directory::{Artifact, Contents, Export, Snapshot, Span, lines};
use crate::frames::Frames;
use crate::{Outcome, gzip};

/// SQLite's page cache while an import fills a database, in KiB.
const CACHE_KIB: u32 = 4000;

/// The table of compressed items, which only a store with compressed history has.
const COMPRESSED_ITEMS: &str = "CREATE TABLE IF NOT EXISTS compressedItems (
   vatID TEXT, startPos INTEGER, endPos INTEGER, spanStart INTEGER, spanHash BLOB,
   itemBytes INTEGER, frame BLOB,
   PRIMARY KEY (vatID, startPos, endPos, spanStart, spanHash)
 )";

/// How the items of historical spans are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum History {
    Rows,
    Frames,
}

/// A text to bind.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// Creates a database with the schema and the page size of `source`, and the settings of an import.
fn create(source: &Path, target: &Path, history: History) -> Outcome<Connection> {
    let source = Connection::open(source)?;
    let page_size: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut statement = source.prepare(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let schema = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let target = Connection::open(target)?;
    target.execute_batch(&format!(
        "PRAGMA page_size={page_size}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
         PRAGMA cache_size=-{CACHE_KIB}; {}",
        schema.join(";")
    ))?;
    if history == History::Frames {
        target.execute_batch(COMPRESSED_ITEMS)?;
    }
    Ok(target)
}

/// The statements, each prepared once.
struct Inserts<'a> {
    entry: Statement<'a>,
    span: Statement<'a>,
    item: Statement<'a>,
    /// In a store with compressed history.
    frame: Option<Statement<'a>>,
    snapshot: Statement<'a>,
    bundle: Statement<'a>,
}

impl Inserts<'_> {
    fn prepare(target: &Connection, history: History) -> Outcome<Inserts<'_>> {
        let frame = "INSERT INTO compressedItems
               (vatID, startPos, endPos, spanStart, spanHash, itemBytes, frame)
             VALUES (?, ?, ?, ?, ?, ?, ?)";
        Ok(Inserts {
            entry: target.prepare("INSERT INTO kvStore (key, value) VALUES (?, ?)")?,
            span: target.prepare(
                "INSERT INTO transcriptSpans (vatID, startPos, endPos, hash, isCurrent, incarnation)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?,
            item: target.prepare(
                "INSERT INTO transcriptItems (vatID, position, item, incarnation)
                 VALUES (?, ?, ?, ?)",
            )?,
            frame: match history {
                History::Rows => None,
                History::Frames => Some(target.prepare(frame)?),
            },
            snapshot: target.prepare(
                "INSERT INTO snapshots (vatID, snapPos, inUse, hash, uncompressedSize,
                   compressedSize, compressedSnapshot)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?,
            bundle: target.prepare("INSERT INTO bundles (bundleID, bundle) VALUES (?, ?)")?,
        })
    }
}

fn insert(statement: &mut Statement<'_>, values: &[&dyn ToSql]) -> Outcome<()> {
    for (i, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(i + 1, value)?;
    }
    statement.raw_execute()?;
    Ok(())
}

/// Fills the new database `target` from the directory `export`, in one transaction.
pub fn fill(source: &Path, target: &Path, export: &Path, history: History) -> Outcome<Figures> {
    let connection = create(source, target, history)?;
    let mut inserts = Inserts::prepare(&connection, history)?;
    let mut frames = Frames::new()?;
    let mut compressor = gzip::compressor(gzip::IMAGE_LEVEL)?;
    let figures = time(|| {
        connection.execute_batch("BEGIN")?;
        let export = Export::open(export)?;
        let mut contents =
            export.records(|key, value| insert(&mut inserts.entry, &[&key, &value]))?;
        for span in contents.spans.values() {
            insert(
                &mut inserts.span,
                &[
                    &span.vat,
                    &span.start,
                    &span.end,
                    &span.hash,
                    &span.is_current(),
                    &span.incarnation,
                ],
            )?;
        }
        let mut bytes = 0;
        export.artifacts(|name, artifact| {
            bytes += artifact.contents.len() as u64;
            let mut parts = name.split('.');
            match (parts.next(), parts.next(), parts.next()) {
                (Some("bundle"), Some(id), None) => {
                    insert(&mut inserts.bundle, &[&id, &artifact.contents])
                }
                (Some("snapshot"), Some(vat), Some(position)) => {
                    let key = format!("{vat}.{position}");
                    add_snapshot(&mut inserts, &mut contents, &key, artifact, |contents| {
                        gzip::compress(&mut compressor, contents)
                    })
                }
                (Some("transcript"), Some(vat), Some(start)) => {
                    let span = contents.spans.get(&format!("{vat}.{start}"));
                    let span = span.ok_or("an artifact has no record")?;
                    match &mut inserts.frame {
                        Some(insert_frame) if span.is_current().is_none() => {
                            add_frames(insert_frame, span, &artifact.contents, &mut frames)
                        }
                        _ => add_items(&mut inserts.item, span, &artifact.contents),
                    }
                }
                _ => Err("an artifact is of no known kind".into()),
            }
        })?;
        // Their images were deleted.
        for snapshot in contents.snapshots.values() {
            insert_snapshot(&mut inserts.snapshot, snapshot, None)?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(bytes)
    })?;
    figures.with_sync(&File::options().write(true).open(target)?)
}

fn add_snapshot(
    inserts: &mut Inserts<'_>,
    contents: &mut Contents,
    key: &str,
    artifact: Artifact,
    compress: impl FnOnce(&[u8]) -> Outcome<Vec<u8>>,
) -> Outcome<()> {
    let snapshot = contents.snapshots.swap_remove(key);
    let snapshot = snapshot.ok_or("an artifact has no record")?;
    let compressed = match artifact.compressed {
        Some(file) => file,
        None => compress(&artifact.contents)?,
    };
    let image = Some((artifact.contents.len(), &compressed[..]));
    insert_snapshot(&mut inserts.snapshot, &snapshot, image)
}

/// Inserts a snapshot. `image` is the size of its image and the compressed image, if it has one.
fn insert_snapshot(
    statement: &mut Statement<'_>,
    snapshot: &Snapshot,
    image: Option<(usize, &[u8])>,
) -> Outcome<()> {
    let sizes = image.map(|(size, compressed)| (size as i64, compressed.len() as i64));
    insert(
        statement,
        &[
            &snapshot.vat,
            &snapshot.position,
            &snapshot.in_use(),
            &snapshot.hash,
            &sizes.map(|(size, _)| size),
            &sizes.map(|(_, compressed_size)| compressed_size),
            &image.map(|(_, compressed)| compressed),
        ],
    )
}

fn add_items(statement: &mut Statement<'_>, span: &Span, artifact: &[u8]) -> Outcome<()> {
    for (position, item) in (span.start..).zip(lines(artifact)) {
        insert(
            statement,
            &[&span.vat, &position, &Text(item), &span.incarnation],
        )?;
    }
    Ok(())
}

fn add_frames(
    statement: &mut Statement<'_>,
    span: &Span,
    artifact: &[u8],
    frames: &mut Frames,
) -> Outcome<()> {
    // As many bytes as the hash has, which is in hexadecimal.
    let span_hash = span.hash.as_bytes().get(..32);
    frames.compress(span.start, lines(artifact), |frame| {
        insert(
            statement,
            &[
                &span.vat,
                &frame.start,
                &frame.end,
                &span.start,
                &span_hash,
                &i64::try_from(frame.item_bytes)?,
                &frame.compressed,
            ],
        )
    })
}
