//! Reuses the files of a previous export.
//!
//! An artifact with the same name and the same export record has the same contents, because the
//! record has their hash. The record of a current span changes when the span grows or ends, so its
//! file is written again.

use std::collections::HashMap;
use std::fs::File;
use std::fs::remove_file;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::artifact_file::ArtifactFile;
use super::data;
use super::export_files::ExportFiles;
use super::export_options::ExportOptions;
use super::layout::MANIFEST_NAME;
use super::paths::file_name_problem;
use crate::store::encoding::hash::Sha256;
use crate::store::encoding::number::to_number;
use crate::store::encoding::wtf8;
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::share::{Shared, share};
use crate::store::records::names;
use crate::store::substores::bundles::{check_bundle_artifact, gather_bundle};
use crate::store::substores::snapshots::{find_record, require_hash};
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::Exporter;
use crate::store::transfer::span_lines::SpanLines;

/// The size of the smallest gzip file, in bytes.
const MIN_GZIP_BYTES: u64 = 18;

/// What an export reused of a previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Reused {
    /// The number of artifacts whose files were reused.
    pub artifacts: u64,
    /// The size of these files, in bytes.
    pub bytes: u64,
    /// How many of them are hard links: names of the previous export's files.
    pub linked: u64,
    /// How many are clones, which share their blocks on the disk with the previous export.
    pub cloned: u64,
    /// How many are copies.
    pub copied: u64,
    /// How many files did not match their hash, and were written from the store.
    pub damaged: u64,
}

/// The export whose files may be reused.
pub(super) struct Previous {
    found: ExportFiles,
    data: PathBuf,
}

/// The files to reuse, and what was reused of them.
pub(super) struct Reuse {
    /// The file of each artifact of the new export; `None` if there is none to reuse.
    files: Vec<Option<PathBuf>>,
    is_gzip: bool,
    verify: bool,
    counts: ReuseCounts,
}

/// The counts of [`Reused`], updated by several threads.
#[derive(Default)]
struct ReuseCounts {
    bytes: AtomicU64,
    linked: AtomicU64,
    cloned: AtomicU64,
    copied: AtomicU64,
    damaged: AtomicU64,
}

impl Previous {
    /// Reads the manifest of a previous export.
    ///
    /// # Errors
    /// [`Error::Directory`] if there is none, it is malformed, or it names no export data;
    /// [`Error::Io`].
    pub(super) fn open(directory: &Path) -> Result<Previous> {
        let found = ExportFiles::open(directory).map_err(|error| match error {
            Error::Io { ref code, .. } if code == "ENOENT" => {
                let problem = format!("there is no {MANIFEST_NAME}");
                Fault::not_reusable(directory, &problem)
            }
            error => error,
        })?;
        if found.manifest.data.is_none() {
            let problem = "its manifest names no export data, which has the artifacts' hashes";
            return Err(Fault::not_reusable(directory, problem));
        }
        let data = found.data()?;
        Ok(Previous { found, data })
    }

    /// Finds the files of artifacts with the same name and record, for the artifacts `names` of the
    /// new export.
    ///
    /// # Errors
    /// [`Error::Directory`] if the export data is malformed; [`Error::Io`]; [`Error::Aborted`];
    /// SQLite's errors.
    pub(super) fn find(
        &self,
        exporter: &Exporter,
        names: &[&[u8]],
        options: &ExportOptions,
        monitor: &Monitor,
    ) -> Result<Reuse> {
        let mut files = self.files_of(names, options.compress);
        if files.iter().any(Option::is_some) {
            let same = self.same_records(exporter, names, monitor)?;
            for (file, is_same) in files.iter_mut().zip(same) {
                if !is_same {
                    *file = None;
                }
            }
        } else {
            monitor.tell(|| {
                let directory = self.found.directory.display();
                format!("nothing of {directory} can be reused: it has no such file")
            });
        }
        Ok(Reuse {
            files,
            is_gzip: options.compress,
            verify: options.verify_reused,
            counts: ReuseCounts::default(),
        })
    }

    /// The files of these artifacts that are gzip files, or are not.
    fn files_of(&self, names: &[&[u8]], is_gzip: bool) -> Vec<Option<PathBuf>> {
        let ExportFiles {
            directory,
            manifest,
        } = &self.found;
        let files: HashMap<&[u8], &[u8]> = manifest
            .artifacts
            .iter()
            .filter(|(name, file)| manifest.is_gzip(name, file) == is_gzip)
            .map(|(name, file)| (&**name, &**file))
            .collect();
        let path = |name: &&[u8]| {
            let file = std::str::from_utf8(files.get(name)?).ok()?;
            file_name_problem(file)
                .is_none()
                .then(|| directory.join(file))
        };
        names.iter().map(path).collect()
    }

    /// Which of these artifacts have the same record in the store and in the previous export.
    fn same_records(
        &self,
        exporter: &Exporter,
        names: &[&[u8]],
        monitor: &Monitor,
    ) -> Result<Vec<bool>> {
        let current = exporter.current_span_names()?;
        let current: Vec<_> = current.iter().map(|name| wtf8::as_read(name)).collect();
        let current: std::collections::HashSet<&[u8]> =
            current.iter().map(|name| &**name).collect();
        let indices: HashMap<Vec<u8>, usize> = names
            .iter()
            .enumerate()
            .map(|(index, name)| (record_key(name, current.contains(name)), index))
            .collect();
        // The digests of the records, to hold little of each.
        let mut wanted: Vec<Option<String>> = vec![None; names.len()];
        let records = exporter.export_data_without_kv();
        while let Some(batch) = records.next_batch()? {
            monitor.check()?;
            for (key, value) in &batch {
                if let Some(index) = indices.get(&*wtf8::as_read(key)) {
                    wanted[*index] = Some(digest(&wtf8::as_read(value)));
                }
            }
        }
        let mut same = vec![false; names.len()];
        data::read_without_kv(&self.data, monitor, |(key, value)| {
            // A later record replaces an earlier one of the same key.
            if let Some(index) = indices.get(&key) {
                let found = value.as_deref().map(digest);
                same[*index] = found.is_some() && found == wanted[*index];
            }
        })?;
        Ok(same)
    }
}

/// The key of an artifact's export record.
fn record_key(name: &[u8], is_current: bool) -> Vec<u8> {
    match names::parse_span_name(name) {
        Some((vat_id, _, _)) if is_current => names::span_key(vat_id, 0, true),
        Some((vat_id, start_pos, _)) => [b"transcript", vat_id, start_pos].join(&b'.'),
        None => name.to_vec(),
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.add(bytes);
    hash.finish()
}

impl Reuse {
    /// Whether the previous export has a file for an artifact.
    pub(super) fn has(&self, index: usize) -> bool {
        matches!(self.files.get(index), Some(Some(_)))
    }

    /// Reuses the file of the artifact with this index for the new file `to`. Returns `None` if
    /// there is nothing to reuse; otherwise the new file, if it has to be synced.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors; [`Error::Io`] if a damaged file cannot be removed.
    pub(super) fn take(
        &self,
        index: usize,
        exporter: &Exporter,
        name: &[u8],
        to: &Path,
        monitor: &Monitor,
    ) -> Result<Option<Option<File>>> {
        let Some(from) = self.files.get(index).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let Some((shared, bytes)) = share(from, to, monitor)? else {
            return Ok(None);
        };
        let is_intact = (!self.is_gzip || bytes >= MIN_GZIP_BYTES)
            && (!self.verify || self.is_intact(exporter, name, to, monitor)?);
        if !is_intact {
            drop(shared);
            self.counts.damaged.fetch_add(1, Ordering::Relaxed);
            monitor.tell(|| format!("{} is damaged", from.display()));
            return match remove_file(to) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Error::io(format!("removing {}", to.display()), &error))
                }
                _ => Ok(None),
            };
        }
        monitor.tell(|| format!("reusing {}", from.display()));
        monitor.count(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let (count, file) = match shared {
            Shared::Linked => (&self.counts.linked, None),
            Shared::Cloned(file) => (&self.counts.cloned, Some(file)),
            Shared::Copied(file) => (&self.counts.copied, Some(file)),
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Some(file))
    }

    /// Whether a file contains the artifact.
    fn is_intact(
        &self,
        exporter: &Exporter,
        name: &[u8],
        path: &Path,
        monitor: &Monitor,
    ) -> Result<bool> {
        let file = ArtifactFile::new(path.to_owned(), self.is_gzip);
        match check_contents(exporter, name, &file, monitor) {
            Ok(()) => Ok(true),
            Err(error @ (Error::Aborted | Error::Sqlite { .. })) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// What was reused so far.
    pub(super) fn report(&self) -> Reused {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let ReuseCounts {
            bytes,
            linked,
            cloned,
            copied,
            damaged,
        } = &self.counts;
        Reused {
            artifacts: [linked, cloned, copied].map(get).iter().sum(),
            bytes: get(bytes),
            linked: get(linked),
            cloned: get(cloned),
            copied: get(copied),
            damaged: get(damaged),
        }
    }
}

/// Fails unless a file contains the artifact that the store's record describes.
fn check_contents(
    exporter: &Exporter,
    name: &[u8],
    file: &ArtifactFile,
    monitor: &Monitor,
) -> Result<()> {
    let missing = || Error::NoMetadata {
        kind: "artifact",
        name: name.to_vec(),
    };
    monitor.check()?;
    // The bytes of the new file are counted once it is complete.
    let monitor = monitor.without_progress();
    let mut reader = file.open()?;
    if let Some((vat_id, start_pos, _)) = names::parse_span_name(name) {
        let record = exporter
            .database()
            .lock()
            .span_at(vat_id, to_number(start_pos))?
            .ok_or_else(missing)?;
        let mut lines = SpanLines::new(name, &record, limits().value_bytes);
        reader.read_all(&monitor, |chunk| lines.add(chunk, |_, _| Ok(())))?;
        return lines.finish(|_, _| Ok(()));
    }
    if let Some((vat_id, snap_pos)) = names::parse_snapshot_name(name) {
        let db = exporter.database().lock();
        let record = find_record(&db, vat_id, to_number(snap_pos))?;
        drop(db);
        let (expected, _) = record.ok_or_else(missing)?;
        let mut hash = Sha256::new();
        reader.read_all(&monitor, |chunk| {
            hash.add(chunk);
            Ok(())
        })?;
        return require_hash(name, &hash.finish(), &expected);
    }
    let mut data = Vec::new();
    reader.read_all(&monitor, |chunk| gather_bundle(name, &mut data, chunk))?;
    check_bundle_artifact(name, data).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::{fs, io};

    use super::super::tests::{Base, INTERLEAVED, archival, code, open};
    use super::super::unfinished::PREFIX;
    use super::super::{Exported, export_to_directory};
    use super::*;
    use crate::store::gzip::Compressor;
    use crate::store::records::mode::ArtifactMode;

    const IMAGE: &str = "snapshot.v1.3";
    const SPANS: [&str; 4] = [
        "transcript.v1.0.1",
        "transcript.v1.1.2",
        "transcript.v1.2.3",
        "transcript.v1.3.3",
    ];

    fn reusing(base: &Base, compress: bool, verify_reused: bool) -> ExportOptions {
        ExportOptions {
            compress,
            reuse: Some(base.at("previous")),
            verify_reused,
            ..archival()
        }
    }

    /// Exports again, with what another export has. Returns what was reused.
    fn export_again(base: &Base, options: &ExportOptions) -> Reused {
        let exported = base.export("again", options).unwrap();
        let complete = ExportOptions {
            reuse: None,
            verify_reused: false,
            ..options.clone()
        };
        base.export("complete", &complete).unwrap();
        let read = |name: &str| {
            let files = fs::read_dir(base.at(name)).unwrap().map(io::Result::unwrap);
            let mut files: Vec<_> = files
                .map(|file| (file.file_name(), fs::read(file.path()).unwrap()))
                .collect();
            files.sort();
            files
        };
        assert!(read("again") == read("complete"));
        for name in ["again", "complete"] {
            fs::remove_dir_all(base.at(name)).unwrap();
        }
        exported.reused.unwrap()
    }

    /// The name of an artifact's file in an export.
    fn file(name: &str, compress: bool) -> String {
        name.to_owned() + if compress { ".gz" } else { "" }
    }

    fn size(base: &Base, names: &[&str], compress: bool) -> u64 {
        let size = |name: &&str| {
            let path = base.at("previous").join(file(name, compress));
            path.metadata().unwrap().len()
        };
        names.iter().map(size).sum()
    }

    #[test]
    fn what_changed_is_written_again() {
        for compress in [false, true] {
            let base = Base::new();
            let options = ExportOptions {
                compress,
                ..archival()
            };
            base.export("previous", &options).unwrap();
            let reused = export_again(&base, &reusing(&base, compress, false));
            let bytes = size(&base, &SPANS, compress) + size(&base, &[IMAGE], compress);
            let expected = Reused {
                artifacts: 5,
                bytes,
                linked: 5,
                ..Reused::default()
            };
            assert_eq!(reused, expected);

            let mut store = open(&base.at("store"));
            let mut compressor = Compressor::default();
            compressor.add(b"another image").unwrap();
            let image = compressor.finish().unwrap();
            store.save_snapshot(b"v1", 3, &image).unwrap();
            store.add_item(b"v1", b"d").unwrap();
            store.commit().unwrap();
            store.close().unwrap();
            let expected = Reused {
                artifacts: 3,
                bytes: size(&base, &SPANS[..3], compress),
                linked: 3,
                ..Reused::default()
            };
            for verify in [false, true] {
                let reused = export_again(&base, &reusing(&base, compress, verify));
                assert_eq!(reused, expected);
            }
        }
    }

    #[test]
    fn damaged_files_are_written_from_the_store() {
        for compress in [false, true] {
            let base = Base::new();
            let options = ExportOptions {
                compress,
                ..archival()
            };
            base.export("previous", &options).unwrap();
            let damaged = [IMAGE, SPANS[1]];
            for name in damaged {
                let path = base.at("previous").join(file(name, compress));
                let bytes = path.metadata().unwrap().len();
                fs::write(path, vec![b'x'; usize::try_from(bytes).unwrap()]).unwrap();
            }
            let intact = [SPANS[0], SPANS[2], SPANS[3]];
            let expected = Reused {
                artifacts: 3,
                bytes: size(&base, &intact, compress),
                linked: 3,
                damaged: 2,
                ..Reused::default()
            };
            let reused = export_again(&base, &reusing(&base, compress, true));
            assert_eq!(reused, expected);
            // The files of the previous export stay as they are.
            for name in damaged {
                let path = base.at("previous").join(file(name, compress));
                assert!(fs::read(path).unwrap().iter().all(|byte| *byte == b'x'));
            }
            // Without a check, only the size of gzip files shows damage.
            let unchecked = reusing(&base, compress, false);
            let reused = base.export("again", &unchecked).unwrap().reused.unwrap();
            assert_eq!((reused.linked, reused.damaged), (5, 0));
        }
    }

    #[test]
    fn a_file_that_is_too_short_for_gzip_is_damaged() {
        let base = Base::new();
        let compressed = ExportOptions {
            compress: true,
            ..archival()
        };
        base.export("previous", &compressed).unwrap();
        for (name, bytes) in [(IMAGE, 0), (SPANS[0], 17)] {
            let path = base.at("previous").join(file(name, true));
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(bytes).unwrap();
        }
        let reused = export_again(&base, &reusing(&base, true, false));
        assert_eq!((reused.artifacts, reused.linked), (3, 3));
        assert_eq!(reused.damaged, 2);
    }

    #[cfg(unix)]
    #[test]
    fn linked_files_and_others_are_counted() {
        use std::os::unix::fs::PermissionsExt;
        let base = Base::new();
        base.export("previous", &archival()).unwrap();
        // Files that others may change are not linked.
        for name in [IMAGE, SPANS[0]] {
            let path = base.at("previous").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        let reused = export_again(&base, &reusing(&base, false, false));
        assert_eq!((reused.artifacts, reused.linked), (5, 3));
        assert_eq!(reused.cloned + reused.copied, 2);
        assert_eq!(reused.bytes, size(&base, &SPANS, false) + 1);
    }

    #[test]
    fn only_an_export_is_reused() {
        let base = Base::new();
        let reuse = |previous: &str| {
            let options = ExportOptions {
                reuse: Some(base.at(previous)),
                ..archival()
            };
            let outcome = base.export("again", &options);
            assert!(!base.at("again").exists());
            code(outcome)
        };
        fs::create_dir(base.at("empty")).unwrap();
        fs::write(base.at("file"), "").unwrap();
        assert_eq!(reuse("missing"), "ERR_SWING_STORE_REUSE");
        assert_eq!(reuse("empty"), "ERR_SWING_STORE_REUSE");
        if cfg!(unix) {
            assert_eq!(reuse("file"), "ENOTDIR");
        }
        fs::write(base.at("empty").join(MANIFEST_NAME), "{}").unwrap();
        assert_eq!(reuse("empty"), "ERR_SWING_STORE_MANIFEST");
    }

    /// Exports again. When a file is reported as damaged, calls `change` with its new name.
    fn export_and_change(
        base: &Base,
        change: impl Fn(&Path) + Send + Sync + 'static,
    ) -> Result<Exported> {
        let again = base.at("again");
        let monitor = Monitor::telling(move |step| {
            if let Some(path) = step.strip_suffix(" is damaged") {
                let name = Path::new(path).file_name().unwrap();
                let mut files = fs::read_dir(&again).unwrap().map(io::Result::unwrap);
                let scratch =
                    files.find(|file| file.file_name().to_string_lossy().starts_with(PREFIX));
                change(&scratch.unwrap().path().join(name));
            }
        });
        let options = reusing(base, false, true);
        export_to_directory(&base.at("store"), &base.at("again"), &options, &monitor)
    }

    #[test]
    fn a_damaged_file_that_is_gone_is_no_error() {
        let base = Base::new();
        base.export("previous", &archival()).unwrap();
        fs::write(base.at("previous").join(IMAGE), "x").unwrap();
        let exported = export_and_change(&base, |path| remove_file(path).unwrap()).unwrap();
        let reused = exported.reused.unwrap();
        assert_eq!((reused.linked, reused.damaged), (4, 1));
        assert_eq!(fs::read(base.at("again").join(IMAGE)).unwrap(), b"c");
        fs::remove_dir_all(base.at("again")).unwrap();

        let error = export_and_change(&base, |path| {
            remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        })
        .unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().contains("removing"), "{error}");
        assert!(!base.at("again").exists());
    }

    #[test]
    fn only_what_is_not_reused_is_written_in_the_order_of_the_rows() {
        let (base, _store) = Base::interleaved();
        let export = |name: &str, options: &ExportOptions| {
            let told = Arc::new(Mutex::new(Vec::new()));
            let listener = told.clone();
            let monitor = Monitor::telling(move |step| {
                if let Some(name) = step.strip_prefix("writing transcript.") {
                    listener.lock().unwrap().push(name.to_owned());
                }
            });
            let (store, to) = (base.at("store"), base.at(name));
            let exported = export_to_directory(&store, &to, options, &monitor).unwrap();
            let told = told.lock().unwrap().clone();
            (exported.reused.map(|reused| reused.linked), told)
        };
        let current = ExportOptions {
            mode: Some(ArtifactMode::Operational),
            ..archival()
        };
        export("previous", &current);
        let (linked, mut written) = export("again", &reusing(&base, false, false));
        assert_eq!(linked, Some(4));
        // The files of all vats were open at the same time.
        assert_eq!(written[..4], INTERLEAVED.map(|vat| format!("{vat}.0.10")));
        written.sort();
        let spans = INTERLEAVED.map(|vat| [format!("{vat}.0.10"), format!("{vat}.10.20")]);
        assert_eq!(written, spans.concat());

        fs::remove_dir_all(base.at("previous")).unwrap();
        export("previous", &archival());
        let (linked, written) = export("third", &reusing(&base, false, false));
        assert_eq!((linked, written), (Some(12), vec![]));
    }
}
