//! What transcripts and snapshots return, and the changes of the export data that they record.

use super::transcripts::Deletion;
use super::*;
use crate::store::error::Error;
use crate::store::gzip::{Compressed, Compressor, Decompressor};
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::span_reader::SpanReader;

fn store(keeps: bool) -> Store {
    Store::in_memory(StoreOptions {
        change_target: ChangeTarget::List,
        keep_snapshots: keeps,
        keep_transcripts: keeps,
        ..StoreOptions::default()
    })
    .unwrap()
}

/// The keys of the changes since the last call, with `-` before those of deleted records.
fn changed(store: &mut Store) -> Vec<String> {
    let changes = store.take_export_changes().changes;
    let name = |(key, value): &(Vec<u8>, Option<_>)| {
        let sign = if value.is_some() { "" } else { "-" };
        format!("{sign}{}", String::from_utf8_lossy(key))
    };
    changes.iter().map(name).collect()
}

fn texts(names: Vec<Vec<u8>>) -> Vec<String> {
    let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
    names.into_iter().map(text).collect()
}

fn items(reader: &SpanReader) -> Vec<String> {
    std::iter::from_fn(|| reader.next_item().unwrap())
        .map(|(position, item)| format!("{position} {}", String::from_utf8(item).unwrap()))
        .collect()
}

/// A vat with spans from 0 to 2, from 2 to 3, and an empty one from 3 in the next incarnation.
fn three_spans(keeps: bool) -> Store {
    let mut store = store(keeps);
    store.init_transcript(b"v1").unwrap();
    store.add_item(b"v1", b"a").unwrap();
    store.add_item(b"v1", b"b").unwrap();
    assert_eq!(store.rollover(b"v1", false).unwrap(), 0);
    store.add_item(b"v1", b"c").unwrap();
    assert_eq!(store.rollover(b"v1", true).unwrap(), 1);
    store
}

#[test]
fn spans_are_read_by_position() {
    for commits in [false, true] {
        let mut store = three_spans(true);
        if commits {
            store.commit().unwrap();
        }
        let read = |start_pos: f64| store.read_span(b"v1", Some(start_pos));
        assert_eq!(items(&read(0.0).unwrap()), ["0 a", "1 b"]);
        assert_eq!(items(&read(2.0).unwrap()), ["2 c"]);
        assert_eq!(items(&read(3.0).unwrap()), [""; 0]);
        for wrong in [-1.0, f64::NEG_INFINITY, f64::NAN] {
            let refused = read(wrong).err();
            assert!(matches!(refused, Some(Error::NegativePosition)), "{wrong}");
        }
        let refused = read(1.0).err();
        assert!(matches!(refused, Some(Error::NoTranscriptSpan { .. })));
        assert_eq!(items(&store.read_span(b"v1", None).unwrap()), [""; 0]);
        let refused = store.read_span(b"v2", None).err();
        assert!(matches!(refused, Some(Error::NoCurrentTranscript(_))));
        let all = store.read_full_vat_transcript(b"v1").unwrap();
        let all: Vec<_> = all.iter().map(items).collect();
        assert_eq!(all, [vec!["0 a", "1 b"], vec!["2 c"], vec![]]);
        let (name, reader) = store.current_span_archive(b"v1").unwrap().unwrap();
        assert_eq!(name, b"transcript.v1.3.3");
        assert_eq!(items(&reader), [""; 0]);
        assert!(store.current_span_archive(b"v2").unwrap().is_none());
    }
}

#[test]
fn spans_that_end_before_they_start_are_not_read() {
    let store = three_spans(true);
    let change = "UPDATE transcriptSpans SET endPos = startPos - 1";
    store.db.lock().execute(change).unwrap();
    for outcome in [
        store.read_span(b"v1", None),
        store.read_span(b"v1", Some(2.0)),
        store.export_span(b"transcript.v1.2.3"),
    ] {
        let refused = outcome.err();
        assert!(matches!(refused, Some(Error::SpanEndsBeforeStart { .. })));
    }
}

#[test]
fn exports_contain_the_spans_of_their_mode() {
    let mut store = three_spans(true);
    store.add_item(b"v1", b"d").unwrap();
    store.commit().unwrap();
    let names = |store: &Store, mode| texts(store.span_names(mode).unwrap());
    let [old, middle, current] = [
        "transcript.v1.0.2",
        "transcript.v1.2.3",
        "transcript.v1.3.4",
    ];
    assert_eq!(names(&store, ArtifactMode::Operational), [current]);
    assert_eq!(names(&store, ArtifactMode::Replay), [current]);
    let all = [old, middle, current];
    assert_eq!(names(&store, ArtifactMode::Archival), all);
    assert_eq!(names(&store, ArtifactMode::Debug), all);
    let reader = store.export_span(old.as_bytes()).unwrap();
    assert_eq!(reader.next_chunk().unwrap(), Some(b"a\nb\n".to_vec()));
    let refused = store.export_span(b"transcript.v1.1.2").err();
    assert!(matches!(refused, Some(Error::SpanNotAvailable(_))));
    let refused = store.export_span(b"transcript.v1").err();
    assert!(matches!(refused, Some(Error::NotTranscriptName { .. })));
    // A span that lacks an item is only in the names of modes whose caller has checked them.
    let change = "DELETE FROM transcriptItems WHERE position = 1";
    store.db.lock().execute(change).unwrap();
    assert_eq!(names(&store, ArtifactMode::Archival), all);
    assert_eq!(names(&store, ArtifactMode::Debug), [middle, current]);
    let require = |start, end| store.db.lock().require_items(b"v1", start, end);
    require(2, 4).unwrap();
    let refused = require(0, 3);
    assert!(matches!(
        refused,
        Err(Error::MissingTranscriptItems {
            found: 2,
            expected: 3
        })
    ));
}

#[test]
fn transcripts_are_dumped_with_and_without_history() {
    let mut store = three_spans(true);
    store.add_item(b"v1", b"d").unwrap();
    let dump = |store: &Store, historical| -> Vec<_> {
        let rows = store.dump_transcripts(historical).unwrap().into_iter();
        rows.map(|(vat_id, position, item)| (texts(vec![vat_id, item]), position))
            .collect()
    };
    let row = |item: &str, position| (vec!["v1".to_owned(), item.to_owned()], position);
    assert_eq!(dump(&store, false), [row("d", 3)]);
    let all = [row("a", 0), row("b", 1), row("c", 2), row("d", 3)];
    assert_eq!(dump(&store, true), all);
    assert!(store.has_current_spans().unwrap());
    store.stop_using_transcript(b"v1").unwrap();
    assert!(!store.has_current_spans().unwrap());
    assert_eq!(dump(&store, false), []);
    assert_eq!(dump(&store, true), all);
}

#[test]
fn ended_spans_lose_their_items_unless_they_are_kept() {
    let mut store = three_spans(false);
    assert_eq!(
        items(&store.read_full_vat_transcript(b"v1").unwrap()[0]),
        [""; 0]
    );
    store.add_item(b"v1", b"d").unwrap();
    assert_eq!(store.dump_transcripts(true).unwrap().len(), 1);
    store.stop_using_transcript(b"v1").unwrap();
    assert_eq!(store.dump_transcripts(true).unwrap().len(), 0);
    let expected = [
        "transcript.v1.current",
        "transcript.v1.current",
        "transcript.v1.current",
        "transcript.v1.0",
        "transcript.v1.current",
        "transcript.v1.current",
        "transcript.v1.2",
        "transcript.v1.current",
        "transcript.v1.current",
        "transcript.v1.3",
        "-transcript.v1.current",
    ];
    assert_eq!(changed(&mut store), expected);
    // Once more, without a current span.
    store.stop_using_transcript(b"v1").unwrap();
    assert_eq!(changed(&mut store), [""; 0]);
}

fn deleted(deletion: &Deletion) -> (usize, bool) {
    (deletion.cleanups, deletion.done)
}

#[test]
fn transcripts_are_deleted_within_a_budget() {
    let mut store = three_spans(true);
    store.init_transcript(b"v2").unwrap();
    store.add_item(b"v2", b"x").unwrap();
    store.take_export_changes();
    let mut delete = |budget: Option<f64>| {
        let deletion = store.delete_vat_transcripts(b"v1", budget).unwrap();
        let items = store.dump_transcripts(true).unwrap().len();
        (deleted(&deletion), items, changed(&mut store))
    };
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.into()).collect() };
    let first = names(&["-transcript.v1.current", "-transcript.v1.2"]);
    assert_eq!(delete(Some(2.0)), ((2, false), 3, first));
    let second = names(&["-transcript.v1.0"]);
    assert_eq!(delete(Some(1.0)), ((1, true), 1, second));
    for budget in [Some(1.0), None, Some(f64::INFINITY)] {
        assert_eq!(delete(budget), ((0, true), 1, names(&[])));
    }
    let deletion = store.delete_vat_transcripts(b"v2", None).unwrap();
    assert_eq!(deleted(&deletion), (1, true));
    assert_eq!(changed(&mut store), ["-transcript.v2.current"]);
    for budget in [0.0, -1.0, 0.5, f64::NAN] {
        let refused = store.delete_vat_transcripts(b"v1", Some(budget));
        assert!(matches!(refused, Err(Error::BadBudget)), "{budget}");
        let refused = store.delete_vat_snapshots(b"v1", Some(budget));
        assert!(matches!(refused, Err(Error::BadBudget)), "{budget}");
    }
}

fn image(text: &str) -> Compressed {
    let mut compressor = Compressor::default();
    compressor.add(text.as_bytes()).unwrap();
    compressor.finish().unwrap()
}

fn contents(mut image: Decompressor) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = image.next_chunk().unwrap() {
        bytes.extend(chunk);
    }
    bytes
}

/// A vat with snapshots at 1, 2 and, in use, 3.
fn three_snapshots(keeps: bool) -> Store {
    let mut store = store(keeps);
    for (position, text) in [(1, "one"), (2, "two"), (3, "three")] {
        let key = store.save_snapshot(b"v1", position, &image(text)).unwrap();
        assert_eq!(texts(vec![key]), [format!("snapshot.v1.{position}")]);
    }
    store
}

#[test]
fn the_snapshot_in_use_is_loaded() {
    for keeps in [false, true] {
        let mut store = three_snapshots(keeps);
        let expected = [
            "snapshot.v1.1",
            "snapshot.v1.current",
            "snapshot.v1.1",
            "-snapshot.v1.current",
            "snapshot.v1.2",
            "snapshot.v1.current",
            "snapshot.v1.2",
            "-snapshot.v1.current",
            "snapshot.v1.3",
            "snapshot.v1.current",
        ];
        assert_eq!(changed(&mut store), expected);
        assert_eq!(contents(store.load_snapshot(b"v1").unwrap()), b"three");
        let info = store.get_snapshot_info(b"v1").unwrap().unwrap();
        assert_eq!((info.snap_pos, info.uncompressed_size), (3, Some(5)));
        assert!(store.get_snapshot_info(b"v2").unwrap().is_none());
        let refused = store.load_snapshot(b"v2").err();
        assert!(matches!(refused, Some(Error::NoSnapshot(_))));

        let names = |store: &Store, mode| texts(store.snapshot_names(mode).unwrap());
        let [one, two, three] = ["snapshot.v1.1", "snapshot.v1.2", "snapshot.v1.3"];
        for mode in [ArtifactMode::Operational, ArtifactMode::Archival] {
            assert_eq!(names(&store, mode), [three]);
        }
        let all: &[&str] = if keeps { &[three, one, two] } else { &[three] };
        assert_eq!(names(&store, ArtifactMode::Debug), all);
        let exported = store.export_snapshot(three.as_bytes()).unwrap();
        assert_eq!(contents(exported), b"three");
        match store.export_snapshot(one.as_bytes()) {
            Ok(image) => assert!(keeps && contents(image) == b"one"),
            Err(error) => assert!(!keeps && matches!(error, Error::SnapshotPruned(_))),
        }

        let rows = |rows: Vec<snapshots::SnapshotRow>| -> Vec<_> {
            rows.into_iter()
                .map(|row| (row.info.snap_pos, row.in_use, row.compressed.is_some()))
                .collect()
        };
        let listed = rows(store.list_all_snapshots().unwrap());
        assert_eq!(
            listed,
            [(1, false, false), (2, false, false), (3, true, false)]
        );
        let dumped = rows(store.dump_snapshots(true).unwrap());
        assert_eq!(
            dumped,
            [(1, false, keeps), (2, false, keeps), (3, true, true)]
        );
        let dumped = rows(store.dump_snapshots(false).unwrap());
        assert_eq!(dumped, [(3, true, true)]);

        let hash = image("two").hash;
        assert!(store.has_hash(b"v1", hash.as_bytes()).unwrap());
        assert!(!store.has_hash(b"v2", hash.as_bytes()).unwrap());
        store
            .delete_snapshot_by_hash(b"v1", hash.as_bytes())
            .unwrap();
        assert!(!store.has_hash(b"v1", hash.as_bytes()).unwrap());
        store.delete_all_unused_snapshots().unwrap();
        assert_eq!(
            rows(store.list_all_snapshots().unwrap()),
            [(3, true, false)]
        );
        assert_eq!(changed(&mut store), [""; 0]);
        store.stop_using_last_snapshot(b"v1").unwrap();
        assert_eq!(changed(&mut store), [three, "-snapshot.v1.current"]);
        store.stop_using_last_snapshot(b"v1").unwrap();
        assert_eq!(changed(&mut store), [""; 0]);
        assert!(store.get_snapshot_info(b"v1").unwrap().is_none());
    }
}

#[test]
fn snapshots_are_deleted_within_a_budget() {
    let mut store = three_snapshots(true);
    store.save_snapshot(b"v2", 9, &image("another")).unwrap();
    store.take_export_changes();
    let mut delete = |budget: Option<f64>| {
        let deletion = store.delete_vat_snapshots(b"v1", budget).unwrap();
        let rows = store.list_all_snapshots().unwrap().len();
        (deleted(&deletion), rows, changed(&mut store))
    };
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.into()).collect() };
    let first = names(&["-snapshot.v1.3", "-snapshot.v1.current"]);
    assert_eq!(delete(Some(1.0)), ((1, false), 3, first));
    let second = names(&["-snapshot.v1.2"]);
    assert_eq!(delete(Some(1.0)), ((1, false), 2, second));
    let third = names(&["-snapshot.v1.1"]);
    assert_eq!(delete(Some(2.0)), ((1, true), 1, third));
    assert_eq!(delete(Some(2.0)), ((0, true), 1, names(&[])));
    assert_eq!(
        delete(None),
        ((0, true), 1, names(&["-snapshot.v1.current"]))
    );
    let mut store = three_snapshots(true);
    store.take_export_changes();
    let deletion = store.delete_vat_snapshots(b"v1", None).unwrap();
    assert_eq!(deleted(&deletion), (3, true));
    assert!(store.list_all_snapshots().unwrap().is_empty());
    let expected = [
        "-snapshot.v1.1",
        "-snapshot.v1.2",
        "-snapshot.v1.3",
        "-snapshot.v1.current",
    ];
    assert_eq!(changed(&mut store), expected);
}

#[test]
fn snapshots_of_an_import_match_their_records() {
    let mut store = three_snapshots(false);
    let change = "UPDATE snapshots SET compressedSnapshot = NULL";
    store.db.lock().execute(change).unwrap();
    let [one, three] = [b"snapshot.v1.1", b"snapshot.v1.3"];
    let mut wanted = |name: &[u8], mode| store.import_snapshot(name, mode).unwrap();
    for mode in [ArtifactMode::Operational, ArtifactMode::Archival] {
        assert!(wanted(one, mode).is_none());
        assert!(wanted(three, mode).is_some());
    }
    let historical = wanted(one, ArtifactMode::Debug).unwrap();
    let current = wanted(three, ArtifactMode::Debug).unwrap();
    let refused = store.populate_snapshot(historical.clone(), &image("three"));
    assert!(matches!(refused, Err(Error::SnapshotHashMismatch { .. })));
    store.populate_snapshot(historical, &image("one")).unwrap();
    store.populate_snapshot(current, &image("three")).unwrap();
    assert_eq!(contents(store.load_snapshot(b"v1").unwrap()), b"three");
    assert_eq!(contents(store.export_snapshot(one).unwrap()), b"one");
    let refused = store.import_snapshot(b"snapshot.v1.7", ArtifactMode::Debug);
    assert!(matches!(refused, Err(Error::NoMetadata { .. })));
    let refused = store.import_snapshot(b"snapshot.v1", ArtifactMode::Debug);
    assert!(matches!(refused, Err(Error::NotSnapshotName { .. })));
    let refused = store.export_snapshot(b"snapshot.v1.7").err();
    assert!(matches!(refused, Some(Error::SnapshotNotAvailable(_))));
}

#[test]
fn what_an_export_needs_is_checked() {
    let mut store = three_spans(true);
    store.save_snapshot(b"v1", 3, &image("image")).unwrap();
    let checks = |store: &Store, mode| {
        [
            store.check_transcripts(mode),
            store.check_snapshots(mode),
            store.check_bundles(mode),
        ]
    };
    for mode in [
        ArtifactMode::Operational,
        ArtifactMode::Replay,
        ArtifactMode::Archival,
    ] {
        assert!(checks(&store, mode).iter().all(Result::is_ok));
    }
    for outcome in checks(&store, ArtifactMode::Debug) {
        assert!(matches!(outcome, Err(Error::NoSuchCheck("debug"))));
    }
    let change = "UPDATE snapshots SET compressedSnapshot = NULL;
                  INSERT INTO bundles VALUES ('b1-0', NULL), ('b1-1', x'00'), ('b1-2', NULL)";
    store.db.lock().execute(change).unwrap();
    let [_, snapshots, bundles] = checks(&store, ArtifactMode::Operational);
    match (snapshots, bundles) {
        (Err(Error::CurrentSnapshotsPruned(vats)), Err(Error::BundlesMissing(ids))) => {
            assert_eq!(texts(vec![vats, ids]), ["v1", "b1-0,b1-2"]);
        }
        outcomes => panic!("{outcomes:?}"),
    }
}

#[test]
fn a_deletion_that_fails_changes_nothing() {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON pendingExports
                  WHEN new.value IS NULL BEGIN SELECT RAISE(ABORT, 'refused'); END";
    store.db.lock().execute(refuse).unwrap();
    store.init_transcript(b"v1").unwrap();
    store.add_item(b"v1", b"a").unwrap();
    store.commit().unwrap();
    for budget in [None, Some(1.0)] {
        assert!(store.delete_vat_transcripts(b"v1", budget).is_err());
        assert_eq!(items(&store.read_span(b"v1", None).unwrap()), ["0 a"]);
    }
}
