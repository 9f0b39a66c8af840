//! Writes the artifacts of spans in the order in which their rows are in the file.
//!
//! A chain writes the items of all vats in turn, so the items of one span are on pages all over the
//! file. Reading span by span then reads the pages in random order, and reads inner pages of the
//! table again and again. In the order of the rows, the items of each vat still come in the order of
//! their positions, so one pass over the table fills the files of all spans, with one open file for
//! each vat.
//!
//! With a history of mainnet's size in the order of time, this saves 3 of 12 s of processor time, and
//! about half of the time of an export with nothing in the page cache.
//!
//! This is only a shortcut for what it finds in order. A span whose rows come in another order, or
//! for which there is no room, is left to the export of single artifacts, which also reports what is
//! wrong with a store.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::store::database::Database;
use crate::store::database::row_order::{ItemRow, RowSpread};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::fs::writeback::Writeback;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::Exporter;

/// The maximum number of open files. The spans of further vats are left.
const MAX_OPEN: usize = 128;

/// How many bytes of a span are collected before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// A span to be written.
struct WantedSpan {
    artifact: usize,
    start_pos: i64,
    /// The end position, exclusive.
    end_pos: i64,
    is_written: bool,
}

/// The spans to be written of a vat, by start, and the one whose file is open.
#[derive(Default)]
struct VatSpans {
    wanted: Vec<WantedSpan>,
    open: Option<OpenSpan>,
}

/// A span whose first items were written.
struct OpenSpan {
    /// Its index in [`VatSpans::wanted`].
    index: usize,
    next_pos: i64,
    end_pos: i64,
    file: BufWriter<File>,
    path: PathBuf,
    bytes: usize,
}

/// The spans that can be written in the order of their rows.
pub(super) struct RowOrder {
    vats: HashMap<Vec<u8>, VatSpans>,
    rows: RangeInclusive<i64>,
}

impl RowOrder {
    /// Finds the spans to write in this order; `None` if that would not be faster. `find` returns the
    /// index of the artifact with a name, if it is to be written.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub(super) fn plan(
        exporter: &Exporter,
        monitor: &Monitor,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Option<RowOrder>> {
        let mut candidates = Candidates::default();
        for span in exporter.spans()? {
            monitor.check()?;
            if let Some(artifact) = find(&span.artifact_name()) {
                candidates.add(&exporter.database().lock(), span, artifact)?;
            }
        }
        Ok(candidates.choose())
    }

    /// The indices of the artifacts of all its spans.
    pub(super) fn artifacts(&self) -> impl Iterator<Item = usize> {
        let vats = self.vats.values();
        vats.flat_map(|vat| vat.wanted.iter().map(|span| span.artifact))
    }

    /// Writes the spans. Returns the indices of the artifacts that are left.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Aborted`].
    pub(super) fn write(
        self,
        exporter: &Exporter,
        output: &Output<'_>,
        monitor: &Monitor,
    ) -> Result<Vec<usize>> {
        self.write_some(exporter, output, monitor, MAX_OPEN)
    }

    /// Like [`RowOrder::write`], with at most `max_open` open files.
    fn write_some(
        self,
        exporter: &Exporter,
        output: &Output<'_>,
        monitor: &Monitor,
        max_open: usize,
    ) -> Result<Vec<usize>> {
        let RowOrder { vats, rows } = self;
        let mut filling = Filling {
            vats,
            open: 0,
            max_open,
            output,
            monitor,
        };
        let visited = {
            let db = exporter.database().lock();
            db.visit_rows(rows, &mut |row| filling.take(row))
        };
        // If the monitor interrupted SQLite, report the abort instead of SQLite's error.
        monitor.check()?;
        match visited {
            // Reading the spans that are left reports the error, or succeeds.
            Ok(()) | Err(Error::Sqlite { .. }) => filling.finish(),
            Err(error) => Err(error),
        }
    }
}

/// The spans that might be written in the order of their rows.
#[derive(Default)]
struct Candidates {
    vats: HashMap<Vec<u8>, VatSpans>,
    rows: RowSpread,
}

impl Candidates {
    /// Adds a span if each of its items is a row.
    fn add(&mut self, db: &Database, span: SpanRecord, artifact: usize) -> Result<()> {
        let range = span.start_pos..span.end_pos;
        let Some(rows) = db.rows_of_range(&span.vat_id, range.clone())? else {
            return Ok(());
        };
        if rows.count != span.end_pos.saturating_sub(span.start_pos)
            || !db.frames(&span.vat_id, range)?.is_empty()
        {
            return Ok(());
        }
        self.rows.add(&rows);
        // In order of their starts, as the exporter lists them.
        self.vats
            .entry(span.vat_id)
            .or_default()
            .wanted
            .push(WantedSpan {
                artifact,
                start_pos: span.start_pos,
                end_pos: span.end_pos,
                is_written: false,
            });
        Ok(())
    }

    fn choose(self) -> Option<RowOrder> {
        Some(RowOrder {
            rows: self.rows.choose()?,
            vats: self.vats,
        })
    }
}

/// Where the files go.
pub(super) struct Output<'a> {
    pub(super) directory: &'a Path,
    /// The name of an artifact's file.
    pub(super) file_name: &'a (dyn Fn(usize) -> &'a str + Sync),
    pub(super) writeback: &'a Writeback,
}

/// The state of writing spans.
struct Filling<'a, 'o> {
    vats: HashMap<Vec<u8>, VatSpans>,
    /// The number of open files.
    open: usize,
    max_open: usize,
    output: &'a Output<'o>,
    monitor: &'a Monitor,
}

impl Filling<'_, '_> {
    /// Takes the next row.
    fn take(&mut self, row: ItemRow<'_>) -> Result<()> {
        self.monitor.check()?;
        let ItemRow {
            vat_id,
            position,
            item,
        } = row;
        let Some(vat) = self.vats.get_mut(vat_id) else {
            return Ok(());
        };
        if vat
            .open
            .as_ref()
            .is_some_and(|span| span.next_pos != position)
            && let Some(span) = vat.open.take()
        {
            self.open -= 1;
            span.abandon()?;
        }
        let mut span = match vat.open.take() {
            Some(span) => span,
            None => {
                if self.open == self.max_open {
                    return Ok(());
                }
                let Some(span) = vat.start(position, self.output, self.monitor)? else {
                    return Ok(());
                };
                self.open += 1;
                span
            }
        };
        span.add(item)?;
        if span.next_pos < span.end_pos {
            vat.open = Some(span);
            return Ok(());
        }
        self.open -= 1;
        vat.wanted[span.index].is_written = true;
        let (file, bytes) = span.finish()?;
        self.output.writeback.add(file);
        self.monitor.count(bytes)?;
        self.monitor.finish_piece();
        Ok(())
    }

    /// Removes the files of incomplete spans. Returns the indices of the artifacts that are left.
    fn finish(self) -> Result<Vec<usize>> {
        let mut left = Vec::new();
        for vat in self.vats.into_values() {
            if let Some(span) = vat.open {
                span.abandon()?;
            }
            let unwritten = vat.wanted.iter().filter(|span| !span.is_written);
            left.extend(unwritten.map(|span| span.artifact));
        }
        left.sort_unstable();
        Ok(left)
    }
}

impl VatSpans {
    /// Creates the file of the span that starts at a position; `None` if no such span is wanted.
    fn start(
        &self,
        position: i64,
        output: &Output<'_>,
        monitor: &Monitor,
    ) -> Result<Option<OpenSpan>> {
        let found = self
            .wanted
            .binary_search_by_key(&position, |span| span.start_pos);
        let Ok(index) = found else {
            return Ok(None);
        };
        let wanted = &self.wanted[index];
        let name = (output.file_name)(wanted.artifact);
        monitor.tell(|| format!("writing {name}"));
        let path = output.directory.join(name);
        let file = File::create_new(&path).map_err(|error| write_error(&path, &error))?;
        Ok(Some(OpenSpan {
            index,
            next_pos: wanted.start_pos,
            end_pos: wanted.end_pos,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            path,
            bytes: 0,
        }))
    }
}

impl OpenSpan {
    fn add(&mut self, item: &[u8]) -> Result<()> {
        for part in [&*wtf8::as_read(item), b"\n"] {
            let written = self.file.write_all(part);
            written.map_err(|error| write_error(&self.path, &error))?;
            self.bytes += part.len();
        }
        self.next_pos += 1;
        Ok(())
    }

    /// Writes the rest. Returns the file and its size.
    fn finish(self) -> Result<(File, usize)> {
        let file = self.file.into_inner();
        let file = file.map_err(|error| write_error(&self.path, error.error()))?;
        Ok((file, self.bytes))
    }

    fn abandon(self) -> Result<()> {
        // Without writing the rest.
        drop(self.file.into_parts());
        let removed = fs::remove_file(&self.path);
        removed.map_err(|error| Error::io(format!("removing {}", self.path.display()), &error))
    }
}

fn write_error(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format!("writing {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::fs::writeback::Disk;
    use crate::store::records::mode::ArtifactMode;
    use crate::store::substores::{Store, StoreOptions, three_vats};

    fn item(vat: usize, position: usize) -> String {
        String::from_utf8(three_vats::item(vat, position)).unwrap()
    }

    /// A store whose three vats have 30 items each, in spans of 10, interleaved or vat by vat.
    fn store(is_interleaved: bool) -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(file_in_directory(directory.path()));
        let options = StoreOptions::default();
        let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
        three_vats::fill(&mut store, is_interleaved);
        (directory, store)
    }

    /// The names of the spans' artifacts. The last span of each vat is empty.
    fn names() -> Vec<String> {
        let spans = (0..3).flat_map(|vat| (0..3).map(move |span| (vat, span)));
        spans
            .map(|(vat, span)| format!("transcript.v{}.{}.{}", vat + 1, span * 10, span * 10 + 10))
            .collect()
    }

    fn exporter(directory: &Path) -> Exporter {
        Exporter::open_to_read(directory, ArtifactMode::Archival, &Monitor::default()).unwrap()
    }

    /// The plan for the first artifacts.
    fn plan(exporter: &Exporter, count: usize) -> Option<RowOrder> {
        let names = names();
        let find = |name: &[u8]| {
            let wanted = names.iter().take(count);
            wanted
                .into_iter()
                .position(|wanted| wanted.as_bytes() == name)
        };
        RowOrder::plan(exporter, &Monitor::default(), find).unwrap()
    }

    /// Writes the spans. Returns the artifacts that are left, and checks the files of the others.
    fn write(exporter: &Exporter, max_open: usize) -> Vec<usize> {
        let directory = tempfile::tempdir().unwrap();
        let names = names();
        let monitor = Monitor::default();
        let disk = Disk::of(directory.path()).unwrap();
        let mut left = Vec::new();
        let write = |writeback: &Writeback| {
            let output = Output {
                directory: directory.path(),
                file_name: &|index| &names[index],
                writeback,
            };
            let order = plan(exporter, names.len()).unwrap();
            left = order.write_some(exporter, &output, &monitor, max_open)?;
            Ok(())
        };
        disk.keep_up(&monitor, write).unwrap();
        let mut bytes = 0;
        for (index, name) in names.iter().enumerate() {
            let found = fs::read_to_string(directory.path().join(name)).ok();
            let (vat, first) = (index / 3, index % 3 * 10);
            let items = (first..first + 10).map(|position| item(vat, position) + "\n");
            let expected: String = items.collect();
            if left.contains(&index) {
                assert_eq!(found, None, "{name}");
            } else {
                bytes += expected.len() as u64;
                assert_eq!(found, Some(expected), "{name}");
            }
        }
        let progress = monitor.progress();
        assert_eq!(progress.bytes, bytes);
        assert_eq!(progress.done, (names.len() - left.len()) as u64);
        left
    }

    #[test]
    fn one_pass_over_the_rows_fills_all_spans() {
        let (directory, _store) = store(true);
        let exporter = exporter(directory.path());
        let mut artifacts: Vec<_> = plan(&exporter, 9).unwrap().artifacts().collect();
        artifacts.sort_unstable();
        assert_eq!(artifacts, (0..9).collect::<Vec<_>>());
        assert!(write(&exporter, 3).is_empty());
    }

    #[test]
    fn without_room_for_their_files_spans_are_left() {
        let (directory, _store) = store(true);
        assert_eq!(write(&exporter(directory.path()), 2), [6, 7, 8]);
    }

    #[test]
    fn spans_whose_rows_are_in_another_order_are_left() {
        let (directory, store) = store(true);
        let move_item = |vat: usize, position: usize| {
            let db = store.database().lock();
            let sql = format!(
                "UPDATE transcriptItems SET rowid = (SELECT MAX(rowid) + 1 FROM transcriptItems)
                 WHERE vatID = 'v{}' AND position = {position}",
                vat + 1
            );
            db.execute(&sql).unwrap();
        };
        // In the middle of a span, and at the start of one.
        move_item(0, 15);
        move_item(2, 20);
        assert_eq!(write(&exporter(directory.path()), 3), [1, 8]);
    }

    #[test]
    fn an_abandoned_span_makes_room_for_another() {
        let (directory, store) = store(true);
        let sql = "UPDATE transcriptItems SET rowid = 91 WHERE vatID = 'v1' AND position = 15";
        store.database().lock().execute(sql).unwrap();
        assert_eq!(write(&exporter(directory.path()), 3), [1]);
    }

    #[test]
    fn only_items_that_are_spread_over_the_file_are_read_in_this_order() {
        let (directory, _store) = store(false);
        assert!(plan(&exporter(directory.path()), 9).is_none());
        let (directory, store) = store(true);
        let exporter = exporter(directory.path());
        // 90 rows for 30 items, and the same for 29.
        assert!(plan(&exporter, 3).is_some());
        let sql = "UPDATE transcriptItems SET rowid = 91 WHERE vatID = 'v1' AND position = 29";
        store.database().lock().execute(sql).unwrap();
        drop(exporter);
        let exporter = self::exporter(directory.path());
        assert!(plan(&exporter, 3).is_none());
        assert!(plan(&exporter, 0).is_none());
    }

    #[test]
    fn spans_with_missing_items_are_left_out() {
        let (directory, store) = store(true);
        let sql = "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 3";
        store.database().lock().execute(sql).unwrap();
        let exporter = exporter(directory.path());
        let mut artifacts: Vec<_> = plan(&exporter, 9).unwrap().artifacts().collect();
        artifacts.sort_unstable();
        assert_eq!(artifacts, (1..9).collect::<Vec<_>>());
    }
}
