//! Names of artifacts.

use swing_store::store::{
    Artifact, ArtifactMode, Exporter, Store, StoreOptions, archive, bundle_id_from_name,
};

use super::scene::{MODES, scene, temporary};
use super::{Target, allowed};

pub const TARGET: Target = Target {
    name: "names",
    run,
    seeds,
    words: WORDS,
    rounds: 600,
};

pub const WORDS: &[&[u8]] = &[
    b"transcript.",
    b"snapshot.",
    b"bundle.",
    b"v1",
    b".",
    b".current",
    b"0",
    b"-1",
    b"1e3",
    b"0x10",
    b" 3",
    b"Infinity",
    b"NaN",
    b"9007199254740993",
    b"-9223372036854775808",
    b"99999999999999999999",
    b"/",
    b"../",
    b"\0",
    b"\xED\xA0\x80",
    b"\xFF",
    b"\xE2\x80\x8B",
    b"0b1",
    b"+1",
    b"1.0",
];

fn seeds() -> Vec<Vec<u8>> {
    let names = scene()
        .export
        .iter()
        .map(|(name, _)| name.clone().into_bytes());
    names.collect()
}

thread_local! {
    static EXPORTER: Exporter = {
        let directory = temporary();
        scene().put_store(directory.path());
        let exporter = Exporter::open(directory.path(), ArtifactMode::Debug).expect("an exporter");
        exporter.artifact_names().expect("the store to be complete");
        exporter
    };
}

fn run(name: &[u8]) {
    drop(bundle_id_from_name(name).map(<[u8]>::to_vec));
    archive::can_archive(name);
    EXPORTER.with(|exporter| {
        let names = exporter.artifact_names().expect("the store to be complete");
        let checked = allowed(exporter.check_artifact_name(name));
        match allowed(exporter.artifact(name)) {
            None => assert!(!names.iter().any(|found| found == name)),
            Some(artifact) => {
                assert!(checked.is_some());
                read(artifact);
            }
        }
    });
    // A store without records accepts no artifact.
    let mut store = Store::in_memory(StoreOptions::default()).expect("a store");
    for mode in MODES {
        assert!(allowed(store.import_span(name, mode)).is_none());
        assert!(allowed(store.import_snapshot(name, mode)).is_none());
    }
    allowed(store.import_bundle_record(name, name));
    allowed(store.export_bundle(name));
    allowed(store.import_span_record(name, b"{}"));
    allowed(store.import_snapshot_record(name, b"{}"));
}

/// Reads an artifact, or its first part.
pub fn read(artifact: Artifact) -> u64 {
    const ENOUGH: u64 = 8 << 20;
    let mut bytes = 0;
    match artifact {
        Artifact::Fetched(_) => unreachable!(),
        Artifact::Bundle(contents) => bytes += contents.len() as u64,
        Artifact::Snapshot(mut image) => {
            while bytes < ENOUGH
                && let Some(Some(chunk)) = allowed(image.next_chunk())
            {
                bytes += chunk.len() as u64;
            }
        }
        Artifact::Span(reader) => {
            while bytes < ENOUGH
                && let Some(Some(chunk)) = allowed(reader.next_chunk())
            {
                bytes += chunk.len() as u64;
            }
        }
    }
    bytes
}
