//! Exports to a directory and imports from one, without Node.js.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use swing_store::store::diff::{DiffOptions, diff_stores};
use swing_store::store::directory::{
    ExportDirectory, ExportOptions, ImportOptions, MANIFEST_NAME, export_to_directory,
};
use swing_store::store::{
    ArtifactMode, Compressor, Error, Location, Monitor, OpenOptions, Stage, Staged, Store,
    StoreLocation, StoreOptions, file_in_directory,
};

const VAT: &[u8] = b"v1";

fn open(directory: &Path) -> Store {
    let location = Location::File(file_in_directory(directory));
    Store::open(
        location,
        &OpenOptions::default(),
        false,
        StoreOptions::default(),
    )
    .unwrap()
}

/// A store with `spans` spans, an image of `image_bytes`, and some keys.
fn make_store(directory: &Path, spans: usize, image_bytes: usize) {
    let mut store = open(directory);
    for key in 0..100 {
        let key = format!("key.{key}");
        store.kernel_set(key.as_bytes(), b"value").unwrap();
    }
    store.host_set(b"host.height", b"7").unwrap();
    store.init_transcript(VAT).unwrap();
    for span in 0..spans {
        for item in 0..10 {
            let item = format!("span {span} item {item}");
            store.add_item(VAT, item.as_bytes()).unwrap();
        }
        store.rollover(VAT, false).unwrap();
    }
    let mut compressor = Compressor::default();
    let image: Vec<u8> = (0..image_bytes).map(|at| ((at * at) >> 7) as u8).collect();
    compressor.add(&image).unwrap();
    let position = spans as i64 * 10;
    store
        .save_snapshot(VAT, position, &compressor.finish().unwrap())
        .unwrap();
    store.commit().unwrap();
    store.close().unwrap();
}

fn archival() -> ExportOptions {
    ExportOptions {
        mode: Some(ArtifactMode::Archival),
        with_data: true,
        block_height: None,
        ..ExportOptions::default()
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Imports into a staged database.
fn import(from: &Path, to: &Path, monitor: &Monitor) -> Result<Staged, Error> {
    let export = ExportDirectory::open(from, to, &ImportOptions::default())?;
    assert_eq!(export.block_height(), 7.0);
    let staged = Staged::new(
        &StoreLocation::Directory(to.to_owned()),
        &OpenOptions::default(),
    )?;
    export.import(&staged, monitor)?;
    Ok(staged)
}

#[test]
fn an_export_is_imported_completely() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, again, to] =
        ["store", "export", "again", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 5, 100_000);
    let monitor = Monitor::default();
    let exported = export_to_directory(&store, &export, &archival(), &monitor).unwrap();
    assert_eq!((exported.block_height, exported.artifacts), (7.0, 7));
    let progress = monitor.progress();
    assert_eq!(progress.stage, Stage::Done);
    assert_eq!((progress.done, progress.total), (8, 8));
    assert_eq!(progress.bytes, exported.bytes);

    let monitor = Monitor::default();
    let staged = import(&export, &to, &monitor).unwrap();
    let progress = monitor.progress();
    assert_eq!((progress.done, progress.total), (8, 8));
    assert!(!file_in_directory(&to).exists());
    staged.publish(false).unwrap();
    assert_eq!(staged.current_file(), file_in_directory(&to));
    staged.discard();
    staged.database().lock().close();
    assert_eq!(names_in(&to), ["swingstore.sqlite"]);

    export_to_directory(&to, &again, &archival(), &Monitor::default()).unwrap();
    assert_eq!(names_in(&again), names_in(&export));
    for name in names_in(&export) {
        if name != MANIFEST_NAME {
            let read = |directory: &Path| fs::read(directory.join(&name)).unwrap();
            assert_eq!(read(&again), read(&export), "{name}");
        }
    }
}

#[test]
fn a_compressed_export_is_imported_completely_and_reused() {
    let base = tempfile::tempdir().unwrap();
    let [store, plain, small, again, to] =
        ["store", "plain", "small", "again", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    // Three blocks of the compressor.
    make_store(&store, 5, 4_000_000);
    let export = |to: &Path, options: ExportOptions| {
        let monitor = Monitor::default();
        let exported = export_to_directory(&store, to, &options, &monitor).unwrap();
        assert_eq!(monitor.progress().bytes, exported.bytes);
        assert_eq!(monitor.progress().done, 8);
        exported
    };
    let exported = export(&plain, archival());
    assert_eq!(exported.reused, None);
    let compressed = ExportOptions {
        compress: true,
        ..archival()
    };
    assert!(export(&small, compressed.clone()).bytes < exported.bytes);
    let read = |directory: &Path, name: &str| fs::read(directory.join(name)).unwrap();
    for verify_reused in [false, true] {
        let options = ExportOptions {
            reuse: Some(small.clone()),
            verify_reused,
            ..compressed.clone()
        };
        let reused = export(&again, options).reused.unwrap();
        assert_eq!((reused.artifacts, reused.linked, reused.damaged), (7, 7, 0));
        assert_eq!(names_in(&again), names_in(&small));
        for name in names_in(&small) {
            assert_eq!(read(&again, &name), read(&small, &name), "{name}");
        }
        fs::remove_dir_all(&again).unwrap();
    }

    let staged = import(&small, &to, &Monitor::default()).unwrap();
    staged.publish(false).unwrap();
    staged.discard();
    staged.database().lock().close();
    let monitor = Monitor::default();
    export_to_directory(&to, &again, &archival(), &monitor).unwrap();
    for name in names_in(&plain) {
        if name != MANIFEST_NAME {
            assert_eq!(read(&again, &name), read(&plain, &name), "{name}");
        }
    }
}

#[test]
fn an_export_from_the_store_alone_removes_what_another_one_has_fetched() {
    let base = tempfile::tempdir().unwrap();
    let [store, export] = ["store", "export"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 2, 100);
    let fetched = export.join(".swing-store-fetched-0123456789abcdef");
    fs::create_dir_all(&fetched).unwrap();
    fs::write(fetched.join("lock"), "").unwrap();
    fs::write(fetched.join("transcript.v1.0.10"), "item\n").unwrap();
    export_to_directory(&store, &export, &archival(), &Monitor::default()).unwrap();
    assert!(!fetched.exists());
}

#[test]
fn an_aborted_export_or_import_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, to] = ["store", "export", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 300, 8_000_000);
    let monitor = Monitor::default();
    monitor.abort();
    let outcome = export_to_directory(&store, &export, &archival(), &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    assert!(!export.exists());

    let mut aborted = 0;
    for round in 0..10 {
        let monitor = Monitor::default();
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(round * 10));
                monitor.abort();
            });
            export_to_directory(&store, &export, &archival(), &monitor)
        });
        match outcome {
            Ok(_) => fs::remove_dir_all(&export).unwrap(),
            Err(Error::Aborted) => {
                aborted += 1;
                assert!(!export.exists());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(aborted > 0);

    export_to_directory(&store, &export, &archival(), &Monitor::default()).unwrap();
    aborted = 0;
    for round in 0..10 {
        let monitor = Monitor::default();
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(round * 20));
                monitor.abort();
            });
            import(&export, &to, &monitor)
        });
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Aborted), "{error}");
            aborted += 1;
        }
        // Dropping a staged database deletes it, whether complete or not.
        assert_eq!(names_in(&to), [""; 0]);
    }
    assert!(aborted > 0);
}

/// The size of a sparse file that takes minutes to read, compress or compare.
const HUGE: u64 = 400 << 30;

/// How long work may continue after an abort. Milliseconds suffice on an idle machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Aborts `work` once it has read part of a huge file.
fn abort_in_the_middle<T>(work: impl FnOnce(&Monitor) -> Result<T, Error> + Send) {
    let monitor = Monitor::default();
    let ended = AtomicBool::new(false);
    let (outcome, late) = thread::scope(|scope| {
        let aborted = scope.spawn(|| {
            while monitor.progress().bytes < 4 << 20 && !ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            monitor.abort();
            Instant::now()
        });
        let outcome = work(&monitor).map(drop);
        ended.store(true, Ordering::Relaxed);
        (outcome, aborted.join().unwrap().elapsed())
    });
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    assert!(late < PATIENCE, "it continued for {late:?}");
}

#[test]
fn an_abort_interrupts_work_on_a_single_artifact() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, other, to] =
        ["store", "export", "other", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 2, 1000);
    for directory in [&export, &other] {
        export_to_directory(&store, directory, &archival(), &Monitor::default()).unwrap();
        let image = directory.join("snapshot.v1.20");
        let huge = fs::OpenOptions::new().write(true).open(image).unwrap();
        huge.set_len(HUGE).unwrap();
    }
    abort_in_the_middle(|monitor| import(&export, &to, monitor));
    assert_eq!(names_in(&to), [""; 0]);
    let contents = DiffOptions {
        contents: true,
        ..DiffOptions::default()
    };
    abort_in_the_middle(|monitor| diff_stores(&export, &other, &contents, monitor));
}

#[test]
fn the_first_bad_artifact_is_the_error() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, to] = ["store", "export", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 40, 1000);
    export_to_directory(&store, &export, &archival(), &Monitor::default()).unwrap();
    for start in [390, 200, 100] {
        let name = format!("transcript.v1.{start}.{}", start + 10);
        fs::write(export.join(&name), b"nonsense\n").unwrap();
        let error = import(&export, &to, &Monitor::default()).err().unwrap();
        let expected = format!("artifact \"{name}\" is not complete");
        assert_eq!(error.to_string(), expected);
        assert_eq!(names_in(&to), [""; 0]);
    }
}

#[test]
fn a_store_is_replaced_only_while_no_process_has_it_open() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, to] = ["store", "export", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 2, 1000);
    export_to_directory(&store, &export, &archival(), &Monitor::default()).unwrap();
    for fast in [true, false] {
        fs::create_dir_all(&to).unwrap();
        let mut using = open(&to);
        using.kernel_set(b"old", b"yes").unwrap();
        using.commit().unwrap();
        assert!(to.join("swingstore.sqlite-wal").exists());
        let staged = import(&export, &to, &Monitor::default()).unwrap();
        assert_eq!(open(&to).kv_get(b"old").unwrap().unwrap(), b"yes");
        // The replacement is refused, and nothing changes.
        let error = staged.publish(fast).unwrap_err();
        assert_eq!(error.code(), "ERR_SWING_STORE_IN_USE", "{error}");
        assert!(to.join("swingstore.sqlite-wal").exists());
        assert_eq!(using.kv_get(b"old").unwrap().unwrap(), b"yes");
        using.kernel_set(b"old", b"still").unwrap();
        using.commit().unwrap();
        assert_eq!(open(&to).kv_get(b"old").unwrap().unwrap(), b"still");
        drop(using);
        staged.publish(fast).unwrap();
        let mut new = Store::over(staged.database().clone(), StoreOptions::default()).unwrap();
        assert_eq!(new.kv_get(b"key.1").unwrap().unwrap(), b"value");
        new.host_set(b"host.height", b"8").unwrap();
        new.commit().unwrap();
        new.close().unwrap();
        let reopened = open(&to);
        assert_eq!(reopened.kv_get(b"old").unwrap(), None);
        assert_eq!(reopened.kv_get(b"host.height").unwrap().unwrap(), b"8");
    }
}

#[test]
fn publishing_keeps_writes_after_the_commit() {
    let base = tempfile::tempdir().unwrap();
    let place = StoreLocation::Directory(base.path().join("to"));
    let staged = Staged::new(&place, &OpenOptions::default()).unwrap();
    Store::initialize(staged.database(), Some(true)).unwrap();
    let mut store = Store::over(staged.database().clone(), StoreOptions::default()).unwrap();
    store.kernel_set(b"one", b"1").unwrap();
    store.commit().unwrap();
    store.kernel_set(b"two", b"2").unwrap();
    let error = staged.publish(true).unwrap_err();
    assert!(
        error.to_string().contains("before commit() completed"),
        "{error}"
    );
    store.commit().unwrap();
    staged.publish(true).unwrap();
    assert_eq!(store.kv_get(b"two").unwrap().unwrap(), b"2");
}

#[cfg(unix)]
#[test]
fn an_endless_bundle_is_not_held_in_memory() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, to] = ["store", "export", "to"].map(|name| base.path().join(name));
    fs::create_dir(&store).unwrap();
    make_store(&store, 1, 1000);
    export_to_directory(&store, &export, &archival(), &Monitor::default()).unwrap();
    let manifest = fs::read_to_string(export.join(MANIFEST_NAME)).unwrap();
    let artifacts = "\"artifacts\": [";
    let with_bundle = format!("{artifacts} [\"bundle.b1-00\", \"endless\"],");
    fs::write(
        export.join(MANIFEST_NAME),
        manifest.replacen(artifacts, &with_bundle, 1),
    )
    .unwrap();
    // A sparse file, larger than any memory.
    let endless = fs::File::create(export.join("endless")).unwrap();
    endless.set_len(1 << 40).unwrap();
    let Err(error) = import(&export, &to, &Monitor::default()) else {
        panic!("it was accepted");
    };
    assert!(matches!(error, Error::ArtifactTooLong { .. }), "{error}");
}
