//! Sizes of the key-value store, per vat and per kind of key.

use std::collections::{BTreeMap, HashMap};

use rusqlite::params;

use super::handle::{History, readable};
use crate::store::error::Result;
use crate::store::substores::kernel_keys::{BUNDLE_PREFIX, vat_of_key};
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many rows are read before the lock is released and an abort is checked.
const ROWS_AT_A_TIME: i64 = 2000;

/// What a key is used for, according to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `vNN.vs.…`: a vat's storage.
    VatStore,
    /// `vNN.c.…`: the c-list, which maps a vat's references to the kernel's.
    CList,
    /// `vNN.…`: other kernel data about a vat.
    Vat,
    /// `koNN.…`: objects.
    Object,
    /// `kpNN.…`: promises.
    Promise,
    /// `bundle.…`: bundles, from kernels older than the bundle store.
    Bundle,
    /// `host.…`: the host's keys.
    Host,
    /// `local.…`: keys of this machine, which are not part of consensus.
    Local,
    /// All other keys, which the kernel uses.
    Kernel,
}

impl KeyKind {
    fn of(key: &[u8]) -> (Option<&[u8]>, KeyKind) {
        if let Some((vat_id, rest)) = vat_of_key(key) {
            let kind = match rest {
                rest if rest.starts_with(b"vs.") => KeyKind::VatStore,
                rest if rest.starts_with(b"c.") => KeyKind::CList,
                _ => KeyKind::Vat,
            };
            return (Some(vat_id), kind);
        }
        let numbered = |prefix: &[u8]| {
            let rest = key.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
        };
        let kind = match key {
            _ if numbered(b"ko") => KeyKind::Object,
            _ if numbered(b"kp") => KeyKind::Promise,
            key if key.starts_with(BUNDLE_PREFIX) => KeyKind::Bundle,
            key if key.starts_with(b"host.") => KeyKind::Host,
            key if key.starts_with(b"local.") => KeyKind::Local,
            _ => KeyKind::Kernel,
        };
        (None, kind)
    }
}

/// A number of keys, and their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTally {
    /// The number of keys.
    pub keys: u64,
    /// The size of the keys and values in bytes.
    pub bytes: u64,
}

impl KeyTally {
    fn add(&mut self, bytes: u64) {
        self.keys += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The size of the key-value store.
#[derive(Debug, Clone, Default)]
pub struct KeySizes {
    /// All keys.
    pub total: KeyTally,
    /// Per kind. Kinds without keys are absent.
    pub kinds: BTreeMap<KeyKind, KeyTally>,
    /// Per vat, `vNN.…`.
    pub vats: HashMap<String, KeyTally>,
}

impl History {
    /// Measures the keys and values of the key-value store. Visits every row once, at a few million
    /// rows per second, without reading long values. `monitor` counts rows.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`];
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn measure_keys(&self, monitor: &Monitor) -> Result<KeySizes> {
        let last: Option<Option<i64>> =
            self.ask(|db| db.peek_value("SELECT MAX(rowid) FROM kvStore", []))?;
        let total = last.flatten().unwrap_or(0).max(0);
        monitor.add_total(usize::try_from(total).unwrap_or(usize::MAX));
        monitor.begin(Stage::Working);
        let mut sizes = KeySizes::default();
        let mut vats: HashMap<Vec<u8>, KeyTally> = HashMap::new();
        let mut after: Option<i64> = None;
        loop {
            self.check(monitor)?;
            // Any integer may be a rowid, including the greatest one.
            let start = match after {
                None => i64::MIN,
                Some(i64::MAX) => break,
                Some(after) => after + 1,
            };
            let rows = self.ask(|db| {
                let mut statement = db.prepare_directly(
                    "SELECT rowid, key, octet_length(value) FROM kvStore
                     WHERE rowid >= ?1 ORDER BY rowid LIMIT ?2",
                )?;
                let mut rows = statement.query(params![start, ROWS_AT_A_TIME])?;
                let mut count = 0;
                while let Some(row) = rows.next()? {
                    let rowid: i64 = row.get(0)?;
                    let passed = rowid.abs_diff(after.unwrap_or(0).max(0));
                    monitor.finish_pieces(if rowid > 0 { passed } else { 0 });
                    after = Some(rowid);
                    count += 1;
                    let value = row.get::<_, Option<u32>>(2)?.map_or(0, u64::from);
                    let key = row.get_ref(1)?.as_bytes_or_null().ok().flatten();
                    let key = key.unwrap_or_default();
                    let bytes = value + key.len() as u64;
                    let (vat_id, kind) = KeyKind::of(key);
                    sizes.total.add(bytes);
                    sizes.kinds.entry(kind).or_default().add(bytes);
                    if let Some(id) = vat_id {
                        match vats.get_mut(id) {
                            Some(tally) => tally.add(bytes),
                            None => vats.entry(id.to_vec()).or_default().add(bytes),
                        }
                    }
                }
                Ok(count)
            })?;
            if rows < ROWS_AT_A_TIME {
                break;
            }
        }
        let vats = vats.into_iter();
        sizes.vats = vats.map(|(id, tally)| (readable(&id), tally)).collect();
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_classified_by_name() {
        for (key, vat_id, kind) in [
            ("v12.vs.vom.o+1", Some("v12"), KeyKind::VatStore),
            ("v12.c.ko7", Some("v12"), KeyKind::CList),
            ("v12.options", Some("v12"), KeyKind::Vat),
            ("v12.", Some("v12"), KeyKind::Vat),
            ("v12", None, KeyKind::Kernel),
            ("vat.names", None, KeyKind::Kernel),
            ("ko20.owner", None, KeyKind::Object),
            ("kp20.state", None, KeyKind::Promise),
            ("kernelStats", None, KeyKind::Kernel),
            ("bundle.b1-00", None, KeyKind::Bundle),
            ("host.height", None, KeyKind::Host),
            ("local.x", None, KeyKind::Local),
            ("", None, KeyKind::Kernel),
        ] {
            let found = KeyKind::of(key.as_bytes());
            assert_eq!(found, (vat_id.map(str::as_bytes), kind), "{key}");
        }
    }
}
