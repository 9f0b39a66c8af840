//! An item of a transcript, taken apart as far as the kernel's own entries go.
//!
//! An item is the JSON text of `{ d, sc, r }`: the delivery, the system calls that it made, and
//! its result. A span begins with `initialize-worker` or `load-snapshot`; it ends with
//! `save-snapshot`, with `shutdown-worker` if the vat was upgraded, or, if the vat was terminated,
//! wherever it was.

use crate::store::encoding::json;
use crate::store::encoding::json::Json;

pub(crate) const INITIALIZE_WORKER: &[u8] = b"initialize-worker";
pub(crate) const LOAD_SNAPSHOT: &[u8] = b"load-snapshot";
pub(crate) const SAVE_SNAPSHOT: &[u8] = b"save-snapshot";
pub(crate) const SHUTDOWN_WORKER: &[u8] = b"shutdown-worker";

/// An item whose delivery has a kind.
pub(crate) struct Delivery(Json);

impl Delivery {
    /// Takes an item apart.
    ///
    /// # Errors
    /// What is wrong with an item that no kernel writes.
    pub(crate) fn parse(item: &[u8]) -> Result<Delivery, &'static str> {
        let json = json::parse(item).map_err(|_| "it is not JSON")?;
        let delivery = json.get("d").and_then(Json::as_array);
        let delivery = delivery.ok_or("it has no delivery: its d is not an array")?;
        let kind = delivery.first().and_then(Json::as_str);
        kind.ok_or("its delivery has no kind: d[0] is not a string")?;
        Ok(Delivery(json))
    }

    fn part(&self, index: usize) -> Option<&Json> {
        self.0.get("d").and_then(Json::as_array)?.get(index)
    }

    /// The delivery's kind: one of the kernel's own, or `message`, `notify` and so on.
    pub(crate) fn kind(&self) -> &[u8] {
        self.part(0).and_then(Json::as_str).unwrap_or_default()
    }

    /// What stands behind the kind.
    pub(crate) fn details(&self) -> Option<&Json> {
        self.part(1)
    }

    /// The hash of the snapshot that is loaded or was saved.
    pub(crate) fn snapshot_id(&self) -> Option<&[u8]> {
        let holder = match self.kind() {
            LOAD_SNAPSHOT => self.details(),
            SAVE_SNAPSHOT => self.0.get("r"),
            _ => None,
        };
        holder?.get("snapshotID")?.as_str()
    }
}
