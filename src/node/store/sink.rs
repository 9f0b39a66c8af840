//! Sinks: receive the bytes of a caller's stream, and compress, check or store them on another thread.
//!
//! `add` copies a chunk, and `fill` reads one from a source of the addon, without making a JavaScript
//! buffer of it: V8 frees these late. When they return true, JavaScript calls `flush`, which returns a promise, and
//! waits for the promise of the previous flush. So at most two batches are in memory, and the stream
//! is read no faster than it is processed. While the other thread is idle, a smaller batch is flushed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use napi::sys;

use super::{database, source};
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

/// The type tag of JavaScript objects with a [`Sink`].
const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x7377_696e_672d_7374,
    upper: 0x6f72_652d_7369_6e6b,
};

/// How many chunks are read before a sink may process them, while the artifact before is stored.
const CHUNKS_AHEAD: usize = 4;

/// Receives an artifact that restores pruned content.
pub trait ArtifactTarget: Send + Sync {
    /// Adds bytes of the artifact.
    ///
    /// # Errors
    /// Errors of the check, after which the artifact is dropped.
    fn add(&self, incoming: &mut Option<Box<Incoming>>, bytes: &[u8]) -> Result<()>;

    /// Checks and stores the artifact.
    ///
    /// # Errors
    /// Errors of the check and of the store.
    fn end(&self, incoming: Option<Box<Incoming>>) -> Result<()>;
}

/// What to do with the bytes.
pub enum Work {
    /// Compress and hash a snapshot's image.
    Snapshot(Box<Compressor>),
    /// The compressed image.
    Compressed(Compressed),
    /// Store a span's items.
    Span(Box<SpanImport>),
    /// Collect a bundle with this name, to check it at the end.
    Bundle(Vec<u8>, Vec<u8>),
    /// The ID and the contents of the checked bundle.
    CheckedBundle(Vec<u8>, BundleContents),
    /// Check an artifact, and restore pruned content.
    Artifact(Arc<dyn ArtifactTarget>, Option<Box<Incoming>>),
    /// The sink is closed.
    Ended,
}

/// A sink.
pub struct Sink {
    pending: Mutex<Vec<u8>>,
    /// A processed buffer, for reuse.
    spare: Mutex<Vec<u8>>,
    /// Whether another thread processes a batch.
    is_busy: AtomicBool,
    work: Mutex<Work>,
    /// The record of the snapshot that is imported.
    snapshot: Mutex<Option<SnapshotImport>>,
}

const METHODS: &[Function<Sink>] = &[
    ("add", add),
    ("fill", fill),
    ("flush", flush),
    ("hasRoom", has_room),
    ("finish", finish),
    ("abandon", abandon),
    ("summary", summary),
    ("archive", archive),
    ("compressed", compressed),
];

/// Makes a JavaScript object that receives bytes for `work`.
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

/// `makeSnapshotSink()`: a sink for the image of a new snapshot.
pub fn for_snapshot(call: &Call<'_, ()>) -> Result<Reply> {
    make(call, Work::Snapshot(Box::default()), None)
}

/// `makeBundleSink(name)`: a sink for a bundle artifact to import.
pub fn for_bundle(call: &Call<'_, ()>) -> Result<Reply> {
    let name = call.text(0, "artifact name")?;
    bundle_id_from_name(&name)?;
    make(call, Work::Bundle(name, Vec::new()), None)
}

/// The sink in an argument.
pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<Arc<Sink>> {
    call.target_of::<Sink>(index, &TAG)
        .ok_or_else(|| Error::Internal("not a sink".into()))
}

impl Sink {
    /// The compressed snapshot, and the record to import it for.
    pub fn take_snapshot(&self) -> Result<(Compressed, Option<SnapshotImport>)> {
        match std::mem::replace(&mut *lock_sound(&self.work)?, Work::Ended) {
            Work::Compressed(compressed) => Ok((compressed, lock(&self.snapshot).take())),
            _ => Err(Error::Internal("the sink holds no snapshot".into())),
        }
    }

    /// Returns a snapshot to the sink, for [`archive`].
    pub fn give_back(&self, snapshot: Compressed) {
        *lock(&self.work) = Work::Compressed(snapshot);
    }

    /// The checked bundle.
    pub fn take_bundle(&self) -> Result<(Vec<u8>, BundleContents)> {
        match std::mem::replace(&mut *lock_sound(&self.work)?, Work::Ended) {
            Work::CheckedBundle(bundle_id, contents) => Ok((bundle_id, contents)),
            _ => Err(Error::Internal("the sink holds no bundle".into())),
        }
    }

    /// Takes the pending bytes, and leaves an empty buffer.
    fn take_pending(&self) -> Vec<u8> {
        let spare = std::mem::take(&mut *lock(&self.spare));
        std::mem::replace(&mut *lock(&self.pending), spare)
    }

    /// Whether a batch of this size is large enough to flush.
    fn is_enough(&self, bytes: usize) -> bool {
        let chunk_bytes = limits().chunk_bytes;
        let enough = if self.is_busy.load(Ordering::Acquire) {
            chunk_bytes
        } else {
            chunk_bytes / 4
        };
        bytes >= enough
    }

    /// Processes a batch.
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

    /// Frees the buffers. Otherwise, they would remain until JavaScript's object is collected.
    fn free_buffers(&self) {
        *lock(&self.pending) = Vec::new();
        *lock(&self.spare) = Vec::new();
    }

    fn finish(&self) -> Result<()> {
        self.process(&self.take_pending())?;
        self.free_buffers();
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

/// `add(chunk)`: copies a `Uint8Array` or a string. Returns whether to flush.
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
    Ok(Value::Bool(call.target.is_enough(pending.len())).into())
}

/// `fill(source)`: reads the next chunk of a source on another thread. Returns a promise of whether to
/// flush; `undefined` at the end of the source.
fn fill(call: &Call<'_, Sink>) -> Result<Reply> {
    let source = source::argument(call, 0)?;
    let sink = call.target.clone();
    call.promise(move || {
        let Some(chunk) = source.next_bytes()? else {
            return Ok(Value::Undefined);
        };
        let mut pending = lock(&sink.pending);
        pending.extend_from_slice(&chunk);
        Ok(Value::Bool(sink.is_enough(pending.len())))
    })
}

/// `hasRoom()`: whether a sink that is not flushed yet may hold another chunk.
fn has_room(call: &Call<'_, Sink>) -> Result<Reply> {
    let bytes = lock(&call.target.pending).len();
    Ok(Value::Bool(bytes < limits().chunk_bytes.saturating_mul(CHUNKS_AHEAD)).into())
}

/// `flush()`: processes the pending bytes. Returns a promise.
fn flush(call: &Call<'_, Sink>) -> Result<Reply> {
    let batch = call.target.take_pending();
    let sink = call.target.clone();
    sink.is_busy.store(true, Ordering::Release);
    call.promise(move || sink.drain(batch).map(|()| Value::Undefined))
}

/// `finish()`: processes the remaining bytes and checks the whole. Returns a promise.
fn finish(call: &Call<'_, Sink>) -> Result<Reply> {
    let sink = call.target.clone();
    call.promise(move || sink.finish().map(|()| Value::Undefined))
}

/// `abandon()`: removes what was stored. Returns a promise.
fn abandon(call: &Call<'_, Sink>) -> Result<Reply> {
    let sink = call.target.clone();
    call.promise_of_end(move || {
        sink.free_buffers();
        let work = std::mem::replace(&mut *lock(&sink.work), Work::Ended);
        if let Work::Span(import) = work {
            import.abandon()?;
        }
        Ok(Value::Undefined)
    })
}

/// `summary()`: the hash and sizes of a compressed snapshot.
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

/// `archive(name, directory)`: writes a compressed snapshot to a directory, as `NAME.gz`. Returns a
/// promise, or `null` if no file can have the artifact's name.
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

/// `compressed()`: takes the bytes of a compressed snapshot out of the sink.
fn compressed(call: &Call<'_, Sink>) -> Result<Reply> {
    let (snapshot, _) = call.target.take_snapshot()?;
    Ok(Value::Bytes(snapshot.bytes).into())
}
