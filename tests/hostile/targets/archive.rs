//! Archive files, from which a pruned store is repopulated.

use std::fs;

use swing_store::store::archive::{ArchiveOptions, archive_store};
use swing_store::store::repopulate::{RepopulateOptions, repopulate_from_directory};
use swing_store::store::verify::VerifyOptions;
use swing_store::store::{ArtifactMode, Compressor, Monitor, verify_store};

use super::scene::{scene, temporary};
use super::{Target, allowed, split_first};

pub const TARGET: Target = Target {
    name: "archive",
    run,
    seeds,
    words: &[
        b"\n",
        b"\0",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\x03\0\0\0\0\0\0\0\0\0",
        b"PK\x03\x04",
        b"{\"moduleFormat\":",
        b"\xFF\xFF",
    ],
    rounds: 45,
};

/// The artifacts that are tried.
const MOST: u64 = 1 << 20;

fn artifacts() -> impl Iterator<Item = &'static (String, Vec<u8>)> {
    scene()
        .export
        .iter()
        .filter(|(name, _)| !name.starts_with("export-"))
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::default();
    compressor.add(bytes).expect("compressing");
    compressor.finish().expect("compressing").bytes
}

/// Seeds: the index of the artifact, whether it is compressed, and the file.
fn seeds() -> Vec<Vec<u8>> {
    let bomb = vec![0; 3 << 20];
    let files = artifacts().zip(0_u8..);
    files
        .flat_map(|((_, bytes), index)| {
            [
                [&[index, 0], &bytes[..]].concat(),
                [&[index, 1], &compress(bytes)[..]].concat(),
                [&[index, 1], &compress(&bomb)[..]].concat(),
            ]
        })
        .collect()
}

/// Checks that restored contents are right, and that no contents are restored in part.
fn run(input: &[u8]) {
    let (index, input) = split_first(input);
    let (is_gzip, file) = split_first(input);
    let all: Vec<_> = artifacts().collect();
    let (name, _) = all[usize::from(index) % all.len()];
    let base = temporary();
    let [from, store, again] = ["from", "store", "again"].map(|name| base.path().join(name));
    fs::create_dir(&from).expect("a directory for the archive");
    let extension = if is_gzip % 2 == 1 { ".gz" } else { "" };
    fs::write(from.join(format!("{name}{extension}")), file).expect("a file of the archive");
    scene().put_pruned_store(&store);
    let monitor = Monitor::default();
    let options = RepopulateOptions {
        max_artifact_bytes: MOST,
        ..RepopulateOptions::new(ArtifactMode::Debug)
    };
    let report = allowed(repopulate_from_directory(&from, &store, options, &monitor));
    if let Some(report) = &report {
        // An empty span counts as present.
        let counted = report.filled.len() as u64 + report.refused_count + report.present;
        assert_eq!(counted, 1);
    }
    let options = VerifyOptions {
        mode: ArtifactMode::Debug,
        ..VerifyOptions::default()
    };
    let verified = verify_store(&store, &options, &monitor).expect("a report");
    let filled = report.map_or(0, |report| report.filled.len() as u64);
    let totals = verified.totals;
    let checked = totals.spans.checked + totals.snapshots.checked + totals.bundles.checked;
    // The two empty spans are present without items.
    assert!(
        checked <= filled + 2,
        "{checked} are present, and {filled} were restored"
    );
    for finding in &verified.findings {
        let message = &finding.message;
        assert!(!message.contains("hash"), "{message}");
    }
    // The file has the place that it has in an archive of a whole store.
    scene().put_store(&again);
    let options = ArchiveOptions {
        check: true,
        current_spans: true,
        ..ArchiveOptions::default()
    };
    allowed(archive_store(&again, &from, &options, &monitor));
}
