//! The table of bundles, and the vats that use them.

use std::collections::{BTreeSet, HashMap};

use crate::report::contents::StoreContents;
use crate::report::vats::Amount;
use crate::report::words;
use crate::store::encoding::plural::grouped;
use crate::store::history::{BundlePlace, VatInfo};

/// How many bundles a page lists.
pub(super) const MOST_BUNDLES: usize = 1_000;

/// How many names and vats a row lists.
const MOST_NAMED: usize = 12;

/// A row of the table.
pub(super) struct BundleRow {
    pub(super) id: String,
    pub(super) stored: &'static str,
    pub(super) is_missing: bool,
    pub(super) size: Amount,
    pub(super) names: String,
    /// The vats that run this code.
    pub(super) vats: String,
    /// The vats whose workers load this code first.
    pub(super) workers: String,
}

/// The bundles of a page.
pub(super) struct Bundles {
    pub(super) rows: Vec<BundleRow>,
    /// The number of bundles that are not listed.
    pub(super) others: Option<String>,
}

/// The vats that use a bundle, as indices into the list of vats.
#[derive(Default)]
struct Users {
    vats: BTreeSet<usize>,
    workers: BTreeSet<usize>,
}

impl Bundles {
    pub(super) fn of(contents: &StoreContents) -> Bundles {
        let users = users(&contents.vats);
        let mut listed: Vec<_> = contents.bundles.iter().collect();
        if contents.one.is_some() {
            listed.retain(|bundle| users.contains_key(&bundle.bundle_id));
        }
        listed.sort_by_key(|bundle| std::cmp::Reverse(bundle.bytes));
        let rest = listed.split_off(listed.len().min(MOST_BUNDLES));
        let none = Users::default();
        let rows = listed.into_iter().map(|bundle| {
            let users = users.get(&bundle.bundle_id).unwrap_or(&none);
            let named = |places: &BTreeSet<usize>| {
                let vats = places.iter().filter_map(|place| contents.vats.get(*place));
                list(vats.map(|vat| vat.vat_id.as_str()), places.len())
            };
            let size = u64::try_from(bundle.bytes.unwrap_or(0)).unwrap_or(0);
            BundleRow {
                id: words::text(&bundle.bundle_id),
                stored: match bundle.stored_in {
                    Some(BundlePlace::BundleStore) => "yes",
                    Some(BundlePlace::KvStore) => "in the key-value store",
                    None => "missing",
                },
                is_missing: bundle.stored_in.is_none(),
                size: Amount::bytes(size),
                names: list(bundle.names.iter().map(String::as_str), bundle.names.len()),
                vats: named(&users.vats),
                workers: named(&users.workers),
            }
        });
        Bundles {
            rows: rows.collect(),
            others: (!rest.is_empty()).then(|| grouped(rest.len())),
        }
    }
}

/// Joins the first texts, and appends the number of the others.
fn list<'a>(texts: impl Iterator<Item = &'a str>, count: usize) -> String {
    let named: Vec<_> = texts.take(MOST_NAMED).map(words::text).collect();
    match count.saturating_sub(MOST_NAMED) {
        0 => named.join(", "),
        more => format!("{} and {} more", named.join(", "), grouped(more)),
    }
}

/// The vats that use each bundle now, according to the kernel's keys.
fn users(vats: &[VatInfo]) -> HashMap<String, Users> {
    let mut found: HashMap<String, Users> = HashMap::new();
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    for (place, vat) in vats.iter().enumerate() {
        let source = vat.source.as_ref().and_then(|text| parsed(text.get()));
        if let Some(id) = source.as_ref().and_then(|json| json["bundleID"].as_str()) {
            found.entry(id.to_owned()).or_default().vats.insert(place);
        }
        let options = vat.options.as_ref().and_then(|text| parsed(text.get()));
        let ids = options
            .as_ref()
            .and_then(|json| json["workerOptions"]["bundleIDs"].as_array());
        for id in ids.into_iter().flatten().filter_map(|id| id.as_str()) {
            found
                .entry(id.to_owned())
                .or_default()
                .workers
                .insert(place);
        }
    }
    found
}
