//! Compares artifacts: their names and their bytes.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::artifact_bytes::ArtifactBytes;
use super::difference::{Difference, DifferenceCounts, Differences, Subject, Which};
use super::operand::Operand;
use super::sorted::Sorted;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::{lock, parallel};

/// Compares the names of artifacts, and returns the ones that both sides have.
pub(super) fn compare_names(
    places: &[Operand; 2],
    mode: ArtifactMode,
    differences: &mut Differences,
) -> Result<(DifferenceCounts, Vec<Vec<u8>>)> {
    let [a, b] = places;
    let names_a: BTreeSet<_> = a.artifact_names(mode)?.into_iter().collect();
    let names_b: BTreeSet<_> = b.artifact_names(mode)?.into_iter().collect();
    let mut counts = DifferenceCounts {
        a: names_a.len() as u64,
        b: names_b.len() as u64,
        ..DifferenceCounts::default()
    };
    let mut both = Vec::new();
    for name in names_a.union(&names_b) {
        let which = match (names_a.contains(name), names_b.contains(name)) {
            (true, true) => {
                both.push(name.clone());
                continue;
            }
            (true, false) => Which::A,
            _ => Which::B,
        };
        match which {
            Which::A => counts.only_a += 1,
            _ => counts.only_b += 1,
        }
        differences.add(|| of_artifact(which, name, None));
    }
    Ok((counts, both))
}

fn of_artifact(which: Which, name: &[u8], detail: Option<String>) -> Difference {
    Difference {
        subject: Subject::Artifact,
        which,
        name: name.to_vec(),
        values: [None, None],
        detail,
    }
}

/// Returns the artifacts whose records are equal. Those of differing records are reported already.
pub(super) fn with_same_records(names: Vec<Vec<u8>>, sorted: &Sorted) -> Result<Vec<Vec<u8>>> {
    let mut kept = Vec::new();
    for name in names {
        let differs = match names::parse_span_name(&name) {
            Some((vat_id, start_pos, _)) => {
                let key = [b"transcript".as_slice(), vat_id, start_pos].join(&b'.');
                let current = names::span_key(vat_id, 0, true);
                sorted.is_differing(&key)? || sorted.is_differing(&current)?
            }
            None => sorted.is_differing(&name)?,
        };
        if !differs {
            kept.push(name);
        }
    }
    Ok(kept)
}

/// Compares the bytes of artifacts that both sides have, in parallel. Returns how many differ.
pub(super) fn compare_contents(
    places: &[Operand; 2],
    names: &[Vec<u8>],
    monitor: &Monitor,
    differences: &mut Differences,
) -> Result<u64> {
    // The indices of the names, with the difference.
    let found = Mutex::new(Vec::new());
    let compare = |index: usize| {
        monitor.check()?;
        if let Some(detail) = compare_one(places, &names[index], monitor)? {
            let mut found = lock::lock(&found);
            found.push((index, detail));
        }
        monitor.finish_piece();
        Ok(())
    };
    // All threads share both exporters, but read artifacts independently.
    parallel::run(names.len(), compare, || Ok(()))?;
    let mut found = lock::unlocked(found);
    found.sort();
    for (index, detail) in &found {
        let detail = Some(detail.clone());
        differences.add(|| of_artifact(Which::Both, &names[*index], detail));
    }
    Ok(found.len() as u64)
}

/// Describes how the bytes of an artifact differ, if they do.
pub(super) fn compare_one(
    places: &[Operand; 2],
    name: &[u8],
    monitor: &Monitor,
) -> Result<Option<String>> {
    let [a, b] = places;
    let mut a = Reader::of(a, name);
    let mut b = Reader::of(b, name);
    let mut at = 0_u64;
    loop {
        for (reader, which) in [(&mut a, "first"), (&mut b, "second")] {
            match reader.fill() {
                Ok(()) => {}
                Err(Error::Aborted) => return Err(Error::Aborted),
                Err(error) => {
                    return Ok(Some(format!("the {which} cannot be read: {error}")));
                }
            }
        }
        let (left, right) = (a.rest(), b.rest());
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(match (left.is_empty(), right.is_empty()) {
                (true, true) => None,
                (true, false) => Some(format!(
                    "the first ends after {at} bytes, the second continues"
                )),
                _ => Some(format!(
                    "the second ends after {at} bytes, the first continues"
                )),
            });
        }
        if left[..length] != right[..length] {
            let same = left.iter().zip(right).take_while(|(x, y)| x == y).count();
            return Ok(Some(format!(
                "the bytes differ from byte {} on",
                at + same as u64
            )));
        }
        a.skip(length);
        b.skip(length);
        at += length as u64;
        monitor.count(length)?;
    }
}

/// A buffered reader of an artifact.
struct Reader {
    bytes: Result<ArtifactBytes>,
    chunk: Vec<u8>,
    read: usize,
}

impl Reader {
    fn of(place: &Operand, name: &[u8]) -> Reader {
        Reader {
            bytes: place.artifact(name),
            chunk: Vec::new(),
            read: 0,
        }
    }

    /// Reads the next chunk if the buffer is empty.
    fn fill(&mut self) -> Result<()> {
        let bytes = self.bytes.as_mut().map_err(|error| error.clone())?;
        if self.read == self.chunk.len() {
            self.chunk = bytes.next_chunk()?.unwrap_or_default();
            self.read = 0;
        }
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        &self.chunk[self.read..]
    }

    fn skip(&mut self, bytes: usize) {
        self.read += bytes;
    }
}
