//! Renders the page.

use std::path::Path;
use std::time::SystemTime;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::report::bundles::Bundles;
use crate::report::contents::{MODES, StoreContents};
use crate::report::data::{Data, LimitedData, Limits};
use crate::report::findings::{ListedFindings, MOST_OF_A_KIND};
use crate::report::space::{KeyRow, Pruning, SpaceShare, key_rows, kinds, prunings};
use crate::report::vats::{MOST_VATS, Vats, count_states};
use crate::report::words;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::error::{Error, Result};
use crate::store::history::Populated;
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::Monitor;
use crate::store::verify::Report;

const STYLE: &str = include_str!("assets/page.css");

/// The scripts, in the order in which they depend on each other.
const SCRIPTS: [&str; 5] = [
    include_str!("assets/make.js"),
    include_str!("assets/pieces.js"),
    include_str!("assets/lanes.js"),
    include_str!("assets/table.js"),
    include_str!("assets/vats.js"),
];

/// A number at the top of the page.
pub(super) struct Fact {
    label: &'static str,
    value: String,
    note: String,
}

/// Whether the store has everything that a mode requires.
struct Completeness {
    mode: &'static str,
    carries: &'static str,
    is_complete: bool,
    problems: Vec<String>,
    artifacts: Vec<String>,
    more_artifacts: Option<String>,
}

/// The state of the store in one line.
struct Verdict {
    class: &'static str,
    words: String,
    details: String,
}

#[derive(Template)]
#[template(path = "page.html", whitespace = "minimize")]
struct Page<'a> {
    version: &'static str,
    made: String,
    store: String,
    vat: Option<String>,
    height: String,
    style: &'a str,
    style_hash: String,
    scripts: &'a [String],
    script_hashes: String,
    verdict: Verdict,
    facts: Vec<Fact>,
    kinds: Vec<SpaceShare>,
    whole: String,
    key_rows: Vec<KeyRow>,
    modes: Vec<Completeness>,
    prunings: Vec<Pruning>,
    vats: &'a Vats<'a>,
    bundles: Bundles,
    findings: Option<ListedFindings>,
    verified_mode: &'static str,
    cuts: Vec<String>,
    data: String,
}

/// Renders the page. `verified` is the result of a verification, if there was one.
///
/// # Errors
/// SQLite's errors; [`Error::Aborted`].
pub(crate) fn write(
    contents: &StoreContents,
    store: &Path,
    verified: Option<&Report>,
    made: SystemTime,
    monitor: &Monitor,
) -> Result<String> {
    let vats = Vats::of(contents);
    let limits = match contents.one {
        None => Limits::ALL_VATS,
        Some(_) => Limits::ONE_VAT,
    };
    let limited = Data::of(contents, &vats.listed, limits, monitor)?;
    let findings = verified.map(|report| ListedFindings::of(report, contents.one.as_deref()));
    let style = STYLE.replace("\r\n", "\n");
    let scripts = SCRIPTS.map(|script| script.replace("\r\n", "\n"));
    let is_all = contents.one.is_none();
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        made: humantime::format_rfc3339_seconds(made)
            .to_string()
            .replace('T', " ")
            .replace('Z', " UTC"),
        store: words::text(&absolute(store)),
        vat: contents.one.as_deref().map(words::text),
        height: contents.block_height.to_string(),
        style_hash: csp_hash(&style),
        script_hashes: scripts.each_ref().map(|one| csp_hash(one)).join(" "),
        style: &style,
        scripts: &scripts,
        verdict: verdict(verified, findings.as_ref(), is_all),
        facts: facts(contents, verified),
        kinds: if is_all { kinds(contents) } else { Vec::new() },
        whole: words::bytes(contents.space.file_bytes),
        key_rows: if is_all {
            key_rows(contents)
        } else {
            Vec::new()
        },
        modes: completeness(contents),
        prunings: prunings(contents),
        bundles: Bundles::of(contents),
        findings,
        verified_mode: verified.map_or("", |report| report.mode.name()),
        cuts: cuts(&vats, &limited, verified),
        data: limited.data.script()?,
        vats: &vats,
    };
    page.render()
        .map_err(|error| Error::Internal(error.to_string()))
}

/// The hash with which a content security policy allows a style or script.
fn csp_hash(text: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(text));
    format!("'sha256-{hash}'")
}

/// A path that says where the store is after the page was moved.
fn absolute(path: &Path) -> String {
    let absolute = path.canonicalize();
    let absolute = absolute.as_deref().map_or(path, dunce::simplified);
    absolute.to_string_lossy().into_owned()
}

/// The verdict on the store or, unless `is_all`, on the vat of the page.
fn verdict(verified: Option<&Report>, findings: Option<&ListedFindings>, is_all: bool) -> Verdict {
    let (Some(report), Some(findings)) = (verified, findings) else {
        return Verdict {
            class: "open",
            words: "Not verified".into(),
            details: "This report was made without checking contents against their hashes \
                      (--no-verify)."
                .into(),
        };
    };
    let totals = report.totals;
    let checked = format!(
        "{}{}, {} and {} were checked against their hashes, {} in all.",
        if is_all { "" } else { "In the whole store, " },
        plural(totals.spans.checked, "span"),
        plural(totals.snapshots.checked, "snapshot"),
        plural(totals.bundles.checked, "bundle"),
        words::bytes(totals.spans.bytes + totals.snapshots.bytes + totals.bundles.bytes),
    );
    match (findings.count(), findings.errors) {
        (0, _) => Verdict {
            class: if findings.elsewhere > 0 {
                "fair"
            } else {
                "good"
            },
            words: format!(
                "Nothing is wrong{}",
                if is_all { "" } else { " with this vat" }
            ),
            details: match findings.elsewhere {
                0 => checked,
                some => format!(
                    "The rest of the store has {}: see a report without --vat. {checked}",
                    plural(some, "finding"),
                ),
            },
        },
        (count, errors) => Verdict {
            class: if errors > 0 { "bad" } else { "fair" },
            words: format!(
                "{}{}",
                plural(count, "finding"),
                if is_all { "" } else { " in this vat" }
            ),
            details: format!(
                "{}, {}. {checked}",
                plural(errors, "error"),
                plural(findings.warnings, "warning")
            ),
        },
    }
}

fn facts(contents: &StoreContents, verified: Option<&Report>) -> Vec<Fact> {
    let vats = &contents.vats;
    let sum = |of: fn(&crate::store::history::VatInfo) -> usize| vats.iter().map(of).sum::<usize>();
    let items = vats
        .iter()
        .fold(0i64, |sum, vat| sum.saturating_add(vat.items));
    let (spans, populated) = (sum(|vat| vat.spans), sum(|vat| vat.populated_spans));
    let in_part = contents.spans.iter();
    let in_part = in_part.filter(|span| span.populated == Populated::Some);
    let (snapshots, images) = (sum(|vat| vat.snapshots), sum(|vat| vat.populated_snapshots));
    let mut facts = vec![Fact {
        label: "Block height",
        value: contents.block_height.to_string(),
        note: match verified.and_then(|report| report.block_height) {
            Some(height) if height != contents.block_height => {
                format!("verified as of block {height}")
            }
            _ => "the last commit".into(),
        },
    }];
    let complete = MODES.iter().zip(&contents.lacking);
    let complete = complete
        .take_while(|(_, lacking)| lacking.is_nothing())
        .last();
    facts.push(Fact {
        label: "Complete for mode",
        value: complete.map_or("none", |(mode, _)| mode.name()).into(),
        note: match complete {
            None => "contents that a kernel needs are missing".into(),
            Some((ArtifactMode::Archival, _)) => "all history is present".into(),
            Some(_) => "see below for what is missing".into(),
        },
    });
    if let Some(vat) = vats.first().filter(|_| contents.one.is_some()) {
        facts.push(Fact {
            label: "State",
            value: vat.state.name().into(),
            note: if vat.in_kernel {
                "in the kernel's state".into()
            } else {
                "not in the kernel's state".into()
            },
        });
        facts.push(Fact {
            label: "Incarnation",
            value: vat.incarnation.map_or("none".into(), |one| one.to_string()),
            note: format!("of {}; the first is 0", grouped(vat.incarnations)),
        });
    } else {
        facts.push(Fact {
            label: "File",
            value: words::bytes(contents.space.file_bytes),
            note: match contents.space.log_bytes {
                0 => format!("{} of it free", words::bytes(contents.space.free_bytes)),
                log => format!(
                    "{} of it free; {} of write-ahead log",
                    words::bytes(contents.space.free_bytes),
                    words::bytes(log)
                ),
            },
        });
        facts.push(Fact {
            label: "Vats",
            value: grouped(vats.len()),
            note: count_states(vats),
        });
    }
    facts.push(Fact {
        label: "Transcript items",
        value: grouped(items),
        note: format!(
            "in {}, {} of them pruned{}",
            plural(spans, "span"),
            grouped(spans.saturating_sub(populated)),
            match in_part.count() {
                0 => String::new(),
                some => format!(" ({} in part)", grouped(some)),
            },
        ),
    });
    facts.push(Fact {
        label: "Snapshots",
        value: grouped(snapshots),
        note: format!("{} with their image", grouped(images)),
    });
    facts
}

fn completeness(contents: &StoreContents) -> Vec<Completeness> {
    let modes = MODES.iter().zip(&contents.lacking);
    let modes = modes.map(|(mode, lacking)| {
        let mut problems = Vec::new();
        if lacking.spans > 0 {
            problems.push(format!(
                "{} of {} {} {}.",
                plural(lacking.spans, "span"),
                plural(lacking.vats, "vat"),
                agree(lacking.spans, "lacks", "lack"),
                plural(lacking.items, "item"),
            ));
        }
        problems.extend(
            lacking
                .problems
                .iter()
                .map(|text| words::cut_text(text, 600)),
        );
        if lacking.more_problems > 0 {
            let more = grouped(lacking.more_problems);
            problems.push(format!("and {more} more of this kind"));
        }
        let more = lacking.spans.saturating_sub(lacking.artifacts.len());
        Completeness {
            mode: mode.name(),
            carries: match mode {
                ArtifactMode::Operational => "What a kernel needs to run",
                ArtifactMode::Replay => "Also each vat's current incarnation, to replay it",
                ArtifactMode::Archival | ArtifactMode::Debug => "Also all earlier incarnations",
            },
            is_complete: lacking.is_nothing(),
            problems,
            artifacts: lacking
                .artifacts
                .iter()
                .map(|name| words::text(name))
                .collect(),
            more_artifacts: (more > 0).then(|| grouped(more)),
        }
    });
    modes.collect()
}

/// Notes about what the page leaves out.
fn cuts(vats: &Vats<'_>, limited: &LimitedData, verified: Option<&Report>) -> Vec<String> {
    let mut cuts = Vec::new();
    if vats.others.is_some() {
        cuts.push(format!(
            "Only the {} largest vats are listed.",
            grouped(MOST_VATS)
        ));
    }
    if limited.merged_vats > 0 {
        cuts.push(format!(
            "The spans of {} with more than {} are merged into pieces. \
             inspect --vat VATID --html shows one vat in more pieces.",
            plural(limited.merged_vats, "vat"),
            plural(limited.pieces_of_one, "span"),
        ));
    }
    if limited.incarnations_left_out > 0 {
        cuts.push(format!(
            "Only the last incarnations of some vats are listed; {} are left out.",
            grouped(limited.incarnations_left_out)
        ));
    }
    if verified.is_some_and(|report| !report.left_out.is_empty()) {
        cuts.push(format!(
            "Only the first {} findings of each kind are listed.",
            grouped(MOST_OF_A_KIND)
        ));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_scripts_are_safe_within_html() {
        for text in SCRIPTS.iter().chain([&STYLE]) {
            let text = text.to_ascii_lowercase();
            for end in ["</script", "</style", "<!--", "<script"] {
                assert!(!text.contains(end), "{end}");
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn hashes_are_those_of_browsers() {
        assert_eq!(
            csp_hash("alert('Hello, world.');"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
    }
}
