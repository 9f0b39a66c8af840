//! Writes artifacts to files, and imports them from files.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::artifact_file::ArtifactFile;
use crate::store::error::{Error, Result};
use crate::store::gzip::BlockWriter;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::bundle_id_from_name;
use crate::store::substores::Store;
use crate::store::substores::bundles::{check_bundle_artifact, gather_bundle};
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::{Artifact, Exporter};
use crate::store::transfer::span_import::SpanImport;

/// The largest heap image that is taken from a compressed file, in bytes. An XS heap has at most half
/// of it.
const MAX_IMAGE_BYTES: u64 = 4 << 30;

/// Writes an artifact to a new file, with `compress` as a gzip file; returns the file. An image is
/// written as the store has it, which is compressed, without reading into it.
///
/// # Errors
/// As [`Exporter::artifact`]; [`Error::Io`]; [`Error::Aborted`].
pub(super) fn write(
    exporter: &Exporter,
    name: &[u8],
    path: &Path,
    compress: bool,
    monitor: &Monitor,
) -> Result<File> {
    let io = |error| Error::io(format!("writing {}", path.display()), &error);
    let mut file = File::create_new(path).map_err(io)?;
    let mut write = |chunk: &[u8]| {
        file.write_all(chunk).map_err(io)?;
        monitor.count(chunk.len())
    };
    if compress {
        write_compressed(exporter, name, write)?;
        return Ok(file);
    }
    match exporter.artifact(name)? {
        Artifact::Snapshot(mut image) => {
            while let Some(chunk) = image.next_chunk()? {
                write(&chunk)?;
            }
        }
        Artifact::Span(reader) => {
            while let Some(chunk) = reader.next_chunk()? {
                write(&chunk)?;
            }
        }
        Artifact::Bundle(bytes) => write(&bytes)?,
        Artifact::Fetched(_) => return Err(Error::InvalidArtifactType(name.to_vec())),
    }
    Ok(file)
}

fn write_compressed(
    exporter: &Exporter,
    name: &[u8],
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    if names::kind(name) == b"snapshot" {
        return write(&exporter.compressed_snapshot(name)?);
    }
    let mut compressed = BlockWriter::default();
    match exporter.artifact(name)? {
        Artifact::Span(reader) => {
            while let Some(chunk) = reader.next_chunk()? {
                compressed.add(&chunk, &mut write)?;
            }
        }
        Artifact::Bundle(bytes) => compressed.add(&bytes, &mut write)?,
        Artifact::Snapshot(_) | Artifact::Fetched(_) => {
            return Err(Error::InvalidArtifactType(name.to_vec()));
        }
    }
    compressed.finish(write)
}

/// Imports artifacts into a store.
pub(super) struct Import<'a, R> {
    /// Runs a step with the store locked. Steps are short.
    pub with_store: &'a (dyn Fn(StoreStep<'_>) -> Result<()> + Sync),
    /// The mode of the import, which says which artifacts to import.
    pub mode: ArtifactMode,
    /// Waits until all export records are in the store.
    pub wait_for_records: R,
    /// Receives progress, and can abort the import.
    pub monitor: &'a Monitor,
}

/// An operation on the store.
pub(super) type StoreStep<'a> = &'a mut dyn FnMut(&mut Store) -> Result<()>;

impl<R: Fn() -> Result<()> + Sync> Import<'_, R> {
    /// Imports an artifact, unless the mode skips it. Fails if it does not match its record.
    ///
    /// Compresses snapshots and checks bundles before it waits for the records.
    ///
    /// # Errors
    /// As [`Store`]'s methods that import such an artifact; [`Error::UnknownOnImport`];
    /// [`Error::Io`]; [`Error::Aborted`].
    pub(super) fn store(&self, name: &[u8], file: &ArtifactFile) -> Result<()> {
        match names::kind(name) {
            b"snapshot" => self.snapshot(name, file),
            b"transcript" => self.span(name, file),
            b"bundle" => self.bundle(name, file),
            _ => Err(Error::unknown_artifact(name)),
        }
    }

    fn step<T>(&self, mut step: impl FnMut(&mut Store) -> Result<T>) -> Result<T> {
        let mut outcome = None;
        (self.with_store)(&mut |store| {
            outcome = Some(step(store)?);
            Ok(())
        })?;
        outcome.ok_or_else(|| Error::Internal("the store did not run a step".into()))
    }

    fn snapshot(&self, name: &[u8], file: &ArtifactFile) -> Result<()> {
        // A plain file has its size on the disk, and cannot expand.
        let max_bytes = if file.is_gzip {
            MAX_IMAGE_BYTES
        } else {
            u64::MAX
        };
        let image = file.image(name, max_bytes, self.monitor)?;
        (self.wait_for_records)()?;
        self.step(|store| match store.import_snapshot(name, self.mode)? {
            Some(import) => store.populate_snapshot(import, &image),
            None => Ok(()),
        })
    }

    fn span(&self, name: &[u8], file: &ArtifactFile) -> Result<()> {
        (self.wait_for_records)()?;
        let Some(mut import) = self.step(|store| store.import_span(name, self.mode))? else {
            return Ok(());
        };
        let read = |import: &mut SpanImport| {
            let mut reader = file.open()?;
            reader.read_all(self.monitor, |chunk| import.add(chunk))
        };
        match read(&mut import) {
            Ok(()) => import.finish(),
            Err(error) => {
                import.abandon()?;
                Err(error)
            }
        }
    }

    fn bundle(&self, name: &[u8], file: &ArtifactFile) -> Result<()> {
        let bundle_id = bundle_id_from_name(name)?;
        let mut data = Vec::new();
        file.open()?
            .read_all(self.monitor, |chunk| gather_bundle(name, &mut data, chunk))?;
        let contents = check_bundle_artifact(name, data)?;
        (self.wait_for_records)()?;
        self.step(|store| store.populate_bundle(bundle_id, &contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_ends_the_reading_of_a_single_artifact() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("artifact");
        let mut zipped = Vec::new();
        let mut write = |member: &[u8]| {
            zipped.extend_from_slice(member);
            Ok(())
        };
        let mut writer = BlockWriter::default();
        writer.add(b"some bytes", &mut write).unwrap();
        writer.finish(&mut write).unwrap();
        for (bytes, is_gzip) in [(&b"some bytes"[..], false), (&zipped, true)] {
            std::fs::write(&path, bytes).unwrap();
            let file = ArtifactFile::new(path.clone(), is_gzip);
            check_abort(&file);
        }
    }

    fn check_abort(file: &ArtifactFile) {
        let store = |name: &[u8], monitor: &Monitor| {
            let import = Import {
                with_store: &|_| panic!("no artifact is complete"),
                mode: ArtifactMode::Debug,
                wait_for_records: || Err(Error::Internal("it was read to its end".into())),
                monitor,
            };
            import.store(name, file)
        };
        let outcome = store(b"snapshot.v1.10", &Monitor::default());
        assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
        let monitor = Monitor::default();
        monitor.abort();
        for name in [&b"snapshot.v1.10"[..], b"bundle.b1-00"] {
            let outcome = store(name, &monitor);
            assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
        }
    }
}
