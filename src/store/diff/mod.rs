//! Compares two stores, or exports of stores.
//!
//! One pass over both sides, in the order of keys, compares the records. A store's kvStore has an
//! index in that order. The records of spans, snapshots and bundles, and all records of an export
//! (whose file may be unordered and repeat keys), are first sorted in a temporary database
//! (`sorted`), which bounds memory. Records contain the hashes of artifacts, so artifacts are
//! compared by name, and byte for byte on request.

mod artifact_bytes;
mod artifacts;
mod difference;
mod keys;
mod operand;
mod sorted;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Deserialize;

pub use difference::{DiffReport, Difference, DifferenceCounts, Subject, Which};

use crate::store::database::locate::no_store;
use crate::store::encoding::fields;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};
use difference::{Differences, cut};
use keys::Keys;
use operand::Operand;
use sorted::{Cursor, Side, Sorted, Union, merge};

/// Options of a comparison.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DiffOptions {
    /// The mode whose artifacts are compared. By default the mode of the export; for two stores, all
    /// artifacts.
    #[serde(rename = "artifactMode")]
    pub mode: Option<ArtifactMode>,
    /// Whether to compare artifacts byte for byte if their records are equal.
    pub contents: bool,
    /// Whether to also compare keys that are not exported: the `host.` and `local.` keys.
    pub local_keys: bool,
    /// How many differences the report lists.
    #[serde(deserialize_with = "fields::count")]
    pub limit: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        DiffOptions {
            mode: None,
            contents: false,
            local_keys: false,
            limit: 1000,
        }
    }
}

/// Compares two directories, each of which contains a store or an export, without changing them. A
/// store is read as of its last commit.
///
/// # Errors
/// [`NoStore`] for a directory with neither, or for local keys of an export; [`BadArgument`] for a
/// directory with both; [`Directory`] for a malformed export; [`Aborted`]; [`Io`]; SQLite's errors.
///
/// [`NoStore`]: crate::store::error::Error::NoStore
/// [`BadArgument`]: crate::store::error::Error::BadArgument
/// [`Directory`]: crate::store::error::Error::Directory
/// [`Aborted`]: crate::store::error::Error::Aborted
/// [`Io`]: crate::store::error::Error::Io
pub fn diff_stores(
    a: &Path,
    b: &Path,
    options: &DiffOptions,
    monitor: &Monitor,
) -> Result<DiffReport> {
    let outcome = diff(a, b, options, monitor);
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    let report = outcome
        .map_err(|error| error.with_hint(format_args!("{} or {}", a.display(), b.display())))?;
    monitor.begin(Stage::Done);
    Ok(report)
}

fn diff(a: &Path, b: &Path, options: &DiffOptions, monitor: &Monitor) -> Result<DiffReport> {
    monitor.check()?;
    let places = [Operand::open(a, monitor)?, Operand::open(b, monitor)?];
    if options.local_keys {
        for (place, path) in places.iter().zip([a, b]) {
            if !place.is_store() {
                return Err(no_store(
                    path,
                    "it is an export, which has no local keys. Name two stores, or do not compare \
                     local keys",
                ));
            }
        }
    }
    monitor.begin(Stage::Working);
    let mut differences = Differences::new(options.limit.max(1));
    let sorted = Sorted::new()?;
    let records = if places.iter().all(Operand::has_records) {
        Some(compare_records(
            &places,
            &sorted,
            monitor,
            &mut differences,
        )?)
    } else {
        None
    };
    let local_keys = if options.local_keys {
        Some(compare_local_keys(&places, monitor, &mut differences)?)
    } else {
        None
    };
    let mut artifacts = None;
    let mut contents = 0;
    if let Some(mode) = mode_of(&places, options) {
        let (mut counts, both) = artifacts::compare_names(&places, mode, &mut differences)?;
        if options.contents {
            let names = artifacts::with_same_records(both, &sorted)?;
            contents = names.len() as u64;
            monitor.set_total(names.len());
            counts.differing =
                artifacts::compare_contents(&places, &names, monitor, &mut differences)?;
        }
        artifacts = Some(counts);
    }
    monitor.begin(Stage::Finishing);
    let [place_a, place_b] = &places;
    Ok(DiffReport {
        block_heights: [place_a.block_height()?, place_b.block_height()?],
        differences: differences.list,
        left_out: differences.left_out,
        records,
        local_keys,
        artifacts,
        contents,
    })
}

/// The mode whose artifacts are compared; `None` if an export has no artifacts.
fn mode_of(places: &[Operand; 2], options: &DiffOptions) -> Option<ArtifactMode> {
    let mut least = ArtifactMode::Debug;
    for place in places.iter().filter(|place| !place.is_store()) {
        match place.mode() {
            Some(mode) => least = least.min(mode),
            None => return None,
        }
    }
    Some(options.mode.unwrap_or(least))
}

/// Counts a key, and records how its values differ. Returns whether they differ.
fn compare_key(
    subject: Subject,
    counts: &mut DifferenceCounts,
    differences: &mut Differences,
    (key, a, b): (&[u8], Option<&[u8]>, Option<&[u8]>),
) -> bool {
    counts.a += u64::from(a.is_some());
    counts.b += u64::from(b.is_some());
    let which = match (a, b) {
        (Some(_), None) => {
            counts.only_a += 1;
            Which::A
        }
        (None, _) => {
            counts.only_b += 1;
            Which::B
        }
        (Some(a), Some(b)) if a == b => return false,
        _ => {
            counts.differing += 1;
            Which::Both
        }
    };
    differences.add(|| Difference {
        subject,
        which,
        name: cut(key),
        values: [a.map(cut), b.map(cut)],
        detail: None,
    });
    true
}

/// How many bytes are compared between two checks for an abort.
const STEP_BYTES: usize = 256 << 10;

/// Counts bytes, and passes them to the monitor once a step is complete.
fn count(monitor: &Monitor, bytes: &mut usize, more: usize) -> Result<()> {
    *bytes += more;
    if *bytes >= STEP_BYTES {
        monitor.count(std::mem::take(bytes))?;
    }
    Ok(())
}

fn length(value: Option<&[u8]>) -> usize {
    value.map_or(0, <[u8]>::len)
}

fn compare_records(
    places: &[Operand; 2],
    sorted: &Sorted,
    monitor: &Monitor,
    differences: &mut Differences,
) -> Result<DifferenceCounts> {
    for (place, side) in places.iter().zip([Side::A, Side::B]) {
        place.sort_records(side, sorted, monitor)?;
    }
    let mut counts = DifferenceCounts::default();
    let mut bytes = 0;
    let mut walk = |a: &mut dyn Cursor, b: &mut dyn Cursor| {
        merge(a, b, |key, in_a, in_b| {
            count(monitor, &mut bytes, key.len() + length(in_a) + length(in_b))?;
            let differs = compare_key(Subject::Record, &mut counts, differences, (key, in_a, in_b));
            if differs && !key.starts_with(b"kv.") {
                sorted.mark_differing(key)?;
            }
            Ok(())
        })
    };
    let [a, b] = places;
    with_records(a, Side::A, sorted, |a| {
        with_records(b, Side::B, sorted, |b| walk(a, b))
    })?;
    monitor.count(bytes)?;
    Ok(counts)
}

/// Calls `walk` with a cursor over all records of one side.
fn with_records<T>(
    place: &Operand,
    side: Side,
    sorted: &Sorted,
    walk: impl FnOnce(&mut dyn Cursor) -> Result<T>,
) -> Result<T> {
    place.with_kv(Keys::Consensus, |kv| {
        sorted.with_cursor(side, |others| walk(&mut Union::new(kv, others)))
    })
}

fn compare_local_keys(
    places: &[Operand; 2],
    monitor: &Monitor,
    differences: &mut Differences,
) -> Result<DifferenceCounts> {
    let mut counts = DifferenceCounts::default();
    let mut bytes = 0;
    let [a, b] = places;
    a.with_kv(Keys::Local, |a| {
        b.with_kv(Keys::Local, |b| {
            merge(a, b, |key, in_a, in_b| {
                count(monitor, &mut bytes, key.len() + length(in_a) + length(in_b))?;
                compare_key(
                    Subject::LocalKey,
                    &mut counts,
                    differences,
                    (key, in_a, in_b),
                );
                Ok(())
            })
        })
    })?;
    monitor.count(bytes)?;
    Ok(counts)
}
