//! The sizes of spans that were measured so far.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::store::tasks::lock;

/// The sizes of a vat's spans in bytes, by the spans' first positions.
pub(super) type VatSizes = HashMap<i64, u64>;

/// The measured sizes.
#[derive(Default)]
pub(super) struct SizeCache(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    vats: HashMap<String, VatSizes>,
    /// Whether all vats were measured.
    all: bool,
}

impl SizeCache {
    /// Whether a vat was measured or, for `None`, all vats.
    pub(super) fn has(&self, vat_id: Option<&str>) -> bool {
        let measured = lock::lock(&self.0);
        measured.all || vat_id.is_some_and(|vat_id| measured.vats.contains_key(vat_id))
    }

    /// The size of a span in bytes; `None` if it was not measured.
    pub(super) fn of_span(&self, vat_id: &str, start_pos: i64) -> Option<u64> {
        let measured = lock::lock(&self.0);
        match measured.vats.get(vat_id) {
            Some(vat) => Some(vat.get(&start_pos).copied().unwrap_or(0)),
            None => measured.all.then_some(0),
        }
    }

    /// Sets the sizes of a vat's spans.
    pub(super) fn set(&self, vat_id: &str, sizes: VatSizes) {
        let mut measured = lock::lock(&self.0);
        measured.vats.insert(vat_id.to_owned(), sizes);
    }

    /// Sets the sizes of all spans.
    pub(super) fn set_all(&self, vats: HashMap<String, VatSizes>) {
        let mut measured = lock::lock(&self.0);
        *measured = Measured { vats, all: true };
    }
}
