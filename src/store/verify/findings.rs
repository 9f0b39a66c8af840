//! Collects findings from several threads: sorts them, and keeps a limited number of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::finding::{Finding, FindingKind, Severity};
use crate::store::tasks::lock;

/// The first findings of each kind, in order, and the number of the others.
pub(super) struct Findings {
    limit: usize,
    kinds: Mutex<BTreeMap<FindingKind, Kept>>,
}

#[derive(Default)]
struct Kept {
    first: BTreeSet<Finding>,
    left_out: u64,
}

impl Findings {
    /// Keeps up to `limit` findings of each kind. The order of arrival does not decide which.
    pub(super) fn new(limit: usize) -> Findings {
        Findings {
            limit,
            kinds: Mutex::default(),
        }
    }

    pub(super) fn add(&self, finding: Finding) {
        let mut kinds = lock::lock(&self.kinds);
        let kept = kinds.entry(finding.kind).or_default();
        kept.first.insert(finding);
        if kept.first.len() > self.limit {
            kept.first.pop_last();
            kept.left_out += 1;
        }
    }

    /// Whether any finding has the severity [`Severity::Error`].
    pub(super) fn has_errors(&self) -> bool {
        let kinds = lock::lock(&self.kinds);
        kinds.keys().any(|kind| kind.severity() == Severity::Error)
    }

    /// The findings in order, and per kind the number of those that were left out.
    pub(super) fn finish(self) -> (Vec<Finding>, Vec<(FindingKind, u64)>) {
        let kinds = lock::unlocked(self.kinds);
        let mut findings = Vec::new();
        let mut left_out = Vec::new();
        for (kind, kept) in kinds {
            findings.extend(kept.first);
            if kept.left_out > 0 {
                left_out.push((kind, kept.left_out));
            }
        }
        findings.sort();
        (findings, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::verify::finding::StoreTable;

    #[test]
    fn the_first_of_each_kind_are_kept_whatever_the_order() {
        let outcome = |positions: &[i64]| {
            let findings = Findings::new(3);
            for position in positions {
                for kind in [FindingKind::SpanGap, FindingKind::SpanHash] {
                    findings.add(Finding::new(kind, StoreTable::Spans, "x").at(*position));
                }
            }
            findings.finish()
        };
        let (kept, left_out) = outcome(&[5, 1, 4, 2, 3]);
        let places: Vec<_> = kept.iter().map(|kept| kept.position.unwrap()).collect();
        assert_eq!(places, [1, 1, 2, 2, 3, 3]);
        assert_eq!(
            left_out,
            [(FindingKind::SpanGap, 2), (FindingKind::SpanHash, 2)]
        );
        assert_eq!(outcome(&[1, 2, 3, 4, 5]), (kept, left_out));
        assert_eq!(outcome(&[1, 2, 3]).1, []);
    }
}
