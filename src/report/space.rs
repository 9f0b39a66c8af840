//! How a store's bytes are used, and how to free some of them.

use crate::report::contents::StoreContents;
use crate::report::sums::{Sizes, prunable};
use crate::report::vats::{Amount, BarPart, bar};
use crate::report::words;
use crate::store::encoding::plural::{grouped, plural};
use crate::store::history::KeyKind;
use crate::store::records::mode::ArtifactMode;

/// A kind of contents, and its share of the file.
pub(super) struct SpaceShare {
    pub(super) class: &'static str,
    pub(super) label: &'static str,
    pub(super) contents: String,
    pub(super) size: Amount,
    pub(super) percent: String,
    pub(super) bar: Vec<BarPart>,
}

/// The contents of the file, the largest kind first. All kinds together make up the whole file.
pub(super) fn kinds(contents: &StoreContents) -> Vec<SpaceShare> {
    let mut sizes = Sizes::default();
    contents
        .vats
        .iter()
        .for_each(|vat| sizes.add(Sizes::of(vat, contents)));
    // These include the keys of all vats.
    let keys = contents.keys.total.bytes;
    let stored = contents
        .bundles
        .iter()
        .filter_map(|bundle| match bundle.stored_in {
            Some(crate::store::history::BundlePlace::BundleStore) => bundle.bytes,
            _ => None,
        });
    let bundles = stored.fold(0u64, |sum, bytes| sum.saturating_add(bytes.max(0) as u64));
    let free = contents.space.free_bytes;
    let whole = contents.space.file_bytes;
    let known = [sizes.transcripts, sizes.snapshots, keys, bundles, free];
    let known = known
        .iter()
        .fold(0u64, |sum, part| sum.saturating_add(*part));
    let count = |of: fn(&crate::store::history::VatInfo) -> u64| contents.vats.iter().map(of).sum();
    let items: u64 = count(|vat| vat.items.unsigned_abs());
    let images: u64 = count(|vat| vat.populated_snapshots as u64);
    let mut kinds = [
        (
            "transcripts",
            "Transcripts",
            plural(items, "item"),
            sizes.transcripts,
        ),
        (
            "snapshots",
            "Heap snapshots",
            format!("{}, compressed", plural(images, "image")),
            sizes.snapshots,
        ),
        (
            "keys",
            "Key-value store",
            plural(contents.keys.total.keys, "key"),
            keys,
        ),
        (
            "bundles",
            "Bundles",
            plural(contents.bundles.len(), "bundle"),
            bundles,
        ),
        (
            "rest",
            "Indexes and the rest",
            "indexes, records, and what SQLite adds to each row".into(),
            whole.saturating_sub(known),
        ),
        (
            "free",
            "Free",
            "SQLite will reuse it; reclaim returns it to the file system".into(),
            free,
        ),
    ];
    kinds[..4].sort_by_key(|kind| std::cmp::Reverse(kind.3));
    let whole = whole.max(known);
    let mut parts: Vec<_> = kinds.iter().map(|kind| (kind.0, kind.3)).collect();
    let kinds = kinds.into_iter().map(|(class, label, contents, bytes)| {
        // The bar starts after the kinds before it.
        for part in &mut parts {
            if part.0 == class {
                break;
            }
            part.0 = "";
        }
        SpaceShare {
            bar: bar(&parts, whole)
                .into_iter()
                .filter(|part| part.class == class)
                .collect(),
            class,
            label,
            contents,
            percent: words::percent(bytes, whole),
            size: Amount::bytes(bytes),
        }
    });
    kinds.collect()
}

/// A kind of key in the key-value store.
pub(super) struct KeyRow {
    pub(super) label: &'static str,
    pub(super) keys: String,
    pub(super) size: Amount,
    pub(super) percent: String,
}

/// The kinds of keys in the key-value store, the largest first.
pub(super) fn key_rows(contents: &StoreContents) -> Vec<KeyRow> {
    let mut kinds: Vec<_> = contents.keys.kinds.iter().collect();
    kinds.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.bytes));
    let row = |(kind, tally): (&KeyKind, &crate::store::history::KeyTally)| KeyRow {
        label: match kind {
            KeyKind::VatStore => "vat storage (vNN.vs.…)",
            KeyKind::CList => "c-lists (vNN.c.…)",
            KeyKind::Vat => "other vat data (vNN.…)",
            KeyKind::Object => "objects (koNN.…)",
            KeyKind::Promise => "promises (kpNN.…)",
            KeyKind::Bundle => "bundles of older kernels (bundle.…)",
            KeyKind::Host => "host data (host.…)",
            KeyKind::Local => "local data (local.…)",
            KeyKind::Kernel => "other kernel data",
        },
        keys: grouped(tally.keys),
        size: Amount::bytes(tally.bytes),
        percent: words::percent(tally.bytes, contents.keys.total.bytes),
    };
    kinds.into_iter().map(row).collect()
}

/// What pruning would free.
pub(super) struct Pruning {
    pub(super) mode: &'static str,
    pub(super) keeps: &'static str,
    pub(super) items: String,
    pub(super) images: String,
    pub(super) size: Amount,
}

/// What pruning would free, from the mode that keeps least to the one that keeps most.
pub(super) fn prunings(contents: &StoreContents) -> Vec<Pruning> {
    let modes = [
        (ArtifactMode::Operational, "only what a kernel needs to run"),
        (ArtifactMode::Replay, "each vat's current incarnation"),
        (ArtifactMode::Archival, "all but terminated vats"),
    ];
    let prunings = modes.into_iter().map(|(mode, keeps)| {
        let found = prunable(contents, mode);
        Pruning {
            mode: mode.name(),
            keeps,
            items: format!(
                "{} of {}",
                plural(found.items, "item"),
                plural(found.spans, "span")
            ),
            images: plural(found.snapshots, "image"),
            size: Amount::bytes(found.item_bytes.saturating_add(found.image_bytes)),
        }
    });
    prunings.collect()
}
