//! Histories of stores, without Node.js.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use swing_store::store::history::{Entry, Populated, ReplayFrom, ReplayStart, Selection, VatState};
use swing_store::store::{
    Error, History, Location, Monitor, OpenOptions, Store, StoreOptions, file_in_directory,
};

const START: &[u8] = br#"{"d":["initialize-worker",{"source":{"bundleID":"b1-00"},"workerOptions":{"type":"xsnap","bundleIDs":["b0-00"]}}],"sc":[],"r":{"status":"ok"}}"#;

fn open(directory: &Path, keep_transcripts: bool) -> Store {
    let options = StoreOptions {
        keep_transcripts,
        ..StoreOptions::default()
    };
    let location = Location::File(file_in_directory(directory));
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

/// Creates a store in which each vat has two incarnations of two spans each.
fn make_store(directory: &Path, vats: &[&[u8]], items: usize, keep_transcripts: bool) {
    let mut store = open(directory, keep_transcripts);
    for vat_id in vats {
        store.init_transcript(vat_id).unwrap();
        for span in 0..4 {
            if span > 0 {
                store.rollover(vat_id, span == 2).unwrap();
            }
            store.add_item(vat_id, START).unwrap();
            for item in 1..items {
                let item = format!("{{\"d\":[\"message\"],\"number\":{item}}}");
                store.add_item(vat_id, item.as_bytes()).unwrap();
            }
        }
    }
    store.commit().unwrap();
    store.close().unwrap();
}

fn code(error: &Error) -> &str {
    error.code()
}

#[test]
fn a_history_lists_the_contents_of_a_store() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path(), &[b"v10", b"v9"], 5, true);
    let history = Arc::new(History::open(directory.path()).unwrap());
    let monitor = Monitor::default();
    let vats = history.vats(&monitor).unwrap();
    let ids: Vec<&str> = vats.iter().map(|vat| vat.vat_id.as_str()).collect();
    assert_eq!(ids, ["v9", "v10"]);
    assert_eq!(vats[0].state, VatState::Live);
    assert_eq!((vats[0].items, vats[0].incarnations), (20, 2));
    let incarnations = history.incarnations("v9", &monitor).unwrap();
    assert_eq!(
        (incarnations[1].start_pos, incarnations[1].end_pos),
        (10, 20)
    );
    assert!(matches!(
        incarnations[0].began,
        Some(Entry::InitializeWorker { .. })
    ));
    assert!(matches!(
        incarnations[0].ended,
        Some(Entry::Delivery { .. })
    ));

    let plan = history
        .replay_plan("v9", Some(0), ReplayFrom::Start, &monitor)
        .unwrap();
    assert!(matches!(
        plan.start,
        ReplayStart::InitializeWorker { position: 0, .. }
    ));
    let missing: Vec<&str> = plan.missing.iter().map(|one| &*one.artifact).collect();
    assert_eq!(missing, ["bundle.b0-00", "bundle.b1-00"]);
    assert!(!plan.complete);

    let reader = history.read_items("v9", Selection::Incarnation(1), false);
    let run = reader.next_run().unwrap().unwrap();
    assert_eq!(run.incarnation, 1);
    let positions: Vec<i64> = run.items.iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (10..20).collect::<Vec<_>>());
    assert!(reader.next_run().unwrap().is_none());
}

#[test]
fn a_history_lists_pruned_contents() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path(), &[b"v1"], 5, false);
    let history = Arc::new(History::open(directory.path()).unwrap());
    let spans = history.spans("v1", &Monitor::default()).unwrap();
    let populated: Vec<_> = spans.iter().map(|span| span.populated).collect();
    let none = Populated::None;
    assert_eq!(populated, [none, none, none, Populated::All]);
    let reader = history.read_items("v1", Selection::Incarnation(1), false);
    let error = reader.next_run().unwrap_err();
    assert_eq!(code(&error), "ERR_SWING_STORE_INCOMPLETE");
    assert!(error.to_string().contains("transcript.v1.10.15"), "{error}");
    assert!(reader.next_run().unwrap().is_none());
}

#[test]
fn long_queries_can_be_aborted() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path(), &[b"v1"], 20, true);
    let history = History::open(directory.path()).unwrap();
    let monitor = Monitor::default();
    monitor.abort();
    for error in [
        history.measure(None, &monitor).unwrap_err(),
        history.measure(Some("v1"), &monitor).unwrap_err(),
        history.vats(&monitor).unwrap_err(),
        history.spans("v1", &monitor).unwrap_err(),
        history.pseudo_deliveries("v1", &monitor).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Aborted), "{error}");
    }
    let monitor = Monitor::default();
    history.measure(None, &monitor).unwrap();
    let progress = monitor.progress();
    assert_eq!((progress.done, progress.total), (80, 80));
    let sizes = history.spans("v1", &monitor).unwrap();
    let sum: u64 = sizes.iter().filter_map(|span| span.bytes).sum();
    assert_eq!(sum, progress.bytes);
}

#[test]
fn closing_ends_queries_of_other_threads() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path(), &[b"v1"], 2000, true);
    let history = Arc::new(History::open(directory.path()).unwrap());
    let reader = history.read_items("v1", Selection::Incarnation(0), false);
    reader.next_run().unwrap();
    let other = history.clone();
    let asking = thread::spawn(move || {
        loop {
            let asked = other.vats(&Monitor::default());
            if let Err(error) = asked {
                return error;
            }
        }
    });
    history.close().unwrap();
    assert_eq!(code(&asking.join().unwrap()), "ERR_SWING_STORE_CLOSED");
    let error = reader.next_run().unwrap_err();
    assert_eq!(code(&error), "ERR_SWING_STORE_CLOSED");
    assert!(history.close().is_err());
}

#[test]
fn a_history_does_not_change_while_a_kernel_runs() {
    let directory = tempfile::tempdir().unwrap();
    make_store(directory.path(), &[b"v1"], 5, true);
    let mut store = open(directory.path(), true);
    store.add_item(b"v1", b"not committed").unwrap();
    let history = History::open(directory.path()).unwrap();
    store.commit().unwrap();
    store.delete_vat_transcripts(b"v1", None).unwrap();
    store.commit().unwrap();
    let monitor = Monitor::default();
    assert_eq!(history.vat("v1", &monitor).unwrap().items, 20);
    history.close().unwrap();
    let history = History::open(directory.path()).unwrap();
    let error = history.vat("v1", &monitor).unwrap_err();
    assert_eq!(code(&error), "ERR_SWING_STORE_NOT_FOUND");
}
