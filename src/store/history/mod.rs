//! A store's history as data: its vats, the incarnations and spans of their transcripts, which of
//! them still have their contents, and what a replay of an incarnation requires.
//!
//! Incarnations have the numbers that the file has: a vat's first one is 0.
//!
//! [`History`] has its methods in these files:
//!
//! | file | methods |
//! | --- | --- |
//! | `handle` | `open`, `open_with_history`, `close`, `block_height`, `space` |
//! | `vats` | `vats`, `vat`, `vat_called` |
//! | `incarnations` | `incarnations` |
//! | `spans` | `spans`, `all_spans` |
//! | `sizes` | `measure`: the sizes of transcripts |
//! | `entry` | `pseudo_deliveries`, `ends_of` |
//! | `items` | `read_items` |
//! | `elsewhere` | what the store has pruned, from another place |
//! | `contents` | `snapshots`, `bundles` |
//! | `keys` | `measure_keys`: the sizes of the key-value store |
//! | `lacking` | `lacking`: what an export would lack |
//! | `plan` | `replay_plan` |

mod contents;
mod elsewhere;
mod entry;
mod handle;
mod incarnations;
mod items;
mod keys;
mod lacking;
mod plan;
mod size_cache;
mod sizes;
mod spans;
mod vats;

pub use crate::store::error::history::Fault;
pub use contents::{BundleInfo, BundlePlace, SnapshotSummary};
pub use entry::{Entry, JsonText, PseudoDelivery};
pub use handle::{History, to_json};
pub use incarnations::Incarnation;
pub use items::{ItemsReader, ItemsRun, Selection};
pub use keys::{KeyKind, KeySizes, KeyTally};
pub use lacking::Lacking;
pub use plan::{
    Checkpoint, LearnedFrom, MissingPart, PlanBundle, ReplayFrom, ReplayPlan, ReplayStart,
};
pub use spans::{Populated, SpanInfo};
pub use vats::{VatInfo, VatKind, VatState};
