//! Verification for JavaScript: a job that runs on other threads.

use super::job;
use crate::node::raw::{Call, Reply, Value};
use crate::node::store::database::path_from;
use crate::node::store::exporter::artifact_mode;
use crate::store::error::Result;
use crate::store::verify::{Finding, Report, Tally, VerifyOptions, verify_store};

/// `makeVerification(dirPath, artifactMode, quotedMode, integrityCheck, findingsPerKind)`: its
/// `run()` is a promise of the report.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let default = VerifyOptions::default();
    let options = VerifyOptions {
        mode: artifact_mode(call, 1)?,
        integrity_check: call.is_true(3),
        findings_per_kind: call
            .number(4)
            .map_or(default.findings_per_kind, |limit| limit as usize),
    };
    job::make(call, move |monitor| {
        verify_store(&store, &options, monitor).map(report)
    })
}

fn report(report: Report) -> Value {
    let number = |number: u64| Value::Number(number as f64);
    let totals = report.totals;
    Value::Object(vec![
        ("ok", Value::Bool(report.is_sound())),
        ("artifactMode", Value::text(report.mode.name())),
        (
            "blockHeight",
            Value::or_undefined(report.block_height, Value::Number),
        ),
        (
            "findings",
            Value::Array(report.findings.into_iter().map(finding).collect()),
        ),
        (
            "leftOut",
            Value::Object(
                report
                    .left_out
                    .into_iter()
                    .map(|(kind, count)| (kind.name(), number(count)))
                    .collect(),
            ),
        ),
        ("spans", tally(totals.spans)),
        ("items", number(totals.items)),
        ("snapshots", tally(totals.snapshots)),
        ("bundles", tally(totals.bundles)),
        ("keys", number(totals.keys)),
        ("pendingExports", number(totals.pending_exports)),
    ])
}

fn tally(tally: Tally) -> Value {
    let number = |number: u64| Value::Number(number as f64);
    Value::Object(vec![
        ("total", number(tally.total)),
        ("checked", number(tally.checked)),
        ("pruned", number(tally.pruned)),
        ("bytes", number(tally.bytes)),
    ])
}

fn finding(finding: Finding) -> Value {
    let mut fields = vec![
        ("kind", Value::text(finding.kind.name())),
        ("severity", Value::text(finding.severity().name())),
    ];
    // What there is nothing to say about is left out.
    fields.extend(
        finding
            .table
            .name()
            .map(|name| ("table", Value::text(name))),
    );
    fields.extend(finding.id.map(|id| ("id", Value::Text(id))));
    fields.extend(
        finding
            .position
            .map(|position| ("position", Value::Number(position as f64))),
    );
    fields.extend(finding.artifact.map(|name| ("artifact", Value::Text(name))));
    fields.push(("message", Value::text(finding.message)));
    Value::Object(fields)
}
