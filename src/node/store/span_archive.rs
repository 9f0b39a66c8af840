//! Archives of single spans.

use std::sync::{Arc, Mutex};

use super::database;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::store::error::{Error, Result};
use crate::store::tasks::lock;
use crate::store::transfer::archive::{SpanArchive, can_archive};

/// The span, until it is written.
type Pending = Mutex<Option<SpanArchive>>;

const METHODS: &[Function<Pending>] = &[("write", write)];

/// Makes an object for a span; `null` if no file can have the span's name.
pub fn make<T: 'static>(call: &Call<'_, T>, archive: SpanArchive) -> Result<Reply> {
    if !can_archive(archive.name()) {
        return Ok(Value::Null.into());
    }
    let pending = Arc::new(Mutex::new(Some(archive)));
    functions(call.env(), &pending, METHODS).map(Reply::Js)
}

/// `write(directory)`: writes the span to a directory. Returns a promise.
fn write(call: &Call<'_, Pending>) -> Result<Reply> {
    let directory = database::path_from(call.text(0, "directory")?)?;
    let archive = lock::lock_sound(call.target)?.take();
    let archive = archive.ok_or_else(|| Error::Internal("the span is archived already".into()))?;
    call.promise(move || archive.write(&directory).map(|()| Value::Undefined))
}
