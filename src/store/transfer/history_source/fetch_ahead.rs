//! Fetches artifacts ahead of a caller that takes one after the other.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use tempfile::SpooledTempFile;

use super::source::HistorySource;
use super::wanted::Wanted;
use crate::store::error::{Error, Result};
use crate::store::places;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// How many artifacts are fetched ahead.
const AHEAD: usize = places::PARALLEL;

/// The size of the largest fetched artifact that is held in memory, in bytes. Larger ones are in
/// temporary files.
const MAX_IN_MEMORY: usize = 1 << 20;

/// Fetches artifacts that the store lacks, those that the caller expects ahead of it.
///
/// Several threads can use it. Dropping it ends what is being fetched.
pub(crate) struct FetchAhead {
    shared: Arc<Shared>,
}

/// What the threads share that fetch artifacts.
struct Shared {
    source: Arc<HistorySource>,
    monitor: Monitor,
    /// The artifacts in the order in which the caller will take them, if it takes all.
    order: Vec<Wanted>,
    indices: HashMap<Vec<u8>, usize>,
    state: Mutex<State>,
    /// Signals that an artifact was fetched.
    fetched: Condvar,
}

#[derive(Default)]
struct State {
    /// The index that follows the last one that was taken.
    next: usize,
    /// The artifacts that are fetched ahead, by index.
    slots: BTreeMap<usize, Slot>,
    /// The number of threads that fetch.
    threads: usize,
}

/// An artifact that is fetched ahead.
enum Slot {
    Waiting,
    Fetching,
    Fetched(Result<FetchedArtifact>),
}

/// An artifact that was fetched and matches its record.
pub struct FetchedArtifact {
    contents: BufReader<SpooledTempFile>,
}

impl FetchedArtifact {
    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let mut chunk = Vec::new();
        let most = limits().chunk_bytes.max(1) as u64;
        let read = (&mut self.contents).take(most).read_to_end(&mut chunk);
        read.map_err(|error| temporary("reading", &error))?;
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Reads the next item of a span, which is on a line, into `item`. Returns false at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next_item(&mut self, item: &mut Vec<u8>) -> Result<bool> {
        item.clear();
        let read = self.contents.read_until(b'\n', item);
        read.map_err(|error| temporary("reading", &error))?;
        Ok(item.pop().is_some())
    }
}

/// The error of a temporary file.
fn temporary(doing: &str, error: &std::io::Error) -> Error {
    let directory = env::temp_dir();
    let doing = format!("{doing} a temporary file in {}", directory.display());
    Error::io(doing, error)
}

impl FetchAhead {
    /// For a caller that takes the artifacts `order` in this order, if it takes all. Nothing is fetched
    /// before it takes the first one. Setting `closed` ends what is being fetched.
    pub(crate) fn new(
        source: &Arc<HistorySource>,
        order: Vec<Wanted>,
        closed: &Arc<AtomicBool>,
    ) -> FetchAhead {
        let names = order.iter().map(Wanted::name);
        FetchAhead {
            shared: Arc::new(Shared {
                source: source.clone(),
                monitor: Monitor::within(closed),
                indices: names.zip(0..).collect(),
                order,
                state: Mutex::default(),
                fetched: Condvar::new(),
            }),
        }
    }

    /// Fetches an artifact, or waits until it is fetched, and starts to fetch those that follow.
    ///
    /// # Errors
    /// As [`HistorySource::read`]; [`Error::Aborted`] if the owner was closed.
    pub(crate) fn take(&self, wanted: &Wanted) -> Result<FetchedArtifact> {
        let shared = &*self.shared;
        if let Some(index) = shared.indices.get(&wanted.name()).copied() {
            let mut state = lock::lock(&shared.state);
            if state.plan_ahead(index, shared.order.len()) {
                self.start_threads(&mut state);
            }
            while matches!(state.slots.get(&index), Some(Slot::Fetching)) {
                let waited = shared.fetched.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            if let Some(Slot::Fetched(outcome)) = state.slots.remove(&index) {
                return outcome;
            }
        }
        shared.fetch(wanted)
    }

    /// Starts threads for the artifacts that wait. Without a thread, the caller fetches them.
    fn start_threads(&self, state: &mut State) {
        let waiting = state.slots.values();
        let waiting = waiting.filter(|slot| matches!(slot, Slot::Waiting)).count();
        for _ in state.threads..AHEAD.min(state.threads + waiting) {
            let shared = self.shared.clone();
            let thread = thread::Builder::new().name("swing-store".into());
            match thread.spawn(move || shared.fetch_waiting()) {
                Ok(_) => state.threads += 1,
                Err(_) => break,
            }
        }
    }
}

impl Drop for FetchAhead {
    fn drop(&mut self) {
        self.shared.monitor.abort();
        // Fetched artifacts may occupy temporary files.
        lock::lock(&self.shared.state).slots.clear();
    }
}

impl State {
    /// Chooses what to fetch ahead, of `count` artifacts, when the caller takes the one with this index.
    /// Returns false if the caller does not follow the order.
    fn plan_ahead(&mut self, index: usize, count: usize) -> bool {
        if !(self.next..=self.next + AHEAD).contains(&index) {
            return false;
        }
        self.next = index + 1;
        // The caller skipped what is before.
        self.slots = self.slots.split_off(&index);
        for later in index + 1..count.min(index + 1 + AHEAD) {
            self.slots.entry(later).or_insert(Slot::Waiting);
        }
        true
    }
}

impl Shared {
    /// Fetches the artifacts that wait, one after the other.
    fn fetch_waiting(&self) {
        loop {
            let index = {
                let mut state = lock::lock(&self.state);
                let mut slots = state.slots.iter_mut();
                let waiting = slots.find(|(_, slot)| matches!(slot, Slot::Waiting));
                let Some((index, slot)) = waiting else {
                    state.threads -= 1;
                    return;
                };
                *slot = Slot::Fetching;
                *index
            };
            let wanted = &self.order[index];
            let outcome = catch_unwind(AssertUnwindSafe(|| self.fetch(wanted)))
                .unwrap_or_else(|_| Err(Error::Internal("fetching an artifact panicked".into())));
            let mut state = lock::lock(&self.state);
            // Unless the caller skipped it meanwhile.
            if let Some(slot) = state.slots.get_mut(&index) {
                *slot = Slot::Fetched(outcome);
            }
            self.fetched.notify_all();
        }
    }

    fn fetch(&self, wanted: &Wanted) -> Result<FetchedArtifact> {
        let directory = env::temp_dir();
        let mut contents = SpooledTempFile::new_in(MAX_IN_MEMORY, &directory);
        self.source
            .read(wanted, &directory, &self.monitor, |chunk| {
                let written = contents.write_all(chunk);
                written.map_err(|error| temporary("writing", &error))
            })?;
        let rewound = contents.rewind();
        rewound.map_err(|error| temporary("reading", &error))?;
        Ok(FetchedArtifact {
            contents: BufReader::new(contents),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use super::*;

    /// Bundles, whose names have their hashes, and a place with them.
    fn bundles(count: usize) -> (tempfile::TempDir, Vec<(Wanted, Vec<u8>)>) {
        let directory = tempfile::tempdir().unwrap();
        let made = (0..count).map(|number| {
            let text = format!(r#"{{"moduleFormat":"nestedEvaluate","source":"{number}"}}"#);
            let mut hash = crate::store::encoding::hash::Sha256::new();
            hash.add(text.as_bytes());
            let name = format!("bundle.b0-{}", hash.finish());
            fs::write(directory.path().join(&name), &text).unwrap();
            (Wanted::Bundle(name.into_bytes()), text.into_bytes())
        });
        let made = made.collect();
        (directory, made)
    }

    fn ahead(
        directory: &Path,
        order: &[(Wanted, Vec<u8>)],
        closed: &Arc<AtomicBool>,
    ) -> FetchAhead {
        let source = Arc::new(HistorySource::parse(directory).unwrap());
        let order = order.iter().map(|(wanted, _)| wanted.clone());
        FetchAhead::new(&source, order.collect(), closed)
    }

    fn read(mut artifact: FetchedArtifact) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = artifact.next_chunk().unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    #[test]
    fn artifacts_are_the_same_in_any_order() {
        let (directory, made) = bundles(30);
        let closed = Arc::default();
        let ahead = ahead(directory.path(), &made, &closed);
        let in_order = 0..made.len();
        let skipping = (0..made.len()).step_by(3);
        let backward = (0..made.len()).rev();
        for index in in_order.chain(skipping).chain(backward) {
            let (wanted, expected) = &made[index];
            assert_eq!(read(ahead.take(wanted).unwrap()), *expected, "{index}");
        }
    }

    #[test]
    fn what_follows_is_fetched_and_no_more() {
        let (directory, made) = bundles(AHEAD + 5);
        let closed = Arc::default();
        let ahead = ahead(directory.path(), &made, &closed);
        drop(ahead.take(&made[0].0).unwrap());
        loop {
            let state = lock::lock(&ahead.shared.state);
            if state.threads == 0 {
                let indices: Vec<usize> = state.slots.keys().copied().collect();
                assert_eq!(indices, (1..=AHEAD).collect::<Vec<_>>());
                let is_fetched = |slot: &Slot| matches!(slot, Slot::Fetched(Ok(_)));
                assert!(state.slots.values().all(is_fetched));
                break;
            }
            drop(state);
            thread::yield_now();
        }
        // What the caller skips is dropped.
        drop(ahead.take(&made[4].0).unwrap());
        let state = lock::lock(&ahead.shared.state);
        assert_eq!(state.slots.keys().next(), Some(&5));
    }

    #[test]
    fn an_error_concerns_one_artifact() {
        let (directory, made) = bundles(3);
        let name = |index: usize| String::from_utf8(made[index].0.name()).unwrap();
        fs::remove_file(directory.path().join(name(1))).unwrap();
        fs::write(directory.path().join(name(2)), "other").unwrap();
        let closed = Arc::default();
        let ahead = ahead(directory.path(), &made, &closed);
        ahead.take(&made[0].0).unwrap();
        for (index, code) in [
            (1, "ERR_SWING_STORE_NOT_FOUND"),
            (2, "ERR_SWING_STORE_INVALID"),
        ] {
            let error = ahead.take(&made[index].0).err().unwrap();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(&name(index)), "{error}");
        }
        assert_eq!(read(ahead.take(&made[0].0).unwrap()), made[0].1);
    }

    #[test]
    fn nothing_is_fetched_for_a_closed_owner() {
        let (directory, made) = bundles(1);
        let closed: Arc<AtomicBool> = Arc::default();
        let ahead = ahead(directory.path(), &made, &closed);
        closed.store(true, Ordering::Relaxed);
        let outcome = ahead.take(&made[0].0);
        assert!(matches!(outcome, Err(Error::Aborted)));
    }
}
