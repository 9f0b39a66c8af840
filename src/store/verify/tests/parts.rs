//! Parts of a verification by themselves.

use super::*;
use crate::store::database::SharedDatabase;
use crate::store::verify::links::LinkEntry;

/// A verification of the store in `directory`, before its first check.
fn check_of<'a>(directory: &Path, mode: ArtifactMode, monitor: &'a Monitor) -> Check<'a> {
    Check {
        mode,
        remedies: Remedies::new(directory, mode),
        findings: Findings::new(10),
        elsewhere: None,
        monitor,
        stop: Arc::default(),
        tables: HashSet::from(StoreTable::STORES),
        totals: Mutex::default(),
    }
}

fn database(kernel: &Kernel) -> SharedDatabase {
    let location = Location::File(file_in_directory(kernel.directory.path()));
    SharedDatabase::open(location, &OpenOptions::default()).unwrap()
}

#[test]
fn the_checks_of_an_export_cover_what_the_others_miss() {
    let monitor = Monitor::default();
    let asked = |kernel: &Kernel, mode, without: Option<StoreTable>| {
        let mut check = check_of(kernel.directory.path(), mode, &monitor);
        if let Some(table) = without {
            check.tables.remove(&table);
        }
        ask_export(&check, &database(kernel).lock()).unwrap()
    };
    let sound = Kernel::new();
    let pruned =
        Kernel::new().sql("DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 5");
    for mode in [Operational, Replay, Archival, Debug] {
        assert_eq!(asked(&sound, mode, None), None);
        let found = asked(&pruned, mode, None);
        assert_eq!(
            found.is_some(),
            matches!(mode, Replay | Archival),
            "{}",
            mode.name()
        );
        if let Some(finding) = found {
            assert_eq!(finding.kind, FindingKind::Incomplete);
            let start = format!("an export in mode {} would fail: ", mode.name());
            assert!(finding.message.starts_with(&start), "{}", finding.message);
        }
    }
    for table in [
        StoreTable::Spans,
        StoreTable::Items,
        StoreTable::Snapshots,
        StoreTable::Bundles,
    ] {
        assert_eq!(asked(&pruned, Replay, Some(table)), None);
    }
}

#[test]
fn an_abort_or_another_threads_failure_stops_a_check() {
    let directory = Path::new("store");
    let monitor = Monitor::default();
    let check = check_of(directory, Debug, &monitor);
    check.go_on().unwrap();
    check.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(check.go_on(), Err(Error::Aborted)));
    let monitor = Monitor::default();
    let check = check_of(directory, Debug, &monitor);
    monitor.abort();
    assert!(matches!(check.go_on(), Err(Error::Aborted)));
}

#[test]
fn only_damage_is_tolerated() {
    let monitor = Monitor::default();
    let check = check_of(Path::new("store"), Debug, &monitor);
    let sqlite = |code| {
        let error = rusqlite::ffi::Error::new(code);
        Error::from(rusqlite::Error::SqliteFailure(error, None))
    };
    let tolerated = |error: Error| {
        let outcome = check.tolerate(Err::<(), _>(error), |finding| finding, StoreTable::Kv);
        outcome.map(|value| value.is_none()).unwrap_or(false)
    };
    assert!(
        check
            .tolerate(Ok(7), |finding| finding, StoreTable::Kv)
            .unwrap()
            == Some(7)
    );
    for code in [rusqlite::ffi::SQLITE_CORRUPT, rusqlite::ffi::SQLITE_IOERR] {
        assert!(tolerated(sqlite(code)));
    }
    assert!(!tolerated(sqlite(rusqlite::ffi::SQLITE_BUSY)));
    assert!(!tolerated(Error::Aborted));
    assert!(!check.findings.has_errors() || FindingKind::Unreadable.severity() == Severity::Error);
    let (findings, _) = check.findings.finish();
    assert_eq!(findings.len(), 2);
}

#[test]
fn only_errors_count_as_errors() {
    let kinds = |kinds: &[FindingKind]| {
        let findings = Findings::new(1);
        for kind in kinds {
            findings.add(Finding::new(*kind, StoreTable::Spans, "a message"));
        }
        findings.has_errors()
    };
    let (warning, error) = (FindingKind::SpanHalfPruned, FindingKind::SpanHash);
    assert_eq!(
        (warning.severity().name(), error.severity().name()),
        ("warning", "error")
    );
    assert!(!kinds(&[]) && !kinds(&[warning]));
    assert!(kinds(&[error]) && kinds(&[warning, error]));
}

#[test]
fn a_report_counts_all_findings() {
    let many = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 104)
                INSERT INTO kvStore SELECT 'k' || i, NULL FROM n;
                INSERT INTO kvStore VALUES ('l', CAST(x'EDA080' AS TEXT))";
    for (limit, listed) in [(1, 2), (3, 4), (5, 6), (9, 6)] {
        let report = Kernel::new().sql(many).verify_as(&VerifyOptions {
            findings_per_kind: limit,
            ..VerifyOptions::default()
        });
        assert_eq!(report.findings.len(), listed);
        assert_eq!(report.count(), 6);
        assert!(!report.is_sound());
    }
}

#[test]
fn the_integrity_check_is_optional() {
    // The header says that there are more free pages than there are.
    let damaged = || {
        let kernel = Kernel::new();
        let file = file_in_directory(kernel.directory.path());
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[39] += 2;
        std::fs::write(&file, bytes).unwrap();
        kernel
    };
    for integrity_check in [true, false] {
        let report = damaged().verify_as(&VerifyOptions {
            integrity_check,
            ..VerifyOptions::default()
        });
        let kinds: Vec<_> = report
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.position))
            .collect();
        let mut expected = Vec::new();
        if integrity_check {
            expected.extend(
                (1..=kinds.len() as i64).map(|number| (FindingKind::Integrity, Some(number))),
            );
            assert!(!kinds.is_empty());
        }
        assert_eq!(kinds, expected, "{}", messages(&report));
    }
    // It is not run over a schema with expressions of somebody else.
    let trigger = "CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END";
    let kernel = damaged().sql(trigger);
    let file = file_in_directory(kernel.directory.path());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[39] = 7;
    std::fs::write(&file, bytes).unwrap();
    let report = kernel.verify(Operational);
    let is_integrity = |finding: &Finding| finding.kind == FindingKind::Integrity;
    assert!(
        !report.findings.iter().any(is_integrity),
        "{}",
        messages(&report)
    );
}

#[test]
fn an_activityhash_may_be_empty() {
    for (value, is_right) in [
        ("", true),
        ("0", false),
        (&"0f".repeat(32), true),
        (&"0F".repeat(32), false),
    ] {
        let kernel = Kernel::new().sql(&format!(
            "UPDATE kvStore SET value = '{value}' WHERE key = 'activityhash'"
        ));
        let report = kernel.verify(Operational);
        assert_eq!(report.is_sound(), is_right, "{value:?}");
    }
    Kernel::new()
        .sql("DELETE FROM kvStore WHERE key = 'activityhash'")
        .finds(Operational, &[]);
}

#[test]
fn empty_spans_count_as_checked() {
    let kernel = Kernel::new();
    let mut store = open(kernel.directory.path());
    store.rollover(b"v2", false).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let report = kernel.finds(Archival, &[]);
    let spans = &report.totals.spans;
    assert_eq!((spans.total, spans.checked, spans.pruned), (8, 8, 0));
    let pruned = "UPDATE snapshots SET compressedSnapshot = NULL WHERE vatID != 'v1';
                  UPDATE bundles SET bundle = NULL;
                  DELETE FROM transcriptItems WHERE vatID = 'v2' AND position < 7";
    let report = Kernel::new().sql(pruned).finds(Debug, &[]);
    let Totals {
        spans,
        snapshots,
        bundles,
        items,
        ..
    } = report.totals;
    assert_eq!(
        (spans.total, spans.checked, spans.pruned, items),
        (7, 5, 2, 16)
    );
    assert_eq!(
        (snapshots.total, snapshots.checked, snapshots.pruned),
        (3, 1, 2)
    );
    assert_eq!((bundles.total, bundles.checked, bundles.pruned), (1, 0, 1));
}

#[test]
fn long_items_are_hashed_as_one() {
    let kernel = Kernel::new();
    let mut store = open(kernel.directory.path());
    let item = "x".repeat((256 << 10) + 1);
    store.add_item(b"v2", item.as_bytes()).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let report = kernel.finds(Archival, &[]);
    assert!(report.totals.spans.bytes > item.len() as u64);
}

#[test]
fn the_highest_position_is_an_integer_of_javascript() {
    let ends_at = |end_pos: i64| {
        Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = 'v3' AND position >= 5;
             UPDATE transcriptSpans SET endPos = {end_pos} WHERE vatID = 'v3' AND startPos = 5"
        ))
    };
    ends_at((1 << 53) - 1).finds(Debug, &[]);
    ends_at(1 << 53).finds(Debug, &[(FindingKind::SpanBounds, "v3", Some(5))]);
    let negative = "UPDATE transcriptSpans SET startPos = -1 WHERE vatID = 'v3' AND startPos = 0;
                    DELETE FROM transcriptItems WHERE vatID = 'v3' AND position < 5";
    let report = Kernel::new().sql(negative).verify(Debug);
    let first = &report.findings[0];
    assert_eq!(
        (first.kind, first.position),
        (FindingKind::SpanBounds, Some(-1))
    );
}

#[test]
fn the_first_entry_of_a_span_is_recognized_up_to_a_length() {
    let load = r#"{"d":["load-snapshot",{"snapshotID":"ab"}],"sc":[]}"#;
    let entry = |length: usize| {
        LinkEntry::of(format!("{load}{}", " ".repeat(length - load.len())).as_bytes())
    };
    assert_eq!(entry(65_536), LinkEntry::Load(b"ab".to_vec()));
    assert_eq!(entry(65_537), LinkEntry::Other);
}

#[test]
fn messages_say_where_stray_items_are() {
    let message = |sql: &str| {
        let report = Kernel::new().sql(sql).verify(Debug);
        let stray = |finding: &&Finding| finding.kind == FindingKind::StrayItem;
        let found = report.findings.iter().find(stray);
        found.unwrap().message.clone()
    };
    for (sql, expected) in [
        (
            "('v1', 99, 'x', 0)",
            "1 item of vat \"v1\", at positions 99 to 99,",
        ),
        (
            "('v1', 99, 'x', 0), ('v1', 101, 'y', 0)",
            "2 items of vat \"v1\", at positions 99 to 101,",
        ),
        ("('v1', NULL, 'x', 0)", "at positions NULL to NULL,"),
        (
            "('v1', 'x', 'x', 0)",
            "at positions that are not numbers to that are not numbers,",
        ),
        ("('v1', 99.5, 'x', 0)", "at positions 99.5 to 99.5,"),
        (
            "(NULL, 7, 'x', 0)",
            "1 item has a vatID that is not text, and belongs to no vat",
        ),
        (
            "(NULL, 7, 'x', 0), (x'00', 7, 'x', 0)",
            "2 items have a vatID that is not text, and belong to no vat",
        ),
    ] {
        let found = message(&format!("INSERT INTO transcriptItems VALUES {sql}"));
        assert!(found.contains(expected), "{sql}: {found}");
    }
}

#[test]
fn several_bad_items_of_a_span_are_one_finding() {
    let report = Kernel::new()
        .sql("UPDATE transcriptItems SET incarnation = 5 WHERE vatID = 'v2' AND position IN (1, 3)")
        .finds(Debug, &[(FindingKind::ItemIncarnation, "v2", Some(1))]);
    let message = &report.findings[0].message;
    assert!(
        message.starts_with("2 items of the span, the first at 1, "),
        "{message}"
    );
    let one = "UPDATE transcriptItems SET incarnation = 5 WHERE vatID = 'v2' AND position = 3";
    let report = Kernel::new().sql(one).verify(Debug);
    let message = &report.findings[0].message;
    assert!(message.starts_with("the item at 3 "), "{message}");
}

#[test]
fn tables_have_names() {
    let names = StoreTable::STORES.map(|table| table.name().unwrap());
    for table in [
        "kvStore",
        "transcriptItems",
        "transcriptSpans",
        "snapshots",
        "bundles",
        "pendingExports",
    ] {
        assert!(names.contains(&table), "{table}");
    }
    assert_eq!(StoreTable::Database.name(), None);
}
