//! Contents of a store for tests of the order of rows: three vats with 30 items each, in spans of 10.

#![allow(clippy::unwrap_used)]

use super::{Store, StoreOptions};

pub(crate) const VATS: [&[u8]; 3] = [b"v1", b"v2", b"v3"];

/// The item of a vat, by its index, at a position.
pub(crate) fn item(vat: usize, position: usize) -> Vec<u8> {
    format!("{vat} {position} {}", "x".repeat(position % 7)).into_bytes()
}

/// A store in memory with the vats ([`fill`]).
pub(crate) fn in_memory(is_interleaved: bool) -> Store {
    let mut store = Store::in_memory(StoreOptions::default()).unwrap();
    fill(&mut store, is_interleaved);
    store
}

/// Adds the vats to an empty store. Their items are interleaved, as a chain writes them, or vat by
/// vat.
pub(crate) fn fill(store: &mut Store, is_interleaved: bool) {
    for vat in VATS {
        store.init_transcript(vat).unwrap();
    }
    let mut add = |vat: usize, position: usize| {
        store.add_item(VATS[vat], &item(vat, position)).unwrap();
        if position % 10 == 9 {
            store.rollover(VATS[vat], false).unwrap();
        }
    };
    if is_interleaved {
        (0..30).for_each(|position| (0..3).for_each(|vat| add(vat, position)));
    } else {
        (0..3).for_each(|vat| (0..30).for_each(|position| add(vat, position)));
    }
    store.commit().unwrap();
}
