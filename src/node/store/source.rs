//! Sources: read and decompress chunks or records on another thread, one promise at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use napi::sys;

use super::packed::{Packed, packed_run};
use crate::node::raw::{Call, Function, Reply, Value, add_functions, new_object, tie};
use crate::store::error::{Error, Result};
use crate::store::gzip::Decompressor;
use crate::store::history::ItemsReader;
use crate::store::substores::span_reader::SpanReader;
use crate::store::tasks::lock;
use crate::store::transfer::exporter::{Artifact, ExportRecords, Exporter};
use crate::store::transfer::history_source::FetchedArtifact;

/// The type tag of JavaScript objects with a [`Source`].
const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x7377_696e_672d_7374,
    upper: 0x6f72_652d_7372_6365,
};

/// Where chunks come from.
pub enum Origin {
    /// A snapshot.
    Snapshot(Box<Decompressor>),
    /// A span, as an artifact.
    Span(SpanReader),
    /// An artifact that was fetched from another place.
    Fetched(FetchedArtifact),
    /// One chunk.
    Bytes(Vec<u8>),
    /// Export records.
    Records(ExportRecords),
    /// The items of a vat.
    Items(Box<ItemsReader>),
    /// An artifact of an exporter, which the first chunk opens.
    Artifact(Arc<Exporter>, Vec<u8>),
    /// The source has ended.
    Ended,
}

/// A source.
pub struct Source {
    origin: Mutex<Origin>,
    closed: AtomicBool,
}

const METHODS: &[Function<Source>] = &[("next", next), ("close", close)];

/// Makes a JavaScript object that returns chunks from `origin`.
pub fn make<T: 'static>(call: &Call<'_, T>, origin: Origin) -> Result<Reply> {
    let source = Arc::new(Source {
        origin: Mutex::new(origin),
        closed: AtomicBool::new(false),
    });
    let object = new_object(call.env())?;
    tie(call.env(), object, &source, &TAG)?;
    add_functions(call.env(), object, &source, METHODS)?;
    Ok(Reply::Js(object))
}

/// The source in an argument.
pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<Arc<Source>> {
    call.target_of::<Source>(index, &TAG)
        .ok_or_else(|| Error::Internal("not a source".into()))
}

/// The next batch of export records, as alternating keys and values; `None` at the end.
fn packed(records: &ExportRecords) -> Result<Option<Value>> {
    let mut packed = Packed::default();
    let more = records.next_batch_with(|key, value| {
        packed.add(Some(key));
        packed.add(Some(value));
    })?;
    Ok(more.then(|| packed.into_value()))
}

/// A batch of export records as an array of pairs.
pub fn pairs(records: Vec<(Vec<u8>, Vec<u8>)>) -> Value {
    Value::Array(
        records
            .into_iter()
            .map(|(key, value)| Value::Array(vec![Value::Text(key), Value::Text(value)]))
            .collect(),
    )
}

impl Source {
    /// The next chunk of bytes; `None` at the end.
    ///
    /// # Errors
    /// Those of reading; [`Error::Internal`] for a source of records or items.
    pub fn next_bytes(&self) -> Result<Option<Vec<u8>>> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Undefined => Ok(None),
            _ => Err(Error::Internal("the source has no bytes".into())),
        }
    }

    fn next(&self) -> Result<Value> {
        let mut origin = lock::lock_sound(&self.origin)?;
        if self.closed.load(Ordering::Acquire) {
            *origin = Origin::Ended;
        }
        if let Origin::Artifact(exporter, name) = &*origin {
            *origin = match exporter.artifact(name)? {
                Artifact::Snapshot(decompressor) => Origin::Snapshot(decompressor),
                Artifact::Span(reader) => Origin::Span(reader),
                Artifact::Bundle(bytes) => Origin::Bytes(bytes),
                Artifact::Fetched(fetched) => Origin::Fetched(fetched),
            };
        }
        let chunk = match &mut *origin {
            Origin::Snapshot(decompressor) => decompressor.next_chunk()?.map(Value::Bytes),
            Origin::Span(reader) => reader.next_chunk()?.map(Value::Bytes),
            Origin::Fetched(fetched) => fetched.next_chunk()?.map(Value::Bytes),
            Origin::Records(records) => packed(records)?,
            Origin::Items(items) => items.next_run()?.map(packed_run),
            Origin::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *origin = Origin::Ended;
                Some(Value::Bytes(bytes))
            }
            Origin::Artifact(..) => return Err(Error::Internal("an unopened artifact".into())),
            Origin::Ended => None,
        };
        // `close` may have been called while this chunk was read.
        if chunk.is_none() || self.closed.load(Ordering::Acquire) {
            *origin = Origin::Ended;
        }
        Ok(chunk.unwrap_or(Value::Undefined))
    }
}

/// `next()`: a promise of the next chunk; `undefined` at the end.
fn next(call: &Call<'_, Source>) -> Result<Reply> {
    let source = call.target.clone();
    call.promise(move || source.next())
}

/// `close()`: frees the resources of the source, after the current chunk.
fn close(call: &Call<'_, Source>) -> Result<Reply> {
    call.target.closed.store(true, Ordering::Release);
    if let Ok(mut origin) = call.target.origin.try_lock() {
        *origin = Origin::Ended;
    }
    Ok(Value::Undefined.into())
}
