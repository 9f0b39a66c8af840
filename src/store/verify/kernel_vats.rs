//! The vats that the kernel has, according to its own keys in the kvStore. The transcript tables
//! alone do not show whether a vat was terminated or lost its current span.

use std::collections::BTreeSet;

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use crate::store::database::Database;
use crate::store::encoding::json::Json;
use crate::store::error::Result;

/// The vats that should have a current span.
pub(super) struct KernelVats(BTreeSet<Vec<u8>>);

impl KernelVats {
    /// Reads the kernel's static and dynamic vats, except the terminated ones. The set is empty if
    /// the store has no kernel state.
    pub(super) fn read(check: &Check<'_>, db: &Database) -> Result<KernelVats> {
        if !check.has(StoreTable::Kv) {
            return Ok(KernelVats(BTreeSet::new()));
        }
        let vats = check.tolerate(read_lists(db), |finding| finding, StoreTable::Kv)?;
        Ok(KernelVats(vats.unwrap_or_default()))
    }

    /// Removes a vat, and returns whether it was in the set.
    pub(super) fn take(&mut self, vat_id: &[u8]) -> bool {
        self.0.remove(vat_id)
    }

    /// Adds a finding for each remaining vat that, according to the kernel, has a transcript.
    pub(super) fn report_rest(self, check: &Check<'_>, db: &Database) -> Result<()> {
        for vat_id in self.0 {
            check.go_on()?;
            let options = check.tolerate(
                db.vat_options(&vat_id),
                |finding| finding.of(&vat_id),
                StoreTable::Kv,
            )?;
            let options = options.flatten();
            let uses = options
                .as_ref()
                .and_then(|options| options.get("useTranscript"));
            if let Some(Json::Bool(true)) = uses {
                let message = format!(
                    "the kernel has not terminated vat {}, but the vat has no span, so it cannot be \
                     loaded. Restore the store",
                    brief(&vat_id)
                );
                let finding =
                    Finding::new(FindingKind::CurrentSpanMissing, StoreTable::Spans, message);
                check.add(finding.of(&vat_id));
            }
        }
        Ok(())
    }
}

fn read_lists(db: &Database) -> Result<BTreeSet<Vec<u8>>> {
    let mut vats: BTreeSet<_> = db.dynamic_vats()?.into_iter().collect();
    vats.extend(db.static_vats()?.into_iter().map(|(_, id)| id));
    for terminated in db.terminated_vats()? {
        vats.remove(&terminated);
    }
    Ok(vats)
}
