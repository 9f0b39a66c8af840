//! What two stores, or exports of stores, do not have in common.
//!
//! Records are compared key by key, in one walk over both in the order of the keys. A store's
//! kvStore is in that order by itself. The records of spans, snapshots and bundles, and all records
//! of an export (whose file may be in any order, and may say something twice) are put in order in
//! a temporary database first (`sorted`), so that memory does not grow with their number. Records
//! hold the hashes of artifacts, so artifacts are compared by name, and byte for byte on request.

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

/// What to compare.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DiffOptions {
    /// Which artifacts of a store count; `None` for those of the mode that the other was exported
    /// in, or everything that is there if both are stores.
    #[serde(rename = "artifactMode")]
    pub mode: Option<ArtifactMode>,
    /// Whether to compare artifacts byte for byte where their records are equal.
    pub contents: bool,
    /// Whether to compare keys that are not exported, too: the host's and this machine's.
    pub local_keys: bool,
    /// How many differences are listed.
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

/// Compares what is in two directories, each a store's or an export's, without changing either. A
/// store is taken at its last commit.
///
/// # Errors
/// [`NoStore`] for a directory without either, or for local keys of an export; [`BadArgument`] for
/// a directory with both; [`Directory`] for an export that is malformed; [`Aborted`]; [`Io`];
/// SQLite's errors.
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
    // Whatever SQLite was doing when it was interrupted, this is the reason.
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
                    "it holds an export, which has no local keys to compare. Name two stores, or \
                     leave local keys out",
                ));
            }
        }
    }
    monitor.begin(Stage::Working);
    let mut differences = Differences::new(options.limit.max(1));
    let sorted = Sorted::new()?;
    let records = match places.iter().all(Operand::has_records) {
        true => Some(compare_records(
            &places,
            &sorted,
            monitor,
            &mut differences,
        )?),
        false => None,
    };
    let local_keys = match options.local_keys {
        true => Some(compare_local_keys(&places, monitor, &mut differences)?),
        false => None,
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

/// Which artifacts to compare; none if an export was made without.
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

/// DifferenceCounts a key, and notes how it differs if it does. Returns whether it does.
fn take(
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

/// How many bytes are compared before it is asked whether to go on.
const STEP_BYTES: usize = 256 << 10;

/// DifferenceCounts bytes now and then.
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
            let differs = take(Subject::Record, &mut counts, differences, (key, in_a, in_b));
            if differs && !key.starts_with(b"kv.") {
                sorted.note_differing(key)?;
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

/// Gives `take` all records of one side.
fn with_records<T>(
    place: &Operand,
    side: Side,
    sorted: &Sorted,
    take: impl FnOnce(&mut dyn Cursor) -> Result<T>,
) -> Result<T> {
    place.with_kv(Keys::Consensus, |kv| {
        sorted.with_cursor(side, |others| take(&mut Union::new(kv, others)))
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
                take(
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
