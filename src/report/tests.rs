//! Pages of stores that are hard to show.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::report::contents::StoreContents;
use crate::report::page;
use crate::store::database::locate::file_in_directory;
use crate::store::database::{Location, OpenOptions};
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::{Store, StoreOptions};
use crate::store::tasks::monitor::Monitor;
use crate::store::verify::{Report, VerifyOptions, verify_store};

const NASTY: &str = "v1</script><script>alert(1)</script><!--&\u{1b}[31m\"' onload=x";

const START: &[u8] = br#"{"d":["initialize-worker",{"source":{"bundleID":"b1-</script>"},"workerOptions":{"type":"xsnap"}}],"sc":[],"r":{"status":"ok"}}"#;

fn store_in(directory: &Path, fill: impl FnOnce(&mut Store)) {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
    fill(&mut store);
    store.commit().unwrap();
    store.close().unwrap();
}

fn verified(directory: &Path) -> Report {
    let options = VerifyOptions {
        mode: ArtifactMode::Archival,
        findings_per_kind: 3,
        ..VerifyOptions::default()
    };
    verify_store(directory, &options, &Monitor::default()).unwrap()
}

fn page_of(directory: &Path, one: Option<&str>, report: Option<&Report>) -> String {
    let monitor = Monitor::default();
    let contents = StoreContents::read(directory, one, &monitor).unwrap();
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    page::write(&contents, directory, report, made, &monitor).unwrap()
}

/// The text between two tags that occur once.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

fn data_of(page: &str) -> serde_json::Value {
    let open = "<script id=\"data\" type=\"application/json\">";
    serde_json::from_str(between(page, open, "</script>")).unwrap()
}

fn run_sql(directory: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(file_in_directory(directory)).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn an_empty_store() {
    let directory = tempfile::tempdir().unwrap();
    store_in(directory.path(), |_| {});
    let page = page_of(directory.path(), None, Some(&verified(directory.path())));
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("Nothing is wrong") && page.contains("2001-09-09 01:46:40 UTC"));
    assert_eq!(data_of(&page)["vats"].as_array().unwrap().len(), 0);
}

#[test]
fn nothing_from_a_store_becomes_markup() {
    let directory = tempfile::tempdir().unwrap();
    store_in(directory.path(), |store| {
        let id = NASTY.as_bytes();
        store.init_transcript(id).unwrap();
        store.add_item(id, START).unwrap();
        store.add_item(id, b"<!-- no JSON \xed\xa0\x80").unwrap();
        store.rollover(id, true).unwrap();
        store.add_item(id, NASTY.as_bytes()).unwrap();
        store.kv_set(b"vat.name.</title><script>", id).unwrap();
        store
            .kv_set(b"namedBundleID.<img src=x>", b"b1-</script>")
            .unwrap();
        store.kv_set(b"bundle.b1-</script>", b"<b>").unwrap();
        let options = serde_json::json!({ "name": NASTY, "x": "</script>" }).to_string();
        let key = [id, b".options"].concat();
        store.kv_set(&key, options.as_bytes()).unwrap();
        store.kv_set(b"v7.options", options.as_bytes()).unwrap();
        store
            .kv_set(b"v7.source", br#"{"bundleID":"b1-</script>"}"#)
            .unwrap();
    });
    run_sql(
        directory.path(),
        "UPDATE transcriptSpans SET hash = '<i>' WHERE startPos = 0;
         INSERT INTO bundles VALUES ('b2-<script>', CAST('<b>' AS BLOB))",
    );
    let report = verified(directory.path());
    assert!(!report.is_sound());
    for one in [None, Some(NASTY), Some("v7")] {
        let page = page_of(directory.path(), one, Some(&report));
        // The page's own scripts.
        assert_eq!(page.matches("<script").count(), 6);
        assert_eq!(page.matches("</script").count(), 6);
        for tag in ["<img", "<i>", "<b>", "<!--", "\u{1b}", "<script>alert"] {
            assert!(!page.contains(tag), "{tag}");
        }
        assert_eq!(page.matches("</title").count(), 1);
        let data = data_of(&page);
        let vats = data["vats"].as_array().unwrap();
        assert_eq!(vats.len(), if one.is_some() { 1 } else { 2 });
        if one != Some("v7") {
            let nasty = vats.iter().find(|vat| vat["spans"] == 2).unwrap();
            assert_eq!(nasty["id"], NASTY.replace('\u{1b}', "\\u{1b}"));
            assert_eq!(
                nasty["incarnations"][0]["began"],
                "initialize-worker b1-</script>"
            );
        }
    }
}

#[test]
fn present_and_missing_contents() {
    let directory = tempfile::tempdir().unwrap();
    store_in(directory.path(), |store| {
        for vat_id in [b"v1".as_slice(), b"v2"] {
            store.init_transcript(vat_id).unwrap();
            for span in 0..4 {
                if span > 0 {
                    store.rollover(vat_id, span == 2).unwrap();
                }
                for _ in 0..5 {
                    store.add_item(vat_id, br#"{"d":["message"]}"#).unwrap();
                }
            }
        }
        store.host_set(b"host.height", b"77").unwrap();
        store.kv_set(b"v2.vs.x", b"0123456789").unwrap();
        store
            .kv_set(b"v2.options", br#"{"name":"second"}"#)
            .unwrap();
    });
    run_sql(
        directory.path(),
        "DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 7",
    );
    let page = page_of(directory.path(), None, None);
    assert!(page.contains("Not verified"));
    assert!(page.contains("<strong>replay</strong>"), "complete for it");
    assert!(page.contains("2 spans of 1 vat lack 7 items."));
    assert!(page.contains("<code class=\"from-store\">transcript.v1.5.10</code>"));
    // The larger vat comes first.
    let data = data_of(&page);
    assert_eq!(
        (&data["vats"][0]["id"], &data["vats"][0]["name"]),
        (&"v2".into(), &"second".into())
    );
    let pieces = data["vats"][1]["pieces"].as_array().unwrap();
    assert_eq!(pieces.len(), 4);
    assert_eq!(
        pieces[1],
        serde_json::json!({ "s": 5, "e": 10, "i": 0, "n": 1, "p": 1, "t": 3, "b": 51,
                            "f": "(pruned)", "l": "delivery: message" })
    );
    assert_eq!(
        (&pieces[3]["c"], &pieces[3]["i"]),
        (&true.into(), &1.into())
    );
    // Keeping the current incarnations deletes the first one of both vats.
    assert!(page.contains("13 items of 3 spans, 0 images"));
    let one = page_of(directory.path(), Some("v1"), None);
    assert_eq!(data_of(&one)["vats"].as_array().unwrap().len(), 1);
    assert!(!one.contains("id=\"space\""));
    let monitor = Monitor::default();
    assert!(StoreContents::read(directory.path(), Some("v3"), &monitor).is_err());
    monitor.abort();
    assert!(StoreContents::read(directory.path(), None, &monitor).is_err());
}

#[test]
fn a_page_stays_small_however_large_the_store_is() {
    let directory = tempfile::tempdir().unwrap();
    store_in(directory.path(), |_| {});
    let long = "x".repeat(600);
    run_sql(
        directory.path(),
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 14999)
             INSERT INTO transcriptSpans
             SELECT 'v' || (i % 1000), i / 1000 * 3, i / 1000 * 3 + 3, '{long}', NULL, i / 1000 % 9
             FROM n;
             INSERT INTO transcriptItems SELECT vatID, startPos, '{{\"d\":[\"{long}\"]}}', incarnation
             FROM transcriptSpans WHERE startPos < 6;
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)
             INSERT INTO bundles SELECT 'b1-{long}' || i, NULL FROM n;
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)
             INSERT INTO kvStore SELECT 'v' || i || '.options', '{{\"name\":\"{long}\"}}' FROM n;"
        ),
    );
    let page = page_of(directory.path(), None, None);
    assert!(page.len() < 6 << 20, "{}", page.len());
    let vats = data_of(&page)["vats"].as_array().unwrap().len();
    assert_eq!(vats, crate::report::vats::MOST_VATS);
    assert!(page.contains("2,000 other vats") && page.contains("are merged into pieces"));
    assert!(page.contains("2,000 others are smaller"));
}
