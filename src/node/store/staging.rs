//! Staged databases: built in a hidden directory and published atomically.

use std::path::Path;
use std::sync::Arc;

use napi::sys;
use serde::Deserialize;

use super::database;
use crate::node::raw::{Call, Function, Reply, Value, add_functions, new_object, tie};
use crate::store::database::OpenOptions;
use crate::store::database::staging::{Staged, StoreLocation};
use crate::store::error::{Error, Result};
use crate::store::fs::open_files::Unused;

/// The type tag of JavaScript objects with a [`Staged`].
const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x7377_696e_672d_7374,
    upper: 0x6f72_652d_7374_6167,
};

const METHODS: &[Function<Staged>] = &[
    ("database", |call| {
        database::handle(call.env(), call.target.database().clone())
    }),
    ("currentFile", |call| Ok(path(&call.target.current_file()))),
    ("relax", |call| {
        call.target.defer_sync()?;
        Ok(Value::Undefined.into())
    }),
    ("publish", publish),
    ("discard", discard),
];

/// The options of the functions below, as JSON text.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct StagingOptions {
    /// Whether the path is that of the database file. Otherwise it is the store's directory.
    as_file: bool,
    /// Whether the database is opened read-only.
    readonly: bool,
    /// Whether this process, too, must not have the existing store open.
    unused_entirely: bool,
}

impl StagingOptions {
    /// The store at a path.
    fn location(&self, path: Vec<u8>) -> Result<StoreLocation> {
        let path = database::path_from(path)?;
        Ok(if self.as_file {
            StoreLocation::File(path)
        } else {
            StoreLocation::Directory(path)
        })
    }
}

/// `clearStaging(path, options)`: removes the remains of killed imports to a path. Returns a promise,
/// which rejects if another process has the existing store open.
pub fn clear(call: &Call<'_, ()>) -> Result<Reply> {
    let options: StagingOptions = call.options(1)?;
    let location = options.location(call.text(0, "path")?)?;
    let how = if options.unused_entirely {
        Unused::Entirely
    } else {
        Unused::ByOthers
    };
    call.promise(move || {
        location.check_unused(how)?;
        location.remove_leftovers();
        Ok(Value::Undefined)
    })
}

/// `checkUnused(path, options)`: throws if the existing store is open in any process.
pub fn check_unused(call: &Call<'_, ()>) -> Result<Reply> {
    let options: StagingOptions = call.options(1)?;
    let location = options.location(call.text(0, "path")?)?;
    location.check_unused(Unused::Entirely)?;
    Ok(Value::Undefined.into())
}

/// `makeStaging(path, options)`: an empty staged database for the store at a path.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let options: StagingOptions = call.options(1)?;
    let location = options.location(call.text(0, "path")?)?;
    let options = OpenOptions {
        readonly: options.readonly,
        ..OpenOptions::default()
    };
    let staged = Arc::new(Staged::new(&location, &options)?);
    let object = new_object(call.env())?;
    tie(call.env(), object, &staged, &TAG)?;
    add_functions(call.env(), object, &staged, METHODS)?;
    Ok(Reply::Js(object))
}

/// The staged database in an argument.
pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<Arc<Staged>> {
    call.target_of::<Staged>(index, &TAG)
        .ok_or_else(|| Error::Internal("not a staged database".into()))
}

fn path(path: &Path) -> Reply {
    Value::text(path.to_string_lossy().into_owned()).into()
}

/// `publish(unsafeFastMode)`: moves the database into place. Returns a promise.
fn publish(call: &Call<'_, Staged>) -> Result<Reply> {
    let fast = call.is_true(0);
    let staged = call.target.clone();
    call.promise(move || staged.publish(fast).map(|()| Value::Undefined))
}

/// `discard()`: deletes the database unless it was published. Returns a promise.
fn discard(call: &Call<'_, Staged>) -> Result<Reply> {
    let staged = call.target.clone();
    call.promise_of_end(move || {
        staged.discard();
        Ok(Value::Undefined)
    })
}
