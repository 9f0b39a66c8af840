//! The keys in which a SwingSet kernel keeps its vats and bundles.
//!
//! | key | value |
//! | --- | --- |
//! | `vat.name.NAME` | the ID of a static vat |
//! | `vat.dynamicIDs` | the IDs of the dynamic vats, as a JSON array |
//! | `vats.terminated` | the IDs of the terminated vats, which the kernel deletes in steps |
//! | `vNN.o.nextID` | present as long as the vat exists |
//! | `vNN.source`, `vNN.options` | the vat's code and its options, as JSON objects |
//! | `namedBundleID.NAME` | the ID of a bundle |
//! | `bundle.ID` | a bundle, in stores that predate the bundle store |
//!
//! A malformed value counts as absent.

use rusqlite::params;

use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::json;
use crate::store::encoding::json::Json;
use crate::store::error::Result;

pub(crate) const BUNDLE_PREFIX: &[u8] = b"bundle.";
pub(crate) const NAMED_BUNDLE_PREFIX: &[u8] = b"namedBundleID.";
const NAME_PREFIX: &[u8] = b"vat.name.";

/// The longest value that is parsed, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// Whether `id` has the form of a vat ID: `v` and a number.
fn is_vat_id(id: &[u8]) -> bool {
    matches!(id, [b'v', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// Splits a key of the form `vNN.REST` into the vat ID and `REST`.
pub(crate) fn vat_of_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr::memchr(b'.', key)?;
    is_vat_id(&key[..dot]).then_some((&key[..dot], &key[dot + 1..]))
}

impl Database {
    /// A key's value as JSON.
    fn kv_json(&self, key: &[u8]) -> Result<Option<Json>> {
        self.kv_get(key, |value| {
            let value = value.filter(|value| value.len() <= MAX_BYTES)?;
            json::parse(value).ok()
        })
    }

    /// A key's value, if it is a JSON object.
    fn kv_object(&self, key: &[u8]) -> Result<Option<Json>> {
        let found = self.kv_json(key)?;
        Ok(found.filter(|json| json.as_object().is_some()))
    }

    /// The strings in a key's value, if it is a JSON array.
    fn kv_ids(&self, key: &[u8]) -> Result<Vec<Vec<u8>>> {
        let found = self.kv_json(key)?;
        let ids = found.as_ref().and_then(Json::as_array).unwrap_or_default();
        let strings = ids.iter().filter_map(Json::as_str);
        Ok(strings.map(<[u8]>::to_vec).collect())
    }

    /// The rest of each key that starts with `prefix`, which ends in a dot.
    pub(crate) fn suffixes(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>> {
        let keys = self.peek_rows(
            "SELECT key FROM kvStore WHERE key >= ? AND key < ? ORDER BY key",
            params![SqlText(prefix), SqlText(&upper_bound(prefix))],
            |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()),
        )?;
        let suffix = |key: Vec<u8>| key.get(prefix.len()..).map(<[u8]>::to_vec);
        Ok(keys.into_iter().filter_map(suffix).collect())
    }

    /// The static vats: pairs of name and ID.
    pub(crate) fn static_vats(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut vats = Vec::new();
        for name in self.suffixes(NAME_PREFIX)? {
            let key = [NAME_PREFIX, &name].concat();
            if let Some(id) = self.kv_get(&key, |value| value.map(<[u8]>::to_vec))? {
                vats.push((name, id));
            }
        }
        Ok(vats)
    }

    /// The IDs of the dynamic vats.
    pub(crate) fn dynamic_vats(&self) -> Result<Vec<Vec<u8>>> {
        self.kv_ids(b"vat.dynamicIDs")
    }

    /// The IDs of the terminated vats.
    pub(crate) fn terminated_vats(&self) -> Result<Vec<Vec<u8>>> {
        self.kv_ids(b"vats.terminated")
    }

    /// The IDs of the vats that have keys of their own. One query per vat finds the first key after
    /// all keys of the previous vat.
    pub(crate) fn vats_with_keys(&self) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut from = b"v".to_vec();
        while let Some(key) = self.peek_row(
            "SELECT key FROM kvStore WHERE key >= ? AND key < 'w' ORDER BY key LIMIT 1",
            params![SqlText(&from)],
            |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()),
        )? {
            let dot = memchr::memchr(b'.', &key);
            from = match dot {
                Some(dot) => {
                    if is_vat_id(&key[..dot]) {
                        found.push(key[..dot].to_vec());
                    }
                    upper_bound(&key[..=dot])
                }
                None => [key.as_slice(), b"\0"].concat(),
            };
        }
        Ok(found)
    }

    /// Whether the vat exists in the kernel's state.
    pub(crate) fn kernel_has_vat(&self, vat_id: &[u8]) -> Result<bool> {
        self.kv_get(&[vat_id, b".o.nextID"].concat(), |value| value.is_some())
    }

    /// The vat's code: `vNN.source`, a JSON object.
    pub(crate) fn vat_source(&self, vat_id: &[u8]) -> Result<Option<Json>> {
        self.kv_object(&[vat_id, b".source"].concat())
    }

    /// The vat's options: `vNN.options`, a JSON object.
    pub(crate) fn vat_options(&self, vat_id: &[u8]) -> Result<Option<Json>> {
        self.kv_object(&[vat_id, b".options"].concat())
    }
}

/// The upper bound, exclusive, of the keys that start with `prefix`, whose last byte is a dot.
fn upper_bound(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    if let Some(last) = next.last_mut() {
        *last += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use crate::store::substores::{Store, StoreOptions};

    #[test]
    fn vats_are_found_by_their_keys() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        for key in [
            "v",
            "v.",
            "v1",
            "v10.o.nextID",
            "v2.c.o+1",
            "v2.options",
            "v20x.a",
            "v21.",
            "vat.nextID",
            "vat.name.comms",
            "vats.terminated",
            "w1.o",
            "u9.x",
        ] {
            store.kv_set(key.as_bytes(), b"v3").unwrap();
        }
        store
            .kv_set(b"vat.dynamicIDs", b"[\"v7\",8,\"v9\"]")
            .unwrap();
        store.commit().unwrap();
        let db = store.database().lock();
        assert_eq!(db.vats_with_keys().unwrap(), [&b"v10"[..], b"v2", b"v21"]);
        assert_eq!(
            db.static_vats().unwrap(),
            [(b"comms".to_vec(), b"v3".to_vec())]
        );
        assert_eq!(db.dynamic_vats().unwrap(), [b"v7", b"v9"]);
        // The value is not JSON.
        assert!(db.terminated_vats().unwrap().is_empty());
        assert!(db.kernel_has_vat(b"v10").unwrap());
        assert!(!db.kernel_has_vat(b"v2").unwrap());
    }
}
