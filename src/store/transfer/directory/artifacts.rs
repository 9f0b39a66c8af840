//! Writes artifacts to files, and imports them from files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::gzip::Compressor;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::bundle_id_from_name;
use crate::store::substores::Store;
use crate::store::substores::bundles::{check_bundle_artifact, gather_bundle};
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::{Artifact, Exporter};

/// Writes an artifact to a new file; returns the file.
///
/// # Errors
/// As [`Exporter::artifact`]; [`Error::Io`]; [`Error::Aborted`].
pub(super) fn write(
    exporter: &Exporter,
    name: &[u8],
    path: &Path,
    monitor: &Monitor,
) -> Result<File> {
    let io = |error| Error::io(format!("writing {}", path.display()), &error);
    let mut file = File::create_new(path).map_err(io)?;
    let mut write = |chunk: &[u8]| {
        file.write_all(chunk).map_err(io)?;
        monitor.count(chunk.len())
    };
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
    }
    Ok(file)
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
    pub(super) fn store(&self, name: &[u8], path: &Path) -> Result<()> {
        match names::kind(name) {
            b"snapshot" => self.snapshot(name, path),
            b"transcript" => self.span(name, path),
            b"bundle" => self.bundle(name, path),
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

    fn snapshot(&self, name: &[u8], path: &Path) -> Result<()> {
        let mut compressor = Compressor::default();
        self.read(path, |chunk| compressor.add(chunk))?;
        let image = compressor.finish()?;
        (self.wait_for_records)()?;
        self.step(|store| match store.import_snapshot(name, self.mode)? {
            Some(import) => store.populate_snapshot(import, &image),
            None => Ok(()),
        })
    }

    fn span(&self, name: &[u8], path: &Path) -> Result<()> {
        (self.wait_for_records)()?;
        let Some(mut import) = self.step(|store| store.import_span(name, self.mode))? else {
            return Ok(());
        };
        match self.read(path, |chunk| import.add(chunk)) {
            Ok(()) => import.finish(),
            Err(error) => {
                import.abandon()?;
                Err(error)
            }
        }
    }

    fn bundle(&self, name: &[u8], path: &Path) -> Result<()> {
        let bundle_id = bundle_id_from_name(name)?;
        let mut data = Vec::new();
        self.read(path, |chunk| gather_bundle(name, &mut data, chunk))?;
        let contents = check_bundle_artifact(name, data)?;
        (self.wait_for_records)()?;
        self.step(|store| store.populate_bundle(bundle_id, &contents))
    }

    /// Calls `take` with each chunk of a file.
    fn read(&self, path: &Path, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let io = |error| Error::io(format!("reading {}", path.display()), &error);
        let mut file = open::open(path).map_err(io)?;
        let mut chunk = vec![0; limits().chunk_bytes.max(1)];
        loop {
            let length = file.read(&mut chunk).map_err(io)?;
            if length == 0 {
                return Ok(());
            }
            take(&chunk[..length])?;
            self.monitor.count(length)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_ends_the_reading_of_a_single_artifact() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("artifact");
        std::fs::write(&path, b"some bytes").unwrap();
        let store = |name: &[u8], monitor: &Monitor| {
            let import = Import {
                with_store: &|_| panic!("no artifact is complete"),
                mode: ArtifactMode::Debug,
                wait_for_records: || Err(Error::Internal("it was read to its end".into())),
                monitor,
            };
            import.store(name, &path)
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
