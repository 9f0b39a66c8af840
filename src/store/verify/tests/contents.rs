//! Contents that do not match their hashes, or that cannot be exported.

use super::*;
use crate::store::transfer::directory::{ExportOptions, export_to_directory};

#[test]
fn an_interrupted_pruning_is_distinguished_from_damage() {
    // The vat's span from 0 to 5 belongs to an earlier incarnation.
    let left = |gone: &str| {
        Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = 'v2' AND position IN ({gone})"
        ))
    };
    for gone in ["0", "0, 1", "0, 1, 2, 3"] {
        let items = 5 - gone.split(',').count();
        let report = left(gone).finds(Replay, &[(FindingKind::SpanHalfPruned, "v2", Some(0))]);
        let expected = format!("has only the last {items} of its 5 items");
        assert!(
            messages(&report).contains(&expected),
            "{}",
            messages(&report)
        );
        let report = left(gone).finds(Archival, &[(FindingKind::SpanIncomplete, "v2", Some(0))]);
        let expected = format!("has only {items} of its 5 items");
        assert!(
            messages(&report).contains(&expected),
            "{}",
            messages(&report)
        );
    }
    assert_eq!(FindingKind::SpanHalfPruned.severity(), Severity::Warning);
    for gone in ["4", "1, 2", "0, 2", "0, 4"] {
        left(gone).finds(Replay, &[(FindingKind::SpanIncomplete, "v2", Some(0))]);
    }
    // The current span is never pruned.
    left("7").finds(Replay, &[(FindingKind::SpanIncomplete, "v2", Some(7))]);
}

#[test]
fn another_place_is_asked_for_items_that_were_pruned_and_are_needed() {
    let complete = Kernel::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let export = elsewhere.path().join("export");
    let options = ExportOptions {
        mode: Some(Archival),
        ..ExportOptions::default()
    };
    let store = complete.directory.path();
    export_to_directory(store, &export, &options, &Monitor::default()).unwrap();
    let gap = FindingKind::SpanIncomplete;
    for (mode, gone, found, kinds) in [
        (Archival, "0, 1, 2, 3, 4", 1, vec![]),
        (Archival, "0, 1, 2", 1, vec![]),
        (Archival, "1, 2", 0, vec![gap]),
        (Archival, "0, 2", 0, vec![gap]),
        (Archival, "4", 0, vec![gap]),
        // The span belongs to an earlier incarnation.
        (Replay, "0, 1, 2, 3, 4", 0, vec![]),
        (Replay, "0, 1", 0, vec![FindingKind::SpanHalfPruned]),
        (Replay, "1, 2", 0, vec![gap]),
    ] {
        let pruned = Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = 'v2' AND position IN ({gone})"
        ));
        let report = pruned.verify_as(&VerifyOptions {
            mode,
            history_from: Some(export.clone()),
            ..VerifyOptions::default()
        });
        let case = format!("{mode:?}, without {gone}: {}", messages(&report));
        assert_eq!(report.elsewhere, Some(found), "{case}");
        let reported: Vec<_> = report.findings.iter().map(|each| each.kind).collect();
        assert_eq!(reported, kinds, "{case}");
    }
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
            FindingKind::SpanHash,
            "v2",
            Some(start),
        );
        let kernel = Kernel::new().sql(&format!(
            "DELETE FROM transcriptItems WHERE vatID = 'v2' AND position = {at}"
        ));
        let kind = match at {
            0 | 5 => FindingKind::SpanHalfPruned,
            _ => FindingKind::SpanIncomplete,
        };
        kernel.finds(Operational, &[(kind, "v2", Some(start))]);
    }
    one(
        &item("incarnation = 5", 3),
        Operational,
        FindingKind::ItemIncarnation,
        "v2",
        Some(3),
    );
    one(
        &item("incarnation = NULL", 3),
        Operational,
        FindingKind::ItemIncarnation,
        "v2",
        Some(3),
    );
    one(
        &item("item = x'00'", 3),
        Operational,
        FindingKind::BadValue,
        "v2",
        Some(3),
    );
    one(
        &item("item = NULL", 3),
        Operational,
        FindingKind::BadValue,
        "v2",
        Some(3),
    );
    let hash = "UPDATE transcriptSpans SET hash = replace(hash, substr(hash, 9, 1), 'z')";
    let of_one = format!("{hash} WHERE vatID = 'v1' AND startPos = 0");
    one(&of_one, Operational, FindingKind::SpanHash, "v1", Some(0));
    let pruned =
        format!("{of_one}; DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 5");
    one(&pruned, Operational, FindingKind::BadValue, "v1", Some(0));

    let of = |change: &str| format!("UPDATE snapshots SET {change} WHERE vatID = 'v2'");
    // The span that loads it has the right hash, too.
    let both = [
        (FindingKind::LoadUnmatched, "v2", Some(5)),
        (FindingKind::SnapshotHash, "v2", Some(4)),
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
        FindingKind::SnapshotSize,
        "v2",
        Some(4),
    );
    one(
        &of("compressedSize = NULL"),
        Debug,
        FindingKind::SnapshotSize,
        "v2",
        Some(4),
    );
    let halved = of("compressedSnapshot = substr(compressedSnapshot, 1, 100)");
    one(&halved, Debug, FindingKind::SnapshotGzip, "v2", Some(4));
    one(
        &of("compressedSnapshot = x'00'"),
        Debug,
        FindingKind::SnapshotGzip,
        "v2",
        Some(4),
    );
    one(
        &of("compressedSnapshot = 'text'"),
        Debug,
        FindingKind::BadValue,
        "v2",
        Some(4),
    );
    let change = of("hash = 'x', compressedSnapshot = NULL");
    let pruned = format!("{change}; DELETE FROM transcriptItems WHERE vatID = 'v2'");
    one(&pruned, Debug, FindingKind::BadValue, "v2", Some(4));

    for (change, kind) in [
        ("bundle = bundle || ' '", FindingKind::BundleInvalid),
        ("bundle = '{'", FindingKind::BundleInvalid),
        ("bundle = CAST(bundle AS BLOB)", FindingKind::BadValue),
        ("bundle = 7", FindingKind::BundleInvalid),
    ] {
        let report = Kernel::new()
            .sql(&format!("UPDATE bundles SET {change}"))
            .verify(Debug);
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        let expected = if change.ends_with('7') {
            FindingKind::BadValue
        } else {
            kind
        };
        assert_eq!(kinds, [expected], "{change}");
    }
    let report = Kernel::new()
        .sql("INSERT INTO bundles VALUES ('b2-0', 'x')")
        .verify(Debug);
    assert_eq!(report.findings[0].kind, FindingKind::BundleInvalid);
}

#[test]
fn items_that_cannot_be_exported_are_found() {
    for (item, kind) in [
        ("a\nb", FindingKind::ItemNewline),
        ("\\ud800", FindingKind::NotUnicode),
    ] {
        let kernel = Kernel::new();
        let mut store = open(kernel.directory.path());
        let item = match kind {
            FindingKind::NotUnicode => b"\xED\xA0\x80".as_slice(),
            _ => item.as_bytes(),
        };
        store.add_item(b"v2", item).unwrap();
        store.commit().unwrap();
        store.close().unwrap();
        kernel.finds(Archival, &[(kind, "v2", Some(9))]);
    }
}
