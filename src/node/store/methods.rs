//! The functions of a store, one for each operation.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use napi::sys;
use serde::Deserialize;

use super::exporter::artifact_mode;
use super::packed::{PackedPairs, pieces};
use super::sink::Work;
use super::source::Origin;
use super::{database, sink, source, span_archive, span_reader};
use crate::node::raw::{Call, Function, Reply, Value, function, functions};
use crate::store::database::schema::Part;
use crate::store::error::{Error, Result};
use crate::store::records::change::Exports;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names::bundle_id_from_name;
use crate::store::substores::bundles::{BundleContents, NewBundle};
use crate::store::substores::crank::next_activityhash;
use crate::store::substores::kv::{kernel_key_type, key_type, require_host_key};
use crate::store::substores::snapshots::{SnapshotInfo, SnapshotRow};
use crate::store::substores::transcripts::Deletion;
use crate::store::substores::{Store, StoreOptions};
use crate::store::tasks::lock::{WatchedGuard, lock, lock_watched};
use crate::store::transfer::exporter::ExportRecords;

/// The store that its functions share.
pub struct Handle {
    store: Mutex<Store>,
    /// The changes that callbacks are receiving. A callback may use the store, so callbacks nest: the
    /// last one ends first.
    in_delivery: Mutex<Vec<Exports>>,
}

impl Handle {
    fn lock(&self) -> WatchedGuard<'_, Store> {
        lock_watched(&self.store)
    }

    fn in_delivery(&self) -> MutexGuard<'_, Vec<Exports>> {
        lock(&self.in_delivery)
    }
}

type StoreCall<'a> = Call<'a, Handle>;

const METHODS: &[Function<Handle>] = &[
    ("kvGet", kv_get),
    ("kvHas", kv_has),
    ("kvGetNextKey", kv_get_next_key),
    ("kvSet", |call| kv_set(call, |_| Ok(()), Store::kv_set)),
    ("kvDelete", |call| kv_delete(call, Store::kv_delete)),
    ("kernelSet", |call| {
        let check = |key: &[u8]| kernel_key_type(key).map(drop);
        kv_set(call, check, Store::kernel_set)
    }),
    ("kernelDelete", |call| kv_delete(call, Store::kernel_delete)),
    ("kernelSetMany", kernel_set_many),
    ("hostSet", |call| {
        kv_set(call, require_host_key, Store::host_set)
    }),
    ("hostDelete", |call| kv_delete(call, Store::host_delete)),
    ("noteKernelSet", note_kernel_set),
    ("noteKernelDelete", note_kernel_delete),
    ("kvDump", kv_dump),
    ("ensureTxn", |call| {
        call.target.lock().begin().and_then(done)
    }),
    ("startCrank", |call| {
        call.target.lock().start_crank().and_then(done)
    }),
    ("establishCrankSavepoint", |call| {
        let name = call.text(0, "savepoint")?;
        let mut store = call.target.lock();
        store.establish_crank_savepoint(&name).and_then(done)
    }),
    ("rollbackCrank", rollback_crank),
    ("emitCrankHashes", emit_crank_hashes),
    ("takeCrankhash", |call| {
        Ok(Value::text(call.target.lock().take_crankhash()).into())
    }),
    ("restoreCrankhash", |call| {
        call.target.lock().restore_crankhash();
        done(())
    }),
    ("nextActivityhash", |call| {
        let old = call.text(0, "activityhash")?;
        let crankhash = call.text(1, "crankhash")?;
        let crankhash = String::from_utf8_lossy(&crankhash);
        Ok(Value::text(next_activityhash(&old, &crankhash)).into())
    }),
    ("noteActivityhash", |call| {
        let hash = call.text(0, "activityhash")?;
        let hash = String::from_utf8_lossy(&hash);
        call.target.lock().note_activityhash(&hash).and_then(done)
    }),
    ("endCrank", |call| {
        let mut store = call.target.lock();
        let exports = store.end_crank()?;
        // Without changes to deliver, this ends the crank.
        if exports.is_empty() {
            store.finish_crank();
        }
        drop(store);
        deliver(call, exports)
    }),
    ("finishCrank", |call| {
        call.target.in_delivery().pop();
        call.target.lock().finish_crank();
        done(())
    }),
    ("prepareCommit", |call| {
        let exports = call.target.lock().prepare_commit()?;
        deliver(call, exports.unwrap_or_default())
    }),
    ("exportsArrived", |call| {
        call.target.in_delivery().pop();
        done(())
    }),
    ("exportsFailed", exports_failed),
    ("commit", |call| call.target.lock().commit().and_then(done)),
    ("beginCompaction", |call| {
        call.target.lock().begin_compaction().and_then(done)
    }),
    ("compactStep", |call| {
        let step = call.target.lock().compact_step()?;
        let text = serde_json::to_string(&step);
        let text = text.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Value::text(text).into())
    }),
    ("metrics", |call| {
        let metrics = call.target.lock().metrics()?;
        let text = serde_json::to_string(&metrics);
        let text = text.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Value::text(text).into())
    }),
    ("noteSavedSnapshot", note_saved_snapshot),
    ("close", |call| call.target.lock().close().and_then(done)),
    ("takeNotes", |call| {
        let exports = call.target.lock().take_export_changes();
        deliver(call, exports)
    }),
    // transcripts
    ("initTranscript", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        call.target.lock().init_transcript(&vat_id).and_then(done)
    }),
    ("getCurrentSpanBounds", get_current_span_bounds),
    ("addItem", |call| {
        call.with_text(0, VAT_ID, |vat_id| {
            call.with_text(1, "item", |item| {
                call.target.lock().add_item(vat_id, item).and_then(done)
            })
        })
    }),
    ("readSpan", read_span),
    ("readFullVatTranscript", read_full_vat_transcript),
    ("currentSpanArchive", current_span_archive),
    ("beginSpanArchive", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let archive = call.target.lock().begin_span_archive(&vat_id)?;
        archive.map_or_else(|| done(()), |archive| span_archive::make(call, archive))
    }),
    ("rollover", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let incarnation = call.target.lock().rollover(&vat_id, call.is_true(1))?;
        Ok(Value::Number(incarnation as f64).into())
    }),
    ("stopUsingTranscript", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let mut store = call.target.lock();
        store.stop_using_transcript(&vat_id).and_then(done)
    }),
    ("deleteVatTranscripts", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let budget = budget(call, 1);
        let mut store = call.target.lock();
        store.delete_vat_transcripts(&vat_id, budget).map(deletion)
    }),
    ("dumpTranscripts", dump_transcripts),
    ("exportSpan", |call| {
        let name = call.text(0, ARTIFACT_NAME)?;
        let reader = call.target.lock().export_span(&name)?;
        source::make(call, Origin::Span(reader))
    }),
    ("spanNames", |call| {
        let store = call.target.lock();
        let names = match artifact_mode(call, 0) {
            Ok(mode) => store.span_names(mode)?,
            Err(_) => Vec::new(),
        };
        Ok(texts(names).into())
    }),
    ("spanRecords", |call| {
        records(call, call.target.lock().span_records(call.is_true(0)))
    }),
    ("checkTranscripts", |call| {
        let store = call.target.lock();
        match artifact_mode(call, 0) {
            Ok(mode) => store.check_transcripts(mode)?,
            Err(_) if store.has_current_spans()? => {
                let quoted = call.optional_text(1).unwrap_or_default();
                return Err(Error::UnknownCheckMode(quoted));
            }
            Err(_) => {}
        }
        done(())
    }),
    ("importSpanRecord", |call| {
        record(call, Store::import_span_record)
    }),
    ("repairSpanRecord", |call| {
        record(call, Store::repair_span_record)
    }),
    ("importSpan", import_span),
    // snapshots
    ("saveSnapshot", save_snapshot),
    ("loadSnapshot", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let snapshot = call.target.lock().load_snapshot(&vat_id)?;
        source::make(call, Origin::Snapshot(Box::new(snapshot)))
    }),
    ("getSnapshotInfo", get_snapshot_info),
    ("stopUsingLastSnapshot", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let mut store = call.target.lock();
        store.stop_using_last_snapshot(&vat_id).and_then(done)
    }),
    ("deleteAllUnusedSnapshots", |call| {
        let mut store = call.target.lock();
        store.delete_all_unused_snapshots().and_then(done)
    }),
    ("deleteVatSnapshots", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let budget = budget(call, 1);
        let mut store = call.target.lock();
        store.delete_vat_snapshots(&vat_id, budget).map(deletion)
    }),
    ("hasHash", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let hash = call.text(1, "hash")?;
        Ok(Value::Bool(call.target.lock().has_hash(&vat_id, &hash)?).into())
    }),
    ("deleteSnapshotByHash", |call| {
        let vat_id = call.text(0, VAT_ID)?;
        let hash = call.text(1, "hash")?;
        let mut store = call.target.lock();
        store.delete_snapshot_by_hash(&vat_id, &hash).and_then(done)
    }),
    ("listAllSnapshots", |call| {
        let rows = call.target.lock().list_all_snapshots()?;
        Ok(Value::Array(rows.into_iter().map(snapshot_row).collect()).into())
    }),
    ("dumpSnapshots", dump_snapshots),
    ("exportSnapshot", |call| {
        let name = call.text(0, ARTIFACT_NAME)?;
        let snapshot = call.target.lock().export_snapshot(&name)?;
        source::make(call, Origin::Snapshot(Box::new(snapshot)))
    }),
    ("snapshotNames", |call| {
        let names = call.target.lock().snapshot_names(any_mode(call))?;
        Ok(texts(names).into())
    }),
    ("snapshotRecords", |call| {
        records(call, call.target.lock().snapshot_records(call.is_true(0)))
    }),
    ("checkSnapshots", |call| {
        let mode = any_mode(call);
        call.target.lock().check_snapshots(mode).and_then(done)
    }),
    ("importSnapshotRecord", |call| {
        record(call, Store::import_snapshot_record)
    }),
    ("repairSnapshotRecord", |call| {
        record(call, Store::repair_snapshot_record)
    }),
    ("importSnapshot", import_snapshot),
    ("populateSnapshot", populate_snapshot),
    // bundles
    ("addBundle", add_bundle),
    ("hasBundle", |call| {
        let bundle_id = call.text(0, BUNDLE_ID)?;
        Ok(Value::Bool(call.target.lock().has_bundle(&bundle_id)?).into())
    }),
    ("getBundle", |call| {
        let bundle_id = call.text(0, BUNDLE_ID)?;
        let contents = call.target.lock().get_bundle(&bundle_id)?;
        if bundle_id.starts_with(b"b0-")
            && let Some(properties) = contents.script_properties()
        {
            let (names, values): (Vec<_>, Vec<_>) = properties.into_iter().unzip();
            let values = values.into_iter().map(Value::text).collect();
            return Ok(Value::Row(names.into(), values).into());
        }
        Ok(Value::text(for_js(contents)).into())
    }),
    ("deleteBundle", |call| {
        let bundle_id = call.text(0, BUNDLE_ID)?;
        call.target.lock().delete_bundle(&bundle_id).and_then(done)
    }),
    ("bundleIDs", |call| {
        let ids = call.target.lock().bundle_ids()?;
        Ok(texts(ids).into())
    }),
    ("bundleRecords", |call| {
        records(call, call.target.lock().bundle_records())
    }),
    ("exportBundle", |call| {
        let name = call.text(0, ARTIFACT_NAME)?;
        let bytes = call.target.lock().export_bundle(&name)?;
        Ok(Value::Bytes(bytes).into())
    }),
    ("checkBundles", |call| {
        let mode = any_mode(call);
        call.target.lock().check_bundles(mode).and_then(done)
    }),
    ("importBundleRecord", |call| {
        record(call, Store::import_bundle_record)
    }),
    ("repairBundleRecord", |call| {
        record(call, Store::repair_bundle_record)
    }),
    ("populateBundle", |call| {
        let (bundle_id, contents) = sink::argument(call, 0)?.take_bundle()?;
        let mut store = call.target.lock();
        store.populate_bundle(&bundle_id, &contents).and_then(done)
    }),
    ("dumpBundles", dump_bundles),
];

const VAT_ID: &str = "vatID";
const BUNDLE_ID: &str = "bundleID";
const ARTIFACT_NAME: &str = "artifact name";

/// The options of `initializeStore`, as JSON text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InitializeOptions {
    readonly: bool,
    unsafe_fast_mode: bool,
}

/// `initializeStore(database, options)`: sets the journal mode and creates the tables, unless the
/// database is read-only.
pub fn initialize(call: &Call<'_, ()>) -> Result<Reply> {
    let db = database::argument(call, 0)?;
    let options: InitializeOptions = call.options(1)?;
    let unsafe_fast_mode = (!options.readonly).then_some(options.unsafe_fast_mode);
    Store::initialize(&db, unsafe_fast_mode).and_then(done)
}

/// `createTables(database, part)`: creates the tables of one sub-store.
pub fn create_tables(call: &Call<'_, ()>) -> Result<Reply> {
    let db = database::argument(call, 0)?;
    let part = match call.text(1, "part")?.as_slice() {
        b"kv" => Part::Kv,
        b"transcripts" => Part::Transcripts,
        b"snapshots" => Part::Snapshots,
        b"bundles" => Part::Bundles,
        _ => return Err(Error::Internal("no such part".into())),
    };
    db.lock().create(part).and_then(done)
}

/// `makeStore(database, options, traceFile)`: a function that makes the store's functions. The options
/// are JSON text with the other fields of [`StoreOptions`].
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let mut options: StoreOptions = call.options(1)?;
    if let Some(path) = call.optional_text(2) {
        options.trace_file = Some(database::path_from(path)?);
    }
    let store = Store::over(database::argument(call, 0)?, options)?;
    let handle = Arc::new(Handle {
        store: Mutex::new(store),
        in_delivery: Mutex::default(),
    });
    function(call.env(), "bind", &handle, bind).map(Reply::Js)
}

/// `bind(name)`: the function of this store with a name.
fn bind(call: &StoreCall<'_>) -> Result<Reply> {
    let wanted = call.text(0, "name")?;
    let (name, body) = METHODS
        .iter()
        .find(|(name, _)| name.as_bytes() == wanted)
        .ok_or_else(|| Error::Internal("a store has no such function".into()))?;
    function(call.env(), name, call.target, *body).map(Reply::Js)
}

/// `storeFunctionNames()`: the names that `bind` takes.
pub fn function_names(_: &Call<'_, ()>) -> Result<Reply> {
    let names = METHODS.iter().map(|(name, _)| Value::text(*name));
    Ok(Value::Array(names.collect()).into())
}

/// `keyType(key)`.
pub fn key_type_of(call: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::text(key_type(&call.text(0, "key")?).name()).into())
}

/// `checkKernelKey(key)`: throws for a key that the kernel must not write.
pub fn check_kernel_key(call: &Call<'_, ()>) -> Result<Reply> {
    kernel_key_type(&call.text(0, "key")?)?;
    done(())
}

/// `checkHostKey(key)`: throws for a key that the host must not write.
pub fn check_host_key(call: &Call<'_, ()>) -> Result<Reply> {
    require_host_key(&call.text(0, "key")?).and_then(done)
}

/// `refuseRecord(key)`: throws an import's error for a record of an unknown kind.
pub fn refuse_record(call: &Call<'_, ()>) -> Result<Reply> {
    Err(Error::unknown_record(&call.text(0, "key")?))
}

/// `refuseArtifact(name)`: throws an import's error for an artifact of an unknown kind.
pub fn refuse_artifact(call: &Call<'_, ()>) -> Result<Reply> {
    Err(Error::unknown_artifact(&call.text(0, ARTIFACT_NAME)?))
}

/// `refuseRepair(key)`: throws a repair's error for a record of an unknown kind.
pub fn refuse_repair(call: &Call<'_, ()>) -> Result<Reply> {
    Err(Error::UnknownOnRepair(call.text(0, "key")?))
}

/// `bundleIDFromName(name)`.
pub fn bundle_id_of_name(call: &Call<'_, ()>) -> Result<Reply> {
    let name = call.text(0, ARTIFACT_NAME)?;
    Ok(Value::text(bundle_id_from_name(&name)?).into())
}

/// `parseArtifactMode(mode, quoted)`: throws for an unknown mode.
pub fn check_artifact_mode(call: &Call<'_, ()>) -> Result<Reply> {
    artifact_mode(call, 0)?;
    done(())
}

fn done((): ()) -> Result<Reply> {
    Ok(Value::Undefined.into())
}

fn texts(texts: Vec<Vec<u8>>) -> Value {
    Value::Array(texts.into_iter().map(Value::Text).collect())
}

/// Changes of the export data as packed pieces of alternating keys and values; `undefined` if there are
/// none. They are kept until JavaScript confirms the delivery (`exportsArrived`, `finishCrank`), or
/// reports its failure (`exportsFailed`).
fn deliver(call: &StoreCall<'_>, exports: Exports) -> Result<Reply> {
    if exports.is_empty() {
        return done(());
    }
    let pairs = exports.changes.iter();
    match pieces(
        call.env(),
        pairs.map(|(key, value)| (key.as_slice(), value.as_deref())),
    ) {
        Ok(pieces) => {
            call.target.in_delivery().push(exports);
            Ok(Reply::Js(pieces))
        }
        Err(error) => {
            call.target.lock().give_back(exports)?;
            Err(error)
        }
    }
}

/// `exportsFailed(arrived)`: returns the changes of a failed delivery to the store, except the first
/// `arrived` ones.
fn exports_failed(call: &StoreCall<'_>) -> Result<Reply> {
    let Some(mut exports) = call.target.in_delivery().pop() else {
        return done(());
    };
    let arrived = call.number(0).unwrap_or(0.0) as usize;
    exports.changes.drain(..arrived.min(exports.changes.len()));
    call.target.lock().give_back(exports).and_then(done)
}

fn kv_get(call: &StoreCall<'_>) -> Result<Reply> {
    call.with_text(0, "key", |key| {
        // No lock is held here: making a string may collect garbage, and finalizers may lock.
        let value = call.target.lock().kv_get(key)?;
        Ok(Value::or_undefined(value, Value::Text).into())
    })
}

fn kv_has(call: &StoreCall<'_>) -> Result<Reply> {
    call.with_text(0, "key", |key| {
        Ok(Value::Bool(call.target.lock().kv_has(key)?).into())
    })
}

fn kv_get_next_key(call: &StoreCall<'_>) -> Result<Reply> {
    call.with_text(0, "previousKey", |previous| {
        let next = call.target.lock().kv_get_next_key(previous)?;
        Ok(Value::or_undefined(next, Value::Text).into())
    })
}

/// Calls one of the setters.
fn kv_set(
    call: &StoreCall<'_>,
    check_key: fn(&[u8]) -> Result<()>,
    set: fn(&mut Store, &[u8], &[u8]) -> Result<()>,
) -> Result<Reply> {
    call.with_text(0, "key", |key| {
        if !call.is_text(1) {
            // Like the reference, check the key before the value.
            check_key(key)?;
        }
        call.with_text(1, "value", |value| {
            set(&mut call.target.lock(), key, value).and_then(done)
        })
    })
}

/// `kernelSetMany(text, lengths)`: sets packed entries, and deletes those without a value. Returns a
/// promise. This invalidates the values that JavaScript has cached.
fn kernel_set_many(call: &StoreCall<'_>) -> Result<Reply> {
    let pairs = PackedPairs::argument(call, 0)?;
    let handle = call.target.clone();
    call.promise(move || {
        let mut store = handle.lock();
        pairs.for_each(|key, value| match value {
            Some(value) => store.kernel_set(key, value),
            None => store.kernel_delete(key),
        })?;
        store.invalidate_caches();
        Ok(Value::Undefined)
    })
}

fn kv_delete(call: &StoreCall<'_>, delete: fn(&mut Store, &[u8]) -> Result<()>) -> Result<Reply> {
    call.with_text(0, "key", |key| {
        delete(&mut call.target.lock(), key).and_then(done)
    })
}

/// For a kvStore that the caller wrapped: records the change that the kernel's `set` makes.
fn note_kernel_set(call: &StoreCall<'_>) -> Result<Reply> {
    let key = call.text(0, "key")?;
    let value = call.text(1, "value")?;
    let mut store = call.target.lock();
    store
        .note_kernel_set(key_type(&key), &key, &value)
        .and_then(done)
}

/// For a kvStore that the caller wrapped: records the change that the kernel's `delete` makes.
fn note_kernel_delete(call: &StoreCall<'_>) -> Result<Reply> {
    let key = call.text(0, "key")?;
    let mut store = call.target.lock();
    store
        .note_kernel_delete(key_type(&key), &key)
        .and_then(done)
}

fn kv_dump(call: &StoreCall<'_>) -> Result<Reply> {
    Ok(source::pairs(call.target.lock().kv_dump()?).into())
}

fn rollback_crank(call: &StoreCall<'_>) -> Result<Reply> {
    let mut store = call.target.lock();
    match call.optional_text(0) {
        Some(name) => {
            let undone = store.rollback_crank(&name)?;
            drop(store);
            let keys = undone.into_iter().map(Value::text);
            Ok(Value::Array(keys.collect()).into())
        }
        // All names are strings, so the name is unknown; its type is not the reason.
        None if store.is_in_crank() => Err(Error::NoSuchSavepoint("\"[undefined]\"".into())),
        None => Err(Error::OutsideCrank("rollbackCrank")),
    }
}

fn emit_crank_hashes(call: &StoreCall<'_>) -> Result<Reply> {
    let hashes = call.target.lock().emit_crank_hashes()?;
    Ok(Value::Object(vec![
        ("crankhash", Value::text(hashes.crankhash)),
        ("activityhash", Value::text(hashes.activityhash)),
    ])
    .into())
}

fn get_current_span_bounds(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let span = call.target.lock().get_current_span_bounds(&vat_id)?;
    Ok(Value::Object(vec![
        ("startPos", Value::Number(span.start_pos as f64)),
        ("endPos", Value::Number(span.end_pos as f64)),
        ("hash", Value::text(span.hash)),
        ("incarnation", Value::Number(span.incarnation as f64)),
    ])
    .into())
}

fn read_span(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let start_pos = match call.type_of(1) {
        sys::ValueType::napi_undefined => None,
        _ => Some(
            call.number(1)
                .ok_or(Error::WrongType("position", "a number"))?,
        ),
    };
    let reader = call.target.lock().read_span(&vat_id, start_pos)?;
    span_reader::make(call, reader)
}

fn read_full_vat_transcript(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let readers = call.target.lock().read_full_vat_transcript(&vat_id)?;
    span_reader::make_chain(call, readers)
}

/// `[name, reader]` of the current span before it ends; `undefined` if there is none.
fn current_span_archive(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let Some((name, reader)) = call.target.lock().current_span_archive(&vat_id)? else {
        return done(());
    };
    let mut entries = Vec::new();
    while let Some((_, mut item)) = reader.next_item()? {
        item = crate::store::encoding::wtf8::as_read(&item).into_owned();
        item.push(b'\n');
        entries.push(Value::Bytes(item));
    }
    Ok(Value::Array(vec![Value::Text(name), Value::Array(entries)]).into())
}

/// The budget of a deletion: a number, a value that JavaScript compares like one, or nothing for no
/// limit. The store rejects other values, after it has begun a transaction.
fn budget(call: &StoreCall<'_>, index: usize) -> Option<f64> {
    match call.type_of(index) {
        sys::ValueType::napi_undefined => None,
        _ => Some(call.as_number(index).unwrap_or(f64::NAN)),
    }
}

fn deletion(deletion: Deletion) -> Reply {
    Value::Object(vec![
        ("done", Value::Bool(deletion.done)),
        ("cleanups", Value::Number(deletion.cleanups as f64)),
    ])
    .into()
}

/// Rows of `[vatID, position, item]`.
fn dump_transcripts(call: &StoreCall<'_>) -> Result<Reply> {
    let rows = call.target.lock().dump_transcripts(call.is_true(0))?;
    Ok(Value::Array(
        rows.into_iter()
            .map(|(vat_id, position, item)| {
                Value::Array(vec![
                    Value::Text(vat_id),
                    Value::Number(position as f64),
                    Value::Text(item),
                ])
            })
            .collect(),
    )
    .into())
}

/// A function that returns the next records each time, and `undefined` at the end.
fn records(call: &StoreCall<'_>, records: ExportRecords) -> Result<Reply> {
    const METHODS: &[Function<ExportRecords>] = &[("next", |call| {
        let batch = call.target.next_batch()?;
        Ok(Value::or_undefined(batch, source::pairs).into())
    })];
    functions(call.env(), &Arc::new(records), METHODS).map(Reply::Js)
}

fn record(call: &StoreCall<'_>, take: fn(&mut Store, &[u8], &[u8]) -> Result<()>) -> Result<Reply> {
    let key = call.text(0, "key")?;
    let value = call.text(1, "value")?;
    take(&mut call.target.lock(), &key, &value).and_then(done)
}

/// The artifact mode in the first argument. The reference only checks for `debug` here: an unknown mode
/// counts as `operational`.
fn any_mode(call: &StoreCall<'_>) -> ArtifactMode {
    artifact_mode(call, 0).unwrap_or(ArtifactMode::Operational)
}

/// A sink for the artifact, or `undefined` if the mode does not include it.
fn import_span(call: &StoreCall<'_>) -> Result<Reply> {
    let name = call.text(0, ARTIFACT_NAME)?;
    let mode = artifact_mode(call, 1)?;
    let import = call.target.lock().import_span(&name, mode)?;
    match import {
        Some(import) => sink::make(call, Work::Span(Box::new(import)), None),
        None => done(()),
    }
}

/// A sink for the artifact, or `undefined` if the mode does not include it.
fn import_snapshot(call: &StoreCall<'_>) -> Result<Reply> {
    let name = call.text(0, ARTIFACT_NAME)?;
    let mode = artifact_mode(call, 1)?;
    let import = call.target.lock().import_snapshot(&name, mode)?;
    match import {
        Some(import) => sink::make(call, Work::Snapshot(Box::default()), Some(import)),
        None => done(()),
    }
}

/// `saveSnapshot(vatID, snapPos, sink, keep)`: returns the key of the snapshot's record. With `keep`, the
/// sink keeps the snapshot.
fn save_snapshot(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let snap_pos = call.whole_number(1, "snapPos")?;
    let sink = sink::argument(call, 2)?;
    let (snapshot, _) = sink.take_snapshot()?;
    let key = call
        .target
        .lock()
        .save_snapshot(&vat_id, snap_pos, &snapshot)?;
    if call.is_true(3) {
        sink.give_back(snapshot);
    }
    Ok(Value::Text(key).into())
}

/// `noteSavedSnapshot(seconds, uncompressedSize, compressedSize)`: counts a saved snapshot.
fn note_saved_snapshot(call: &StoreCall<'_>) -> Result<Reply> {
    let number = |index: usize| call.number(index).unwrap_or(0.0);
    let time = Duration::try_from_secs_f64(number(0)).unwrap_or_default();
    let (uncompressed, compressed) = (number(1) as u64, number(2) as u64);
    let mut store = call.target.lock();
    store.count_saved_snapshot(time, uncompressed, compressed);
    done(())
}

fn populate_snapshot(call: &StoreCall<'_>) -> Result<Reply> {
    let (snapshot, import) = sink::argument(call, 0)?.take_snapshot()?;
    let import = import.ok_or_else(|| Error::Internal("not an import's sink".into()))?;
    let mut store = call.target.lock();
    store.populate_snapshot(import, &snapshot).and_then(done)
}

fn snapshot_info(info: SnapshotInfo) -> Vec<(&'static str, Value)> {
    vec![
        ("snapPos", Value::Number(info.snap_pos as f64)),
        ("hash", Value::text(info.hash)),
        (
            "uncompressedSize",
            Value::number_or_null(info.uncompressed_size),
        ),
        (
            "compressedSize",
            Value::number_or_null(info.compressed_size),
        ),
    ]
}

fn get_snapshot_info(call: &StoreCall<'_>) -> Result<Reply> {
    let vat_id = call.text(0, VAT_ID)?;
    let info = call.target.lock().get_snapshot_info(&vat_id)?;
    Ok(Value::or_undefined(info, |info| Value::Object(snapshot_info(info))).into())
}

fn snapshot_row(row: SnapshotRow) -> Value {
    let in_use = row.in_use;
    let mut properties = vec![("vatID", Value::Text(row.vat_id))];
    properties.extend(snapshot_info(row.info));
    let used = if in_use {
        Value::Number(1.0)
    } else {
        Value::Null
    };
    properties.insert(2, ("inUse", used));
    Value::Plain(properties)
}

/// Pairs of a vat and the entry of `dump()` for one of its snapshots.
fn dump_snapshots(call: &StoreCall<'_>) -> Result<Reply> {
    let rows = call.target.lock().dump_snapshots(call.is_true(0))?;
    Ok(Value::Array(
        rows.into_iter()
            .map(|row| {
                Value::Array(vec![
                    Value::Text(row.vat_id),
                    Value::Object(vec![
                        ("snapPos", Value::Number(row.info.snap_pos as f64)),
                        ("hash", Value::text(row.info.hash)),
                        (
                            "compressedSnapshot",
                            row.compressed.map_or(Value::Null, Value::Bytes),
                        ),
                        ("inUse", Value::Number(f64::from(u8::from(row.in_use)))),
                    ]),
                ])
            })
            .collect(),
    )
    .into())
}

/// `addBundle(bundleID, description, contents)`. The description is [`NewBundle`] as JSON text. The
/// contents are the bundle's JSON text if its format is `nestedEvaluate`, else its `endoZipBase64`.
fn add_bundle(call: &StoreCall<'_>) -> Result<Reply> {
    let bundle_id = call.text(0, BUNDLE_ID)?;
    let mut bundle: NewBundle = call.options(1)?;
    let contents = call.optional_text(2);
    if bundle.module_format.as_deref() == Some("nestedEvaluate") {
        bundle.json = contents.unwrap_or_default();
    } else {
        bundle.archive = contents;
    }
    let mut store = call.target.lock();
    store.add_bundle(&bundle_id, &bundle).and_then(done)
}

/// The JSON text of a script, or an archive in base64.
fn for_js(contents: BundleContents) -> Vec<u8> {
    match contents {
        BundleContents::Script(text) => text,
        BundleContents::Archive(bytes) => {
            crate::store::bundle_check::encode_base64(&bytes).into_bytes()
        }
    }
}

/// Pairs of an ID and contents in base64; `null` for missing contents.
fn dump_bundles(call: &StoreCall<'_>) -> Result<Reply> {
    let bundles = call.target.lock().dump_bundles()?;
    let encode = |contents: BundleContents| {
        Value::text(crate::store::bundle_check::encode_base64(
            &contents.into_bytes(),
        ))
    };
    Ok(Value::Array(
        bundles
            .into_iter()
            .map(|(id, contents)| {
                Value::Array(vec![Value::Text(id), contents.map_or(Value::Null, encode)])
            })
            .collect(),
    )
    .into())
}
