//! Transcript artifacts.

use sha2::{Digest, Sha256};
use swing_store::store::{ArtifactMode, Store, StoreOptions, text_as_read, text_for_hash};

use super::scene::{hex, scene};
use super::{Target, allowed, split_first};

pub const TARGET: Target = Target {
    name: "span",
    run,
    seeds,
    words: &[
        b"\n",
        b"\r\n",
        b"\0",
        b"\n\n",
        b" ",
        b"\xED\xA0\x80",
        b"\xFF\xFE",
        b"\xEF\xBB\xBF",
        b"\xC3",
        b"{}",
    ],
    rounds: 1000,
};

fn seeds() -> Vec<Vec<u8>> {
    let (_, artifact) = scene().first_of("transcript.");
    let claims = [[3, 0, 0], [3, 0, 1], [3, 1, 3]];
    let mut seeds: Vec<_> = claims
        .iter()
        .map(|claim| [claim, artifact].concat())
        .collect();
    seeds.extend([
        b"\x01\0\0a".to_vec(),
        b"\0\0\0".to_vec(),
        b"\x02\0\x01a\n\n".to_vec(),
    ]);
    seeds
}

/// The hash of a span with these items.
fn hash_of<'a>(items: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hash = hex(&Sha256::digest("start of transcript span"));
    for item in items {
        let item = hex(&Sha256::digest(text_for_hash(&text_as_read(item))));
        hash = hex(&Sha256::digest(format!("{hash}{item}")));
    }
    hash
}

/// An artifact is taken if and only if it has as many items as its record says, and their hash; else
/// nothing of it stays.
fn run(input: &[u8]) {
    let (claimed, input) = split_first(input);
    let (wrong_hash, input) = split_first(input);
    let (cut, artifact) = split_first(input);
    let lines: Vec<&[u8]> = match artifact.strip_suffix(b"\n").unwrap_or(artifact) {
        [] if artifact.is_empty() => Vec::new(),
        lines => lines.split(|byte| *byte == b'\n').collect(),
    };
    let mut hash = hash_of(lines.iter().copied());
    if wrong_hash % 4 == 3 {
        hash = "00".repeat(32);
    }
    let end_pos = 5 + u64::from(claimed);
    let expected = lines.len() == usize::from(claimed) && wrong_hash % 4 != 3;

    let mut store = Store::in_memory(StoreOptions::default()).expect("a store");
    let record = format!(
        r#"{{"vatID":"v1","startPos":5,"endPos":{end_pos},"hash":"{hash}","isCurrent":1,"incarnation":0}}"#
    );
    store
        .import_span_record(b"transcript.v1.current", record.as_bytes())
        .expect("a record");
    let name = format!("transcript.v1.5.{end_pos}");
    let import = store.import_span(name.as_bytes(), ArtifactMode::Operational);
    let mut import = import.expect("a place").expect("a mode that wants it");
    let size = usize::from(cut).max(1);
    let chunks = artifact.chunks(if cut == 0 { 1 << 20 } else { size });
    let failed = chunks.into_iter().find_map(|chunk| import.add(chunk).err());
    let taken = match failed {
        Some(error) => {
            allowed(import.abandon()).expect("what failed is removed");
            allowed::<()>(Err(error)).is_some()
        }
        None => allowed(import.finish()).is_some(),
    };
    assert_eq!(taken, expected);
    let items = store.dump_transcripts(true).expect("what is there");
    assert_eq!(items.len(), if expected { lines.len() } else { 0 });
    if expected {
        let reader = store.export_span(name.as_bytes()).expect("what was taken");
        let mut exported = Vec::new();
        while let Some(chunk) = reader.next_chunk().expect("what was taken") {
            exported.extend(chunk);
        }
        let wanted: Vec<u8> = lines
            .iter()
            .flat_map(|line| [&text_as_read(line)[..], b"\n"].concat())
            .collect();
        assert_eq!(exported, wanted);
    }
}
