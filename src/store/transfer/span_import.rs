//! Imports a span artifact: populates the span, and checks its items against the span's hash.

use super::span_lines::SpanLines;
use crate::store::database::SharedDatabase;
use crate::store::database::compressed_items::NewFrame;
use crate::store::database::compressed_items::compaction::FrameBuilder;
use crate::store::encoding::number::to_number;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::SpanRecord;
use crate::store::substores::transcripts::end_pos_mismatch;
use crate::store::substores::{HistoricalSpans, Store};
use crate::store::tasks::limits::limits;

impl Store {
    /// Starts to import a span artifact. `None` if an import in this mode skips it.
    ///
    /// # Errors
    /// [`Error::NotTranscriptName`]; [`Error::NoMetadata`]; [`Error::NotSame`] if the end position
    /// in the name is not the one in the record.
    pub fn import_span(&mut self, name: &[u8], mode: ArtifactMode) -> Result<Option<SpanImport>> {
        let db = self.database().lock();
        self.ensure_txn(&db)?;
        let (vat_id, start_pos, end_pos) =
            names::parse_span_name(name).ok_or_else(|| Error::NotTranscriptName {
                name: name.to_vec(),
                double_quoted: true,
            })?;
        let span = db
            .span_at(vat_id, to_number(start_pos))?
            .ok_or_else(|| Error::NoMetadata {
                kind: "transcript span",
                name: name.to_vec(),
            })?;
        let end_pos = to_number(end_pos);
        if end_pos != span.end_pos as f64 {
            return Err(end_pos_mismatch(span.end_pos, end_pos));
        }
        let wanted = match mode {
            ArtifactMode::Operational => span.is_current,
            ArtifactMode::Replay => {
                let current = db
                    .current_span(vat_id)?
                    .ok_or_else(|| Error::NoCurrentIncarnation(vat_id.to_vec()))?;
                db.incarnation_start(vat_id, current.incarnation)?
                    .is_some_and(|first| span.start_pos >= first)
            }
            ArtifactMode::Archival | ArtifactMode::Debug => true,
        };
        let is_compressed =
            self.historical_spans() == HistoricalSpans::Compressed && !span.is_current;
        let builder = if wanted && is_compressed {
            Some(FrameBuilder::new()?)
        } else {
            None
        };
        Ok(wanted.then(|| SpanImport {
            lines: SpanLines::new(name, &span, limits().value_bytes),
            items: Items {
                db: self.database().clone(),
                written_pos: span.start_pos,
                span,
                batch: ItemBatch::default(),
                batch_limit: limits().item_batch_bytes,
                builder,
                has_begun: false,
            },
        }))
    }
}

/// An import of a span artifact. Writes items as they arrive, and deletes them if the artifact is
/// bad: a span has the items that match its hash, or none.
pub struct SpanImport {
    lines: SpanLines,
    items: Items,
}

/// Writes items to the store in batches.
struct Items {
    db: SharedDatabase,
    span: SpanRecord,
    /// The position of the next item to be written.
    written_pos: i64,
    /// Items to be written. The batch's memory is reused.
    batch: ItemBatch,
    batch_limit: usize,
    /// Collects frames, if the items are compressed.
    builder: Option<FrameBuilder>,
    has_begun: bool,
}

impl SpanImport {
    /// Adds the next bytes of the artifact.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`] if there are more items than the span has;
    /// [`Error::ArtifactTooLong`] for an item longer than SQLite can store; SQLite's errors.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let SpanImport { lines, items } = self;
        items.begin()?;
        lines.add(bytes, |position, item| items.take(position, item))
    }

    /// Ends the artifact and checks it.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`]; [`Error::SpanHashMismatch`]; SQLite's errors. On failure, all
    /// items of the artifact are deleted.
    pub fn finish(mut self) -> Result<()> {
        let SpanImport { lines, items } = &mut self;
        let result = items
            .begin()
            .and_then(|()| lines.finish(|position, item| items.take(position, item)))
            .and_then(|()| items.finish());
        if result.is_err() {
            self.abandon()?;
        }
        result
    }

    /// Deletes the items written so far.
    ///
    /// # Errors
    /// SQLite's errors.
    pub fn abandon(self) -> Result<()> {
        let Items {
            db,
            span,
            written_pos,
            ..
        } = self.items;
        if written_pos == span.start_pos {
            return Ok(());
        }
        db.lock()
            .delete_items(&span.vat_id, span.start_pos, written_pos)
            .map(drop)
    }
}

impl Items {
    /// Before the first item: items that the span has already are in the way, as rows are. They may
    /// have been imported after this import was created.
    fn begin(&mut self) -> Result<()> {
        if !self.has_begun {
            let range = self.span.start_pos..self.span.end_pos;
            self.db.lock().expand_items(&self.span.vat_id, range)?;
            self.has_begun = true;
        }
        Ok(())
    }

    fn take(&mut self, position: i64, item: &[u8]) -> Result<()> {
        if position < self.span.end_pos
            && let Some(builder) = &mut self.builder
        {
            let complete = builder.add(position, item)?;
            return complete.map_or(Ok(()), |frame| self.write_frame(&frame));
        }
        if item.len() >= self.batch_limit {
            // Such an item fills a batch by itself, so it is written without a copy.
            self.write()?;
            let Items { db, span, .. } = self;
            db.lock()
                .insert_item(&span.vat_id, position, item, span.incarnation)?;
            self.written_pos = position.saturating_add(1);
            return Ok(());
        }
        self.batch.add(position, item);
        // The first item after the span's end is written, too: if the next span has an item there,
        // the caller gets the constraint error, as from the reference.
        if self.batch.bytes() >= self.batch_limit || position >= self.span.end_pos {
            self.write()?;
        }
        Ok(())
    }

    /// Writes the rest, after the last item.
    fn finish(&mut self) -> Result<()> {
        let last = match &mut self.builder {
            Some(builder) => builder.finish()?,
            None => None,
        };
        if let Some(frame) = last {
            self.write_frame(&frame)?;
        }
        self.write()
    }

    fn write_frame(&mut self, frame: &NewFrame) -> Result<()> {
        self.db.lock().insert_frame(&self.span, frame)?;
        self.written_pos = frame.end_pos;
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let db = self.db.lock();
        for (position, item) in self.batch.iter() {
            db.insert_item(&self.span.vat_id, position, item, self.span.incarnation)?;
            self.written_pos = position.saturating_add(1);
        }
        self.batch.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, OpenOptions, StoreOptions};

    /// A store with three spans of two items, without these: two incarnations, and the current span.
    fn pruned_store() -> Store {
        let mut store = Store::open(
            Location::Memory,
            &OpenOptions::default(),
            false,
            StoreOptions::default(),
        )
        .unwrap();
        store.init_transcript(b"v1").unwrap();
        for (item, is_upgrade) in [("a", true), ("b", false), ("c", false)] {
            store.add_item(b"v1", item.as_bytes()).unwrap();
            store.add_item(b"v1", item.as_bytes()).unwrap();
            if item != "c" {
                store.rollover(b"v1", is_upgrade).unwrap();
            }
        }
        store.commit().unwrap();
        let db = store.database().lock();
        db.delete_items(b"v1", 0, 6).unwrap();
        drop(db);
        store
    }

    fn written(store: &Store, start_pos: i64, end_pos: i64) -> i64 {
        let db = store.database().lock();
        db.count_items(b"v1", start_pos, end_pos).unwrap()
    }

    #[test]
    fn a_mode_wants_the_spans_of_its_incarnations() {
        for (mode, wanted) in [
            (ArtifactMode::Operational, [false, false, true]),
            (ArtifactMode::Replay, [false, true, true]),
            (ArtifactMode::Archival, [true, true, true]),
        ] {
            let mut store = pruned_store();
            let names = [
                "transcript.v1.0.2",
                "transcript.v1.2.4",
                "transcript.v1.4.6",
            ];
            let found = names.map(|name| {
                let import = store.import_span(name.as_bytes(), mode).unwrap();
                import.is_some()
            });
            assert_eq!(found, wanted, "{mode:?}");
        }
    }

    #[test]
    fn items_are_written_in_batches() {
        let mut store = pruned_store();
        let limit = limits().item_batch_bytes;
        let import = store.import_span(b"transcript.v1.0.2", ArtifactMode::Debug);
        let mut import = import.unwrap().unwrap();
        let mut take = |item: &[u8], position| {
            import.items.take(position, item).unwrap();
            (import.items.batch.bytes(), import.items.written_pos)
        };
        let (bytes, written_pos) = take(b"small", 0);
        assert!(bytes >= 5);
        assert_eq!(written_pos, 0);
        let (bytes, written_pos) = take(&vec![b'x'; limit - 1], 1);
        assert_eq!((bytes, written_pos), (0, 2));
        assert_eq!(written(&store, 0, 2), 2);
    }

    #[test]
    fn a_large_item_is_written_at_once_after_those_before_it() {
        let mut store = pruned_store();
        let limit = limits().item_batch_bytes;
        let import = store.import_span(b"transcript.v1.0.2", ArtifactMode::Debug);
        let mut import = import.unwrap().unwrap();
        import.items.take(0, b"small").unwrap();
        import.items.take(1, &vec![b'x'; limit]).unwrap();
        assert_eq!(import.items.batch.bytes(), 0);
        assert_eq!(written(&store, 0, 2), 2);
        import.abandon().unwrap();
        assert_eq!(written(&store, 0, 2), 0);
    }

    #[test]
    fn an_artifact_that_is_bad_leaves_nothing() {
        let mut store = pruned_store();
        for (artifact, is_good) in [("a\na\n", true), ("a\nb\n", false), ("a\n", false)] {
            let import = store.import_span(b"transcript.v1.0.2", ArtifactMode::Debug);
            let mut import = import.unwrap().unwrap();
            import.add(artifact.as_bytes()).unwrap();
            assert_eq!(import.finish().is_ok(), is_good, "{artifact:?}");
            assert_eq!(written(&store, 0, 2), if is_good { 2 } else { 0 });
            store.database().lock().delete_items(b"v1", 0, 2).unwrap();
        }
    }

    /// As from the reference, also if the items are compressed.
    #[test]
    fn an_item_after_the_end_collides_with_that_of_the_next_span() {
        for historical_spans in [HistoricalSpans::Rows, HistoricalSpans::Compressed] {
            let pruned = pruned_store();
            let options = StoreOptions {
                historical_spans,
                ..StoreOptions::default()
            };
            let mut store = Store::over(pruned.database().clone(), options).unwrap();
            let next = store.import_span(b"transcript.v1.4.6", ArtifactMode::Debug);
            let mut next = next.unwrap().unwrap();
            next.add(b"c\nc\n").unwrap();
            next.finish().unwrap();
            let import = store.import_span(b"transcript.v1.2.4", ArtifactMode::Debug);
            let mut import = import.unwrap().unwrap();
            let added = import.add(b"b\nb\nextra\n");
            let message = added.unwrap_err().to_string();
            assert!(
                message.contains("UNIQUE"),
                "{historical_spans:?}: {message}"
            );
        }
    }
}
