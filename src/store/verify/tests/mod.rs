//! Each kind of finding, in a store with just that problem.

mod contents;
mod file;
mod parts;
mod records;

use std::path::Path;

use super::*;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions};
use crate::store::encoding::hash::Sha256;
use crate::store::gzip::Compressor;
use crate::store::substores::bundles::BundleContents;
use crate::store::substores::{Store, StoreOptions};

const BUNDLE: &str = r#"{"moduleFormat":"nestedEvaluate","source":"1"}"#;

/// A store as a kernel leaves it: spans, an upgrade, current and historical snapshots, and a
/// terminated vat.
struct Kernel {
    directory: tempfile::TempDir,
}

fn open(directory: &Path) -> Store {
    Store::open(
        Location::File(file_in_directory(directory)),
        &OpenOptions::default(),
        false,
        StoreOptions {
            keep_snapshots: true,
            ..StoreOptions::default()
        },
    )
    .unwrap()
}

fn entry(kind: &str, options: &str) -> String {
    format!(r#"{{"d":["{kind}",{options}],"sc":[],"r":{{"status":"ok"}}}}"#)
}

fn image(seed: u8) -> crate::store::gzip::Compressed {
    let mut compressor = Compressor::default();
    let bytes: Vec<u8> = (0..20_000_u32)
        .map(|at| ((at * at) >> 5) as u8 ^ seed)
        .collect();
    compressor.add(&bytes).unwrap();
    compressor.finish().unwrap()
}

/// Ends a span with a snapshot of the worker, which the next span loads.
fn snapshot(store: &mut Store, vat_id: &[u8], position: i64, seed: u8) {
    store
        .add_item(vat_id, entry("save-snapshot", "{}").as_bytes())
        .unwrap();
    let image = image(seed);
    store.save_snapshot(vat_id, position, &image).unwrap();
    store.rollover(vat_id, false).unwrap();
    let load = entry(
        "load-snapshot",
        &format!(r#"{{"snapshotID":"{}"}}"#, image.hash),
    );
    store.add_item(vat_id, load.as_bytes()).unwrap();
}

impl Kernel {
    fn new() -> Kernel {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        store.host_set(b"host.height", b"17").unwrap();
        store
            .kernel_set(b"activityhash", "0a".repeat(32).as_bytes())
            .unwrap();
        store
            .kernel_set(b"vat.dynamicIDs", br#"["v1","v2"]"#)
            .unwrap();
        store.kernel_set("größe".as_bytes(), b"1").unwrap();
        for vat_id in [b"v1".as_slice(), b"v2", b"v3"] {
            store.init_transcript(vat_id).unwrap();
            let begin = entry("initialize-worker", "{}");
            store.add_item(vat_id, begin.as_bytes()).unwrap();
            for number in 0..3 {
                let item = entry("message", &number.to_string());
                store.add_item(vat_id, item.as_bytes()).unwrap();
            }
            // The position of the entry that saves it, as the kernel records it.
            snapshot(&mut store, vat_id, 4, vat_id[1]);
            store
                .add_item(vat_id, entry("message", "7").as_bytes())
                .unwrap();
        }
        // Spans 0 to 5, 5 to 7 and 7 to 9; the last belongs to the next incarnation.
        store.stop_using_last_snapshot(b"v2").unwrap();
        store.rollover(b"v2", true).unwrap();
        store
            .add_item(b"v2", entry("initialize-worker", "{}").as_bytes())
            .unwrap();
        store
            .add_item(b"v2", entry("message", "8").as_bytes())
            .unwrap();
        store.stop_using_last_snapshot(b"v3").unwrap();
        store.stop_using_transcript(b"v3").unwrap();
        let id = format!("b0-{}", Sha256::of(BUNDLE.as_bytes()));
        store
            .import_bundle_record(format!("bundle.{id}").as_bytes(), id.as_bytes())
            .unwrap();
        let contents = BundleContents::Script(BUNDLE.into());
        store.populate_bundle(id.as_bytes(), &contents).unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        Kernel { directory }
    }

    fn sql(self, sql: &str) -> Kernel {
        let file = file_in_directory(self.directory.path());
        let connection = rusqlite::Connection::open(file).unwrap();
        let unchecked = format!("PRAGMA ignore_check_constraints=1; {sql}");
        connection.execute_batch(&unchecked).unwrap();
        self
    }

    fn verify_as(&self, options: &VerifyOptions) -> Report {
        let monitor = Monitor::default();
        let report = verify_store(self.directory.path(), options, &monitor).unwrap();
        let progress = monitor.progress();
        assert_eq!(progress.stage, Stage::Done);
        // The number of records comes from an index, which may be damaged.
        let damaged = [FindingKind::Unreadable, FindingKind::Integrity];
        let is_damaged = |finding: &Finding| damaged.contains(&finding.kind);
        if !report.findings.iter().any(is_damaged) {
            assert_eq!(progress.done, progress.total, "{}", messages(&report));
        }
        report
    }

    fn verify(&self, mode: ArtifactMode) -> Report {
        let options = VerifyOptions {
            mode,
            ..VerifyOptions::default()
        };
        self.verify_as(&options)
    }

    /// Asserts the kinds and places of all findings.
    #[track_caller]
    fn finds(self, mode: ArtifactMode, expected: &[(FindingKind, &str, Option<i64>)]) -> Report {
        let report = self.verify(mode);
        let found: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                let id = finding.id.clone().unwrap_or_default();
                (
                    finding.kind,
                    String::from_utf8_lossy(&id).into_owned(),
                    finding.position,
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, id, position)| (*kind, (*id).to_owned(), *position))
            .collect();
        assert_eq!(found, expected, "{}", messages(&report));
        for finding in &report.findings {
            assert!(says_what_to_do(finding), "{}", messages(&report));
        }
        report
    }
}

/// Whether a finding names a command, or says that none helps. Schema and export findings say what
/// to do in other words.
fn says_what_to_do(finding: &Finding) -> bool {
    let by_itself = [
        FindingKind::SchemaMissing,
        FindingKind::SchemaDiffers,
        FindingKind::Incomplete,
    ];
    let advice = ["`swing-store ", "estore", "No action is needed"];
    by_itself.contains(&finding.kind) || advice.iter().any(|words| finding.message.contains(words))
}

fn messages(report: &Report) -> String {
    let line = |finding: &Finding| format!("{}: {}", finding.kind.name(), finding.message);
    report
        .findings
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Alters a store with SQL, and asserts that a verification in `mode` finds only this.
#[track_caller]
fn one(
    sql: &str,
    mode: ArtifactMode,
    kind: FindingKind,
    id: &str,
    position: Option<i64>,
) -> Report {
    Kernel::new().sql(sql).finds(mode, &[(kind, id, position)])
}

use ArtifactMode::{Archival, Debug, Operational, Replay};

#[test]
fn a_sound_store_has_no_findings() {
    for mode in [Operational, Replay, Archival, Debug] {
        let report = Kernel::new().finds(mode, &[]);
        assert!(report.is_sound());
        assert_eq!(report.block_height, Some(17.0));
        let Totals {
            spans,
            items,
            snapshots,
            bundles,
            keys,
            pending_exports,
        } = report.totals;
        assert_eq!(
            (spans.total, spans.checked, spans.pruned, items),
            (7, 7, 0, 23)
        );
        assert_eq!(
            (snapshots.total, snapshots.checked, snapshots.bytes),
            (3, 3, 60_000)
        );
        assert_eq!(
            (bundles.total, bundles.checked, bundles.bytes),
            (1, 1, BUNDLE.len() as u64)
        );
        assert_eq!(keys, 4);
        assert!(pending_exports > 0);
    }
}

#[test]
fn progress_covers_all_records_and_their_bytes() {
    let kernel = Kernel::new();
    let connection = rusqlite::Connection::open(file_in_directory(kernel.directory.path()));
    let bytes_of = |sql: &str| {
        let connection = connection.as_ref().unwrap();
        let sum: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        sum as u64
    };
    let items = bytes_of("SELECT SUM(length(item) + 1) FROM transcriptItems");
    let keys = bytes_of("SELECT SUM(octet_length(key) + octet_length(value)) FROM kvStore");
    let pending = bytes_of(
        "SELECT SUM(octet_length(key) + ifnull(octet_length(value), 0)) FROM pendingExports",
    );
    drop(connection);
    let monitor = Monitor::default();
    let options = VerifyOptions::default();
    verify_store(kernel.directory.path(), &options, &monitor).unwrap();
    let progress = monitor.progress();
    // Seven spans, three snapshots, a bundle, the kvStore and the file.
    assert_eq!((progress.done, progress.total), (13, 13));
    let bytes = items + keys + pending + 60_000 + BUNDLE.len() as u64;
    assert_eq!(progress.bytes, bytes);
}

#[test]
fn the_number_of_threads_makes_no_difference() {
    let sql = "UPDATE transcriptItems SET item = item || '!' WHERE position > 3;
               DELETE FROM transcriptItems WHERE vatID = 'v3' AND position = 1";
    let kernel = Kernel::new().sql(sql);
    let directory = kernel.directory.path();
    let options = VerifyOptions::default();
    let by = |threads| verify(directory, &options, &Monitor::default(), threads).unwrap();
    let report = by(1);
    assert_eq!(report.findings.len(), 7, "{}", messages(&report));
    for threads in [2, 3, 9] {
        assert_eq!(by(threads), report);
    }
}

#[test]
fn pruned_history_is_found_if_the_mode_needs_it() {
    let prune = |vat: &str, range: &str| {
        Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = '{vat}' AND {range}"
        ))
    };
    let missing = |at| [(FindingKind::SpanPruned, "v1", Some(at))];
    for mode in [Operational, Debug] {
        let report = prune("v1", "position < 5").finds(mode, &[]);
        assert_eq!(report.totals.spans.pruned, 1);
    }
    for mode in [Replay, Archival] {
        prune("v1", "position < 5").finds(mode, &missing(0));
    }
    let current = [(FindingKind::SpanPruned, "v1", Some(5))];
    prune("v1", "position >= 5").finds(Operational, &current);
    prune("v1", "position >= 5").finds(Debug, &[]);
    // An earlier incarnation, and a terminated vat.
    prune("v2", "position < 7").finds(Replay, &[]);
    let both = [
        (FindingKind::SpanPruned, "v2", Some(0)),
        (FindingKind::SpanPruned, "v2", Some(5)),
    ];
    prune("v2", "position < 7").finds(Archival, &both);
    prune("v3", "1").finds(Archival, &[]);
    Kernel::new()
        .sql("UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse IS NULL")
        .finds(Archival, &[]);
    let in_use = "UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse = 1";
    one(
        in_use,
        Operational,
        FindingKind::SnapshotPruned,
        "v1",
        Some(4),
    );
    Kernel::new().sql(in_use).finds(Debug, &[]);
    let bundles = "UPDATE bundles SET bundle = NULL";
    let report = Kernel::new().sql(bundles).verify(Operational);
    assert_eq!(report.findings[0].kind, FindingKind::BundlePruned);
    Kernel::new().sql(bundles).finds(Debug, &[]);
}
