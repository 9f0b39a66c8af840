//! What each artifact means for a store, and what becomes of it.

use std::path::{Path, PathBuf};

use super::target::{ArtifactState, Target, find};
use super::*;
use crate::store::bundle_check::testing;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::gzip::Compressor;
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::bundles::BundleContents;
use crate::store::substores::{Store, StoreOptions};
use crate::store::tasks::monitor::Monitor;

use ArtifactMode::{Archival, Debug, Operational, Replay};

const MODES: [ArtifactMode; 4] = [Operational, Replay, Archival, Debug];

const BUNDLE: &str = r#"{"moduleFormat":"nestedEvaluate","source":"1"}"#;

/// Spans of the vat `v1`: one of its first incarnation, one of its second, and the current one.
const OLD: &str = "transcript.v1.0.3";
const ENDED: &str = "transcript.v1.3.6";
const CURRENT: &str = "transcript.v1.6.8";
/// The span of the terminated vat `v2`.
const TERMINATED: &str = "transcript.v2.0.2";
const HISTORICAL: &str = "snapshot.v1.3";
const IN_USE: &str = "snapshot.v1.6";

fn bundle_name() -> String {
    format!("bundle.b0-{}", Sha256::of(BUNDLE.as_bytes()))
}

/// A store with some contents of each kind, and its artifacts.
struct Base {
    directory: tempfile::TempDir,
    artifacts: Vec<(String, Vec<u8>)>,
}

fn open(directory: &Path) -> Store {
    let options = StoreOptions {
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    let location = Location::File(file_in_directory(directory));
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

impl Base {
    fn new() -> Base {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let mut artifacts = Vec::new();
        let mut add = |store: &mut Store, name: &str, vat_id: &[u8], items: &[&str]| {
            for item in items {
                store.add_item(vat_id, item.as_bytes()).unwrap();
            }
            let lines: String = items.iter().map(|item| format!("{item}\n")).collect();
            artifacts.push((name.to_owned(), lines.into_bytes()));
        };
        store.init_transcript(b"v1").unwrap();
        store.init_transcript(b"v2").unwrap();
        add(&mut store, OLD, b"v1", &["it0", "it1", "it2"]);
        store.rollover(b"v1", true).unwrap();
        add(&mut store, ENDED, b"v1", &["it3", "it4", "it5"]);
        store.rollover(b"v1", false).unwrap();
        add(&mut store, CURRENT, b"v1", &["it6", "it7"]);
        add(&mut store, TERMINATED, b"v2", &["it0", "it1"]);
        store.stop_using_transcript(b"v2").unwrap();
        for (name, position, bytes) in [(HISTORICAL, 3, 4000), (IN_USE, 6, 5000)] {
            let image = vec![b'x'; bytes];
            let mut compressor = Compressor::default();
            compressor.add(&image).unwrap();
            let compressed = compressor.finish().unwrap();
            store.save_snapshot(b"v1", position, &compressed).unwrap();
            artifacts.push((name.to_owned(), image));
        }
        let name = bundle_name();
        let id = name.strip_prefix("bundle.").unwrap().as_bytes();
        store.import_bundle_record(name.as_bytes(), id).unwrap();
        let contents = BundleContents::Script(BUNDLE.into());
        store.populate_bundle(id, &contents).unwrap();
        artifacts.push((name, BUNDLE.into()));
        store.commit().unwrap();
        store.close().unwrap();
        Base {
            directory,
            artifacts,
        }
    }

    fn sql(&self, sql: &str) {
        let file = file_in_directory(self.directory.path());
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// Deletes all contents.
    fn prune(&self) {
        self.sql(PRUNE);
    }

    /// What an artifact means for the store.
    fn state(&self, name: &str, mode: ArtifactMode, replace: bool) -> String {
        let store = open(self.directory.path());
        let found = find(&store.database().lock(), name.as_bytes(), mode, replace).unwrap();
        match found {
            ArtifactState::Wanted(_) => "wanted".into(),
            ArtifactState::Present => "present".into(),
            ArtifactState::Suspect(_) => "suspect".into(),
            ArtifactState::Unwanted => "unwanted".into(),
            ArtifactState::Refused(error) => error.code().into(),
        }
    }

    #[track_caller]
    fn is(&self, name: &str, replace: bool, expected: [&str; 4]) {
        let found = MODES.map(|mode| self.state(name, mode, replace));
        assert_eq!(found, expected, "{name}");
    }

    fn artifact(&self, name: &str) -> &[u8] {
        let found = self.artifacts.iter().find(|(other, _)| other == name);
        &found.unwrap().1
    }

    /// Writes artifacts to files in a new directory.
    fn files(&self, names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(directory.path().join(name), self.artifact(name)).unwrap();
        }
        directory
    }

    fn begin(&self, options: RepopulateOptions) -> Repopulation {
        Repopulation::open(self.directory.path(), options, &Monitor::default()).unwrap()
    }

    /// The contents of all tables.
    fn dump(&self) -> Vec<String> {
        let file = file_in_directory(self.directory.path());
        let connection = rusqlite::Connection::open(file).unwrap();
        let mut dump = Vec::new();
        for table in ["transcriptItems", "transcriptSpans", "snapshots", "bundles"] {
            let mut statement = connection
                .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
                .unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values = (0..columns).map(|index| format!("{:?}", row.get_ref(index).unwrap()));
                dump.push(format!("{table} {}", values.collect::<Vec<_>>().join(" ")));
            }
        }
        dump.sort();
        dump
    }
}

const PRUNE: &str = "DELETE FROM transcriptItems; UPDATE bundles SET bundle = NULL;
                     UPDATE snapshots SET compressedSnapshot = NULL";

fn options(mode: ArtifactMode) -> RepopulateOptions {
    RepopulateOptions::new(mode)
}

fn replacing() -> RepopulateOptions {
    RepopulateOptions {
        replace_damaged: true,
        ..options(Debug)
    }
}

fn texts(names: &[Vec<u8>]) -> Vec<&str> {
    names
        .iter()
        .map(|name| std::str::from_utf8(name).unwrap())
        .collect()
}

#[test]
fn the_mode_decides_which_pruned_artifacts_are_wanted() {
    let base = Base::new();
    let bundle = bundle_name();
    let all = [OLD, ENDED, CURRENT, TERMINATED, HISTORICAL, IN_USE, &bundle];
    for name in all {
        base.is(name, false, ["present"; 4]);
        base.is(name, true, ["suspect"; 4]);
    }
    base.prune();
    for replace in [false, true] {
        let unwanted = ["unwanted", "unwanted", "unwanted", "wanted"];
        base.is(OLD, replace, ["unwanted", "unwanted", "wanted", "wanted"]);
        base.is(ENDED, replace, ["unwanted", "wanted", "wanted", "wanted"]);
        base.is(CURRENT, replace, ["wanted"; 4]);
        base.is(TERMINATED, replace, unwanted);
        base.is(HISTORICAL, replace, unwanted);
        base.is(IN_USE, replace, ["wanted"; 4]);
        base.is(&bundle, replace, ["wanted"; 4]);
    }
    let missing = |mode| {
        let report = base.begin(options(mode)).finish(&Monitor::default());
        let mut missing: Vec<String> = texts(&report.unwrap().missing)
            .into_iter()
            .map(str::to_owned)
            .collect();
        missing.sort();
        missing
    };
    let expect = |names: &[&str]| {
        let mut names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(missing(Operational), expect(&[CURRENT, IN_USE, &bundle]));
    assert_eq!(missing(Replay), expect(&[ENDED, CURRENT, IN_USE, &bundle]));
    assert_eq!(
        missing(Archival),
        expect(&[OLD, ENDED, CURRENT, IN_USE, &bundle])
    );
    assert_eq!(missing(Debug), expect(&all));
}

#[test]
fn spans_that_lack_some_items_are_recognized() {
    let base = Base::new();
    // Pruning deletes from the start of a historical span.
    base.sql("DELETE FROM transcriptItems WHERE position IN (0, 5, 6)");
    for replace in [false, true] {
        base.is(OLD, replace, ["unwanted", "unwanted", "wanted", "wanted"]);
    }
    base.is(ENDED, false, ["unwanted", "wanted", "wanted", "wanted"]);
    base.is(ENDED, true, ["suspect"; 4]);
    base.is(CURRENT, false, ["wanted"; 4]);
    base.is(CURRENT, true, ["suspect"; 4]);
}

#[test]
fn artifacts_of_a_current_span_may_end_elsewhere() {
    let base = Base::new();
    for name in ["transcript.v1.6.7", "transcript.v1.6.9"] {
        base.is(name, false, ["present"; 4]);
        base.is(name, true, ["suspect"; 4]);
    }
    base.is("transcript.v1.6.6", true, ["present"; 4]);
    let error = Error::SpanEndsElsewhere {
        name: Vec::new(),
        end_pos: 0,
    };
    let other = [error.code(); 4];
    for replace in [false, true] {
        base.is("transcript.v1.0.2", replace, other);
    }
    base.prune();
    base.is("transcript.v1.6.7", false, other);
    base.is("transcript.v1.6.7", true, ["wanted"; 4]);
    base.is("transcript.v1.6.6", true, other);
}

#[test]
fn other_names_are_refused() {
    let base = Base::new();
    let store = open(base.directory.path());
    let refused = |name: &str| match find(&store.database().lock(), name.as_bytes(), Debug, true) {
        Ok(ArtifactState::Refused(error)) => error,
        other => panic!("{name}: {other:?}"),
    };
    for name in ["transcript.v1.1.3", "transcript.v9.0.3", "snapshot.v1.4"] {
        assert!(matches!(refused(name), Error::UnknownArtifact(_)), "{name}");
    }
    for name in [
        "transcript.v1.00.3",
        "transcript.v1.0.03",
        "transcript.v1.0",
        "transcript.v1.0.x",
    ] {
        let error = refused(name);
        assert!(
            matches!(error, Error::NotTranscriptName { .. }),
            "{name}: {error}"
        );
    }
    for name in ["snapshot.v1.03", "snapshot.v1", "snapshot.v1.x"] {
        let error = refused(name);
        assert!(
            matches!(error, Error::NotSnapshotName { .. }),
            "{name}: {error}"
        );
    }
    let unknown = format!("bundle.b0-{}", "0".repeat(128));
    assert!(matches!(refused(&unknown), Error::UnknownArtifact(_)));
    assert_eq!(
        refused("kv.x").code(),
        Error::unknown_artifact(b"kv.x").code()
    );
}

#[test]
fn the_size_of_an_image_is_known_unless_it_may_be_damaged() {
    let base = Base::new();
    let size = |replace| {
        let store = open(base.directory.path());
        let found = find(
            &store.database().lock(),
            HISTORICAL.as_bytes(),
            Debug,
            replace,
        );
        match found.unwrap() {
            ArtifactState::Wanted(Target::Snapshot { size, .. })
            | ArtifactState::Suspect(Target::Snapshot { size, .. }) => size,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(size(true), None);
    base.sql("UPDATE snapshots SET compressedSnapshot = NULL");
    assert_eq!(size(false), Some(4000));
    base.sql("UPDATE snapshots SET uncompressedSize = 'x'");
    assert_eq!(size(false), None);
}

/// Passes an artifact to a repopulation in pieces. Returns the error of a piece.
fn pass(work: &Repopulation, name: &str, contents: &[u8]) -> Result<()> {
    let monitor = Monitor::default();
    let Some(mut incoming) = work.begin(name.as_bytes(), &monitor)? else {
        return Ok(());
    };
    assert_eq!(incoming.name(), name.as_bytes());
    for piece in contents.chunks(3) {
        if let Err(error) = incoming.add(piece) {
            work.give_up(incoming, error.clone(), &monitor)?;
            return Err(error);
        }
    }
    work.end(incoming, &monitor)
}

#[test]
fn all_contents_are_filled_in_once() {
    let base = Base::new();
    let before = base.dump();
    base.prune();
    for round in 0..2 {
        let files = base.files(&[]);
        for (name, contents) in &base.artifacts {
            std::fs::write(files.path().join(name), contents).unwrap();
        }
        let monitor = Monitor::default();
        let to = base.directory.path();
        let report = repopulate_from_directory(files.path(), to, options(Debug), &monitor).unwrap();
        let progress = monitor.progress();
        assert_eq!((progress.done, progress.total), (7, 7));
        let bytes: usize = base
            .artifacts
            .iter()
            .map(|(_, contents)| contents.len())
            .sum();
        let mut names: Vec<_> = base
            .artifacts
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        if round == 0 {
            assert_eq!(texts(&report.filled), names);
            assert_eq!((report.bytes, report.present), (bytes as u64, 0));
            assert_eq!(progress.bytes, bytes as u64);
        } else {
            assert!(report.filled.is_empty());
            assert_eq!((report.bytes, report.present), (0, 7));
        }
        assert!(report.refused.is_empty() && report.missing.is_empty());
        assert_eq!(base.dump(), before);
    }
    base.prune();
    let files = base.files(&[OLD, ENDED, TERMINATED, CURRENT]);
    let to = base.directory.path();
    let report =
        repopulate_from_directory(files.path(), to, options(Operational), &Monitor::default());
    let report = report.unwrap();
    assert_eq!((report.unwanted, report.refused_count), (3, 0));
    assert_eq!(texts(&report.filled), [CURRENT]);
    assert_eq!(report.missing.len(), 2);
}

#[test]
fn damaged_contents_of_each_kind_are_replaced() {
    let base = Base::new();
    let before = base.dump();
    let bundle = bundle_name();
    for (name, damage) in [
        (
            bundle.as_str(),
            "UPDATE bundles SET bundle = CAST(bundle AS BLOB)",
        ),
        (&bundle, "UPDATE bundles SET bundle = bundle || ' '"),
        (&bundle, "UPDATE bundles SET bundle = '{}'"),
        (&bundle, "UPDATE bundles SET bundle = 7"),
        (
            HISTORICAL,
            "UPDATE snapshots SET compressedSize = NULL WHERE snapPos = 3",
        ),
        (
            HISTORICAL,
            "UPDATE snapshots SET uncompressedSize = 3999 WHERE snapPos = 3",
        ),
        (
            HISTORICAL,
            "UPDATE snapshots SET compressedSnapshot = 'x', compressedSize = 1 WHERE snapPos = 3",
        ),
        (
            HISTORICAL,
            "UPDATE snapshots SET compressedSnapshot = x'78', compressedSize = 1 WHERE snapPos = 3",
        ),
        (
            OLD,
            "UPDATE transcriptItems SET incarnation = 1 WHERE position = 1 AND vatID = 'v1'",
        ),
        (
            OLD,
            "UPDATE transcriptItems SET item = 'it9' WHERE position = 2 AND vatID = 'v1'",
        ),
        (
            OLD,
            "DELETE FROM transcriptItems WHERE position = 2 AND vatID = 'v1'",
        ),
        (
            CURRENT,
            "UPDATE transcriptItems SET item = x'00' WHERE position = 7",
        ),
    ] {
        base.sql(damage);
        assert_ne!(base.dump(), before, "{damage}");
        let work = base.begin(replacing());
        pass(&work, name, base.artifact(name)).unwrap();
        let report = work.finish(&Monitor::default()).unwrap();
        assert_eq!(texts(&report.replaced), [name], "{damage}");
        assert_eq!(report.bytes, base.artifact(name).len() as u64);
        assert_eq!(base.dump(), before, "{damage}");
    }
    let work = base.begin(replacing());
    for (name, contents) in &base.artifacts {
        pass(&work, name, contents).unwrap();
    }
    let report = work.finish(&Monitor::default()).unwrap();
    assert_eq!((report.present, report.replaced.len()), (7, 0));
}

#[test]
fn an_archive_that_became_text_is_replaced() {
    let base = Base::new();
    let (id, contents) = testing::archive();
    let name = format!("bundle.{id}");
    let mut store = open(base.directory.path());
    store
        .import_bundle_record(name.as_bytes(), id.as_bytes())
        .unwrap();
    let archive = BundleContents::Archive(contents.clone());
    store.populate_bundle(id.as_bytes(), &archive).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let before = base.dump();
    for damage in [
        "UPDATE bundles SET bundle = CAST(bundle AS TEXT) WHERE bundleID GLOB 'b1-*'",
        "UPDATE bundles SET bundle = x'00' WHERE bundleID GLOB 'b1-*'",
        "SELECT 1",
    ] {
        base.sql(damage);
        let is_damaged = base.dump() != before;
        let work = base.begin(replacing());
        pass(&work, &name, &contents).unwrap();
        let report = work.finish(&Monitor::default()).unwrap();
        assert_eq!(report.replaced.len(), usize::from(is_damaged), "{damage}");
        assert_eq!(report.present, u64::from(!is_damaged), "{damage}");
        assert_eq!(base.dump(), before, "{damage}");
    }
}

#[test]
fn artifacts_that_do_not_match_are_refused() {
    let base = Base::new();
    base.prune();
    let pruned = base.dump();
    let work = base.begin(options(Debug));
    let bundle = bundle_name();
    let image = [b"y", &base.artifact(HISTORICAL)[1..]].concat();
    let outcomes = [
        pass(&work, OLD, b"it0\nit1\nit3\n"),
        pass(&work, ENDED, b"it3\nit4\n"),
        pass(&work, HISTORICAL, &image),
        pass(
            &work,
            &bundle,
            br#"{"moduleFormat":"nestedEvaluate","source":"2"}"#,
        ),
        pass(&work, "transcript.v1.1.2", b""),
    ];
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let report = work.finish(&Monitor::default()).unwrap();
    assert_eq!((report.refused_count, report.refused.len()), (5, 5));
    let names = report.refused.iter().map(|refused| refused.name.clone());
    let names: Vec<_> = names.collect();
    let expected = [&bundle, HISTORICAL, OLD, "transcript.v1.1.2", ENDED];
    assert_eq!(texts(&names), expected);
    assert_eq!(report.bytes, 0);
    assert_eq!(base.dump(), pruned);
}

#[test]
fn artifacts_are_refused_beyond_their_limit() {
    let base = Base::new();
    base.prune();
    let limited = |limit: usize| {
        let options = RepopulateOptions {
            max_artifact_bytes: limit as u64,
            ..options(Debug)
        };
        base.begin(options)
    };
    for (name, contents) in &base.artifacts {
        let length = contents.len();
        let refused = pass(&limited(length - 1), name, contents);
        let limit = (length - 1) as u64;
        match refused {
            Err(Error::ArtifactTooLong { limit: found, .. }) => assert_eq!(found, limit),
            // An item may not be longer than an artifact.
            other => panic!("{name}: {other:?}"),
        }
        let work = limited(length);
        pass(&work, name, contents).unwrap();
        assert_eq!(work.finish(&Monitor::default()).unwrap().filled.len(), 1);
    }
    // An image is as long as its record says.
    base.prune();
    let image = [base.artifact(IN_USE), b"x"].concat();
    let work = base.begin(options(Debug));
    let refused = pass(&work, IN_USE, &image);
    assert!(
        matches!(refused, Err(Error::ArtifactTooLong { limit: 5000, .. })),
        "{refused:?}"
    );
    assert_eq!(work.finish(&Monitor::default()).unwrap().refused_count, 1);
}

#[test]
fn a_span_is_inserted_in_transactions_of_some_bytes() {
    let base = Base::new();
    let before = base.dump();
    // Items of three bytes.
    for (most, transactions) in [(1, 3), (3, 3), (4, 2), (6, 2), (7, 1), (100, 1)] {
        base.sql("DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 3");
        let work = base.begin(RepopulateOptions {
            max_transaction_bytes: Some(most),
            ..options(Debug)
        });
        pass(&work, OLD, base.artifact(OLD)).unwrap();
        let report = work.finish(&Monitor::default()).unwrap();
        assert_eq!(
            report.transaction_stats.transactions, transactions,
            "{most}"
        );
        assert_eq!(base.dump(), before);
    }
}

/// Begins artifacts, changes the store, and then ends them. Returns the report.
fn overtake(
    base: &Base,
    options: RepopulateOptions,
    names: &[&str],
    change: impl FnOnce(),
) -> Repopulated {
    let monitor = Monitor::default();
    let work = base.begin(options);
    let begun: Vec<_> = names
        .iter()
        .map(|name| {
            let mut incoming = work.begin(name.as_bytes(), &monitor).unwrap().unwrap();
            incoming.add(base.artifact(name)).unwrap();
            incoming
        })
        .collect();
    change();
    for incoming in begun {
        work.end(incoming, &monitor).unwrap();
    }
    work.finish(&monitor).unwrap()
}

fn overtaken(name: &str) -> String {
    Error::ArtifactOvertaken(name.into()).to_string()
}

/// The reasons of rejected artifacts.
fn refusals(report: &Repopulated) -> Vec<String> {
    let reason = |refused: &Refused| refused.reason.clone();
    report.refused.iter().map(reason).collect()
}

#[test]
fn contents_that_another_process_inserts_count_as_present() {
    let base = Base::new();
    let before = base.dump();
    base.prune();
    let bundle = bundle_name();
    let twice = [OLD, HISTORICAL, &bundle, OLD, HISTORICAL, &bundle];
    let report = overtake(&base, options(Debug), &twice, || {});
    assert_eq!((report.filled.len(), report.present), (3, 3));
    let report = overtake(
        &base,
        options(Debug),
        &[ENDED, CURRENT, TERMINATED, IN_USE],
        || {},
    );
    assert_eq!(report.filled.len(), 4);
    assert_eq!(base.dump(), before);
}

#[test]
fn records_that_change_meanwhile_are_not_touched() {
    let base = Base::new();
    base.prune();
    let report = overtake(&base, options(Debug), &[OLD, HISTORICAL], || {
        base.sql(
            "UPDATE transcriptSpans SET hash = 'x' WHERE startPos = 0;
                  UPDATE snapshots SET hash = 'x' WHERE snapPos = 3",
        );
    });
    assert_eq!(refusals(&report), [HISTORICAL, OLD].map(overtaken));
    assert!(report.filled.is_empty());
}

#[test]
fn a_damaged_current_span_may_grow_meanwhile_and_nothing_else() {
    let overtaken = overtaken(CURRENT);
    let damage = "UPDATE transcriptItems SET item = 'x' WHERE position = 6";
    let replace_with = |change: &dyn Fn(&Path)| {
        let base = Base::new();
        base.sql(damage);
        let report = overtake(&base, replacing(), &[CURRENT], || {
            change(base.directory.path())
        });
        assert_eq!(report.replaced.len() + report.refused.len(), 1);
        let is_replaced = base
            .dump()
            .iter()
            .any(|row| row.contains("it6") || row.contains("Text([105, 116, 54])"));
        assert_eq!(is_replaced, report.replaced.len() == 1);
        refusals(&report).pop()
    };
    let in_store = |directory: &Path, change: &dyn Fn(&mut Store)| {
        let mut store = open(directory);
        change(&mut store);
        store.commit().unwrap();
        store.close().unwrap();
    };
    let sql = |directory: &Path, sql: &str| {
        let connection = rusqlite::Connection::open(file_in_directory(directory)).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    assert_eq!(replace_with(&|_| {}), None);
    let grows = |store: &mut Store| store.add_item(b"v1", b"it8").unwrap();
    assert_eq!(replace_with(&|at| in_store(at, &grows)), None);
    let ends = |store: &mut Store| assert_eq!(store.rollover(b"v1", false).unwrap(), 1);
    assert_eq!(
        replace_with(&|at| in_store(at, &ends)),
        Some(overtaken.clone())
    );
    for change in [
        "UPDATE transcriptSpans SET incarnation = 7 WHERE isCurrent = 1",
        "UPDATE transcriptSpans SET endPos = 7 WHERE isCurrent = 1",
        "DELETE FROM transcriptSpans WHERE isCurrent = 1",
    ] {
        assert_eq!(
            replace_with(&|at| sql(at, change)),
            Some(overtaken.clone()),
            "{change}"
        );
    }
    let other = "UPDATE transcriptSpans SET hash = 'x' WHERE isCurrent = 1";
    let reason = replace_with(&|at| sql(at, other)).unwrap();
    assert!(reason.contains("hash"), "{reason}");
}

#[test]
fn a_report_lists_the_first_thousand_rejected_artifacts() {
    let base = Base::new();
    let work = base.begin(options(Debug));
    let monitor = Monitor::default();
    for number in 0..1002 {
        let refused = Refused {
            name: format!("{number}").into_bytes(),
            code: "CODE".into(),
            reason: "a reason".into(),
        };
        work.note_refused(refused, &monitor);
    }
    assert_eq!(monitor.progress().done, 1002);
    let partial = work.partial_report();
    assert_eq!((partial.refused_count, partial.refused.len()), (1002, 1000));
    let report = work.finish(&monitor).unwrap();
    assert_eq!((report.refused_count, report.refused.len()), (1002, 1000));
}

#[test]
fn an_abort_is_no_refusal() {
    let base = Base::new();
    base.prune();
    let work = base.begin(options(Debug));
    let monitor = Monitor::default();
    let mut incoming = work.begin(OLD.as_bytes(), &monitor).unwrap().unwrap();
    incoming.add(base.artifact(OLD)).unwrap();
    let other = work.begin(ENDED.as_bytes(), &monitor).unwrap().unwrap();
    monitor.abort();
    let outcome = work.end(incoming, &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    let outcome = work.give_up(other, Error::Aborted, &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    assert_eq!(work.partial_report().refused_count, 0);
    // Work that was done before an error is reported.
    let files = base.files(&[OLD]);
    let to = base.directory.path();
    let mut done = Repopulated {
        present: 7,
        ..Repopulated::default()
    };
    let outcome =
        repopulate_from_directory_into(files.path(), to, options(Debug), &monitor, &mut done);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let base = Base::new();
    base.prune();
    let files = base.files(&[CURRENT]);
    let at = |name: &str| -> PathBuf { files.path().join(name) };
    std::fs::write(at(&format!("{OLD}.gz")), b"not compressed").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/dev/zero", at(ENDED)).unwrap();
    let to = base.directory.path();
    let report = repopulate_from_directory(files.path(), to, options(Debug), &Monitor::default());
    let report = report.unwrap();
    assert_eq!(texts(&report.filled), [CURRENT]);
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|refused| {
            let name = String::from_utf8(refused.name.clone()).unwrap();
            (name, refused.reason.contains("is not an intact gzip file"))
        })
        .collect();
    let mut expected = vec![(OLD.to_owned(), true)];
    if cfg!(unix) {
        expected.push((ENDED.to_owned(), false));
    }
    assert_eq!(refused, expected);
}

#[test]
fn the_limit_of_an_artifact_has_a_default() {
    let parsed: RepopulateOptions = serde_json::from_str(r#"{"artifactMode":"debug"}"#).unwrap();
    assert_eq!(parsed.max_artifact_bytes, DEFAULT_MAX_ARTIFACT_BYTES);
    assert_eq!(DEFAULT_MAX_ARTIFACT_BYTES, 536_870_912);
}
