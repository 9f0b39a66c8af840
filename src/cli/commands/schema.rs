//! `schema`: JSON schemas of the documents that `--json` prints.

use std::io::Write;

use clap::ValueEnum;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    archive, compact, completions, diff, export, import, inspect, man, metrics, prune, reclaim,
    replay_plan, repopulate, transcript, verify,
};
use crate::cli::terminal::document::ErrorDocument;
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;

/// A command that prints documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Export,
    Import,
    Archive,
    Inspect,
    Transcript,
    ReplayPlan,
    Verify,
    Diff,
    Metrics,
    Compact,
    Expand,
    Prune,
    Repopulate,
    Reclaim,
    Completions,
    Man,
}

/// Print the JSON schema of what a command prints with --json.
///
/// The schema describes the documents of this version, and the document of an error. For transcript,
/// it describes each line. Later versions may add fields.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store schema verify
  swing-store schema inspect | jq '.\"$defs\".VatInfo.properties | keys'")]
pub struct SchemaArgs {
    /// The command.
    #[arg(value_enum, value_name = "COMMAND")]
    command: Subject,
}

/// Prints the schema.
///
/// # Errors
/// [`Failure::Output`](crate::cli::terminal::exit::Failure::Output).
pub fn run(args: SchemaArgs, session: &Session) -> Result<Outcome> {
    let schema = schema_of(args.command);
    writeln!(session.stdout(), "{schema:#}")?;
    Ok(Outcome::Success)
}

/// The schema of a command's documents.
fn schema_of(subject: Subject) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let name = subject.to_possible_value();
    let name = name.as_ref().map_or("", |name| name.get_name());
    let mut forms = documents(subject, &mut generator);
    for form in &mut forms {
        // It describes the Rust type.
        form.remove("description");
        let properties = form.get_mut("properties").and_then(Value::as_object_mut);
        if let Some(command) = properties.and_then(|properties| properties.get_mut("command")) {
            *command = json!({ "const": name });
        }
    }
    forms.push(generator.subschema_for::<ErrorDocument>());
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("swing-store {name} --json"),
        "anyOf": forms,
        "$defs": generator.take_definitions(true),
    });
    drop_nulls(&mut schema);
    schema
}

/// The schemas of the documents of a command that succeeds.
fn documents(subject: Subject, generator: &mut SchemaGenerator) -> Vec<Schema> {
    match subject {
        Subject::Export => vec![inline::<export::Output<'_>>(generator)],
        Subject::Import => vec![
            inline::<import::ImportOutput<'_>>(generator),
            inline::<import::RepairOutput<'_>>(generator),
            inline::<repopulate::Output<'_, import::FillSource>>(generator),
        ],
        Subject::Archive => vec![inline::<archive::Output<'_>>(generator)],
        Subject::Inspect => vec![
            inline::<inspect::all::Output<'_>>(generator),
            inline::<inspect::one::Output<'_>>(generator),
            #[cfg(feature = "report")]
            inline::<inspect::html::Output>(generator),
        ],
        Subject::Transcript => vec![inline::<transcript::Line<'_>>(generator)],
        Subject::ReplayPlan => vec![inline::<replay_plan::Output<'_>>(generator)],
        Subject::Verify => vec![inline::<verify::Output<'_>>(generator)],
        Subject::Diff => vec![inline::<diff::Output<'_>>(generator)],
        Subject::Metrics => vec![inline::<metrics::Output<'_>>(generator)],
        Subject::Compact | Subject::Expand => vec![inline::<compact::Output<'_>>(generator)],
        Subject::Prune => vec![inline::<prune::Output<'_>>(generator)],
        Subject::Repopulate => {
            vec![inline::<repopulate::Output<'_, repopulate::Source>>(
                generator,
            )]
        }
        Subject::Reclaim => vec![inline::<reclaim::Output<'_>>(generator)],
        Subject::Completions => vec![inline::<completions::Output>(generator)],
        Subject::Man => vec![inline::<man::Output>(generator)],
    }
}

fn inline<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// Removes `null` from the values of optional properties: a field without a value is absent.
fn drop_nulls(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(drop_nulls),
        Value::Object(object) => {
            let required = object.get("required").cloned().unwrap_or_default();
            let is_required = |name: &str| {
                let required = required.as_array();
                required.is_some_and(|names| names.iter().any(|other| other == name))
            };
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for (name, property) in properties {
                    if let (false, Value::Object(property)) = (is_required(name), property) {
                        drop_null(property);
                    }
                }
            }
            object.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// Removes `null` from the values of a property.
fn drop_null(property: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            property.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(forms)) = property.get_mut("anyOf") {
        forms.retain(|form| form != &json!({ "type": "null" }));
        if let [Value::Object(one)] = &mut forms[..] {
            let one = std::mem::take(one);
            property.remove("anyOf");
            property.extend(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_has_its_command_and_no_field_is_optional_and_null() {
        for &subject in Subject::value_variants() {
            let schema = schema_of(subject);
            let name = subject.to_possible_value().unwrap();
            let forms = schema["anyOf"].as_array().unwrap();
            let (error, documents) = forms.split_last().unwrap();
            assert_eq!(error, &json!({ "$ref": "#/$defs/ErrorDocument" }));
            assert!(!documents.is_empty());
            for document in documents {
                let command = &document["properties"]["command"]["const"];
                let is_line = subject == Subject::Transcript;
                assert!(is_line || command == name.get_name(), "{document:#}");
                assert!(document["required"].as_array().unwrap().len() > 2);
            }
        }
        let schema = schema_of(Subject::Verify);
        let finding = &schema["$defs"]["Finding"];
        assert_eq!(finding["properties"]["position"]["type"], "integer");
        let export = schema_of(Subject::Export);
        let reused = &export["anyOf"][0]["properties"]["reused"];
        assert_eq!(reused["$ref"], "#/$defs/Reused");
        assert_eq!(reused["anyOf"], Value::Null);
    }

    #[test]
    fn a_required_field_may_be_null() {
        let mut schema = json!({
            "properties": { "a": { "type": ["string", "null"] }, "b": { "type": ["string", "null"] } },
            "required": ["a"],
        });
        drop_nulls(&mut schema);
        assert_eq!(schema["properties"]["a"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["b"]["type"], "string");
    }
}
