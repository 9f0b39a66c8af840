//! Compressed history: every reader sees the same items, and expanding restores the same rows.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use rusqlite::types::Value;
use swing_store::store::compact::{CompactOptions, Compacted, compact, compact_into};
use swing_store::store::diff::DiffOptions;
use swing_store::store::expand::expand;
use swing_store::store::history::Populated;
use swing_store::store::prune::{PruneOptions, prune};
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::verify::{Finding, VerifyOptions};
use swing_store::store::{
    Artifact, ArtifactMode, CompactionStep, Error, Exporter, HistoricalSpans, History, Limits,
    Location, Monitor, OpenOptions, Store, StoreOptions, diff_stores, file_in_directory,
    set_limits, verify_store,
};

/// A store with several vats, incarnations and spans, in a temporary directory.
struct Subject {
    directory: tempfile::TempDir,
}

fn open(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

fn item(vat: &str, number: usize) -> Vec<u8> {
    let text = "delivery ".repeat(number * 7 % 40);
    format!(r#"{{"d":["message",{number}],"vat":"{vat}","r":"{text}"}}"#).into_bytes()
}

/// The artifact of a span.
fn span_bytes(exporter: &Exporter, name: &[u8]) -> Vec<u8> {
    let Artifact::Span(reader) = exporter.artifact(name).unwrap() else {
        panic!("not a span");
    };
    std::iter::from_fn(|| reader.next_chunk().unwrap())
        .flatten()
        .collect()
}

impl Subject {
    /// A store whose vats write in turn, as on a chain, with spans of different lengths.
    fn interleaved() -> Subject {
        set_limits(Limits {
            frame_bytes: 2000,
            ..Limits::DEFAULT
        });
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let vats = [("v1", 20), ("v2", 50), ("v3", 7)];
        for (vat, _) in vats {
            store.init_transcript(vat.as_bytes()).unwrap();
        }
        for number in 1..=150 {
            for (vat, length) in vats {
                let vat_id = vat.as_bytes();
                store.add_item(vat_id, &item(vat, number)).unwrap();
                if number % length == 0 {
                    store.rollover(vat_id, number % 3 == 0).unwrap();
                }
            }
        }
        store.commit().unwrap();
        store.close().unwrap();
        Subject { directory }
    }

    fn new() -> Subject {
        set_limits(Limits {
            frame_bytes: 2000,
            ..Limits::DEFAULT
        });
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        store.host_set(b"host.height", b"5").unwrap();
        for (vat, spans) in [("v1", 6), ("v2", 3), ("v3", 2)] {
            let vat_id = vat.as_bytes();
            store.init_transcript(vat_id).unwrap();
            for span in 0..spans {
                for number in 0..20 + span {
                    store
                        .add_item(vat_id, &item(vat, number * 3 + span))
                        .unwrap();
                }
                if span + 1 < spans {
                    store.rollover(vat_id, span == 2).unwrap();
                }
            }
            store.commit().unwrap();
        }
        store.stop_using_transcript(b"v3").unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        Subject { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn sql(&self, sql: &str) {
        let connection = Connection::open(file_in_directory(self.path())).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        let connection = Connection::open(file_in_directory(self.path())).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn rows(&self) -> Vec<Vec<Value>> {
        let connection = Connection::open(file_in_directory(self.path())).unwrap();
        let mut statement = connection
            .prepare("SELECT vatID, position, item, incarnation FROM transcriptItems ORDER BY 1, 2")
            .unwrap();
        let rows = statement
            .query_map([], |row| (0..4).map(|column| row.get(column)).collect())
            .unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn compact(&self) -> Compacted {
        compact(self.path(), &CompactOptions::default(), &Monitor::default()).unwrap()
    }

    fn expand(&self) -> Compacted {
        expand(self.path(), &CompactOptions::default(), &Monitor::default()).unwrap()
    }

    fn prune(&self, limit: Option<u64>) -> swing_store::store::prune::Pruned {
        let options = PruneOptions {
            keep_transcripts: ArtifactMode::Operational,
            keep_snapshots: ArtifactMode::Debug,
            budget: 1000,
            limit,
            dry_run: false,
        };
        prune(self.path(), &options, &Monitor::default()).unwrap()
    }

    fn verify(&self) -> Vec<Finding> {
        let options = VerifyOptions {
            mode: ArtifactMode::Archival,
            ..VerifyOptions::default()
        };
        verify_store(self.path(), &options, &Monitor::default())
            .unwrap()
            .findings
    }

    fn findings(&self) -> Vec<String> {
        let findings = self.verify().into_iter();
        findings
            .map(|finding| format!("{} {:?}", finding.kind.name(), finding.position))
            .collect()
    }

    /// What the store has of some vats.
    fn contents_of(&self, vats: &[&str]) -> Vec<String> {
        let history = History::open(self.path()).unwrap();
        let mut seen = Vec::new();
        for vat in vats {
            for span in history.spans(vat, &Monitor::default()).unwrap() {
                seen.push(format!("{span:?}"));
            }
        }
        let store = open(self.path());
        seen.extend(
            store
                .dump_transcripts(true)
                .unwrap()
                .iter()
                .map(|item| format!("{item:?}")),
        );
        seen
    }

    /// Everything that readers of the store see.
    fn contents(&self) -> Vec<String> {
        let mut seen = Vec::new();
        let exporter = Exporter::open(self.path(), ArtifactMode::Debug).unwrap();
        let data = exporter.export_data();
        while let Some(batch) = data.next_batch().unwrap() {
            seen.extend(batch.iter().map(|record| format!("{record:?}")));
        }
        for name in exporter.artifact_names().unwrap() {
            let bytes = span_bytes(&exporter, &name);
            seen.push(format!("{name:?} {bytes:?}"));
        }
        for mode in [ArtifactMode::Replay, ArtifactMode::Archival] {
            let exporter = Exporter::open(self.path(), mode).unwrap();
            exporter.check_complete().unwrap();
            seen.push(format!("{:?}", exporter.artifact_names().unwrap()));
        }
        let store = open(self.path());
        for historical in [false, true] {
            let items = store.dump_transcripts(historical).unwrap();
            seen.extend(items.iter().map(|item| format!("{item:?}")));
        }
        for vat in [b"v1", b"v2", b"v3"] {
            for reader in store.read_full_vat_transcript(vat).unwrap() {
                while let Some(item) = reader.next_item().unwrap() {
                    seen.push(format!("{item:?}"));
                }
            }
        }
        drop(store);
        let history = History::open(self.path()).unwrap();
        let monitor = Monitor::default();
        for vat in [None, Some("v1")] {
            history.measure(vat, &monitor).unwrap();
            for span in history.all_spans(&monitor).unwrap() {
                seen.push(format!("{span:?} {:?}", history.ends_of(&span).unwrap()));
            }
            seen.push(format!("{:?}", history.vats(&monitor).unwrap()));
        }
        seen
    }
}

#[test]
fn all_readers_see_the_same_and_expanding_restores_the_rows() {
    let subject = Subject::new();
    let (rows, contents) = (subject.rows(), subject.contents());
    assert_eq!(subject.findings(), [""; 0]);
    let compacted = subject.compact();
    assert!(compacted.done);
    // The last span of v3 has ended, too.
    assert_eq!((compacted.spans, compacted.damaged_count), (5 + 2 + 2, 0));
    let left = subject.count("SELECT COUNT(*) FROM transcriptItems");
    assert_eq!(left + compacted.items as i64, rows.len() as i64);
    assert_eq!(left, 25 + 22, "the current spans");
    assert!(subject.count("SELECT COUNT(*) FROM compressedItems") > 9);
    assert!(compacted.compressed_bytes * 3 < compacted.item_bytes);
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.findings(), [""; 0]);
    assert_eq!(subject.compact().items, 0, "nothing is left");
    let expanded = subject.expand();
    assert!(expanded.done);
    for (one, other) in [
        (expanded.spans, compacted.spans),
        (expanded.items, compacted.items),
        (expanded.item_bytes, compacted.item_bytes),
        (expanded.compressed_bytes, compacted.compressed_bytes),
    ] {
        assert_eq!(one, other);
    }
    assert_eq!(subject.rows(), rows);
    assert_eq!(subject.count("SELECT COUNT(*) FROM compressedItems"), 0);
    assert_eq!(subject.contents(), contents);
}

#[test]
fn a_part_can_be_compacted_and_counted() {
    let subject = Subject::new();
    let monitor = Monitor::default();
    let options = |vat: Option<&str>, limit, dry_run| CompactOptions {
        vat_id: vat.map(str::to_owned),
        limit,
        dry_run,
    };
    let counted = compact(subject.path(), &options(None, None, true), &monitor).unwrap();
    assert_eq!(
        (counted.spans, counted.items, counted.done),
        (9, 192, false)
    );
    assert_eq!(
        subject.count("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'compressedItems'"),
        0
    );
    let some = compact(subject.path(), &options(Some("v2"), None, false), &monitor).unwrap();
    assert_eq!((some.spans, some.items, some.done), (2, 41, true));
    assert_eq!(
        subject.count("SELECT COUNT(*) FROM compressedItems WHERE vatID <> 'v2'"),
        0
    );
    let one = compact(subject.path(), &options(None, Some(1), false), &monitor).unwrap();
    assert_eq!((one.spans, one.items, one.done), (1, 20, false));
    let rest = expand(subject.path(), &options(Some("v1"), None, true), &monitor).unwrap();
    assert_eq!((rest.spans, rest.items), (1, 20));
    let rest = compact(subject.path(), &options(None, None, true), &monitor).unwrap();
    assert_eq!((rest.spans, rest.items), (6, 131));
}

#[test]
fn a_span_that_is_not_sound_stays_as_it_is() {
    let subject = Subject::new();
    subject.sql(
        "UPDATE transcriptItems SET item = 'other' WHERE vatID = 'v1' AND position = 3;
         DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 25;
         UPDATE transcriptItems SET incarnation = 7 WHERE vatID = 'v2' AND position = 5;
         UPDATE transcriptItems SET item = CAST(item AS BLOB) WHERE vatID = 'v2' AND position = 30;
         UPDATE transcriptSpans SET hash = upper(hash) WHERE vatID = 'v3' AND startPos = 0",
    );
    let (rows, findings) = (subject.rows(), subject.findings());
    let compacted = subject.compact();
    assert_eq!(compacted.damaged_count, 2);
    assert_eq!(
        compacted.damaged,
        [
            b"transcript.v1.0.20".to_vec(),
            b"transcript.v2.20.41".to_vec()
        ]
    );
    assert_eq!(compacted.incomplete, 1);
    let stays = "SELECT COUNT(*) FROM transcriptItems WHERE vatID = 'v2' AND position < 20";
    assert_eq!(subject.count(stays), 1, "the item with another incarnation");
    assert_eq!(subject.findings(), findings);
    subject.expand();
    assert_eq!(subject.rows(), rows);
}

#[test]
fn compressed_items_can_be_pruned_and_repopulated() {
    let subject = Subject::new();
    let reference = Subject::new();
    let archive = tempfile::tempdir().unwrap();
    let exporter = Exporter::open(subject.path(), ArtifactMode::Debug).unwrap();
    for name in exporter.artifact_names().unwrap() {
        let bytes = span_bytes(&exporter, &name);
        let file = archive.path().join(String::from_utf8(name).unwrap());
        std::fs::write(file, bytes).unwrap();
    }
    exporter.close().unwrap();
    let contents = subject.contents();
    subject.compact();
    let (one, other) = (subject.prune(Some(1)), reference.prune(Some(1)));
    assert_eq!((one.spans, one.items), (other.spans, other.items));
    let (one, other) = (subject.prune(None), reference.prune(None));
    assert_eq!((one.spans, one.items), (other.spans, other.items));
    assert_eq!(subject.count("SELECT COUNT(*) FROM compressedItems"), 0);
    let fill = |mode, replace_damaged| {
        let options = RepopulateOptions {
            replace_damaged,
            ..RepopulateOptions::new(mode)
        };
        let monitor = Monitor::default();
        repopulate_from_directory(archive.path(), subject.path(), options, &monitor).unwrap()
    };
    assert_eq!(fill(ArtifactMode::Debug, false).filled.len(), 9);
    assert_eq!(subject.contents(), contents);
    subject.compact();
    assert_eq!(fill(ArtifactMode::Debug, false).filled.len(), 0);
    assert_eq!(fill(ArtifactMode::Debug, true).replaced.len(), 0);
    // A damaged frame: of its format, and with other items.
    subject.sql(
        "UPDATE compressedItems SET frame = x'01' || frame WHERE vatID = 'v1' AND startPos = 0;
         UPDATE compressedItems SET endPos = endPos - 1 WHERE vatID = 'v2' AND startPos = 0",
    );
    let findings = subject.findings();
    assert_eq!(
        findings,
        [
            "span-incomplete Some(0)",
            "span-incomplete Some(0)",
            "frame-unreadable Some(0)",
            "frame-unreadable Some(0)",
        ]
    );
    let store = open(subject.path());
    let reader = store.read_span(b"v1", Some(0.0)).unwrap();
    let error = reader.next_item().unwrap_err().to_string();
    assert!(error.contains("the compressed items 0 to"), "{error}");
    drop(store);
    assert_eq!(subject.expand().damaged_count, 2);
    assert_eq!(fill(ArtifactMode::Debug, true).replaced.len(), 2);
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.findings(), [""; 0]);
}

#[test]
fn stale_frames_are_never_shown() {
    let subject = Subject::new();
    subject.compact();
    // As a program that does not know frames would do it.
    subject.sql(
        "DELETE FROM transcriptSpans WHERE vatID = 'v2';
         DELETE FROM transcriptItems WHERE vatID = 'v2';
         INSERT INTO transcriptSpans SELECT 'v2', 0, 20, hash, NULL, 0
           FROM transcriptSpans WHERE vatID = 'v1' AND startPos = 0;
         UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = 'v3' AND startPos = 0",
    );
    let history = History::open(subject.path()).unwrap();
    for (vat, populated) in [
        ("v1", Populated::All),
        ("v2", Populated::None),
        ("v3", Populated::None),
    ] {
        let spans = history.spans(vat, &Monitor::default()).unwrap();
        assert_eq!(spans[0].populated, populated, "{vat}");
    }
    history.close().unwrap();
    let stale = |finding: &&String| finding.starts_with("frame-stale");
    let frames = subject.count("SELECT COUNT(*) FROM compressedItems WHERE vatID <> 'v1'");
    let of_v3 =
        subject.count("SELECT COUNT(*) FROM compressedItems WHERE vatID = 'v3' AND spanStart > 0");
    assert!(of_v3 > 0);
    assert_eq!(
        subject.findings().iter().filter(stale).count() as i64,
        frames - of_v3
    );
    drop(open(subject.path()));
    assert_eq!(subject.findings().iter().filter(stale).count(), 0);
    assert_eq!(
        subject.count("SELECT COUNT(*) FROM compressedItems WHERE vatID <> 'v1'"),
        of_v3
    );
}

#[test]
fn many_stale_frames_are_deleted_in_small_transactions() {
    let subject = Subject::new();
    subject.compact();
    let contents = subject.contents();
    let frames = subject.count("SELECT COUNT(*) FROM compressedItems");
    subject.sql(
        "INSERT INTO compressedItems
           WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 100249)
           SELECT vatID, i, i + 1, i, spanHash, itemBytes, frame
           FROM n, (SELECT * FROM compressedItems LIMIT 1)",
    );
    assert_eq!(
        subject.count("SELECT COUNT(*) FROM compressedItems"),
        frames + 250
    );
    // Nothing else is left to do.
    let transactions = subject.compact().transaction_stats.transactions;
    assert!(transactions >= 3, "{transactions}");
    assert_eq!(
        subject.count("SELECT COUNT(*) FROM compressedItems"),
        frames
    );
    assert_eq!(subject.contents(), contents);
}

/// Adds rows of `v1` at some positions, as another program or an interrupted compaction leaves them.
fn add_rows(subject: &Subject, rows: &[Vec<Value>], suffix: &str) {
    let connection = Connection::open(file_in_directory(subject.path())).unwrap();
    for row in rows.iter().filter(|row| row[0] == Value::Text("v1".into())) {
        if let Value::Integer(3..8 | 21..60) = row[1] {
            let sql = format!(
                "INSERT INTO transcriptItems (vatID, position, item, incarnation)
                 VALUES (?, ?, ? || '{suffix}', ?)"
            );
            let parameters = rusqlite::params_from_iter(row);
            connection.execute(&sql, parameters).unwrap();
        }
    }
}

#[test]
fn rows_of_compressed_items_are_deleted() {
    let subject = Subject::new();
    let contents = subject.contents();
    let rows = subject.rows();
    subject.compact();
    add_rows(&subject, &rows, "");
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.findings(), [""; 0]);
    let compacted = subject.compact();
    assert_eq!((compacted.spans, compacted.items), (3, 0));
    assert_eq!(subject.findings(), [""; 0]);
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.count("SELECT COUNT(*) FROM transcriptItems"), 47);
}

#[test]
fn a_row_counts_before_a_frame_and_compaction_keeps_what_matches_the_hash() {
    let subject = Subject::new();
    let contents = subject.contents();
    let rows = subject.rows();
    subject.compact();
    add_rows(&subject, &rows, " ");
    assert_ne!(subject.contents(), contents);
    let findings = subject.findings();
    let (overlaps, others): (Vec<_>, Vec<_>) = findings
        .iter()
        .partition(|one| one.starts_with("frame-overlap"));
    assert!(overlaps.len() > 3);
    assert!(
        others.iter().all(|one| one.starts_with("span-hash")),
        "{others:?}"
    );
    let found = subject.verify();
    let message = found
        .iter()
        .find(|finding| finding.kind.name() == "frame-overlap")
        .map(|finding| finding.message.as_str());
    let expected = "of them as other rows, too, which count. To keep what matches the hash of the span, \
                    run `swing-store compact";
    assert!(message.unwrap().contains(expected), "{message:?}");
    assert_eq!(subject.compact().damaged_count, 0);
    assert_eq!(subject.findings(), [""; 0]);
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.count("SELECT COUNT(*) FROM transcriptItems"), 47);
}

#[test]
fn rows_of_frames_that_cannot_be_read_are_compressed_again() {
    let subject = Subject::new();
    let contents = subject.contents();
    let rows = subject.rows();
    subject.compact();
    subject.sql(
        "UPDATE compressedItems SET frame = x'00' WHERE vatID = 'v1' AND startPos IN
           (SELECT startPos FROM compressedItems WHERE vatID = 'v1' AND startPos >= 21
              AND endPos <= 60 ORDER BY startPos LIMIT 2)",
    );
    assert_ne!(subject.findings(), [""; 0]);
    add_rows(&subject, &rows, "");
    let findings = subject.findings();
    assert!(
        findings.len() == 2 && findings.iter().all(|one| one.starts_with("frame-overlap")),
        "{findings:?}"
    );
    assert_eq!(subject.contents(), contents);
    // Items of frames that begin before the rows become rows first.
    while subject.compact().items > 0 {}
    assert_eq!(subject.findings(), [""; 0]);
    assert_eq!(subject.contents(), contents);
    assert_eq!(subject.count("SELECT COUNT(*) FROM transcriptItems"), 47);
}

#[test]
fn frames_that_overlap_each_other_are_found() {
    let subject = Subject::new();
    subject.compact();
    let connection = Connection::open(file_in_directory(subject.path())).unwrap();
    let changed = connection
        .execute(
            "UPDATE compressedItems SET startPos = startPos - 1 WHERE vatID = 'v1' AND startPos =
             (SELECT startPos FROM compressedItems WHERE vatID = 'v1' ORDER BY startPos LIMIT 1 OFFSET 1)",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(connection);
    let findings = subject.verify();
    let overlaps: Vec<_> = findings
        .iter()
        .filter(|finding| finding.kind.name() == "frame-overlap")
        .collect();
    assert_eq!(overlaps.len(), 1, "{findings:?}");
    let expected = "and 1 item of them in earlier compressed items, too";
    assert!(overlaps[0].message.contains(expected), "{overlaps:?}");
}

#[test]
fn a_kernel_deletes_compressed_items() {
    for budget in [None, Some(1.0)] {
        let subject = Subject::new();
        subject.compact();
        let mut store = open(subject.path());
        let full: usize = store.dump_transcripts(true).unwrap().len();
        let reader = store.read_span(b"v1", Some(0.0)).unwrap();
        reader.next_item().unwrap();
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        let within = store.read_span(b"v1", Some(20.0)).unwrap();
        store.delete_vat_transcripts(b"v1", budget).unwrap();
        for _ in 0..5 {
            store.delete_vat_transcripts(b"v1", budget).unwrap();
        }
        assert_eq!(store.dump_transcripts(true).unwrap().len(), full - 135);
        store.rollback_crank(b"s").unwrap();
        assert_eq!(store.dump_transcripts(true).unwrap().len(), full);
        store.delete_vat_transcripts(b"v1", None).unwrap();
        store.end_crank().unwrap();
        store.finish_crank();
        store.commit().unwrap();
        let rest = |reader: &swing_store::store::SpanReader| {
            std::iter::from_fn(|| reader.next_item().unwrap()).count()
        };
        assert_eq!((rest(&reader), rest(&within)), (19, 21));
        assert_eq!(
            subject.count("SELECT COUNT(*) FROM compressedItems WHERE vatID = 'v1'"),
            0
        );
        // A vat of the same name has nothing of the old one.
        store.init_transcript(b"v1").unwrap();
        store.add_item(b"v1", b"new").unwrap();
        store.rollover(b"v1", false).unwrap();
        store.commit().unwrap();
        let reader = store.read_span(b"v1", Some(0.0)).unwrap();
        assert_eq!(reader.next_item().unwrap().unwrap().1, b"new");
        assert_eq!(reader.next_item().unwrap(), None);
    }
}

#[test]
fn an_open_store_reads_what_was_compacted_beside_it() {
    let subject = Subject::new();
    let mut store = open(subject.path());
    let all = store.dump_transcripts(true).unwrap();
    let reader = store.read_span(b"v1", Some(0.0)).unwrap();
    subject.compact();
    assert_eq!(store.dump_transcripts(true).unwrap(), all);
    let count = std::iter::from_fn(|| reader.next_item().unwrap()).count();
    assert_eq!(count, 20);
    store.add_item(b"v1", b"more").unwrap();
    let reader = store.read_span(b"v1", Some(20.0)).unwrap();
    store.commit().unwrap();
    subject.expand();
    assert_eq!(
        std::iter::from_fn(|| reader.next_item().unwrap()).count(),
        21
    );
    assert_eq!(store.dump_transcripts(true).unwrap().len(), all.len() + 1);
}

#[test]
fn an_aborted_compaction_continues() {
    let subject = Subject::new();
    let (rows, contents) = (subject.rows(), subject.contents());
    let mut rounds = 0;
    loop {
        let cell: Arc<OnceLock<Arc<Monitor>>> = Arc::default();
        let (to_abort, steps) = (cell.clone(), AtomicUsize::new(0));
        let monitor = Arc::new(Monitor::telling(move |_| {
            // Two spans are compacted before the abort, at most.
            if steps.fetch_add(1, Ordering::Relaxed) == 2 {
                to_abort.get().unwrap().abort();
            }
        }));
        assert!(cell.set(monitor.clone()).is_ok());
        let options = CompactOptions {
            limit: Some(60),
            ..CompactOptions::default()
        };
        let done = compact(subject.path(), &options, &monitor);
        assert!(matches!(done, Ok(_) | Err(Error::Aborted)), "{done:?}");
        assert_eq!(subject.contents(), contents);
        rounds += 1;
        if subject.count("SELECT COUNT(*) FROM transcriptItems") == 47 {
            break;
        }
        assert!(rounds < 40);
        if rounds > 10 {
            subject.compact();
        }
    }
    assert!(rounds > 2);
    subject.expand();
    assert_eq!(subject.rows(), rows);
}

#[test]
fn interleaved_items_are_in_the_store_after_each_transaction() {
    let subject = Subject::interleaved();
    let (rows, contents) = (subject.rows(), subject.contents());
    let spans = subject.count("SELECT COUNT(*) FROM transcriptSpans WHERE isCurrent IS NULL");
    let mut finished = 0;
    for steps in (0..).step_by(5) {
        assert!(steps < 100);
        let cell: Arc<OnceLock<Arc<Monitor>>> = Arc::default();
        let (to_abort, told) = (cell.clone(), AtomicUsize::new(0));
        let monitor = Arc::new(Monitor::telling(move |_| {
            if told.fetch_add(1, Ordering::Relaxed) >= steps {
                to_abort.get().unwrap().abort();
            }
        }));
        assert!(cell.set(monitor.clone()).is_ok());
        let mut compacted = Compacted::default();
        let options = CompactOptions::default();
        let outcome = compact_into(subject.path(), &options, &monitor, &mut compacted);
        assert!(
            matches!(outcome, Ok(()) | Err(Error::Aborted)),
            "{outcome:?}"
        );
        finished += compacted.spans;
        assert_eq!(subject.contents(), contents);
        assert_eq!(subject.findings(), [""; 0]);
        if outcome.is_ok() {
            break;
        }
    }
    assert_eq!((finished, spans), (spans as u64, 31));
    assert_eq!(subject.count(HISTORICAL_ROWS), 0);
    subject.expand();
    assert_eq!(subject.rows(), rows);
}

const HISTORICAL_ROWS: &str =
    "SELECT COUNT(*) FROM transcriptItems JOIN transcriptSpans USING (vatID)
     WHERE isCurrent IS NULL AND position >= startPos AND position < endPos";

#[test]
fn a_killed_compaction_of_interleaved_items_continues() {
    let compacted = Subject::interleaved();
    let (rows, contents) = (compacted.rows(), compacted.contents());
    compacted.compact();
    let frames = compacted.count("SELECT COUNT(*) FROM compressedItems");
    let file = file_in_directory(compacted.path());
    // With the first frames, and without the first rows of items that are in them.
    for (framed, deleted) in [(1, 0), (20, 7), (40, 200), (frames, 300)] {
        let subject = Subject::interleaved();
        subject.sql(&format!(
            "ATTACH '{}' AS other;
             CREATE TABLE compressedItems (
               vatID TEXT, startPos INTEGER, endPos INTEGER, spanStart INTEGER, spanHash BLOB,
               itemBytes INTEGER, frame BLOB,
               PRIMARY KEY (vatID, startPos, endPos, spanStart, spanHash)
             );
             INSERT INTO compressedItems
               SELECT * FROM other.compressedItems ORDER BY rowid LIMIT {framed};
             DELETE FROM transcriptItems WHERE rowid <= {deleted} AND EXISTS (
               SELECT 1 FROM compressedItems f WHERE f.vatID = transcriptItems.vatID
                 AND position >= f.startPos AND position < f.endPos)",
            file.display()
        ));
        assert_eq!(subject.contents(), contents);
        assert_eq!(subject.findings(), [""; 0]);
        let rest = subject.compact();
        assert!(rest.done && rest.spans > 0);
        assert_eq!(subject.count(HISTORICAL_ROWS), 0);
        assert_eq!(
            subject.count("SELECT COUNT(*) FROM compressedItems"),
            frames
        );
        assert_eq!(subject.contents(), contents);
        assert_eq!(subject.findings(), [""; 0]);
        subject.expand();
        assert_eq!(subject.rows(), rows);
    }
}

#[test]
fn a_comparison_finds_no_difference() {
    let (one, other) = (Subject::new(), Subject::new());
    one.compact();
    let options = DiffOptions::default();
    let report = diff_stores(one.path(), other.path(), &options, &Monitor::default()).unwrap();
    assert!(report.is_same(), "{report:?}");
}

fn open_compressing(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions {
        historical_spans: HistoricalSpans::Compressed,
        ..StoreOptions::default()
    };
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

fn steps(store: &mut Store) -> Vec<CompactionStep> {
    store.begin_compaction().unwrap();
    let mut steps = Vec::new();
    loop {
        let step = store.compact_step().unwrap();
        let is_done = step.done;
        steps.push(step);
        if is_done {
            return steps;
        }
    }
}

#[test]
fn a_store_compresses_its_history_between_blocks() {
    let subject = Subject::new();
    let (rows, contents) = (subject.rows(), subject.contents());
    subject.sql("UPDATE transcriptItems SET item = 'other' WHERE vatID = 'v2' AND position = 3");
    let mut store = open(subject.path());
    let reader = store.read_span(b"v1", Some(0.0)).unwrap();
    reader.next_item().unwrap();
    let steps = steps(&mut store);
    let sum = |count: fn(&CompactionStep) -> u64| steps.iter().map(count).sum::<u64>();
    assert_eq!(sum(|step| step.spans), 8);
    assert_eq!(sum(|step| step.items), 192 - 20);
    let damaged: Vec<_> = steps.iter().flat_map(|step| &step.damaged).collect();
    assert_eq!(damaged, [b"transcript.v2.0.20"]);
    assert_eq!(
        std::iter::from_fn(|| reader.next_item().unwrap()).count(),
        19
    );
    // Not in a block.
    store.add_item(b"v1", b"item").unwrap();
    assert!(matches!(store.begin_compaction(), Err(Error::InBlock(_))));
    assert!(store.compact_step().unwrap().is_in_block);
    store.commit().unwrap();
    store.start_crank().unwrap();
    assert!(matches!(store.begin_compaction(), Err(Error::InBlock(_))));
    drop(store);
    subject.expand();
    subject.sql("DELETE FROM transcriptItems WHERE position = 3 AND vatID = 'v2'");
    assert_eq!(subject.rows().len(), rows.len());
    drop(contents);
}

#[test]
fn spans_are_compressed_at_their_end() {
    let (subject, reference) = (Subject::new(), Subject::new());
    let work = |store: &mut Store| {
        for round in 0..3 {
            for number in 0..30 {
                store.add_item(b"v1", &item("v1", number + round)).unwrap();
            }
            store.start_crank().unwrap();
            store.establish_crank_savepoint(b"s").unwrap();
            store.add_item(b"v2", b"rolled back").unwrap();
            store.rollover(b"v2", false).unwrap();
            store.rollback_crank(b"s").unwrap();
            if round > 0 {
                store.add_item(b"v2", b"kept").unwrap();
                store.rollover(b"v2", true).unwrap();
            }
            store.end_crank().unwrap();
            store.finish_crank();
            let reader = store.read_span(b"v1", None).unwrap();
            store.rollover(b"v1", false).unwrap();
            store.commit().unwrap();
            assert!(std::iter::from_fn(|| reader.next_item().unwrap()).count() >= 30);
        }
        store.stop_using_transcript(b"v2").unwrap();
        store.delete_vat_transcripts(b"v2", Some(1.0)).unwrap();
        store.commit().unwrap();
    };
    work(&mut open_compressing(subject.path()));
    work(&mut open(reference.path()));
    assert!(subject.count("SELECT COUNT(*) FROM compressedItems") > 3);
    // Those that had ended before are rows.
    let old = "SELECT COUNT(*) FROM transcriptItems WHERE vatID = 'v1'";
    assert_eq!(subject.count(old), 110);
    assert_eq!(
        subject.contents_of(&["v1", "v3"]),
        reference.contents_of(&["v1", "v3"])
    );
    assert_eq!(subject.findings(), reference.findings());
    subject.expand();
    assert_eq!(subject.rows(), reference.rows());
}

#[test]
fn imported_spans_are_compressed() {
    let subject = Subject::new();
    let names: Vec<String> = {
        let exporter = Exporter::open(subject.path(), ArtifactMode::Debug).unwrap();
        let names = exporter.artifact_names().unwrap();
        names
            .into_iter()
            .map(|name| String::from_utf8(name).unwrap())
            .collect()
    };
    let (rows, contents) = (subject.rows(), subject.contents());
    let spans: Vec<(String, Vec<u8>)> = {
        let exporter = Exporter::open(subject.path(), ArtifactMode::Debug).unwrap();
        let bytes = |name: &String| span_bytes(&exporter, name.as_bytes());
        names
            .iter()
            .map(|name| (name.clone(), bytes(name)))
            .collect()
    };
    subject.sql("DELETE FROM transcriptItems");
    let mut store = open_compressing(subject.path());
    for (name, bytes) in &spans {
        // An artifact that is bad leaves nothing.
        let import = |store: &mut Store| store.import_span(name.as_bytes(), ArtifactMode::Debug);
        let mut bad = import(&mut store).unwrap().unwrap();
        bad.add(&[&bytes[..bytes.len() - 2], b"x\n"].concat())
            .unwrap();
        assert!(bad.finish().is_err());
        let mut good = import(&mut store).unwrap().unwrap();
        for chunk in bytes.chunks(1000) {
            good.add(chunk).unwrap();
        }
        good.finish().unwrap();
        // It cannot be imported again.
        let mut again = import(&mut store).unwrap().unwrap();
        let refused = again.add(bytes).and_then(|()| again.finish());
        assert!(refused.unwrap_err().to_string().contains("UNIQUE"));
    }
    store.commit().unwrap();
    drop(store);
    // The last import of each name has turned its frames into rows: only rows refuse it.
    subject.compact();
    assert_eq!(subject.contents(), contents);
    subject.expand();
    assert_eq!(subject.rows(), rows);
}

#[test]
fn a_table_whose_name_has_another_case_is_used() {
    let subject = Subject::new();
    let (rows, contents) = (subject.rows(), subject.contents());
    subject.compact();
    subject.expand();
    subject.sql(
        "ALTER TABLE compressedItems RENAME TO another;
         ALTER TABLE another RENAME TO COMPRESSEDITEMS",
    );
    subject.compact();
    assert!(subject.count("SELECT COUNT(*) FROM compressedItems") > 0);
    assert_eq!(subject.contents(), contents);
    subject.expand();
    assert_eq!(subject.rows(), rows);
}
