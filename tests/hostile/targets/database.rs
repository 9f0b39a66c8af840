//! A store's file with altered pages, rows or WAL.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use swing_store::store::archive::{ArchiveOptions, archive_store};
use swing_store::store::directory::{
    ExportOptions, RepairOptions, export_to_directory, repair_metadata,
};
use swing_store::store::history::{ReplayFrom, Selection, to_json};
use swing_store::store::prune::{PruneOptions, prune};
use swing_store::store::reclaim::{Method, reclaim, space};
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::verify::VerifyOptions;
use swing_store::store::{
    ArtifactMode, Compressor, Error, Exporter, History, Monitor, Result, Store, diff_stores,
    file_in_directory, verify_store,
};

use super::names::read;
use super::scene::{mode_of, open, put, scene, temporary};
use super::{Target, allowed, split_first};

/// Bytes of the file, each written at a given offset.
pub const PAGES: Target = Target {
    name: "pages",
    run: run_pages,
    seeds: page_seeds,
    words: &[
        b"\xFF\xFF\xFF\xFF",
        b"\0\0\0\0",
        b"\x0D",
        b"\x0A",
        b"\x05",
        b"\x02",
        b"\x7F\xFF",
        b"\x81\x81\x81\x81",
    ],
    rounds: 80,
};

/// Values of columns, written with SQL.
pub const ROWS: Target = Target {
    name: "rows",
    run: run_rows,
    seeds: row_seeds,
    words: &[],
    rounds: 80,
};

/// A WAL next to the file.
pub const WAL: Target = Target {
    name: "wal",
    run: run_wal,
    seeds: wal_seeds,
    words: &[
        b"\x37\x7f\x06\x82",
        b"\x37\x7f\x06\x83",
        b"\0\x2d\xe2\x18",
        b"\0\0\x10\0",
        b"\xFF\xFF\xFF\xFF",
        b"\0\0\0\x01",
    ],
    rounds: 45,
};

/// Seeds: the kind of work, and for each change three bytes of offset and two of contents.
fn page_seeds() -> Vec<Vec<u8>> {
    let header = [
        [0, 0, 16, 0, 1],
        [0, 0, 28, 255, 255],
        [0, 16, 0, 10, 0],
        [0, 32, 3, 255, 255],
        [0, 16, 8, 0, 1],
    ];
    let what = (0..WORK).map(|what| vec![what]);
    what.chain((0..WORK).map(|what| [&[what][..], &header.concat()[..]].concat()))
        .collect()
}

fn run_pages(input: &[u8]) {
    let (what, changes) = split_first(input);
    let mut file = scene().file.clone();
    for change in changes.chunks_exact(5) {
        let place =
            usize::from(change[0]) << 16 | usize::from(change[1]) << 8 | usize::from(change[2]);
        let place = place % (file.len() - 1);
        file[place..place + 2].copy_from_slice(&change[3..]);
    }
    let base = temporary();
    let store = base.path().join("store");
    put(&store, &file);
    exercise(what, base.path(), &store);
}

/// The columns whose contents are parsed.
const COLUMNS: [(&str, &str); 21] = [
    ("kvStore", "key"),
    ("kvStore", "value"),
    ("transcriptItems", "vatID"),
    ("transcriptItems", "position"),
    ("transcriptItems", "item"),
    ("transcriptItems", "incarnation"),
    ("transcriptSpans", "vatID"),
    ("transcriptSpans", "startPos"),
    ("transcriptSpans", "endPos"),
    ("transcriptSpans", "hash"),
    ("transcriptSpans", "isCurrent"),
    ("transcriptSpans", "incarnation"),
    ("snapshots", "vatID"),
    ("snapshots", "snapPos"),
    ("snapshots", "inUse"),
    ("snapshots", "hash"),
    ("snapshots", "uncompressedSize"),
    ("snapshots", "compressedSize"),
    ("snapshots", "compressedSnapshot"),
    ("bundles", "bundleID"),
    ("bundles", "bundle"),
];

const VALUES: [&str; 26] = [
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "1e999",
    "-1e999",
    "0.5",
    "3",
    "''",
    "'x'",
    "x''",
    "x'ff'",
    "x'eda080'",
    "CAST(x'eda080' AS TEXT)",
    "CAST(x'ff00' AS TEXT)",
    "'{}'",
    "'{\"d\":[]}'",
    "'{\"d\":[\"load-snapshot\",{\"snapshotID\":1}]}'",
    "x'1f8b0800000000000003'",
    "zeroblob(100000)",
    "'9e99'",
    "replace(hex(zeroblob(2000)),'00','[')",
];

/// Seeds: the kind of work, and for each change a column, a value and a row.
fn row_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for column in 0..COLUMNS.len() as u8 {
        for value in 0..VALUES.len() as u8 {
            seeds.push(vec![
                column.wrapping_mul(7).wrapping_add(value),
                column,
                value,
                value % 7,
            ]);
        }
    }
    seeds
}

fn run_rows(input: &[u8]) {
    let (what, changes) = split_first(input);
    let base = temporary();
    let store = base.path().join("store");
    scene().put_store(&store);
    let sqlite = rusqlite::Connection::open(file_in_directory(&store)).expect("the store's file");
    sqlite
        .execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        .expect("pragmas");
    for change in changes.chunks_exact(3).take(12) {
        let (table, column) = COLUMNS[usize::from(change[0]) % COLUMNS.len()];
        let value = VALUES[usize::from(change[1]) % VALUES.len()];
        // Some changes affect all rows.
        let rows = match change[2] {
            200.. => String::new(),
            row => format!(
                "WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1 OFFSET {})",
                row % 16
            ),
        };
        // Changes that violate a unique index are skipped.
        drop(sqlite.execute(
            &format!("UPDATE OR IGNORE {table} SET {column} = {value} {rows}"),
            [],
        ));
    }
    drop(sqlite.execute_batch("PRAGMA journal_mode = WAL"));
    drop(sqlite);
    exercise(what, base.path(), &store);
}

fn wal_seeds() -> Vec<Vec<u8>> {
    let base = temporary();
    let store = base.path().join("store");
    scene().put_store(&store);
    let sqlite = rusqlite::Connection::open(file_in_directory(&store)).expect("the store's file");
    sqlite
        .execute_batch("UPDATE kvStore SET value = value || 'x'")
        .expect("a change");
    let log = fs::read(store.join("swingstore.sqlite-wal")).expect("a log");
    (0..WORK).map(|what| [&[what], &log[..]].concat()).collect()
}

fn run_wal(input: &[u8]) {
    let (what, log) = split_first(input);
    let base = temporary();
    let store = base.path().join("store");
    scene().put_store(&store);
    fs::write(store.join("swingstore.sqlite-wal"), log).expect("a log");
    exercise(what, base.path(), &store);
}

/// The number of kinds of work.
const WORK: u8 = 13;

/// Runs a kind of work with a store. Errors, and wrong results for wrong rows, are allowed.
fn exercise(what: u8, base: &Path, store: &Path) {
    let monitor = Monitor::default();
    let path = |name: &str| base.join(name);
    let debug = ArtifactMode::Debug;
    match what % WORK {
        0..=1 => {
            let options = VerifyOptions {
                mode: mode_of(what / WORK),
                ..VerifyOptions::default()
            };
            allowed(verify_store(store, &options, &monitor));
        }
        2..=3 => history(store),
        4 => export(store, mode_of(what / WORK)),
        5 => {
            let options = ExportOptions {
                mode: Some(mode_of(what / WORK)),
                with_data: true,
                block_height: None,
                ..ExportOptions::default()
            };
            let outcome = export_to_directory(store, &path("export"), &options, &monitor);
            if allowed(outcome).is_none() {
                let manifest = path("export").join("export-manifest.json");
                assert!(!manifest.exists(), "a partial export looks complete");
            }
        }
        6 => {
            let options = ArchiveOptions {
                mode: mode_of(what / WORK),
                current_spans: true,
                check: true,
                watch: false,
            };
            allowed(archive_store(store, &path("archive"), &options, &monitor));
        }
        7 => {
            let options = PruneOptions {
                keep_transcripts: ArtifactMode::Operational,
                keep_snapshots: ArtifactMode::Operational,
                budget: 2,
                limit: None,
                dry_run: what / WORK % 2 == 1,
            };
            allowed(prune(store, &options, &monitor));
        }
        8 => {
            scene().put_export(&path("export"));
            allowed(repopulate_from_directory(
                &path("export"),
                store,
                RepopulateOptions::new(debug),
                &monitor,
            ));
        }
        9 => {
            scene().put_export(&path("export"));
            allowed(repair_metadata(
                &path("export"),
                store,
                &RepairOptions::default(),
                &monitor,
            ));
            allowed(diff_stores(
                store,
                &path("export"),
                &Default::default(),
                &monitor,
            ));
        }
        10 => {
            scene().put_store(&path("good"));
            let options = swing_store::store::diff::DiffOptions {
                contents: true,
                local_keys: true,
                ..Default::default()
            };
            allowed(diff_stores(store, &path("good"), &options, &monitor));
        }
        11 => {
            allowed(space(store, &monitor));
            let method = if (what / WORK).is_multiple_of(2) {
                Method::Rewrite
            } else {
                Method::Incremental
            };
            allowed(reclaim(store, method, &monitor));
        }
        _ => {
            allowed(kernel(store));
        }
    }
}

fn history(store: &Path) {
    let Some(history) = allowed(History::open(store)) else {
        return;
    };
    let history = Arc::new(history);
    let monitor = Monitor::default();
    let json = |value: Option<String>| drop(value);
    allowed(history.block_height());
    json(allowed(
        history.vats(&monitor).and_then(|vats| to_json(&vats)),
    ));
    json(allowed(
        history.snapshots(None).and_then(|found| to_json(&found)),
    ));
    json(allowed(history.bundles().and_then(|found| to_json(&found))));
    allowed(history.measure(None, &monitor));
    for vat_id in ["v1", "v2", "x", ""] {
        json(allowed(
            history
                .vat(vat_id, &monitor)
                .and_then(|found| to_json(&found)),
        ));
        json(allowed(
            history
                .incarnations(vat_id, &monitor)
                .and_then(|found| to_json(&found)),
        ));
        json(allowed(
            history
                .spans(vat_id, &monitor)
                .and_then(|found| to_json(&found)),
        ));
        json(allowed(
            history
                .pseudo_deliveries(vat_id, &monitor)
                .and_then(|found| to_json(&found)),
        ));
        allowed(history.measure(Some(vat_id), &monitor));
        for (incarnation, from) in [
            (None, ReplayFrom::Start),
            (Some(0), ReplayFrom::Snapshot),
            (Some(i64::MAX), ReplayFrom::Start),
        ] {
            json(allowed(
                history
                    .replay_plan(vat_id, incarnation, from, &monitor)
                    .and_then(|found| to_json(&found)),
            ));
        }
        let all = Selection::Range {
            start: None,
            end: None,
        };
        let far = Selection::Range {
            start: Some(i64::MIN),
            end: Some(i64::MAX),
        };
        for (selection, skip) in [
            (all, true),
            (far, true),
            (Selection::Span(3), false),
            (Selection::Incarnation(0), false),
        ] {
            let reader = history.read_items(vat_id, selection, skip);
            let mut runs = 0;
            while let Some(Some(_)) = allowed(reader.next_run()) {
                runs += 1;
                assert!(runs < 10_000, "the items do not end");
            }
        }
    }
    allowed(history.close());
}

fn export(store: &Path, mode: ArtifactMode) {
    let Some(exporter) = allowed(Exporter::open(store, mode)) else {
        return;
    };
    allowed(exporter.get_host_kv(b"host.height"));
    allowed(exporter.check_complete());
    let records = exporter.export_data();
    while let Some(Some(_)) = allowed(records.next_batch()) {}
    for name in allowed(exporter.artifact_names()).unwrap_or_default() {
        if let Some(artifact) = allowed(exporter.artifact(&name)) {
            read(artifact);
        }
    }
    allowed(exporter.close());
}

/// The calls of a kernel.
fn kernel(store: &Path) -> Result<()> {
    let mut store: Store = open(store)?;
    let mut key = b"".to_vec();
    for _ in 0..1000 {
        match allowed(store.kv_get_next_key(&key)) {
            Some(Some(next)) => key = next,
            _ => break,
        }
        allowed(store.kv_get(&key));
    }
    store.start_crank()?;
    allowed(store.kernel_set(b"v1.a", b"1"));
    allowed(store.kv_dump());
    for vat_id in [&b"v1"[..], b"v2", b""] {
        allowed(store.get_current_span_bounds(vat_id));
        if let Some(reader) = allowed(store.read_span(vat_id, None)) {
            while let Some(Some(_)) = allowed(reader.next_chunk()) {}
        }
        allowed(store.read_full_vat_transcript(vat_id));
        if let Some(mut image) = allowed(store.load_snapshot(vat_id)) {
            while let Some(Some(_)) = allowed(image.next_chunk()) {}
        }
        allowed(store.get_snapshot_info(vat_id));
        allowed(store.add_item(vat_id, b"an item"));
        if let Some(Some(archive)) = allowed(store.begin_span_archive(vat_id)) {
            let directory = temporary();
            allowed(archive.write(directory.path()));
        }
        allowed(store.rollover(vat_id, true));
        let mut compressor = Compressor::default();
        compressor.add(b"image")?;
        allowed(store.save_snapshot(vat_id, 20, &compressor.finish()?));
        allowed(store.delete_vat_transcripts(vat_id, Some(1.0)));
        allowed(store.delete_vat_snapshots(vat_id, Some(1.0)));
    }
    for bundle_id in allowed(store.bundle_ids()).unwrap_or_default() {
        allowed(store.get_bundle(&bundle_id));
        allowed(store.has_bundle(&bundle_id));
    }
    allowed(store.dump_bundles());
    allowed(store.dump_snapshots(true));
    allowed(store.list_all_snapshots());
    allowed(store.dump_transcripts(true));
    allowed(store.emit_crank_hashes());
    allowed(store.end_crank());
    store.finish_crank();
    let committed = store.commit();
    allowed::<()>(store.close());
    committed.map(drop).or_else(|error| match error {
        Error::Internal(_) => Err(error),
        _ => Ok(()),
    })
}
