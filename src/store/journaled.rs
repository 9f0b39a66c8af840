//! Values in memory, by key, that can be taken back to a mark as SQL can to a savepoint.
//!
//! While there are marks, what an entry was before it changed goes to an undo log, once for each
//! mark: that is enough to restore it, and keeps a crank that writes one key over and over from
//! filling memory.

use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// A key. Entries, their order and the undo log share it.
type Key = Arc<[u8]>;

/// Entries with an undo log.
pub(super) struct Journaled<V> {
    entries: HashMap<Key, Entry<V>>,
    /// The keys in order, from when they are first asked for until there are no entries.
    order: Option<BTreeSet<Key>>,
    undo: Vec<(Key, Option<Entry<V>>)>,
    /// For each mark, how long the undo log was.
    marks: Vec<usize>,
    /// Which mark was set last, counted from the beginning; never reused.
    serial: u64,
}

struct Entry<V> {
    value: V,
    /// The mark after which the entry was last put here, or saved to the undo log.
    serial: u64,
}

impl<V> Default for Journaled<V> {
    fn default() -> Self {
        Journaled {
            entries: HashMap::new(),
            order: None,
            undo: Vec::new(),
            marks: Vec::new(),
            serial: 0,
        }
    }
}

impl<V> Journaled<V> {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn set(&mut self, key: &[u8], value: V) {
        let serial = self.serial;
        let entry = Entry { value, serial };
        match self.entries.entry(key.into()) {
            Place::Occupied(mut present) => {
                let prior = present.insert(entry);
                if !self.marks.is_empty() && prior.serial != serial {
                    self.undo.push((present.key().clone(), Some(prior)));
                }
            }
            Place::Vacant(place) => {
                if !self.marks.is_empty() {
                    self.undo.push((place.key().clone(), None));
                }
                if let Some(order) = &mut self.order {
                    order.insert(place.key().clone());
                }
                place.insert(entry);
            }
        }
    }

    /// The entries, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.as_ref(), &entry.value))
    }

    /// The entries in the order of their keys.
    pub(super) fn sorted(&self) -> Vec<(&[u8], &V)> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    /// The entries behind `key`, in the order of their keys.
    pub(super) fn after(&mut self, key: &[u8]) -> impl Iterator<Item = (&[u8], &V)> {
        let entries = &self.entries;
        let order = self
            .order
            .get_or_insert_with(|| entries.keys().cloned().collect());
        order
            .range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded))
            .filter_map(|key| Some((key.as_ref(), &entries.get(key)?.value)))
    }

    /// Lets go of all entries, because they have gone elsewhere. A return to a mark brings back
    /// those that were there when it was set.
    pub(super) fn drop_all(&mut self) {
        self.order = None;
        if self.marks.is_empty() {
            self.entries.clear();
            return;
        }
        for (key, entry) in self.entries.drain() {
            if entry.serial != self.serial {
                self.undo.push((key, Some(entry)));
            }
        }
    }

    /// As [`Journaled::drop_all`], and returns what there was, sorted by key.
    pub(super) fn take_all(&mut self) -> Vec<(Vec<u8>, V)>
    where
        V: Clone,
    {
        let taken = self.sorted();
        let taken = taken
            .into_iter()
            .map(|(key, value)| (key.to_vec(), value.clone()))
            .collect();
        self.drop_all();
        taken
    }

    /// Forgets all entries, and what there was to undo.
    pub(super) fn clear(&mut self) {
        self.order = None;
        self.entries.clear();
        self.undo.clear();
        for mark in &mut self.marks {
            *mark = 0;
        }
    }

    /// Sets a mark.
    pub(super) fn mark(&mut self) {
        self.serial += 1;
        self.marks.push(self.undo.len());
    }

    /// The keys whose entries have changed since a mark; some may come more than once.
    pub(super) fn changed_since(&self, mark: usize) -> impl Iterator<Item = &[u8]> {
        let length = self.marks.get(mark).copied();
        let changes = &self.undo[length.unwrap_or(self.undo.len())..];
        changes.iter().map(|(key, _)| key.as_ref())
    }

    /// Returns to the mark of this number, counted from 0, and forgets it.
    pub(super) fn return_to(&mut self, mark: usize) {
        let Some(&length) = self.marks.get(mark) else {
            return;
        };
        self.undo_behind(length);
        self.marks.truncate(mark);
    }

    /// As [`Journaled::return_to`], but the mark stays, and so do later ones, which now mark the
    /// same state.
    pub(super) fn undo_to(&mut self, mark: usize) {
        let Some(&length) = self.marks.get(mark) else {
            return;
        };
        self.undo_behind(length);
        for later in &mut self.marks[mark..] {
            *later = length;
        }
        // What is put here from now on has been put behind the marks.
        self.serial += 1;
    }

    /// Forgets the mark of this number and later ones, and keeps what has changed since.
    pub(super) fn forget_marks_from(&mut self, mark: usize) {
        self.marks.truncate(mark);
        if self.marks.is_empty() {
            self.undo.clear();
        }
    }

    /// Undoes what the undo log has behind its first `length` entries.
    fn undo_behind(&mut self, length: usize) {
        self.order = None;
        for (key, prior) in self.undo.drain(length..).rev() {
            match prior {
                Some(entry) => self.entries.insert(key, entry),
                None => self.entries.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A database of one table with savepoints, and entries over it, against plain copies.
    #[test]
    fn any_sequence_comes_out_as_if_nothing_were_buffered() {
        let mut random = 7u64;
        let mut below = |limit: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        type Table = BTreeMap<Vec<u8>, u64>;
        for _ in 0..3000 {
            let mut buffer = Journaled::<Option<u64>>::default();
            let mut database = Table::new();
            // What the database was when a mark's savepoint was made; `None` until it is.
            let mut savepoints: Vec<Option<Table>> = Vec::new();
            let mut model = Table::new();
            let mut copies: Vec<Table> = Vec::new();
            for step in 0..below(60) {
                let key = vec![b'a' + below(5) as u8];
                match below(10) {
                    0..=3 => {
                        buffer.set(&key, Some(step));
                        model.insert(key, step);
                    }
                    4 => {
                        buffer.set(&key, None);
                        model.remove(&key);
                    }
                    5 => {
                        buffer.mark();
                        savepoints.push(None);
                        copies.push(model.clone());
                    }
                    6 | 7 => {
                        for savepoint in &mut savepoints {
                            savepoint.get_or_insert_with(|| database.clone());
                        }
                        for (key, value) in buffer.take_all() {
                            match value {
                                Some(value) => database.insert(key, value),
                                None => database.remove(&key),
                            };
                        }
                    }
                    8 if !copies.is_empty() => {
                        let mark = below(copies.len() as u64) as usize;
                        buffer.return_to(mark);
                        if let Some(state) = savepoints[mark].take() {
                            database = state;
                        }
                        model = copies[mark].clone();
                        savepoints.truncate(mark);
                        copies.truncate(mark);
                    }
                    9 => {
                        buffer.forget_marks_from(0);
                        savepoints.clear();
                        copies.clear();
                    }
                    _ => {}
                }
                let mut seen = database.clone();
                for (key, value) in buffer.iter() {
                    match value {
                        Some(value) => seen.insert(key.to_vec(), *value),
                        None => seen.remove(key),
                    };
                }
                assert_eq!(seen, model);
                let expected: Vec<_> = buffer
                    .sorted()
                    .into_iter()
                    .filter(|(key, _)| *key > b"b".as_slice())
                    .map(|(key, value)| (key.to_vec(), *value))
                    .collect();
                let after = buffer
                    .after(b"b")
                    .map(|(key, value)| (key.to_vec(), *value));
                assert_eq!(after.collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn overwriting_does_not_fill_the_undo_log() {
        let mut buffer = Journaled::default();
        buffer.set(b"k", 0);
        buffer.mark();
        for value in 1..1000 {
            buffer.set(b"k", value);
        }
        assert_eq!(buffer.undo.len(), 1);
        buffer.return_to(0);
        assert_eq!(buffer.get(b"k"), Some(&0));
    }
}
