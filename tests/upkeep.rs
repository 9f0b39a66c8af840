//! Pruning, repopulating and shrinking a store, without Node.js.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use swing_store::store::directory::{ExportOptions, export_to_directory};
use swing_store::store::prune::{DEFAULT_BUDGET, PruneOptions, Pruned, prune};
use swing_store::store::reclaim::{Method, reclaim, space};
use swing_store::store::repopulate::{
    RepopulateOptions, Repopulated, Repopulation, repopulate_from_directory,
};
use swing_store::store::{
    ArtifactMode, Compressor, Error, Exporter, Location, Monitor, OpenOptions, Store, StoreOptions,
    file_in_directory,
};

fn open(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions {
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

fn image(seed: usize, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| ((at * (seed + at)) >> 7) as u8)
        .collect()
}

/// Creates three vats of `spans` spans with `items` items each. The last vat is terminated.
fn make_store(directory: &Path, spans: usize, items: usize) {
    fs::create_dir_all(directory).unwrap();
    let mut store = open(directory);
    store.kernel_set(b"key", b"value").unwrap();
    let vats: [&[u8]; 3] = [b"v1", b"v2", b"v3"];
    for vat_id in vats {
        store.init_transcript(vat_id).unwrap();
    }
    for span in 0..spans {
        for (seed, vat_id) in vats.into_iter().enumerate() {
            for item in 0..items {
                let item = format!("span {span} item {item} {}", "x".repeat(item % 500));
                store.add_item(vat_id, item.as_bytes()).unwrap();
            }
            let mut compressor = Compressor::default();
            compressor.add(&image(seed + span, 20_000)).unwrap();
            let position = ((span + 1) * items) as i64;
            let compressed = compressor.finish().unwrap();
            store.save_snapshot(vat_id, position, &compressed).unwrap();
            store.rollover(vat_id, span % 3 == 2).unwrap();
        }
    }
    store.add_item(b"v1", b"the last").unwrap();
    store.stop_using_last_snapshot(b"v3").unwrap();
    store.stop_using_transcript(b"v3").unwrap();
    store.commit().unwrap();
    store.close().unwrap();
}

fn pruning(keep: ArtifactMode) -> PruneOptions {
    PruneOptions {
        keep_transcripts: keep,
        keep_snapshots: keep,
        budget: DEFAULT_BUDGET,
        limit: None,
        dry_run: false,
    }
}

fn prune_to(store: &Path, keep: ArtifactMode) -> Pruned {
    prune(store, &pruning(keep), &Monitor::default()).unwrap()
}

fn fill(from: &Path, store: &Path) -> Repopulated {
    let options = RepopulateOptions::new(ArtifactMode::Debug);
    repopulate_from_directory(from, store, options, &Monitor::default()).unwrap()
}

/// Exports everything, and returns the contents of the files.
fn export(store: &Path, to: &Path) -> Vec<(String, Vec<u8>)> {
    let options = ExportOptions {
        mode: Some(ArtifactMode::Debug),
        with_data: true,
        block_height: None,
        ..ExportOptions::default()
    };
    export_to_directory(store, to, &options, &Monitor::default()).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(to)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn pruned_history_is_restored_from_an_archive() {
    let base = tempfile::tempdir().unwrap();
    let [store, full, archive] = ["store", "full", "archive"].map(|name| base.path().join(name));
    make_store(&store, 4, 30);
    let before = export(&store, &full);
    // An archive made by the callbacks of a running store.
    fs::create_dir(&archive).unwrap();
    for (name, contents) in &before {
        if name.starts_with("transcript") || name.starts_with("snapshot") {
            let file = fs::File::create(archive.join(format!("{name}.gz"))).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            encoder.write_all(contents).unwrap();
            encoder.finish().unwrap();
        }
    }
    for from in [&full, &archive] {
        for keep in [
            ArtifactMode::Operational,
            ArtifactMode::Replay,
            ArtifactMode::Archival,
        ] {
            let pruned = prune_to(&store, keep);
            assert!(pruned.done && pruned.spans >= 4 && pruned.snapshots >= 6);
            assert!(pruned.space.free_bytes > 0);
            let exporter = Exporter::open(&store, keep).unwrap();
            exporter.check_complete().unwrap();
            exporter.close().unwrap();

            let filled = fill(from, &store);
            assert_eq!(filled.filled.len() as u64, pruned.spans + pruned.snapshots);
            assert!(filled.refused.is_empty() && filled.missing.is_empty());
            let now = base.path().join("now");
            assert_eq!(export(&store, &now), before);
            fs::remove_dir_all(now).unwrap();
        }
    }
}

#[test]
fn a_dry_run_counts_what_pruning_then_deletes() {
    let base = tempfile::tempdir().unwrap();
    let store = base.path().join("store");
    make_store(&store, 4, 30);
    for keep in [ArtifactMode::Replay, ArtifactMode::Operational] {
        let prune_with = |dry_run| {
            let monitor = Monitor::default();
            let options = PruneOptions {
                dry_run,
                ..pruning(keep)
            };
            let pruned = prune(&store, &options, &monitor).unwrap();
            assert_eq!(monitor.progress().total, pruned.spans + pruned.snapshots);
            pruned
        };
        let found = prune_with(true);
        assert!(found.spans > 0 && !found.done);
        assert_eq!(found.items, 30 * found.spans);
        let deleted = prune_with(false);
        assert!(deleted.done);
        let counts = |of: Pruned| (of.spans, of.items, of.snapshots, of.snapshot_bytes);
        assert_eq!(counts(found), counts(deleted.clone()));
        assert_eq!(deleted.snapshots > 0, deleted.snapshot_bytes > 0);
        assert!(prune_with(true).done);
    }
}

#[test]
fn a_limit_ends_a_pruning_after_a_whole_span() {
    let base = tempfile::tempdir().unwrap();
    let monitor = Monitor::default();
    // Twelve spans of 30 items, and twelve snapshots, two of them in use.
    for (limit, budget, items) in [
        (Some(0), 100, 0),
        (Some(1), 100, 30),
        (Some(30), 100, 30),
        (Some(31), 100, 60),
        (Some(10), 7, 30),
        (Some(10), 30, 30),
        (Some(359), 1000, 360),
        (Some(360), 1000, 360),
        (None, 1000, 360),
    ] {
        let store = base.path().join(format!("store {limit:?} {budget}"));
        make_store(&store, 4, 30);
        let options = PruneOptions {
            budget,
            limit,
            ..pruning(ArtifactMode::Operational)
        };
        let pruned = prune(&store, &options, &monitor).unwrap();
        assert_eq!(
            (pruned.items, pruned.spans),
            (items, items / 30),
            "{limit:?}"
        );
        assert_eq!(pruned.done, items == 360);
        assert_eq!(pruned.snapshots, 10);
        let none = PruneOptions {
            budget: 0,
            ..options
        };
        let refused = prune(&store, &none, &monitor);
        assert!(matches!(refused, Err(Error::BadBudget)), "{refused:?}");
    }
}

#[test]
fn a_dry_run_is_done_if_neither_spans_nor_snapshots_are_left() {
    let base = tempfile::tempdir().unwrap();
    let store = base.path().join("store");
    make_store(&store, 1, 5);
    let is_done = |keep_transcripts, keep_snapshots| {
        let options = PruneOptions {
            keep_transcripts,
            keep_snapshots,
            dry_run: true,
            ..pruning(ArtifactMode::Operational)
        };
        prune(&store, &options, &Monitor::default()).unwrap().done
    };
    let (all, none) = (ArtifactMode::Debug, ArtifactMode::Operational);
    assert!(is_done(all, all));
    assert!(!is_done(none, all) && !is_done(all, none) && !is_done(none, none));
    prune_to(&store, none);
    assert!(is_done(none, none));
}

#[test]
fn the_options_of_a_pruning_have_defaults() {
    let json = r#"{"keepTranscripts":"replay","keepSnapshots":"replay"}"#;
    let options: PruneOptions = serde_json::from_str(json).unwrap();
    assert_eq!((options.budget, options.limit), (DEFAULT_BUDGET, None));
    assert!(DEFAULT_BUDGET > 100 && !options.dry_run);
}

/// Damages a store with SQL statements that change one row each.
fn damage(store: &Path, changes: &[&str]) {
    let connection = rusqlite::Connection::open(file_in_directory(store)).unwrap();
    for sql in changes {
        assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    }
}

#[test]
fn damaged_contents_are_replaced_by_sound_ones() {
    let base = tempfile::tempdir().unwrap();
    let [store, full] = ["store", "full"].map(|name| base.path().join(name));
    make_store(&store, 4, 30);
    let before = export(&store, &full);
    let replacing = RepopulateOptions {
        replace_damaged: true,
        ..RepopulateOptions::new(ArtifactMode::Debug)
    };
    let fill_from = |full: &Path, options: RepopulateOptions| {
        repopulate_from_directory(full, &store, options, &Monitor::default()).unwrap()
    };
    let artifacts = before.len() as u64 - 2;
    let untouched = fill_from(&full, replacing.clone());
    assert_eq!(untouched.present, artifacts);
    assert!(untouched.replaced.is_empty() && untouched.filled.is_empty());

    let swapped = "(SELECT compressedSnapshot FROM snapshots WHERE vatID = 'v2' AND snapPos = 60)";
    let swapped_size = "(SELECT compressedSize FROM snapshots WHERE vatID = 'v2' AND snapPos = 60)";
    let swap = format!(
        "UPDATE snapshots SET compressedSnapshot = {swapped}, compressedSize = {swapped_size}
         WHERE vatID = 'v1' AND snapPos = 30"
    );
    let damages: [(&str, &str); 12] = [
        (
            "transcript.v1.0.30",
            "UPDATE transcriptItems SET item = 'x' WHERE vatID = 'v1' AND position = 3",
        ),
        (
            "transcript.v1.30.60",
            "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 40",
        ),
        (
            "transcript.v1.60.90",
            "UPDATE transcriptItems SET item = CAST(item AS BLOB)
             WHERE vatID = 'v1' AND position = 89",
        ),
        (
            "transcript.v1.90.120",
            "UPDATE transcriptItems SET incarnation = 7 WHERE vatID = 'v1' AND position = 90",
        ),
        (
            "transcript.v1.120.121",
            "UPDATE transcriptItems SET item = 'x' WHERE vatID = 'v1' AND position = 120",
        ),
        (
            "transcript.v2.0.30",
            "DELETE FROM transcriptItems WHERE vatID = 'v2' AND position = 29",
        ),
        ("snapshot.v1.30", &swap),
        (
            "snapshot.v1.60",
            "UPDATE snapshots SET compressedSnapshot = x'00' WHERE vatID = 'v1' AND snapPos = 60",
        ),
        (
            "snapshot.v1.90",
            "UPDATE snapshots SET compressedSize = 5 WHERE vatID = 'v1' AND snapPos = 90",
        ),
        (
            "snapshot.v1.120",
            "UPDATE snapshots SET uncompressedSize = 5 WHERE vatID = 'v1' AND snapPos = 120",
        ),
        (
            "snapshot.v2.30",
            "UPDATE snapshots SET compressedSnapshot = CAST(compressedSnapshot AS TEXT)
             WHERE vatID = 'v2' AND snapPos = 30",
        ),
        (
            "snapshot.v2.60",
            "UPDATE snapshots SET compressedSnapshot = 1 WHERE vatID = 'v2' AND snapPos = 60",
        ),
    ];
    damage(&store, &damages.map(|(_, sql)| sql));
    let mut names = damages.map(|(name, _)| name.as_bytes().to_vec());
    names.sort();
    // A span that lacks its first items was partly pruned.
    damage(
        &store,
        &["DELETE FROM transcriptItems WHERE vatID = 'v2' AND position = 30"],
    );
    let ignoring = fill_from(&full, RepopulateOptions::new(ArtifactMode::Debug));
    assert!(ignoring.replaced.is_empty());
    damage(
        &store,
        &["DELETE FROM transcriptItems WHERE vatID = 'v2' AND position = 60"],
    );
    let replaced = fill_from(&full, replacing.clone());
    assert_eq!(replaced.filled, [b"transcript.v2.60.90"]);
    let filled_before: Vec<&Vec<u8>> = ignoring.filled.iter().collect();
    let expected: Vec<Vec<u8>> = names
        .into_iter()
        .filter(|name| !filled_before.contains(&name))
        .collect();
    assert_eq!(replaced.replaced, expected);
    let bytes_of = |names: &[Vec<u8>]| -> u64 {
        let lengths = before.iter().filter_map(|(name, contents)| {
            let is_among = names.iter().any(|found| found == name.as_bytes());
            is_among.then_some(contents.len() as u64)
        });
        lengths.sum()
    };
    assert_eq!(
        replaced.bytes,
        bytes_of(&replaced.replaced) + bytes_of(&replaced.filled)
    );
    assert!(replaced.missing.is_empty() && replaced.refused.is_empty());
    let now = base.path().join("now");
    assert_eq!(export(&store, &now), before);
    assert_eq!(fill_from(&full, replacing).present, artifacts);
}

#[test]
fn a_current_span_is_replaced_from_an_export_at_another_block() {
    let base = tempfile::tempdir().unwrap();
    let names = ["store", "early", "late", "now"];
    let [store, early, late, now] = names.map(|name| base.path().join(name));
    make_store(&store, 1, 30);
    let grow = |items: std::ops::Range<i32>| {
        let mut running = open(&store);
        for item in items {
            let item = format!("later {item}");
            running.add_item(b"v1", item.as_bytes()).unwrap();
        }
        running.commit().unwrap();
        running.close().unwrap();
    };
    grow(0..9);
    export(&store, &early);
    grow(10..19);
    let before = export(&store, &now);
    let copy = base.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(file_in_directory(&store), file_in_directory(&copy)).unwrap();
    grow(20..29);
    export(&store, &late);
    // The span has the positions 30 to 49 in the copy, 30 to 40 in one export, 30 to 58 in the other.
    let options = RepopulateOptions {
        replace_damaged: true,
        ..RepopulateOptions::new(ArtifactMode::Debug)
    };
    let fill_copy = |from: &Path| {
        let monitor = Monitor::default();
        repopulate_from_directory(from, &copy, options.clone(), &monitor).unwrap()
    };
    let damaged = "UPDATE transcriptItems SET item = 'x' WHERE vatID = 'v1' AND position = ";
    for (from, position, is_replaced) in [
        (&early, 35, true),
        (&late, 35, true),
        (&late, 48, true),
        // The damaged item is after the artifact's end, so the artifact cannot repair the span.
        (&early, 45, false),
        (&late, 45, true),
    ] {
        damage(&copy, &[&format!("{damaged}{position}")]);
        let filled = fill_copy(from);
        assert_eq!(
            filled.replaced.len(),
            usize::from(is_replaced),
            "{filled:?}"
        );
        assert_eq!(
            filled.refused.len(),
            usize::from(!is_replaced),
            "{filled:?}"
        );
        if is_replaced {
            let exported = base.path().join("exported");
            assert_eq!(export(&copy, &exported), before);
            fs::remove_dir_all(exported).unwrap();
        }
    }
}

#[test]
fn large_artifacts_pass_through_a_file() {
    let base = tempfile::tempdir().unwrap();
    let [store, full] = ["store", "full"].map(|name| base.path().join(name));
    // More than the spool holds in memory.
    make_store(&store, 1, 16_500);
    let before = export(&store, &full);
    prune_to(&store, ArtifactMode::Operational);
    let mut options = RepopulateOptions::new(ArtifactMode::Debug);
    options.max_transaction_bytes = Some(1 << 20);
    let filled = repopulate_from_directory(&full, &store, options, &Monitor::default()).unwrap();
    assert_eq!(filled.filled.len(), 4);
    assert!(filled.transaction_stats.transactions > 10);
    assert_eq!(export(&store, &base.path().join("now")), before);
    let names: Vec<_> = fs::read_dir(&store).unwrap().collect();
    assert_eq!(names.len(), 1, "no other file is left next to the store");
}

#[test]
fn interrupted_work_is_finished_by_the_next_run() {
    let base = tempfile::tempdir().unwrap();
    let [store, full] = ["store", "full"].map(|name| base.path().join(name));
    make_store(&store, 4, 30);
    let before = export(&store, &full);
    let options = PruneOptions {
        budget: 7,
        ..pruning(ArtifactMode::Operational)
    };
    let mut pruning_aborted = 0;
    let mut filling_aborted = 0;
    for round in 0..4 {
        let aborted = |work: &dyn Fn(&Monitor) -> bool| {
            let monitor = Monitor::default();
            thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(round * 12));
                    monitor.abort();
                });
                work(&monitor)
            })
        };
        pruning_aborted += u32::from(aborted(&|monitor| match prune(&store, &options, monitor) {
            Ok(_) => false,
            Err(Error::Aborted) => true,
            Err(other) => panic!("{other}"),
        }));
        assert!(prune(&store, &options, &Monitor::default()).unwrap().done);
        let options = RepopulateOptions::new(ArtifactMode::Debug);
        filling_aborted += u32::from(aborted(&|monitor| match repopulate_from_directory(
            &full,
            &store,
            options.clone(),
            monitor,
        ) {
            Ok(_) => false,
            Err(Error::Aborted) => true,
            Err(other) => panic!("{other}"),
        }));
        assert!(fill(&full, &store).missing.is_empty());
    }
    assert!(pruning_aborted > 0 && filling_aborted > 0);
    assert_eq!(export(&store, &base.path().join("now")), before);
}

#[test]
fn changes_while_an_artifact_is_read_count() {
    let base = tempfile::tempdir().unwrap();
    let [directory, full] = ["store", "full"].map(|name| base.path().join(name));
    make_store(&directory, 2, 10);
    export(&directory, &full);
    prune_to(&directory, ArtifactMode::Operational);
    let monitor = Monitor::default();
    let options = RepopulateOptions::new(ArtifactMode::Debug);
    let work = Repopulation::open(&directory, options, &monitor).unwrap();
    let begin = |name: &str| {
        let mut incoming = work.begin(name.as_bytes(), &monitor).unwrap().unwrap();
        incoming.add(&fs::read(full.join(name)).unwrap()).unwrap();
        incoming
    };
    let [filled, deleted, again] = [
        begin("transcript.v1.0.10"),
        begin("transcript.v3.0.10"),
        begin("transcript.v1.0.10"),
    ];
    let mut store = open(&directory);
    store.delete_vat_transcripts(b"v3", None).unwrap();
    store.commit().unwrap();
    for incoming in [filled, deleted, again] {
        work.end(incoming, &monitor).unwrap();
    }
    let report = work.finish(&monitor).unwrap();
    assert_eq!(report.filled, [b"transcript.v1.0.10"]);
    assert_eq!(report.present, 1);
    assert_eq!(report.refused[0].name, b"transcript.v3.0.10");
    let reason = &report.refused[0].reason;
    assert!(
        reason.contains("changed or deleted while the artifact was being read"),
        "{reason}"
    );
    assert!(
        !report
            .missing
            .iter()
            .any(|name| name.starts_with(b"transcript.v3"))
    );
}

#[test]
fn a_running_kernel_can_write_between_transactions() {
    let base = tempfile::tempdir().unwrap();
    let [directory, full] = ["store", "full"].map(|name| base.path().join(name));
    make_store(&directory, 6, 200);
    export(&directory, &full);
    let stop = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        let kernel = scope.spawn(|| {
            let mut store = open(&directory);
            let mut longest = Duration::ZERO;
            let mut block = 0;
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                store.begin().unwrap();
                longest = longest.max(begun.elapsed());
                store.add_item(b"v1", b"delivery").unwrap();
                store
                    .kernel_set(b"block", format!("{block}").as_bytes())
                    .unwrap();
                store.commit().unwrap();
                block += 1;
                thread::sleep(Duration::from_millis(2));
            }
            longest
        });
        for _ in 0..2 {
            prune_to(&directory, ArtifactMode::Operational);
            assert!(fill(&full, &directory).missing.is_empty());
        }
        stop.store(true, Ordering::Relaxed);
        kernel.join().unwrap()
    });
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}

#[test]
fn the_file_is_rewritten_only_while_no_process_has_it_open() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("store");
    make_store(&directory, 8, 100);
    let monitor = Monitor::default();
    prune_to(&directory, ArtifactMode::Operational);
    let before = space(&directory, &monitor).unwrap();
    assert!(before.free_bytes > 0);
    let mut store = open(&directory);
    let error = reclaim(&directory, Method::Rewrite, &monitor).unwrap_err();
    assert!(matches!(error, Error::StoreInUse(_)), "{error}");
    store.kernel_set(b"key", b"still works").unwrap();
    store.commit().unwrap();
    store.close().unwrap();

    let aborted = Monitor::default();
    aborted.abort();
    let error = reclaim(&directory, Method::Rewrite, &aborted).unwrap_err();
    assert!(matches!(error, Error::Aborted), "{error}");
    let reclaimed = reclaim(&directory, Method::Rewrite, &monitor).unwrap();
    assert_eq!(reclaimed.after.free_bytes, 0);
    assert!(reclaimed.after.file_bytes < before.file_bytes);
    assert_eq!(
        fs::metadata(file_in_directory(&directory)).unwrap().len(),
        reclaimed.after.file_bytes
    );
    let store = open(&directory);
    assert_eq!(store.kv_get(b"key").unwrap().unwrap(), b"still works");
}

#[test]
fn a_directory_without_a_store_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let monitor = Monitor::default();
    let keep = pruning(ArtifactMode::Replay);
    let no_store = |error: Error| assert!(matches!(error, Error::NoStore { .. }), "{error}");
    no_store(prune(base.path(), &keep, &monitor).unwrap_err());
    no_store(reclaim(base.path(), Method::Rewrite, &monitor).unwrap_err());
    no_store(reclaim(base.path(), Method::Incremental, &monitor).unwrap_err());
    let location = Location::File(file_in_directory(base.path()));
    let other = swing_store::store::SharedDatabase::open(location, &OpenOptions::default());
    other.unwrap().lock().execute("CREATE TABLE t (a)").unwrap();
    no_store(prune(base.path(), &keep, &monitor).unwrap_err());
    no_store(reclaim(base.path(), Method::Rewrite, &monitor).unwrap_err());
}
