//! Parses a transcript item, in as much detail as the kernel's own entries need.
//!
//! An item is the JSON text of `{ d, sc, r }`: the delivery, the system calls that it made, and its
//! result. A span starts with `initialize-worker` or `load-snapshot`. It ends with `save-snapshot`,
//! with `shutdown-worker` if the vat was upgraded, or with any delivery if the vat was terminated.

use crate::store::encoding::json;
use crate::store::encoding::json::Json;

pub(crate) const INITIALIZE_WORKER: &[u8] = b"initialize-worker";
pub(crate) const LOAD_SNAPSHOT: &[u8] = b"load-snapshot";
pub(crate) const SAVE_SNAPSHOT: &[u8] = b"save-snapshot";
pub(crate) const SHUTDOWN_WORKER: &[u8] = b"shutdown-worker";

/// A transcript item whose delivery has a kind.
pub(crate) struct Delivery(Json);

impl Delivery {
    /// Parses an item.
    ///
    /// # Errors
    /// Why no kernel can have written the item.
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

    /// The delivery's kind: one of the constants above, or `message`, `notify` and so on.
    pub(crate) fn kind(&self) -> &[u8] {
        self.part(0).and_then(Json::as_str).unwrap_or_default()
    }

    /// The element after the kind.
    pub(crate) fn details(&self) -> Option<&Json> {
        self.part(1)
    }

    /// The hash of the snapshot that the delivery loads or saves.
    pub(crate) fn snapshot_id(&self) -> Option<&[u8]> {
        let holder = match self.kind() {
            LOAD_SNAPSHOT => self.details(),
            SAVE_SNAPSHOT => self.0.get("r"),
            _ => None,
        };
        holder?.get("snapshotID")?.as_str()
    }
}
