//! Which vats the kernel has, by its own entries in the kvStore: a swing-store by itself can't
//! tell a vat that was terminated from one whose current span was lost.

use std::collections::BTreeSet;

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use crate::store::database::Database;
use crate::store::encoding::json::Json;
use crate::store::error::Result;

/// Vats that should have a current span.
pub(super) struct KernelVats(BTreeSet<Vec<u8>>);

impl KernelVats {
    /// The kernel's static and dynamic vats without those that were terminated; none where there
    /// is no kernel's state.
    pub(super) fn read(check: &Check<'_>, db: &Database) -> Result<KernelVats> {
        if !check.has(StoreTable::Kv) {
            return Ok(KernelVats(BTreeSet::new()));
        }
        let vats = check.tolerate(read_lists(db), |finding| finding, StoreTable::Kv)?;
        Ok(KernelVats(vats.unwrap_or_default()))
    }

    /// Whether this is one of them. It is not asked for again.
    pub(super) fn take(&mut self, vat_id: &[u8]) -> bool {
        self.0.remove(vat_id)
    }

    /// Reports those that were not asked for, if the kernel says that they have transcripts.
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
                    "the kernel has the vat {}, which is not terminated, but there is no span of \
                     it at all, so it can't be loaded. Restore the store",
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
