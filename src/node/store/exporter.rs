//! The functions of an exporter.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::source;
use super::source::Origin;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::transfer::exporter::Exporter;

const METHODS: &[Function<Exporter>] = &[
    ("getHostKV", get_host_kv),
    ("exportData", |call| {
        source::make(call, Origin::Records(call.target.export_data()))
    }),
    ("checkComplete", |call| {
        call.target.check_complete()?;
        Ok(Value::Undefined.into())
    }),
    ("checkOpen", |call| {
        call.target.check_open()?;
        Ok(Value::Undefined.into())
    }),
    ("artifactNames", artifact_names),
    ("artifact", artifact),
    ("close", |call| {
        call.target.close()?;
        Ok(Value::Undefined.into())
    }),
];

/// The options of an exporter, as JSON text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExporterOptions {
    artifact_mode: ArtifactMode,
    /// Where to take artifacts from that the store has pruned.
    #[serde(default)]
    history_from: Option<PathBuf>,
}

/// `makeExporter(dirPath, options)`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let directory = super::database::path_from(call.text(0, "dirPath")?)?;
    let options: ExporterOptions = call.options(1)?;
    let mode = options.artifact_mode;
    let exporter = Arc::new(match &options.history_from {
        Some(place) => Exporter::open_with_history(&directory, mode, place)?,
        None => Exporter::open(&directory, mode)?,
    });
    functions(call.env(), &exporter, METHODS).map(Reply::Js)
}

/// Parses an artifact mode. The argument after it is the quotation of the mode for messages.
pub fn artifact_mode<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<ArtifactMode> {
    let mode = call.optional_text(index).unwrap_or_default();
    let quoted = call.optional_text(index + 1).unwrap_or_default();
    ArtifactMode::parse(&mode, &quoted)
}

fn get_host_kv(call: &Call<'_, Exporter>) -> Result<Reply> {
    let key = call.text(0, "key")?;
    let value = call.target.get_host_kv(&key)?;
    Ok(Value::or_undefined(value, Value::Text).into())
}

fn artifact_names(call: &Call<'_, Exporter>) -> Result<Reply> {
    let exporter = call.target.clone();
    call.promise(move || {
        let names = exporter.artifact_names()?;
        Ok(Value::Array(names.into_iter().map(Value::Text).collect()))
    })
}

fn artifact(call: &Call<'_, Exporter>) -> Result<Reply> {
    let name = call.text(0, "artifact name")?;
    call.target.check_artifact_name(&name)?;
    source::make(call, Origin::Artifact(call.target.clone(), name))
}
