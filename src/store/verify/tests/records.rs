//! Inconsistent records, keys and values.

use super::*;

#[test]
fn inconsistent_records_are_found() {
    let spans = |change: &str| format!("UPDATE transcriptSpans SET {change}");
    let v3 = "WHERE vatID = 'v3' AND startPos = 5";
    // Two items of the span remain.
    let sql = format!("DELETE FROM transcriptSpans {v3}");
    one(&sql, Debug, FindingKind::StrayItem, "v3", Some(5));
    let sql = "DELETE FROM transcriptSpans WHERE vatID = 'v3' AND startPos = 0;
               DELETE FROM transcriptItems WHERE vatID = 'v3' AND position < 5";
    one(sql, Debug, FindingKind::SpanGap, "v3", Some(5));
    let sql = format!(
        "DELETE FROM transcriptItems WHERE vatID = 'v3'; {} {v3}",
        spans("startPos = 4")
    );
    one(&sql, Debug, FindingKind::SpanOverlap, "v3", Some(4));
    // The span does not cover its positions either.
    let sql = format!(
        "DELETE FROM transcriptItems WHERE vatID = 'v3' AND position >= 5; {} {v3}",
        spans("endPos = 3")
    );
    one(&sql, Debug, FindingKind::SpanBounds, "v3", Some(5));
    let far = format!(
        "DELETE FROM transcriptItems WHERE vatID = 'v3' AND position >= 5; {} {v3}",
        spans("endPos = 9007199254740992")
    );
    one(&far, Debug, FindingKind::SpanBounds, "v3", Some(5));
    let pruned = "DELETE FROM transcriptItems WHERE vatID = 'v3'";
    let sql = format!("{pruned}; {} {v3}", spans("incarnation = -1"));
    one(&sql, Debug, FindingKind::IncarnationBack, "v3", Some(5));
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 99, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "v1",
        Some(99),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', -1, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "v1",
        Some(-1),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 'x', 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "v1",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', NULL, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "v1",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v1', 2.5, 'x', 0)",
        Archival,
        FindingKind::BadValue,
        "v1",
        Some(0),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('v9', 7, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "v9",
        Some(7),
    );
    one(
        "INSERT INTO transcriptItems VALUES ('', 7, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "",
        Some(7),
    );
    one(
        "INSERT INTO transcriptItems VALUES (NULL, 7, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
        "",
        None,
    );
    one(
        "INSERT INTO transcriptItems VALUES (x'00', 7, 'x', 0)",
        Archival,
        FindingKind::StrayItem,
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
        one(&sql, Archival, FindingKind::BadValue, id, None);
    }
    let zeros = "UPDATE transcriptSpans SET isCurrent = 0 WHERE vatID = 'v3' AND startPos = 5";
    one(zeros, Archival, FindingKind::BadMark, "v3", Some(5));
    one(
        "UPDATE snapshots SET inUse = 0 WHERE vatID = 'v3'",
        Archival,
        FindingKind::BadMark,
        "v3",
        Some(4),
    );
    let current = "UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = 'v2'";
    one(
        current,
        Archival,
        FindingKind::CurrentSpanMissing,
        "v2",
        None,
    );
    let terminated = "INSERT INTO kvStore VALUES ('vats.terminated', '[\"v2\"]')";
    Kernel::new()
        .sql(&format!("{current}; {terminated}"))
        .finds(Archival, &[]);
    let not_last = "UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = 'v3' AND startPos = 0";
    one(
        not_last,
        Archival,
        FindingKind::CurrentSpanNotLast,
        "v3",
        Some(0),
    );
    let gone = "INSERT INTO kvStore VALUES ('vat.names', '[\"a\"]'), ('vat.name.a', 'v5'), ('v5.options', '{\"useTranscript\":true}')";
    one(gone, Archival, FindingKind::CurrentSpanMissing, "v5", None);
    Kernel::new()
        .sql(&gone.replace("true", "false"))
        .finds(Archival, &[]);
    let dotted = "INSERT INTO transcriptSpans VALUES ('a.b', 0, 0, (SELECT hash FROM transcriptSpans WHERE startPos = 0), NULL, 0)";
    let report = Kernel::new().sql(dotted).verify(Debug);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.kind == FindingKind::BadName)
    );
}

#[test]
fn snapshots_that_no_span_loads_are_found() {
    one(
        "INSERT INTO snapshots (vatID, snapPos, hash) VALUES ('v7', -1, lower(hex(zeroblob(32))))",
        Debug,
        FindingKind::BadValue,
        "v7",
        Some(-1),
    );
    let snapshots = |change: &str| format!("UPDATE snapshots SET {change}");
    one(
        &snapshots("inUse = 1 WHERE vatID = 'v2'"),
        Operational,
        FindingKind::SnapshotUnmatched,
        "v2",
        Some(4),
    );
    one(
        &snapshots("inUse = 1 WHERE vatID = 'v3'"),
        Operational,
        FindingKind::SnapshotUnmatched,
        "v3",
        Some(4),
    );
    one(
        &snapshots("inUse = NULL WHERE vatID = 'v1'"),
        Operational,
        FindingKind::LoadUnmatched,
        "v1",
        Some(5),
    );
    one(
        &snapshots("snapPos = 3 WHERE vatID = 'v1'"),
        Operational,
        FindingKind::LoadUnmatched,
        "v1",
        Some(5),
    );
    Kernel::new()
        .sql(&snapshots("snapPos = 5 WHERE vatID = 'v1'"))
        .finds(Operational, &[]);
    // Another vat's snapshot, intact by itself, in place of the one that a current and a historical
    // span load.
    let other = "UPDATE snapshots SET (hash, uncompressedSize, compressedSize, compressedSnapshot) =
                 (SELECT hash, uncompressedSize, compressedSize, compressedSnapshot FROM snapshots WHERE vatID = 'v3')";
    one(
        &format!("{other} WHERE vatID = 'v1'"),
        Operational,
        FindingKind::LoadUnmatched,
        "v1",
        Some(5),
    );
    one(
        &format!("{other} WHERE vatID = 'v2'"),
        Operational,
        FindingKind::LoadUnmatched,
        "v2",
        Some(5),
    );
    Kernel::new()
        .sql("DELETE FROM snapshots WHERE inUse IS NULL")
        .finds(Archival, &[]);
    // The span's items are pruned, so only its position can be compared.
    let pruned = "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position >= 5";
    Kernel::new().sql(pruned).finds(Debug, &[]);
    one(
        &format!("{pruned}; UPDATE snapshots SET snapPos = 2 WHERE vatID = 'v1'"),
        Debug,
        FindingKind::SnapshotUnmatched,
        "v1",
        Some(2),
    );
    one(
        "INSERT INTO snapshots (vatID, snapPos, hash) VALUES (x'00', 1, 'x')",
        Debug,
        FindingKind::BadValue,
        "",
        None,
    );
}

#[test]
fn keys_that_no_kernel_writes_are_found() {
    one(
        "INSERT INTO kvStore VALUES (x'00', 'x')",
        Operational,
        FindingKind::BadValue,
        "",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES (NULL, 'x')",
        Operational,
        FindingKind::BadValue,
        "",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', NULL)",
        Operational,
        FindingKind::BadValue,
        "k",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', x'00')",
        Operational,
        FindingKind::BadValue,
        "k",
        None,
    );
    one(
        "INSERT INTO kvStore VALUES ('k', CAST(x'EDA080' AS TEXT))",
        Operational,
        FindingKind::NotUnicode,
        "k",
        None,
    );
    one(
        "INSERT INTO pendingExports VALUES ('k', x'00')",
        Operational,
        FindingKind::BadValue,
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
        FindingKind::BadActivityhash,
        "activityhash",
        None,
    );
}
