//! The findings of a verification, by kind.

use crate::report::explain::{Marked, explain};
use crate::report::words;
use crate::store::encoding::plural::grouped;
use crate::store::encoding::wtf8;
use crate::store::verify::{Finding, Report, Severity};

/// How many findings of each kind the page lists.
pub(crate) const MOST_OF_A_KIND: usize = 50;

/// The longest message that is shown, in characters.
const LONGEST: usize = 600;

/// The findings of one kind.
pub(crate) struct FindingGroup {
    pub(crate) name: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) count: String,
    pub(crate) meaning: Marked,
    pub(crate) remedy: Marked,
    pub(crate) findings: Vec<ListedFinding>,
    /// The number of findings that are not listed.
    pub(crate) left_out: Option<String>,
}

/// A finding.
pub(crate) struct ListedFinding {
    pub(crate) place: String,
    pub(crate) message: String,
}

/// The findings of a verification, grouped by kind.
pub(crate) struct ListedFindings {
    pub(crate) kinds: Vec<FindingGroup>,
    pub(crate) errors: u64,
    pub(crate) warnings: u64,
    /// The number of findings that do not concern the vat of the report.
    pub(crate) elsewhere: u64,
}

impl ListedFindings {
    /// The findings about the whole store, or about one vat.
    pub(crate) fn of(report: &Report, one: Option<&str>) -> ListedFindings {
        let mut found = ListedFindings {
            kinds: Vec::new(),
            errors: 0,
            warnings: 0,
            elsewhere: 0,
        };
        let concerns = |finding: &Finding| match one {
            Some(vat_id) => finding.id.as_deref() == Some(vat_id.as_bytes()),
            None => true,
        };
        for kind in crate::store::verify::FindingKind::ALL {
            let of_kind = report.findings.iter().filter(|one| one.kind == *kind);
            let (here, elsewhere): (Vec<_>, Vec<_>) = of_kind.partition(|one| concerns(one));
            let left_out = report.left_out.iter().find(|(of, _)| of == kind);
            let mut left_out = left_out.map_or(0, |(_, count)| *count);
            found.elsewhere += elsewhere.len() as u64;
            if one.is_some() {
                // Their vats are unknown.
                found.elsewhere += std::mem::take(&mut left_out);
            }
            if here.is_empty() {
                continue;
            }
            let count = here.len() as u64 + left_out;
            match kind.severity() {
                Severity::Error => found.errors += count,
                Severity::Warning => found.warnings += count,
            }
            let (meaning, remedy) = explain(*kind);
            found.kinds.push(FindingGroup {
                name: kind.name(),
                severity: kind.severity().name(),
                count: grouped(count),
                meaning,
                remedy,
                findings: here.into_iter().map(ListedFinding::of).collect(),
                left_out: (left_out > 0).then(|| grouped(left_out)),
            });
        }
        // Errors first; within a severity, in the order of kinds.
        found
            .kinds
            .sort_by_key(|kind| kind.severity != Severity::Error.name());
        found
    }

    pub(crate) fn count(&self) -> u64 {
        self.errors + self.warnings
    }
}

impl ListedFinding {
    fn of(finding: &Finding) -> ListedFinding {
        let shown = |text: &[u8]| {
            let text = wtf8::as_read(text);
            words::text(&String::from_utf8_lossy(&text))
        };
        let table = finding.table.name().unwrap_or("the file");
        let place = match (&finding.artifact, &finding.id) {
            (Some(artifact), _) => shown(artifact),
            (None, Some(id)) => match finding.position {
                Some(position) => format!("{table} {} at {position}", shown(id)),
                None => format!("{table} {}", shown(id)),
            },
            (None, None) => table.to_owned(),
        };
        ListedFinding {
            place,
            message: words::cut_text(&finding.message, LONGEST),
        }
    }
}
