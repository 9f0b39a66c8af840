//! A model of a store: plain maps.

use std::collections::BTreeMap;
use std::ops::Bound;

use swing_store::store::{ExportChange, Sha256};

pub const SPAN_KEY: &[u8] = b"transcript.v1.current";

pub const KEYS: [&[u8]; 12] = [
    b"",
    b"\0",
    b"a",
    b"a\0",
    b"aa",
    b"b",
    b"local.a",
    b"c",
    b"d",
    b"\xC3\xA9",
    b"\xED\xA0\x80",
    b"\xF0\x9F\x98\x80",
];

/// The observable state of a store.
#[derive(Clone, Default)]
pub struct State {
    pub kv: BTreeMap<Vec<u8>, Vec<u8>>,
    pub items: Vec<Vec<u8>>,
    /// Changes of the export data. For a span's record, only the required parts.
    pub pending: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl State {
    pub fn note(&mut self, key: &[u8], value: Option<&[u8]>) {
        if !key.starts_with(b"local.") {
            let record_key = [b"kv.", key].concat();
            self.pending.insert(record_key, value.map(<[u8]>::to_vec));
        }
    }

    pub fn key_after(&self, key: &[u8]) -> Option<Vec<u8>> {
        let behind = (Bound::Excluded(key), Bound::Unbounded);
        self.kv
            .range::<[u8], _>(behind)
            .next()
            .map(|(key, _)| key.clone())
    }

    pub fn span_hash(&self) -> String {
        let seed = Sha256::of(b"start of transcript span");
        self.items.iter().fold(seed, |prior, item| {
            Sha256::of((prior + &Sha256::of(item)).as_bytes())
        })
    }

    /// Asserts that `notes` are the pending changes, and clears these.
    pub fn check_notes(&mut self, notes: Vec<ExportChange>, what: &str) {
        let expected = std::mem::take(&mut self.pending);
        assert_eq!(notes.len(), expected.len(), "{what}: {notes:?}");
        for ((key, value), (expected_key, expected_value)) in notes.into_iter().zip(expected) {
            assert_eq!(key, expected_key, "{what}");
            let is_same = match (&key[..], value.as_deref(), expected_value.as_deref()) {
                (SPAN_KEY, Some(value), Some(part)) => {
                    value.windows(part.len()).any(|window| window == part)
                }
                (_, value, expected) => value == expected,
            };
            assert!(is_same, "{what}: {key:?}: {value:?}");
        }
    }
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn key(&mut self) -> &'static [u8] {
        KEYS[self.below(KEYS.len())]
    }

    pub fn value(&mut self) -> Vec<u8> {
        let length = [0, 1, 5, 40, 3000][self.below(5)];
        let letter = b'a' + self.below(26) as u8;
        vec![letter; length]
    }
}
