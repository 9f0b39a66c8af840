//! Package policies: what the modules of a compartment may use.
//!
//! Of all that a policy may say, only its globals matter when an archive is checked.

use super::coerce::STRINGIFY_LEVELS;
use super::quote;
use super::refusal::Refusal;
use crate::store::js_json::{JsObject, Json, quote as json_quote};

/// Which globals a compartment gets.
pub(super) enum Globals<'a> {
    /// All that there are.
    All,
    /// Those of these names.
    Named(Vec<&'a [u8]>),
    /// Whatever an attenuator lets through: a module of the attenuators' compartment.
    Attenuated(&'a Json),
}

/// Checks a policy against its schema; `path` is where it stands and `url` in which archive.
pub(super) fn validate(policy: &Json, path: &str, url: &str) -> Result<(), Refusal> {
    // The reference prints the policy for a message, whether or not the message is needed.
    if policy.is_deeper_than(STRINGIFY_LEVELS) {
        return Err(Refusal::stack_overflow());
    }
    let url = quote::plain(url.as_bytes());
    let refuse = |problem: String| Err(Refusal::error(format!("{path}{problem} in {url}")));
    let Some(object) = policy.as_object() else {
        let policy = quote::text(&policy.stringify());
        return refuse(format!(" must be an object, got {policy}"));
    };
    let known: [&[u8]; 6] = [
        b"packages",
        b"builtins",
        b"globals",
        b"noGlobalFreeze",
        b"defaultAttenuator",
        b"options",
    ];
    let extra = object.iter().filter(|(key, _)| !known.contains(key));
    let extra: Vec<String> = extra.map(|(key, _)| quote::plain(key)).collect();
    if !extra.is_empty() {
        let extra = extra.join(",");
        return refuse(format!(" must not have extra properties, got [{extra}]"));
    }
    let checks: [(&str, fn(&Json) -> bool, &str); 4] = [
        ("noGlobalFreeze", is_boolean, "a boolean"),
        ("packages", is_policy_item, "a record of booleans"),
        (
            "globals",
            |globals| is_policy_item(globals) || is_attenuation(globals),
            "a record of booleans or a single attenuation",
        ),
        (
            "builtins",
            |builtins| {
                is_policy_item(builtins)
                    || is_record_of(builtins, |value| is_boolean(value) || is_attenuation(value))
            },
            "a record of booleans or attenuations",
        ),
    ];
    for (field, is_valid, wanted) in checks {
        if let Some(value) = policy.get(field)
            && !is_valid(value)
        {
            let name = quote::text(&json_quote(field.as_bytes()));
            let value = quote::text(&value.stringify());
            return refuse(format!(".{field} must be {wanted}, got {{{name}:{value}}}"));
        }
    }
    Ok(())
}

/// Which globals a valid policy gives.
pub(super) fn globals(policy: Option<&Json>) -> Globals<'_> {
    let Some(policy) = policy else {
        return Globals::All;
    };
    match policy.get("globals") {
        Some(globals) if is_wildcard(globals) => Globals::All,
        Some(globals) if is_attenuation(globals) => Globals::Attenuated(globals),
        globals => {
            let properties = globals.and_then(Json::as_object).map(JsObject::iter);
            let granted = properties
                .into_iter()
                .flatten()
                .filter(|(_, value)| value.truthy());
            Globals::Named(granted.map(|(name, _)| name).collect())
        }
    }
}

/// The module of an attenuation that is not the default one, if it names one.
pub(super) fn attenuator(attenuation: &Json) -> Option<&[u8]> {
    attenuation.get("attenuate").and_then(Json::as_str)
}

fn is_policy_item(value: &Json) -> bool {
    is_wildcard(value) || is_record_of(value, is_boolean)
}

fn is_wildcard(value: &Json) -> bool {
    value.as_str() == Some(b"any")
}

fn is_attenuation(value: &Json) -> bool {
    match value {
        Json::Array(_) => true,
        _ => {
            let params = value.get("params");
            attenuator(value).is_some() && params.is_none_or(|params| params.as_array().is_some())
        }
    }
}

fn is_record_of(value: &Json, is_valid: impl Fn(&Json) -> bool) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.iter().all(|(_, value)| is_valid(value)))
}

fn is_boolean(value: &Json) -> bool {
    matches!(value, Json::Bool(_))
}
