//! How JavaScript reaches the store: conversions and scheduling, one file a facet.
//!
//! `js/` gets a handful of functions that make objects, each a plain object of functions: a
//! database, a store over it, an exporter, and the two ends of streams. Their methods are raw
//! Node-API callbacks (see [`raw`]).

mod archive;
#[cfg(feature = "cli")]
mod command_line;
mod database;
mod diff;
mod directory;
mod errors;
mod exporter;
mod hasher;
mod history;
mod job;
mod limits;
mod packed;
mod raw;
mod repopulate;
mod sink;
mod source;
mod span_archive;
mod span_reader;
mod staging;
mod store;
mod threads;
mod upkeep;
mod verify;

use std::sync::Arc;

use napi::bindgen_prelude::{JsValue, Object};

use raw::{Function, add_functions};

/// What the addon exports.
const EXPORTS: &[Function<()>] = &[
    ("configure", errors::configure),
    ("openDatabase", database::open),
    ("initializeStore", store::initialize),
    ("createTables", store::create_tables),
    ("makeStore", store::make),
    ("storeFunctionNames", store::function_names),
    ("keyType", store::key_type_of),
    ("checkKernelKey", store::check_kernel_key),
    ("checkHostKey", store::check_host_key),
    ("refuseRecord", store::refuse_record),
    ("refuseArtifact", store::refuse_artifact),
    ("refuseRepair", store::refuse_repair),
    ("bundleIDFromName", store::bundle_id_of_name),
    ("parseArtifactMode", store::check_artifact_mode),
    ("makeExporter", exporter::make),
    ("openHistory", history::open),
    ("makeDirectoryExport", directory::make_export),
    ("makeDirectoryImport", directory::make_import),
    ("makeDirectoryRepair", directory::make_repair),
    ("makeArchiving", archive::make),
    ("makeVerification", verify::make),
    ("makeComparison", diff::make),
    ("makeRepopulation", repopulate::make),
    (
        "makeRepopulationFromDirectory",
        repopulate::make_from_directory,
    ),
    ("makePruning", upkeep::make_pruning),
    ("makeReclaiming", upkeep::make_reclaiming),
    ("checkUnused", staging::check_unused),
    ("clearStaging", staging::clear),
    ("makeStaging", staging::make),
    ("makeSnapshotSink", sink::for_snapshot),
    ("makeBundleSink", sink::for_bundle),
    ("makeHasher", hasher::make),
    ("setLimits", limits::set),
    ("cacheSignalIndices", raw::signal_indices),
    ("kvCacheBytes", limits::kv_cache_bytes),
    ("chunkBytes", limits::chunk_bytes),
    ("maxBundleBytes", limits::max_bundle_bytes),
    #[cfg(feature = "cli")]
    ("makeCommandLine", command_line::make),
];

#[napi_derive::module_init]
fn init() {}

/// Fills the addon's `exports`.
#[napi_derive::napi(module_exports)]
pub fn export_functions(exports: Object<'_>) -> napi::Result<()> {
    let value = exports.value();
    add_functions(value.env, value.value, &Arc::new(()), EXPORTS)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}
