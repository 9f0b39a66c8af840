//! The receiving end of a stream: bytes that JavaScript reads from a caller's stream and hands
//! over, to be compressed, checked or stored on another thread.
//!
//! `add` only copies. When it says that enough has gathered, JavaScript calls `flush`, which
//! returns a promise, and waits for the promise of the flush before: so at most two batches are
//! held, and the stream is read no faster than its bytes are worked off. While the other thread
//! has nothing to do, less is enough.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use napi::sys;

use super::database;
use crate::node::raw::{Call, Function, Reply, Value, add_functions, new_object, tie};
use crate::store::error::{Error, Result};
use crate::store::gzip::{Compressed, Compressor};
use crate::store::maintenance::repopulate::Incoming;
use crate::store::records::names::bundle_id_from_name;
use crate::store::substores::bundles::{BundleContents, check_bundle_artifact, gather_bundle};
use crate::store::substores::snapshots::SnapshotImport;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock::{lock, lock_sound};
use crate::store::transfer::archive::{archive_snapshot, can_archive};
use crate::store::transfer::span_import::SpanImport;

/// Marks the JavaScript objects that are tied to a [`Sink`].
const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x7377_696e_672d_7374,
    upper: 0x6f72_652d_7369_6e6b,
};

/// Receives an artifact that fills what was pruned.
pub trait ArtifactTarget: Send + Sync {
    /// Takes bytes of the artifact.
    ///
    /// # Errors
    /// Those of the check; the artifact is dropped then.
    fn add(&self, incoming: &mut Option<Box<Incoming>>, bytes: &[u8]) -> Result<()>;

    /// Checks and stores the artifact.
    ///
    /// # Errors
    /// Those of the check and of the store.
    fn end(&self, incoming: Option<Box<Incoming>>) -> Result<()>;
}

/// What becomes of the bytes.
pub enum Work {
    /// A snapshot's image is compressed and hashed.
    Snapshot(Box<Compressor>),
    /// It has been.
    Compressed(Compressed),
    /// A span's items are stored.
    Span(Box<SpanImport>),
    /// A bundle of this name is gathered, to be checked.
    Bundle(Vec<u8>, Vec<u8>),
    /// It has been; its ID and what to store.
    CheckedBundle(Vec<u8>, BundleContents),
    /// An artifact is checked, and fills what was pruned.
    Artifact(Arc<dyn ArtifactTarget>, Option<Box<Incoming>>),
    /// Nothing more.
    Ended,
}

/// A sink.
pub struct Sink {
    pending: Mutex<Vec<u8>>,
    /// A buffer that was worked off, to be filled again.
    spare: Mutex<Vec<u8>>,
    /// Whether a batch is being worked off.
    is_busy: AtomicBool,
    work: Mutex<Work>,
    /// The record that a snapshot being imported belongs to.
    snapshot: Mutex<Option<SnapshotImport>>,
}

const METHODS: &[Function<Sink>] = &[
    ("add", add),
    ("flush", flush),
    ("finish", finish),
    ("abandon", abandon),
    ("summary", summary),
    ("archive", archive),
    ("compressed", compressed),
];

/// A JavaScript object that takes bytes for `work`.
pub fn make<T: 'static>(
    call: &Call<'_, T>,
    work: Work,
    snapshot: Option<SnapshotImport>,
) -> Result<Reply> {
    let sink = Arc::new(Sink {
        pending: Mutex::default(),
        spare: Mutex::default(),
        is_busy: AtomicBool::new(false),
        work: Mutex::new(work),
        snapshot: Mutex::new(snapshot),
    });
    let object = new_object(call.env())?;
    tie(call.env(), object, &sink, &TAG)?;
    add_functions(call.env(), object, &sink, METHODS)?;
    Ok(Reply::Js(object))
}

/// `makeSnapshotSink()`: for an image to be saved.
pub fn for_snapshot(call: &Call<'_, ()>) -> Result<Reply> {
    make(call, Work::Snapshot(Box::default()), None)
}

/// `makeBundleSink(name)`: for a bundle artifact to be imported.
pub fn for_bundle(call: &Call<'_, ()>) -> Result<Reply> {
    let name = call.text(0, "artifact name")?;
    bundle_id_from_name(&name)?;
    make(call, Work::Bundle(name, Vec::new()), None)
}

/// The sink that an argument is tied to.
pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<Arc<Sink>> {
    call.target_of::<Sink>(index, &TAG)
        .ok_or_else(|| Error::Internal("not a sink".into()))
}

impl Sink {
    /// The snapshot that was compressed, and the record that it is meant for.
    pub fn take_snapshot(&self) -> Result<(Compressed, Option<SnapshotImport>)> {
        match std::mem::replace(&mut *lock_sound(&self.work)?, Work::Ended) {
            Work::Compressed(compressed) => Ok((compressed, lock(&self.snapshot).take())),
            _ => Err(Error::Internal("the sink holds no snapshot".into())),
        }
    }

    /// Takes a snapshot back, for [`archive`].
    pub fn give_back(&self, snapshot: Compressed) {
        *lock(&self.work) = Work::Compressed(snapshot);
    }

    /// The bundle that was checked.
    pub fn take_bundle(&self) -> Result<(Vec<u8>, BundleContents)> {
        match std::mem::replace(&mut *lock_sound(&self.work)?, Work::Ended) {
            Work::CheckedBundle(bundle_id, contents) => Ok((bundle_id, contents)),
            _ => Err(Error::Internal("the sink holds no bundle".into())),
        }
    }

    /// What is pending, which leaves room for more of it.
    fn take_pending_exports(&self) -> Vec<u8> {
        let spare = std::mem::take(&mut *lock(&self.spare));
        std::mem::replace(&mut *lock(&self.pending), spare)
    }

    /// Works off a batch.
    fn drain(&self, mut batch: Vec<u8>) -> Result<()> {
        let result = self.process(&batch);
        batch.clear();
        *lock(&self.spare) = batch;
        self.is_busy.store(false, Ordering::Release);
        result
    }

    fn process(&self, bytes: &[u8]) -> Result<()> {
        match &mut *lock_sound(&self.work)? {
            Work::Snapshot(compressor) => compressor.add(bytes),
            Work::Span(import) => import.add(bytes),
            Work::Bundle(name, data) => gather_bundle(name, data, bytes),
            Work::Artifact(job, incoming) => job.add(incoming, bytes),
            _ => Err(Error::Internal("the sink has ended".into())),
        }
    }

    fn finish(&self) -> Result<()> {
        self.process(&self.take_pending_exports())?;
        let mut work = lock_sound(&self.work)?;
        *work = match std::mem::replace(&mut *work, Work::Ended) {
            Work::Snapshot(compressor) => Work::Compressed(compressor.finish()?),
            Work::Span(import) => {
                import.finish()?;
                Work::Ended
            }
            Work::Bundle(name, data) => {
                let contents = check_bundle_artifact(&name, data)?;
                Work::CheckedBundle(bundle_id_from_name(&name)?.to_vec(), contents)
            }
            Work::Artifact(job, incoming) => {
                job.end(incoming)?;
                Work::Ended
            }
            other => other,
        };
        Ok(())
    }
}

/// `add(chunk)`: takes a `Uint8Array` or a string; returns whether it is time to flush.
///
/// # Errors
/// [`Error::NotBytes`].
fn add(call: &Call<'_, Sink>) -> Result<Reply> {
    let mut pending = lock(&call.target.pending);
    if !call.append_bytes(0, &mut pending) {
        let text = call
            .optional_text(0)
            .ok_or(Error::NotBytes { stream: "a stream" })?;
        pending.extend_from_slice(&crate::store::encoding::wtf8::for_hash(&text));
    }
    let chunk_bytes = limits().chunk_bytes;
    let enough = if call.target.is_busy.load(Ordering::Acquire) {
        chunk_bytes
    } else {
        chunk_bytes / 4
    };
    Ok(Value::Bool(pending.len() >= enough).into())
}

/// `flush()`: a promise that what is pending has been worked off.
fn flush(call: &Call<'_, Sink>) -> Result<Reply> {
    let batch = call.target.take_pending_exports();
    let sink = call.target.clone();
    sink.is_busy.store(true, Ordering::Release);
    call.promise(move || sink.drain(batch).map(|()| Value::Undefined))
}

/// `finish()`: a promise that all of it has been worked off and checked.
fn finish(call: &Call<'_, Sink>) -> Result<Reply> {
    let sink = call.target.clone();
    call.promise(move || sink.finish().map(|()| Value::Undefined))
}

/// `abandon()`: a promise that nothing is left of what was stored.
fn abandon(call: &Call<'_, Sink>) -> Result<Reply> {
    let sink = call.target.clone();
    call.promise_of_end(move || {
        lock(&sink.pending).clear();
        let work = std::mem::replace(&mut *lock(&sink.work), Work::Ended);
        if let Work::Span(import) = work {
            import.abandon()?;
        }
        Ok(Value::Undefined)
    })
}

/// `summary()`: hash and sizes of a compressed snapshot.
fn summary(call: &Call<'_, Sink>) -> Result<Reply> {
    match &*lock_sound(&call.target.work)? {
        Work::Compressed(snapshot) => Ok(Value::Object(vec![
            ("hash", Value::text(snapshot.hash.as_str())),
            (
                "uncompressedSize",
                Value::Number(snapshot.uncompressed_size as f64),
            ),
            ("compressedSize", Value::Number(snapshot.bytes.len() as f64)),
        ])
        .into()),
        _ => Err(Error::Internal("the sink holds no snapshot".into())),
    }
}

/// `archive(name, directory)`: a promise that a compressed snapshot is in a directory, under the
/// name of its artifact; `null` if no file can have it.
fn archive(call: &Call<'_, Sink>) -> Result<Reply> {
    let name = call.text(0, "name")?;
    let directory = database::path_from(call.text(1, "directory")?)?;
    if !can_archive(&name) {
        return Ok(Value::Null.into());
    }
    let (snapshot, _) = call.target.take_snapshot()?;
    call.promise(move || {
        archive_snapshot(&directory, &name, &snapshot)?;
        Ok(Value::Undefined)
    })
}

/// `compressed()`: a compressed snapshot's bytes.
fn compressed(call: &Call<'_, Sink>) -> Result<Reply> {
    match &*lock_sound(&call.target.work)? {
        Work::Compressed(snapshot) => Ok(Value::Bytes(snapshot.bytes.clone()).into()),
        _ => Err(Error::Internal("the sink holds no snapshot".into())),
    }
}
