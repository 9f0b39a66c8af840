//! Findings about the file: other schemas, damaged pages, files that are no stores; and limits.

use super::*;

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
    let (missing, differs, altered) = (
        FindingKind::SchemaMissing,
        FindingKind::SchemaDiffers,
        FindingKind::SchemaAltered,
    );
    assert_eq!(kinds("DROP TABLE pendingExports"), [missing]);
    assert_eq!(kinds("DROP TABLE snapshots"), [missing]);
    assert_eq!(kinds("DROP TABLE transcriptItems"), [missing]);
    assert_eq!(kinds("DROP TABLE kvStore"), [missing]);
    assert_eq!(kinds("ALTER TABLE kvStore ADD COLUMN more TEXT"), [differs]);
    assert_eq!(
        kinds("ALTER TABLE snapshots RENAME COLUMN hash TO sum"),
        [missing, differs, altered]
    );
    assert_eq!(kinds("DROP INDEX currentTranscriptIndex"), [differs]);
    assert_eq!(kinds("CREATE TABLE mine (x)"), [differs]);
    assert_eq!(
        kinds("CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END"),
        [altered]
    );
    let altered_store = "CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END";
    let report = Kernel::new().sql(altered_store).verify(Operational);
    assert!(report.findings.iter().all(says_what_to_do));
    let (place, made) = (
        "DROP TABLE bundles; CREATE",
        "AS SELECT 1 AS bundleID, 2 AS bundle",
    );
    assert_eq!(kinds(&format!("{place} VIEW bundles {made}")), [altered]);
    let computed = "(bundleID TEXT, bundle BLOB AS (zeroblob(9)), PRIMARY KEY (bundleID))";
    let found = kinds(&format!("{place} TABLE bundles {computed}"));
    assert_eq!(found.last(), Some(&altered));
    let hidden = "CREATE TRIGGER t AFTER INSERT ON kvStore BEGIN SELECT 1; END;
                  PRAGMA writable_schema=1;
                  UPDATE sqlite_schema SET name = 'sqlite_t', sql = replace(sql, ' t ', ' sqlite_t ')
                  WHERE name = 't'";
    assert_eq!(kinds(hidden), [altered]);
    let bare = "CREATE TABLE other AS SELECT * FROM transcriptSpans; DROP TABLE transcriptSpans;
                ALTER TABLE other RENAME TO transcriptSpans;";
    let found = kinds(bare);
    // The table's index is missing, too.
    assert_eq!(found, [differs, altered]);
    // No constraint makes the marks unique in this table.
    let twice = format!(
        "{bare} UPDATE transcriptSpans SET isCurrent = 1 WHERE vatID = 'v2' AND startPos >= 5"
    );
    assert!(kinds(&twice).contains(&FindingKind::CurrentSpanTwice));
    let bare = bare.replace("transcriptSpans", "snapshots");
    let twice = format!(
        "{bare} INSERT INTO snapshots SELECT vatID, 3, inUse, hash, uncompressedSize, compressedSize, compressedSnapshot FROM snapshots WHERE inUse = 1"
    );
    assert!(kinds(&twice).contains(&FindingKind::SnapshotInUseTwice));
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
    assert_eq!(report.left_out, [(FindingKind::BadValue, 95)]);
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
        // There is a report whichever page is damaged.
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
        let error = verify_store(directory.path(), &options, &Monitor::default()).unwrap_err();
        let files = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 1, "no other file is created");
        error
    };
    for sql in ["", "CREATE TABLE t (x)"] {
        let error = refused(sql);
        assert!(matches!(error, Error::NoStore { .. }), "{error}");
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

#[test]
fn column_names_that_are_not_text_are_damage() {
    let kernel = Kernel::new();
    let file = file_in_directory(kernel.directory.path());
    let mut bytes = std::fs::read(&file).unwrap();
    let at = memchr::memmem::find(&bytes, b"uncompressedSize").unwrap();
    bytes[at] = 0xFF;
    std::fs::write(&file, bytes).unwrap();
    assert!(!kernel.verify(Operational).is_sound());
}
