//! The Node.js addon: converts values and schedules work.
//!
//! The exported functions create plain objects of functions for `js/`: a database, a store over it, an
//! exporter, jobs, and both ends of streams. Their functions are raw Node-API callbacks (see
//! [`raw`]).

pub(crate) mod jobs;
mod limits;
mod logging;
mod raw;
pub(crate) mod store;
mod threads;

use std::sync::Arc;

use napi::bindgen_prelude::{JsValue, Object};

use raw::{Function, add_functions};

/// The exported functions.
const EXPORTS: &[Function<()>] = &[
    ("configure", raw::errors::configure),
    ("openDatabase", store::database::open),
    ("initializeStore", store::methods::initialize),
    ("createTables", store::methods::create_tables),
    ("makeStore", store::methods::make),
    ("storeFunctionNames", store::methods::function_names),
    ("keyType", store::methods::key_type_of),
    ("checkKernelKey", store::methods::check_kernel_key),
    ("checkHostKey", store::methods::check_host_key),
    ("refuseRecord", store::methods::refuse_record),
    ("refuseArtifact", store::methods::refuse_artifact),
    ("refuseRepair", store::methods::refuse_repair),
    ("bundleIDFromName", store::methods::bundle_id_of_name),
    ("parseArtifactMode", store::methods::check_artifact_mode),
    ("makeExporter", store::exporter::make),
    ("openHistory", jobs::history::open),
    ("makeDirectoryExport", jobs::directory::make_export),
    ("makeDirectoryImport", jobs::directory::make_import),
    ("makeDirectoryRepair", jobs::directory::make_repair),
    ("makeArchiving", jobs::archive::make),
    ("makeVerification", jobs::verify::make),
    ("makeComparison", jobs::diff::make),
    ("makeMeasurement", jobs::measure::make),
    ("metricDefinitions", jobs::measure::definitions),
    ("metricsText", jobs::measure::text),
    ("makeRepopulation", jobs::repopulate::make),
    (
        "makeRepopulationFromDirectory",
        jobs::repopulate::make_from_directory,
    ),
    ("makeCompacting", jobs::upkeep::make_compacting),
    ("makeExpanding", jobs::upkeep::make_expanding),
    ("makePruning", jobs::upkeep::make_pruning),
    ("makeReclaiming", jobs::upkeep::make_reclaiming),
    ("checkUnused", store::staging::check_unused),
    ("clearStaging", store::staging::clear),
    ("makeStaging", store::staging::make),
    ("makeSnapshotSink", store::sink::for_snapshot),
    ("makeBundleSink", store::sink::for_bundle),
    ("makeHasher", store::hasher::make),
    ("setLimits", limits::set),
    ("startLogging", logging::start),
    ("cacheSignalIndices", raw::shared::signal_indices),
    ("kvCacheBytes", limits::kv_cache_bytes),
    ("chunkBytes", limits::chunk_bytes),
    ("maxBundleBytes", limits::max_bundle_bytes),
    #[cfg(feature = "cli")]
    ("makeCommandLine", jobs::command_line::make),
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
