//! Each kind of finding, in a store that has just that wrong.

use std::path::Path;

use super::*;
use crate::store::gzip::Compressor;
use crate::store::{
    BundleContents, Location, OpenOptions, Sha256, Store, StoreOptions, file_in_directory,
};

const BUNDLE: &str = r#"{"moduleFormat":"nestedEvaluate","source":"1"}"#;

/// A store as a kernel leaves it: spans, an upgrade, snapshots in use and not, a terminated vat.
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

fn image(seed: u8) -> crate::store::Compressed {
    let mut compressor = Compressor::default();
    let bytes: Vec<u8> = (0..20_000_u32)
        .map(|at| ((at * at) >> 5) as u8 ^ seed)
        .collect();
    compressor.add(&bytes).unwrap();
    compressor.finish().unwrap()
}

/// Ends a span with a snapshot of the worker, which the next one loads.
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
            // The kernel counts the snapshot's own entry, others do not.
            snapshot(&mut store, vat_id, 4, vat_id[1]);
            store
                .add_item(vat_id, entry("message", "7").as_bytes())
                .unwrap();
        }
        // 0 to 5, 5 to 7, 7 to 9, of which the last is of the next incarnation.
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
        verify_store(self.directory.path(), options, &Monitor::default()).unwrap()
    }

    fn verify(&self, mode: ArtifactMode) -> Report {
        let options = VerifyOptions {
            mode,
            ..VerifyOptions::default()
        };
        self.verify_as(&options)
    }

    /// The kinds that are found, and where.
    #[track_caller]
    fn finds(self, mode: ArtifactMode, expected: &[(Kind, &str, Option<i64>)]) -> Report {
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
        report
    }
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

/// Alters a store with SQL, and looks for just this kind in one mode.
#[track_caller]
fn one(sql: &str, mode: ArtifactMode, kind: Kind, id: &str, position: Option<i64>) -> Report {
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
fn pruned_history_is_missed_where_a_mode_needs_it() {
    let prune = |vat: &str, range: &str| {
        Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = '{vat}' AND {range}"
        ))
    };
    let missing = |at| [(Kind::SpanPruned, "v1", Some(at))];
    for mode in [Operational, Debug] {
        let report = prune("v1", "position < 5").finds(mode, &[]);
        assert_eq!(report.totals.spans.pruned, 1);
    }
    for mode in [Replay, Archival] {
        prune("v1", "position < 5").finds(mode, &missing(0));
    }
    let current = [(Kind::SpanPruned, "v1", Some(5))];
    prune("v1", "position >= 5").finds(Operational, &current);
    prune("v1", "position >= 5").finds(Debug, &[]);
    // An earlier incarnation, and a terminated vat.
    prune("v2", "position < 7").finds(Replay, &[]);
    let both = [
        (Kind::SpanPruned, "v2", Some(0)),
        (Kind::SpanPruned, "v2", Some(5)),
    ];
    prune("v2", "position < 7").finds(Archival, &both);
    prune("v3", "1").finds(Archival, &[]);
    Kernel::new()
        .sql("UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse IS NULL")
        .finds(Archival, &[]);
    let in_use = "UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse = 1";
    one(in_use, Operational, Kind::SnapshotPruned, "v1", Some(4));
    Kernel::new().sql(in_use).finds(Debug, &[]);
    let bundles = "UPDATE bundles SET bundle = NULL";
    let report = Kernel::new().sql(bundles).verify(Operational);
    assert_eq!(report.findings[0].kind, Kind::BundlePruned);
    Kernel::new().sql(bundles).finds(Debug, &[]);
}

#[test]
fn altered_contents_are_found() {
    let item = |change: &str, at: i64| {
        format!("UPDATE transcriptItems SET {change} WHERE vatID = 'v2' AND position = {at}")
    };
    for at in 0..9 {
        let start = [0, 0, 0, 0, 0, 5, 5, 7, 7][at as usize];
        one(
            &item("item = item || ' '", at),
            Operational,
            Kind::SpanHash,
            "v2",
            Some(start),
        );
        let kernel = Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = 'v2' AND position = {at}"
        ));
        kernel.finds(Operational, &[(Kind::SpanIncomplete, "v2", Some(start))]);
    }
    one(
        &item("incarnation = 5", 3),
        Operational,
        Kind::ItemIncarnation,
        "v2",
        Some(3),
    );
    one(
        &item("incarnation = NULL", 3),
        Operational,
        Kind::ItemIncarnation,
        "v2",
        Some(3),
    );
    one(
        &item("item = x'00'", 3),
        Operational,
        Kind::BadValue,
        "v2",
        Some(3),
    );
    one(
        &item("item = NULL", 3),
        Operational,
        Kind::BadValue,
        "v2",
        Some(3),
    );
    let hash = "UPDATE transcriptSpans SET hash = replace(hash, substr(hash, 9, 1), 'z')";
    let of_one = format!("{hash} WHERE vatID = 'v1' AND startPos = 0");
    one(&of_one, Operational, Kind::SpanHash, "v1", Some(0));
    let pruned =
        format!("{of_one}; DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 5");
    one(&pruned, Operational, Kind::BadValue, "v1", Some(0));

    let of = |change: &str| format!("UPDATE snapshots SET {change} WHERE vatID = 'v2'");
    // The span that loads it knows better, too.
    let both = [
        (Kind::LoadUnmatched, "v2", Some(5)),
        (Kind::SnapshotHash, "v2", Some(4)),
    ];
    let report = Kernel::new()
        .sql(&of("hash = lower(hex(zeroblob(32)))"))
        .finds(Debug, &both);
    let names = report
        .findings
        .iter()
        .map(|finding| finding.artifact.as_deref());
    let expected = [b"transcript.v2.5.7".as_slice(), b"snapshot.v2.4"];
    assert!(names.eq(expected.map(Some)));
    one(
        &of("uncompressedSize = 1"),
        Debug,
        Kind::SnapshotSize,
        "v2",
        Some(4),
    );
    one(
        &of("compressedSize = NULL"),
        Debug,
        Kind::SnapshotSize,
        "v2",
        Some(4),
    );
    let halved = of("compressedSnapshot = substr(compressedSnapshot, 1, 100)");
    one(&halved, Debug, Kind::SnapshotGzip, "v2", Some(4));
    one(
        &of("compressedSnapshot = x'00'"),
        Debug,
        Kind::SnapshotGzip,
        "v2",
        Some(4),
    );
    one(
        &of("compressedSnapshot = 'text'"),
        Debug,
        Kind::BadValue,
        "v2",
        Some(4),
    );
    let change = of("hash = 'x', compressedSnapshot = NULL");
    let pruned = format!("{change}; DELETE FROM transcriptItems WHERE vatID = 'v2'");
    one(&pruned, Debug, Kind::BadValue, "v2", Some(4));

    for (change, kind) in [
        ("bundle = bundle || ' '", Kind::BundleInvalid),
        ("bundle = '{'", Kind::BundleInvalid),
        ("bundle = CAST(bundle AS BLOB)", Kind::BadValue),
        ("bundle = 7", Kind::BundleInvalid),
    ] {
        let report = Kernel::new()
            .sql(&format!("UPDATE bundles SET {change}"))
            .verify(Debug);
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        let expected = if change.ends_with('7') {
            Kind::BadValue
        } else {
            kind
        };
        assert_eq!(kinds, [expected], "{change}");
    }
    let report = Kernel::new()
        .sql("INSERT INTO bundles VALUES ('b2-0', 'x')")
        .verify(Debug);
    assert_eq!(report.findings[0].kind, Kind::BundleInvalid);
}

#[test]
fn items_that_can_not_be_exported_are_found() {
    for (item, kind) in [("a\nb", Kind::ItemNewline), ("\\ud800", Kind::NotUnicode)] {
        let kernel = Kernel::new();
        let mut store = open(kernel.directory.path());
        let item = match kind {
            Kind::NotUnicode => b"\xED\xA0\x80".as_slice(),
            _ => item.as_bytes(),
        };
        store.add_item(b"v2", item).unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        kernel.finds(Archival, &[(kind, "v2", Some(9))]);
    }
}

#[test]
fn records_that_do_not_fit_together_are_found() {
    let spans = |change: &str| format!("UPDATE transcriptSpans SET {change}");
    let v3 = "WHERE vatID = 'v3' AND startPos = 5";
    // Two items of the span are left over.
    let sql = format!("DELETE FROM transcriptSpans {v3}");
    one(&sql, Debug, Kind::StrayItem, "v3", Some(5));
    let sql = "DELETE FROM transcriptSpans WHERE vatID = 'v3' AND startPos = 0;
               DELETE FROM transcriptItems WHERE vatID = 'v3' AND position < 5";
    one(sql, Debug, Kind::SpanGap, "v3", Some(5));
    let sql = format!(
        "DELETE FROM transcriptItems WHERE vatID = 'v3'; {} {v3}",
        spans("startPos = 4")
    );
    one(&sql, Debug, Kind::SpanOverlap, "v3", Some(4));
    // Its place is not covered then, either.
    let sql = format!(
        "DELETE FROM transcriptItems WHERE vatID = 'v3' AND position >= 5; {} {v3}",
        spans("endPos = 3")
    );
    one(&sql, Debug, Kind::SpanBounds, "v3", Some(5));
    let pruned = "DELETE FROM transcriptItems WHERE vatID = 'v3'";
    let sql = format!("{pruned}; {} {v3}", spans("incarnation = -1"));
    one(&sql, Debug, Kind::IncarnationBack, "v3", Some(5));
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 99, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "v1",
        Some(99),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', -1, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "v1",
        Some(-1),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 'x', 'x', 0)",
        Archival,
        Kind::StrayItem,
        "v1",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', NULL, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "v1",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 2.5, 'x', 0)",
        Archival,
        Kind::BadValue,
        "v1",
        Some(0),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v9', 7, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "v9",
        Some(7),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('', 7, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "",
        Some(7),
    );
    one(
        "INSERT INTO transcriptItems VALUES (NULL, 7, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES (x'00', 7, 'x', 0)",
        Archival,
        Kind::StrayItem,
        "",
        None,
    );
    for bad in [
        "NULL, 9, 9, 'x'",
        "'v4', NULL, 9, 'x'",
        "'v4', 'x', 9, 'x'",
        "'v4', 0, 1.5, 'x'",
        "'v4', 0, 1, x'00'",
    ] {
        let id = if bad.contains("v4") { "v4" } else { "" };
        let sql = format!("INSERT INTO transcriptSpans VALUES ({bad}, NULL, 0)");
        one(&sql, Archival, Kind::BadValue, id, None);
    }
    let zeros = "UPDATE transcriptSpans SET isCurrent = 0 WHERE vatID = 'v3' AND startPos = 5";
    one(zeros, Archival, Kind::BadMark, "v3", Some(5));
    one(
        "UPDATE snapshots SET inUse = 0 WHERE vatID = 'v3'",
        Archival,
        Kind::BadMark,
        "v3",
        Some(4),
    );
    let current = "UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = 'v2'";
    one(current, Archival, Kind::CurrentSpanMissing, "v2", None);
    let terminated = "INSERT INTO kvStore VALUES ('vats.terminated', '[\"v2\"]')";
    Kernel::new()
        .sql(&format!("{current}; {terminated}"))
        .finds(Archival, &[]);
    let not_last = "UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = 'v3' AND startPos = 0";
    one(not_last, Archival, Kind::CurrentSpanNotLast, "v3", Some(0));
    let gone = "INSERT INTO kvStore VALUES ('vat.names', '[\"a\"]'), ('vat.name.a', 'v5'), ('v5.options', '{\"useTranscript\":true}')";
    one(gone, Archival, Kind::CurrentSpanMissing, "v5", None);
    Kernel::new()
        .sql(&gone.replace("true", "false"))
        .finds(Archival, &[]);
    let dotted = "INSERT INTO transcriptSpans VALUES ('a.b', 0, 0, (SELECT hash FROM transcriptSpans WHERE startPos = 0), NULL, 0)";
    let report = Kernel::new().sql(dotted).verify(Debug);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.kind == Kind::BadName)
    );
}

#[test]
fn snapshots_that_no_span_loads_are_found() {
    let snapshots = |change: &str| format!("UPDATE snapshots SET {change}");
    one(
        &snapshots("inUse = 1 WHERE vatID = 'v2'"),
        Operational,
        Kind::SnapshotUnmatched,
        "v2",
        Some(4),
    );
    one(
        &snapshots("inUse = 1 WHERE vatID = 'v3'"),
        Operational,
        Kind::SnapshotUnmatched,
        "v3",
        Some(4),
    );
    one(
        &snapshots("inUse = NULL WHERE vatID = 'v1'"),
        Operational,
        Kind::LoadUnmatched,
        "v1",
        Some(5),
    );
    one(
        &snapshots("snapPos = 3 WHERE vatID = 'v1'"),
        Operational,
        Kind::LoadUnmatched,
        "v1",
        Some(5),
    );
    Kernel::new()
        .sql(&snapshots("snapPos = 5 WHERE vatID = 'v1'"))
        .finds(Operational, &[]);
    // Another vat's, which is sound by itself, and a historical span that knows better.
    let other = "UPDATE snapshots SET (hash, uncompressedSize, compressedSize, compressedSnapshot) =
                 (SELECT hash, uncompressedSize, compressedSize, compressedSnapshot FROM snapshots WHERE vatID = 'v3')";
    one(
        &format!("{other} WHERE vatID = 'v1'"),
        Operational,
        Kind::LoadUnmatched,
        "v1",
        Some(5),
    );
    one(
        &format!("{other} WHERE vatID = 'v2'"),
        Operational,
        Kind::LoadUnmatched,
        "v2",
        Some(5),
    );
    Kernel::new()
        .sql("DELETE FROM snapshots WHERE inUse IS NULL")
        .finds(Archival, &[]);
    // The span's items are pruned: its place alone can be compared.
    let pruned = "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position >= 5";
    Kernel::new().sql(pruned).finds(Debug, &[]);
    one(
        &format!("{pruned}; UPDATE snapshots SET snapPos = 2 WHERE vatID = 'v1'"),
        Debug,
        Kind::SnapshotUnmatched,
        "v1",
        Some(2),
    );
    one(
        "INSERT INTO snapshots (vatID, snapPos, hash) VALUES (x'00', 1, 'x')",
        Debug,
        Kind::BadValue,
        "",
        None,
    );
}

#[test]
fn keys_of_no_kernel_are_found() {
    one(
        "INSERT INTO kvStore VALUES (x'00', 'x')",
        Operational,
        Kind::BadValue,
        "",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES (NULL, 'x')",
        Operational,
        Kind::BadValue,
        "",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', NULL)",
        Operational,
        Kind::BadValue,
        "k",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', x'00')",
        Operational,
        Kind::BadValue,
        "k",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', CAST(x'EDA080' AS TEXT))",
        Operational,
        Kind::NotUnicode,
        "k",
        None,
    );
    one(
        "INSERT INTO pendingExports VALUES ('k', x'00')",
        Operational,
        Kind::BadValue,
        "k",
        None,
    );
    Kernel::new()
        .sql("INSERT INTO pendingExports VALUES ('k', NULL)")
        .finds(Operational, &[]);
    let hash = "UPDATE kvStore SET value = 'x' WHERE key = 'activityhash'";
    one(
        hash,
        Operational,
        Kind::BadActivityhash,
        "activityhash",
        None,
    );
}

#[test]
fn other_schemas_are_found() {
    let kinds = |sql: &str| {
        let report = Kernel::new().sql(sql).verify(Operational);
        report
            .findings
            .iter()
            .map(|finding| finding.kind)
            .collect::<Vec<_>>()
    };
    let (missing, differs) = (Kind::SchemaMissing, Kind::SchemaDiffers);
    assert_eq!(kinds("DROP TABLE pendingExports"), [missing]);
    assert_eq!(kinds("DROP TABLE snapshots"), [missing]);
    assert_eq!(kinds("DROP TABLE transcriptItems"), [missing]);
    assert_eq!(kinds("DROP TABLE kvStore"), [missing]);
    assert_eq!(kinds("ALTER TABLE kvStore ADD COLUMN more TEXT"), [differs]);
    assert_eq!(
        kinds("ALTER TABLE snapshots RENAME COLUMN hash TO sum"),
        [missing, differs]
    );
    assert_eq!(kinds("DROP INDEX currentTranscriptIndex"), [differs]);
    assert_eq!(kinds("CREATE TABLE mine (x)"), [differs]);
    assert_eq!(
        kinds("CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END"),
        [differs]
    );
    let bare = "CREATE TABLE other AS SELECT * FROM transcriptSpans; DROP TABLE transcriptSpans;
                ALTER TABLE other RENAME TO transcriptSpans;";
    let found = kinds(bare);
    assert!(
        found.len() > 3 && found.iter().all(|kind| *kind == differs),
        "{found:?}"
    );
    // Nothing keeps the marks unique there.
    let twice = format!(
        "{bare} UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = 'v2' AND startPos >= 5"
    );
    assert!(kinds(&twice).contains(&Kind::CurrentSpanTwice));
    let bare = bare.replace("transcriptSpans", "snapshots");
    let twice = format!(
        "{bare} INSERT INTO snapshots SELECT vatID, 3, inUse, hash, uncompressedSize, compressedSize, compressedSnapshot FROM snapshots WHERE inUse = 1"
    );
    assert!(kinds(&twice).contains(&Kind::SnapshotInUseTwice));
    // The older version of the table.
    let older = "CREATE TABLE other (vatID TEXT, snapPos INTEGER, inUse INTEGER CHECK(inUse = 1), hash TEXT,
                   uncompressedSize INTEGER, compressedSize INTEGER, compressedSnapshot BLOB,
                   PRIMARY KEY (vatID, snapPos), UNIQUE (vatID, inUse),
                   CHECK(compressedSnapshot is not null or inUse is null));
                 INSERT INTO other SELECT * FROM snapshots; DROP TABLE snapshots; ALTER TABLE other RENAME TO snapshots;";
    assert_eq!(kinds(older), []);
}

#[test]
fn no_more_findings_are_kept_than_asked_for() {
    let options = VerifyOptions {
        findings_per_kind: 5,
        ..VerifyOptions::default()
    };
    let many = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
                INSERT INTO kvStore SELECT 'k' || i, NULL FROM n";
    let report = Kernel::new().sql(many).verify_as(&options);
    assert_eq!(report.findings.len(), 5);
    assert_eq!(report.findings[4].id.as_deref(), Some(b"k104".as_slice()));
    assert_eq!(report.left_out, [(Kind::BadValue, 95)]);
    assert_eq!(report.count(), 100);
}

#[test]
fn damaged_pages_are_findings_and_the_rest_is_checked() {
    let file = |kernel: &Kernel| file_in_directory(kernel.directory.path());
    let pages = std::fs::metadata(file(&Kernel::new())).unwrap().len() / 4096;
    let mut unsound = 0;
    for page in 0..pages {
        let kernel = Kernel::new();
        let mut bytes = std::fs::read(file(&kernel)).unwrap();
        let at = page as usize * 4096 + if page == 0 { 100 } else { 0 };
        bytes[at..(page as usize + 1) * 4096].fill(0xA5);
        std::fs::write(file(&kernel), bytes).unwrap();
        // Whatever is on the page, there is a report.
        let report = kernel.verify(Operational);
        unsound += u64::from(!report.is_sound());
        assert_eq!(
            report.findings,
            kernel.verify(Operational).findings,
            "page {page}"
        );
    }
    assert_eq!(unsound, pages);
    let kernel = Kernel::new();
    let bytes = std::fs::read(file(&kernel)).unwrap();
    std::fs::write(file(&kernel), &bytes[..bytes.len() / 2]).unwrap();
    assert!(!kernel.verify(Operational).is_sound());
}

#[test]
fn other_files_are_no_stores() {
    let refused = |sql: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = file_in_directory(directory.path());
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let options = VerifyOptions::default();
        verify_store(directory.path(), &options, &Monitor::default()).unwrap_err()
    };
    for sql in ["", "CREATE TABLE t (x)"] {
        let error = refused(sql);
        assert!(matches!(error, Error::NotAStore { .. }), "{error}");
    }
}

#[test]
fn aborting_ends_it() {
    let kernel = Kernel::new();
    let monitor = Monitor::default();
    monitor.abort();
    let options = VerifyOptions::default();
    let outcome = verify_store(kernel.directory.path(), &options, &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
}
