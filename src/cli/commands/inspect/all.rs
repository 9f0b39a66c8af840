//! `inspect` without a vat: all vats, and the bundles.

use std::io::{self, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::terminal::document::{Document, StoreArguments};
use crate::cli::terminal::table::{Field, Table, human_bytes, short};
use crate::store::encoding::fields;
use crate::store::encoding::plural::{grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::history::{BundleInfo, BundlePlace, History, VatInfo};
use crate::store::tasks::monitor::Monitor;

/// The document of a store.
pub(crate) type Output<'a> = Document<StoreArguments, &'a All>;

/// A store.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct All {
    /// The block height in `host.height`; 0 if there is none.
    #[serde(serialize_with = "fields::number")]
    #[schemars(with = "f64")]
    pub(super) block_height: f64,
    /// The vats.
    pub(super) vats: Vec<VatInfo>,
    /// The bundles.
    pub(super) bundles: Vec<BundleInfo>,
}

impl All {
    pub(super) fn find(
        store: &Path,
        sizes: bool,
        monitor: &Monitor,
    ) -> crate::store::error::Result<All> {
        let history = History::open(store)?;
        if sizes {
            history.measure(None, monitor)?;
        }
        Ok(All {
            block_height: history.block_height()?,
            vats: history.vats(monitor)?,
            bundles: history.bundles()?,
        })
    }

    pub(super) fn print(&self, store: &Path, out: &mut dyn Write) -> io::Result<()> {
        let sum = |of: fn(&VatInfo) -> i64| self.vats.iter().map(of).fold(0, i64::saturating_add);
        let count = |of: fn(&VatInfo) -> usize| -> i64 {
            i64::try_from(self.vats.iter().map(of).sum::<usize>()).unwrap_or(i64::MAX)
        };
        let images = sum(|vat| vat.snapshot_bytes);
        writeln!(
            out,
            "{} at block {}: {} in {}, {} of {} with their image ({}), {}\n",
            printable(&store.to_string_lossy()),
            self.block_height,
            plural(sum(|vat| vat.items), "item"),
            plural(count(|vat| vat.spans), "span"),
            grouped(count(|vat| vat.populated_snapshots)),
            plural(count(|vat| vat.snapshots), "snapshot"),
            human_bytes(images),
            plural(self.bundles.len(), "bundle"),
        )?;
        let mut vats = Table::new(&[
            "VAT",
            "NAME",
            "STATE",
            "INCARNATION",
            "POSITIONS",
            "ITEMS",
            "SIZE",
            "SPANS",
            "PRUNED",
            "SNAPSHOTS",
            "IMAGES",
            "IMAGE SIZE",
        ]);
        for vat in &self.vats {
            vats.add([
                Field::text(&vat.vat_id),
                vat.name.as_ref().map_or(Field::Nothing, Field::text),
                Field::text(vat.state.name()),
                vat.incarnation.map_or(Field::Nothing, Field::Number),
                Field::count(vat.end_pos),
                Field::count(vat.items),
                Field::measured(vat.bytes),
                Field::count(vat.spans),
                Field::count(vat.spans - vat.populated_spans),
                Field::count(vat.snapshots),
                Field::count(vat.populated_snapshots),
                Field::Bytes(vat.snapshot_bytes),
            ]);
        }
        vats.write(out)?;
        if self.bundles.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut bundles = Table::new(&["BUNDLE", "STORED", "SIZE", "NAMES"]);
        for bundle in &self.bundles {
            bundles.add([
                Field::Text(short(&printable(&bundle.bundle_id))),
                Field::text(match bundle.stored_in {
                    Some(BundlePlace::BundleStore) => "yes",
                    Some(BundlePlace::KvStore) => "in kvStore",
                    None => "pruned",
                }),
                Field::bytes(bundle.bytes),
                Field::text(bundle.names.join(", ")),
            ]);
        }
        bundles.write(out)
    }
}
