//! The export data of a directory, one record per line.

use std::fs;

use swing_store::store::directory::{
    DATA_NAME, ImportOptions, RepairOptions, import_from_directory, repair_metadata,
};
use swing_store::store::{Exporter, Monitor, diff_stores};

use super::scene::{mode_of, scene, temporary};
use super::{Target, allowed, split_first};

pub const TARGET: Target = Target {
    name: "data",
    run,
    seeds,
    words: &[
        b"[\"kv.a\",\"1\"]\n",
        b"[\"kv.a\"]\n",
        b"[\"kv.a\",null]\n",
        b"\n",
        b"[\"transcript.v1.0\",",
        b"[\"kv.local.x\",\"\"]\n",
        b"[\"kv.host.x\",\"\"]\n",
        b"[\"kv\",\"\"]\n",
        b"\\u0000",
        b"\\ud800",
        b"\xFF",
        b"\xED\xA0\x80",
        b"\r",
        b"[[[[[[[[",
        b"]",
        b"\"",
        b"\\\"endPos\\\":9007199254740991",
        b"\\\"isCurrent\\\":0",
        b"1e999",
        b"{}",
    ],
    rounds: 45,
};

fn seeds() -> Vec<Vec<u8>> {
    let data = scene().exported(DATA_NAME);
    (0..4).map(|mode| [&[mode], data].concat()).collect()
}

/// Checks that an imported store can be exported in the mode for which it is complete.
fn run(input: &[u8]) {
    let (mode, data) = split_first(input);
    let mode = mode_of(mode);
    let base = temporary();
    let [export, store, other] = ["export", "store", "other"].map(|name| base.path().join(name));
    scene().put_export(&export);
    fs::write(export.join(DATA_NAME), data).expect("the export data");
    fs::create_dir(&store).expect("a directory for the store");
    let options = ImportOptions {
        mode: Some(mode),
        ..ImportOptions::default()
    };
    let imported = allowed(import_from_directory(
        &export,
        &store,
        &options,
        &Monitor::default(),
    ));
    match imported {
        Some(_) => {
            let exporter = Exporter::open(&store, mode).expect("an exporter of what was imported");
            exporter
                .check_complete()
                .expect("what was found to be complete");
            exporter
                .artifact_names()
                .expect("what was found to be complete");
        }
        None => assert_eq!(
            fs::read_dir(&store).expect("the directory").count(),
            0,
            "something is left"
        ),
    }
    scene().put_pruned_store(&other);
    allowed(repair_metadata(
        &export,
        &other,
        &RepairOptions::default(),
        &Monitor::default(),
    ));
    allowed(diff_stores(
        &export,
        &other,
        &Default::default(),
        &Monitor::default(),
    ));
}
