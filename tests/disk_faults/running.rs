//! Kernels whose disk fails.

use std::path::Path;
use std::sync::OnceLock;

use swing_store::store::verify::FindingKind;
use swing_store::store::{Error, Result, Store};

use super::kernel::{self, At, BLOCKS};
use super::plan;
use super::state::{check_sound, digest, findings};
use super::sweep::{Attempt, Sweep, scratch};

/// The state of a store after each block.
struct Model(Vec<String>);

static MODEL: OnceLock<Model> = OnceLock::new();

impl Model {
    /// Call this only while no fault is armed.
    fn get() -> &'static Model {
        MODEL.get_or_init(|| {
            let scratch = scratch();
            let digests = (0..=BLOCKS).map(|height| {
                let store = scratch.path().join("store");
                run_to(&store, height);
                digest(&store)
            });
            Model(digests.collect())
        })
    }

    /// Asserts that a closed store is sound and has the state after one of these blocks.
    fn check(&self, store: &Path, heights: &[u64], what: &str) {
        let found = digest(store);
        let height = self.0.iter().position(|digest| *digest == found);
        assert!(
            height.is_some_and(|height| heights.contains(&(height as u64))),
            "{what}: the store has the state after block {height:?}, not one of {heights:?}"
        );
        check_sound(store, what);
    }
}

/// Creates a store with the first blocks.
fn run_to(store: &Path, height: u64) {
    let mut kernel = kernel::open(store).unwrap();
    kernel::run_to(&mut kernel, height).unwrap();
    kernel.close().unwrap();
}

/// The blocks whose states a store may have after a failure at this point.
fn possible(at: At, last: u64) -> Vec<u64> {
    match at {
        At::Opening => vec![last],
        At::Block(height) => vec![height - 1],
        At::Commit(height) => vec![height - 1, height],
    }
}

fn open(store: &Path, small_cache: bool) -> Result<Store> {
    let kernel = kernel::open(store)?;
    if small_cache {
        kernel::with_small_cache(&kernel)?;
    }
    Ok(kernel)
}

/// Settings of the kernels of a sweep.
struct Setting {
    model: &'static Model,
    /// The last block of the store with which they start.
    last: u64,
    /// Whether SQLite writes within transactions.
    small_cache: bool,
}

impl Setting {
    fn open(&self, attempt: &Attempt<'_>) -> Result<Store> {
        open(&attempt.base.join("store"), self.small_cache)
    }

    /// A kernel that stops at the first error and is restarted.
    fn stops(&self, attempt: &Attempt<'_>) -> Result<()> {
        let store = attempt.base.join("store");
        let outcome = match self.open(attempt) {
            Err(error) => Err((At::Opening, error)),
            Ok(mut kernel) => {
                let outcome = kernel::run_to(&mut kernel, BLOCKS);
                kernel.close().unwrap();
                outcome
            }
        };
        plan::disarm();
        let heights = match &outcome {
            Ok(()) => vec![BLOCKS],
            Err((at, _)) => possible(*at, self.last),
        };
        // A new store without tables gets them now.
        let mut again = self.open(attempt).unwrap_or_else(|error| {
            panic!("{}: it does not open again: {error}", attempt.what);
        });
        again.close().unwrap();
        self.model.check(&store, &heights, &attempt.what);
        let mut again = self.open(attempt).unwrap();
        let done = kernel::run_to(&mut again, BLOCKS);
        done.unwrap_or_else(|error| panic!("{}: again: {error:?}", attempt.what));
        again.close().unwrap();
        self.model.check(&store, &[BLOCKS], &attempt.what);
        outcome.map_err(|(_, error)| error)
    }

    /// A kernel that continues with the same store once the cause is gone: it commits if that is still
    /// possible, and otherwise runs the block again.
    fn continues(&self, attempt: &Attempt<'_>) -> Result<()> {
        let what = &attempt.what;
        let mut kernel = self.open(attempt)?;
        let outcome = kernel::run_to(&mut kernel, BLOCKS);
        plan::disarm();
        if let Err((at, _)) = &outcome {
            let is_open = kernel.database().lock().in_transaction();
            match at {
                At::Commit(height) if is_open => {
                    kernel::commit(&mut kernel).unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(kernel::height(&kernel).unwrap(), *height, "{what}");
                }
                _ if is_open => kernel::abandon_block(&kernel).unwrap(),
                _ => {}
            }
            let height = kernel::height(&kernel)
                .unwrap_or_else(|error| panic!("{what}: {at:?} {outcome:?}: {error:?}"));
            assert!(
                possible(*at, self.last).contains(&height),
                "{what}: {height}"
            );
            if kernel.is_in_crank() {
                // A crank without its savepoints cannot be ended.
                kernel.close().unwrap();
                kernel = self.open(attempt).unwrap();
            }
            let done = kernel::run_to(&mut kernel, BLOCKS);
            done.unwrap_or_else(|error| panic!("{what}: continuing: {error:?}"));
        }
        kernel.close().unwrap();
        self.model
            .check(&attempt.base.join("store"), &[BLOCKS], what);
        outcome.map_err(|(_, error)| error)
    }

    /// A kernel that ignores errors.
    fn ignores(&self, attempt: &Attempt<'_>) -> Result<()> {
        let mut kernel = self.open(attempt)?;
        let done = kernel::run_carelessly(&mut kernel);
        plan::disarm();
        kernel.close().unwrap();
        // A snapshot may have been saved without the span that loads it. Everything written is
        // complete nevertheless.
        let mut findings = findings(&attempt.base.join("store"), &attempt.what);
        findings.retain(|finding| finding.kind != FindingKind::SnapshotUnmatched);
        assert!(findings.is_empty(), "{}: {findings:?}", attempt.what);
        done
    }
}

fn sweep(
    name: &str,
    last: u64,
    small_cache: bool,
    work: impl Fn(&Setting, &Attempt<'_>) -> std::result::Result<(), Error>,
) {
    let sweep = Sweep::new(name);
    let setting = Setting {
        model: Model::get(),
        last,
        small_cache,
    };
    if last > 0 {
        run_to(&sweep.template().join("store"), last);
    }
    sweep.run(|attempt| work(&setting, attempt));
}

#[test]
fn a_kernel_that_creates_a_store_and_stops() {
    sweep("new store", 0, false, Setting::stops);
}

#[test]
fn a_kernel_that_stops() {
    sweep("kernel", 2, false, Setting::stops);
}

#[test]
fn a_kernel_that_stops_with_a_small_cache() {
    sweep("kernel, small cache", 2, true, Setting::stops);
}

#[test]
fn a_kernel_that_continues() {
    sweep("kernel continues", 2, false, Setting::continues);
}

#[test]
fn a_kernel_that_continues_with_a_small_cache() {
    sweep("kernel continues, small cache", 2, true, Setting::continues);
}

#[test]
fn a_kernel_that_ignores_errors() {
    sweep("careless kernel", 2, false, Setting::ignores);
}

#[test]
fn a_kernel_that_ignores_errors_with_a_small_cache() {
    sweep("careless kernel, small cache", 2, true, Setting::ignores);
}
