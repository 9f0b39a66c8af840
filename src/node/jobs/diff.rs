//! Comparison of two stores or exports for JavaScript: a job that runs on other threads.

use super::job;
use crate::node::raw::{Call, Reply, Value};
use crate::node::store::database::path_from;
use crate::node::store::exporter::artifact_mode;
use crate::store::diff::{DiffOptions, DiffReport, Difference, DifferenceCounts, diff_stores};
use crate::store::error::Result;

/// `makeComparison(a, b, artifactMode, quotedMode, contents, localKeys, limit)`: its `run()` is a
/// promise of the report. Without a mode it is that of an export among the two.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let a = path_from(call.text(0, "a")?)?;
    let b = path_from(call.text(1, "b")?)?;
    let default = DiffOptions::default();
    let options = DiffOptions {
        mode: match call.optional_text(2) {
            None => None,
            Some(_) => Some(artifact_mode(call, 2)?),
        },
        contents: call.is_true(4),
        local_keys: call.is_true(5),
        limit: call.number(6).map_or(default.limit, |limit| limit as usize),
    };
    job::make(call, move |monitor| {
        diff_stores(&a, &b, &options, monitor).map(report)
    })
}

fn report(report: DiffReport) -> Value {
    let number = |number: u64| Value::Number(number as f64);
    let same = report.is_same();
    let heights = report.block_heights.iter();
    let heights = heights.map(|height| Value::or_undefined(*height, Value::Number));
    Value::Object(vec![
        ("same", Value::Bool(same)),
        ("blockHeights", Value::Array(heights.collect())),
        (
            "differences",
            Value::Array(report.differences.into_iter().map(difference).collect()),
        ),
        ("leftOut", number(report.left_out)),
        ("records", Value::or_undefined(report.records, counts)),
        ("localKeys", Value::or_undefined(report.local_keys, counts)),
        ("artifacts", Value::or_undefined(report.artifacts, counts)),
        ("contents", number(report.contents)),
    ])
}

fn counts(counts: DifferenceCounts) -> Value {
    let number = |number: u64| Value::Number(number as f64);
    Value::Object(vec![
        ("a", number(counts.a)),
        ("b", number(counts.b)),
        ("onlyA", number(counts.only_a)),
        ("onlyB", number(counts.only_b)),
        ("differing", number(counts.differing)),
    ])
}

fn difference(difference: Difference) -> Value {
    let mut fields = vec![
        ("subject", Value::text(difference.subject.name())),
        ("in", Value::text(difference.which.name())),
        ("name", Value::Text(difference.name)),
    ];
    // What there is nothing to say about is left out.
    let [a, b] = difference.values;
    fields.extend(a.map(|value| ("a", Value::Text(value))));
    fields.extend(b.map(|value| ("b", Value::Text(value))));
    fields.extend(
        difference
            .detail
            .map(|detail| ("detail", Value::text(detail))),
    );
    Value::Object(fields)
}
