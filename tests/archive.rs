//! Archives: directories of spans and snapshots as gzip files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use swing_store::store::archive::{
    ArchiveOptions, Archived, archive_snapshot, archive_store, can_archive,
};
use swing_store::store::{
    ArtifactMode, Compressed, Compressor, Error, Exporter, Location, Monitor, OpenOptions, Stage,
    Store, StoreOptions, file_in_directory,
};

const VAT: &[u8] = b"v1";

fn open(directory: &Path, keep_transcripts: bool) -> Store {
    let options = StoreOptions {
        keep_transcripts,
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    let location = Location::File(file_in_directory(directory));
    Store::open(location, &OpenOptions::default(), false, options).unwrap()
}

fn image(seed: usize) -> Compressed {
    let mut compressor = Compressor::default();
    let image: Vec<u8> = (0..50_000)
        .map(|at| ((at * at + seed * 999) >> 5) as u8)
        .collect();
    compressor.add(&image).unwrap();
    compressor.finish().unwrap()
}

fn add_span(store: &mut Store, span: usize, items: usize) {
    for item in 0..items {
        let item = format!("span {span} item {item}");
        store.add_item(VAT, item.as_bytes()).unwrap();
    }
}

/// A store with three spans and three snapshots, and a current span.
fn make_store(directory: &Path) -> Store {
    let mut store = open(directory, true);
    store.init_transcript(VAT).unwrap();
    for span in 0..3 {
        add_span(&mut store, span, 10);
        let position = (span as i64 + 1) * 10;
        store.save_snapshot(VAT, position, &image(span)).unwrap();
        store.rollover(VAT, false).unwrap();
    }
    add_span(&mut store, 3, 5);
    store.commit().unwrap();
    store
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn unzipped(path: &Path) -> Vec<u8> {
    let mut contents = Vec::new();
    MultiGzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut contents)
        .unwrap();
    contents
}

fn archive(store: &Path, to: &Path, options: ArchiveOptions) -> Archived {
    archive_store(store, to, &options, &Monitor::default()).unwrap()
}

#[test]
fn a_store_is_archived_once() {
    let base = tempfile::tempdir().unwrap();
    let to = base.path().join("deep").join("archive");
    let mut store = make_store(base.path());
    let monitor = Monitor::default();
    let archived = archive_store(base.path(), &to, &ArchiveOptions::default(), &monitor).unwrap();
    assert_eq!((archived.written, archived.existing), (6, 0));
    let progress = monitor.progress();
    assert_eq!(
        (progress.stage, progress.done, progress.total),
        (Stage::Done, 6, 6)
    );
    let names = names_in(&to);
    assert_eq!(
        names,
        [
            "snapshot.v1.10.gz",
            "snapshot.v1.20.gz",
            "snapshot.v1.30.gz",
            "transcript.v1.0.10.gz",
            "transcript.v1.10.20.gz",
            "transcript.v1.20.30.gz",
        ]
    );
    // The files have the contents of an export's artifacts.
    let exporter = Exporter::open(base.path(), ArtifactMode::Debug).unwrap();
    for name in &names {
        let artifact = exporter.artifact(name.strip_suffix(".gz").unwrap().as_bytes());
        let mut expected = Vec::new();
        match artifact.unwrap() {
            swing_store::store::Artifact::Span(reader) => {
                while let Some(chunk) = reader.next_chunk().unwrap() {
                    expected.extend(chunk);
                }
            }
            swing_store::store::Artifact::Snapshot(mut image) => {
                while let Some(chunk) = image.next_chunk().unwrap() {
                    expected.extend(chunk);
                }
            }
            swing_store::store::Artifact::Bundle(_) | swing_store::store::Artifact::Fetched(_) => {
                unreachable!()
            }
        }
        assert_eq!(unzipped(&to.join(name)), expected, "{name}");
    }
    exporter.close().unwrap();

    // A second run adds a new span, and the current one if the options ask for it.
    store.rollover(VAT, false).unwrap();
    add_span(&mut store, 4, 1);
    store.commit().unwrap();
    let again = archive(base.path(), &to, ArchiveOptions::default());
    assert_eq!((again.written, again.existing), (1, 6));
    let current = ArchiveOptions {
        current_spans: true,
        mode: ArtifactMode::Archival,
        ..ArchiveOptions::default()
    };
    let again = archive(base.path(), &to, current);
    // This mode does not include historical snapshots.
    assert_eq!((again.written, again.existing), (1, 5));
    assert_eq!(
        unzipped(&to.join("transcript.v1.35.36.gz")),
        b"span 4 item 0\n"
    );
}

#[test]
fn damaged_files_are_replaced_on_demand() {
    let base = tempfile::tempdir().unwrap();
    let to = base.path().join("archive");
    drop(make_store(base.path()));
    archive(base.path(), &to, ArchiveOptions::default());
    let read = || -> Vec<Vec<u8>> {
        names_in(&to)
            .iter()
            .map(|name| fs::read(to.join(name)).unwrap())
            .collect()
    };
    let whole = read();
    let cut = fs::read(to.join("snapshot.v1.10.gz")).unwrap();
    let more = [cut.as_slice(), &cut].concat();
    let damages: [(&str, &[u8]); 6] = [
        ("snapshot.v1.10.gz", &cut[..cut.len() / 2]),
        ("snapshot.v1.20.gz", &more),
        ("snapshot.v1.30.gz", &cut),
        ("transcript.v1.0.10.gz", b""),
        ("transcript.v1.10.20.gz", b"not gzip"),
        ("transcript.v1.20.30.gz", &cut),
    ];
    for (name, contents) in damages {
        fs::write(to.join(name), contents).unwrap();
    }
    let left = archive(base.path(), &to, ArchiveOptions::default());
    assert_eq!((left.written, left.existing), (0, 6));
    let check = ArchiveOptions {
        check: true,
        ..ArchiveOptions::default()
    };
    let checked = archive(base.path(), &to, check);
    assert_eq!(
        (checked.written, checked.replaced, checked.existing),
        (6, 6, 0)
    );
    assert_eq!(read(), whole);
    let checked = archive(base.path(), &to, check);
    assert_eq!((checked.written, checked.existing), (0, 6));
}

#[test]
fn a_failure_leaves_no_unfinished_files() {
    let base = tempfile::tempdir().unwrap();
    let to = base.path().join("archive");
    let mut store = make_store(base.path());
    let monitor = Monitor::default();
    monitor.abort();
    let error = archive_store(base.path(), &to, &ArchiveOptions::default(), &monitor).unwrap_err();
    assert!(matches!(error, Error::Aborted));
    assert!(!to.exists());

    // A directory in place of a file is not a regular file.
    fs::create_dir_all(to.join("snapshot.v1.10.gz")).unwrap();
    let check = ArchiveOptions {
        check: true,
        ..ArchiveOptions::default()
    };
    let error = archive_store(base.path(), &to, &check, &Monitor::default()).unwrap_err();
    let code = if cfg!(windows) { "EPERM" } else { "EISDIR" };
    assert_eq!(error.code(), code, "{error}");
    assert!(names_in(&to).iter().all(|name| name.ends_with(".gz")));

    // Missing contents are an error in a mode that requires them.
    store.rollover(VAT, false).unwrap();
    store.close().unwrap();
    let mut store = open(base.path(), false);
    store.rollover(VAT, false).unwrap();
    store.commit().unwrap();
    let archival = ArchiveOptions {
        mode: ArtifactMode::Archival,
        ..ArchiveOptions::default()
    };
    let error = archive_store(base.path(), &to, &archival, &Monitor::default()).unwrap_err();
    assert_eq!(error.code(), "ERR_SWING_STORE_INCOMPLETE", "{error}");
}

#[test]
fn a_span_is_archived_as_of_the_call() {
    let base = tempfile::tempdir().unwrap();
    let expected = (0..2000).map(|item| format!("span 0 item {item}\n"));
    let expected: String = expected.collect();
    for keep_transcripts in [true, false] {
        for close in [true, false] {
            let store_dir = tempfile::tempdir().unwrap();
            let to = tempfile::tempdir_in(base.path()).unwrap();
            let mut store = open(store_dir.path(), keep_transcripts);
            assert!(store.begin_span_archive(VAT).unwrap().is_none());
            store.init_transcript(VAT).unwrap();
            add_span(&mut store, 0, 2000);
            let archive = store.begin_span_archive(VAT).unwrap().unwrap();
            store.rollover(VAT, false).unwrap();
            if close {
                store.close().unwrap();
            }
            archive.write(to.path()).unwrap();
            assert_eq!(names_in(to.path()), ["transcript.v1.0.2000.gz"]);
            let found = unzipped(&to.path().join("transcript.v1.0.2000.gz"));
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
    }
}

#[test]
fn names_that_leave_the_directory_are_not_archived() {
    assert!(can_archive(b"transcript.v1.0.5"));
    for name in [
        &b"transcript.../../x.0.5"[..],
        b"a/b",
        b"\xff",
        b"a\0",
        &[b'x'; 253],
    ] {
        assert!(!can_archive(name), "{name:?}");
    }
    let base = tempfile::tempdir().unwrap();
    assert!(archive_snapshot(base.path(), b"../x", &image(0)).is_err());
    assert!(names_in(base.path()).is_empty());
}
