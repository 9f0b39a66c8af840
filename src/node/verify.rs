//! Verification for JavaScript: a job that runs on other threads.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::path_from;
use super::exporter::artifact_mode;
use super::job::{self, Job};
use super::raw::{Call, Function, Reply, Value, functions};
use crate::store::verify::{Finding, Report, Tally, VerifyOptions, verify_store};
use crate::store::{Monitor, Result};

/// A store that is to be verified.
struct Verification {
    store: PathBuf,
    options: VerifyOptions,
    monitor: Monitor,
}

impl Job for Verification {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const METHODS: &[Function<Verification>] = &[
    ("run", run),
    ("progress", job::progress),
    ("abort", job::abort),
];

/// `makeVerification(dirPath, artifactMode, quotedMode, integrityCheck, findingsPerKind)`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let default = VerifyOptions::default();
    let verification = Arc::new(Verification {
        store: path_from(call.text(0, "dirPath")?)?,
        options: VerifyOptions {
            mode: artifact_mode(call, 1)?,
            integrity_check: call.is_true(3),
            findings_per_kind: call
                .number(4)
                .map_or(default.findings_per_kind, |limit| limit as usize),
        },
        monitor: Monitor::default(),
    });
    functions(call.env(), &verification, METHODS).map(Reply::Js)
}

/// `run()`: a promise of the report.
fn run(call: &Call<'_, Verification>) -> Result<Reply> {
    let verification = call.target.clone();
    call.promise(move || {
        let Verification {
            store,
            options,
            monitor,
        } = &*verification;
        verify_store(store, options, monitor).map(report)
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
