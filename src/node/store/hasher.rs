//! SHA-256 with the interface of the reference's hasher.

use std::sync::{Arc, Mutex};

use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Class, Error, Result};
use crate::store::tasks::lock;

/// A hash, until it is finished.
struct Hasher(Mutex<Option<Sha256>>);

const METHODS: &[Function<Hasher>] = &[("add", add), ("finish", finish), ("sample", sample)];

/// `makeHasher()`: a new hasher.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let hasher = Arc::new(Hasher(Mutex::new(Some(Sha256::new()))));
    functions(call.env(), &hasher, METHODS).map(Reply::Js)
}

fn finished() -> Error {
    Error::Statement {
        class: Class::Error,
        message: "hash already finished".into(),
    }
}

fn add(call: &Call<'_, Hasher>) -> Result<Reply> {
    let mut hash = lock::lock_sound(&call.target.0)?;
    let hash = hash.as_mut().ok_or_else(finished)?;
    match call.optional_text(0).or_else(|| call.bytes(0)) {
        Some(bytes) => hash.add(&crate::store::encoding::wtf8::for_hash(&bytes)),
        None => return Err(Error::WrongType("data", "a string or a Uint8Array")),
    }
    Ok(Value::Undefined.into())
}

fn finish(call: &Call<'_, Hasher>) -> Result<Reply> {
    let mut hash = lock::lock_sound(&call.target.0)?;
    let hash = hash.take().ok_or_else(finished)?;
    Ok(Value::text(hash.finish()).into())
}

fn sample(call: &Call<'_, Hasher>) -> Result<Reply> {
    let hash = lock::lock_sound(&call.target.0)?;
    let hash = hash.clone().ok_or_else(finished)?;
    Ok(Value::text(hash.finish()).into())
}
