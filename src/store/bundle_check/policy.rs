//! Validates package policies, which say what the modules of a compartment may use.
//!
//! Only the globals of a policy matter for the check of an archive.

use super::coerce::STRINGIFY_LEVELS;
use crate::store::encoding::json::{JsObject, Json};
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// The name of a field, the check of its value, and its type in messages.
type Field = (&'static str, fn(&Json) -> bool, &'static str);

const FIELDS: [Field; 4] = [
    ("noGlobalFreeze", is_boolean, "a boolean"),
    ("packages", is_policy_item, "a record of booleans"),
    (
        "globals",
        is_globals,
        "a record of booleans or a single attenuation",
    ),
    (
        "builtins",
        is_builtins,
        "a record of booleans or attenuations",
    ),
];

/// The globals of a compartment.
pub(super) enum Globals<'a> {
    /// All globals.
    All,
    /// The globals of these names.
    Named(Vec<&'a [u8]>),
    /// The globals that an attenuator provides. The value is the attenuation in the policy.
    Attenuated(&'a Json),
}

/// Checks a policy against its schema. `path` is its path in the compartment map, `url` the
/// archive's name.
pub(super) fn validate(policy: &Json, path: &str, url: &str) -> Result<(), Refusal> {
    // The reference prints the policy for a message even if it does not need the message.
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
    for (field, is_valid, wanted) in FIELDS {
        if let Some(value) = policy.get(field)
            && !is_valid(value)
        {
            let value = quote::text(&value.stringify());
            return refuse(format!(
                ".{field} must be {wanted}, got {{\"{field}\":{value}}}"
            ));
        }
    }
    Ok(())
}

/// The globals that a valid policy grants.
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

/// The module that an attenuation names; `None` for the default attenuator.
pub(super) fn attenuator(attenuation: &Json) -> Option<&[u8]> {
    attenuation.get("attenuate").and_then(Json::as_str)
}

fn is_globals(value: &Json) -> bool {
    is_policy_item(value) || is_attenuation(value)
}

fn is_builtins(value: &Json) -> bool {
    is_policy_item(value) || is_record_of(value, |value| is_boolean(value) || is_attenuation(value))
}

fn is_policy_item(value: &Json) -> bool {
    is_wildcard(value) || is_record_of(value, is_boolean)
}

fn is_wildcard(value: &Json) -> bool {
    value.as_str() == Some(b"any")
}

fn is_attenuation(value: &Json) -> bool {
    if let Json::Array(_) = value {
        return true;
    }
    let params = value.get("params");
    attenuator(value).is_some() && params.is_none_or(|params| params.as_array().is_some())
}

fn is_record_of(value: &Json, is_valid: impl Fn(&Json) -> bool) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.iter().all(|(_, value)| is_valid(value)))
}

fn is_boolean(value: &Json) -> bool {
    matches!(value, Json::Bool(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::encoding::json::parse;

    fn verdict(policy: &str) -> Result<(), String> {
        let policy = parse(policy.as_bytes()).unwrap();
        validate(&policy, "p", "u").map_err(|refusal| refusal.message().to_owned())
    }

    #[test]
    fn valid_policies_are_accepted() {
        for policy in [
            "{}",
            r#"{"packages":"any","builtins":"any","globals":"any"}"#,
            r#"{"packages":{"a":true},"globals":{"a":false},"noGlobalFreeze":true}"#,
            r#"{"defaultAttenuator":5,"options":[[]]}"#,
            r#"{"globals":[],"builtins":{"a":[],"b":{"attenuate":"x","params":[1]},"c":true}}"#,
            r#"{"globals":{"attenuate":"x","more":1}}"#,
        ] {
            assert_eq!(verdict(policy), Ok(()));
        }
    }

    #[test]
    fn invalid_policies_are_refused() {
        for (policy, message) in [
            ("[1]", "p must be an object, got [1] in \"u\""),
            (
                "{\"x\":1,\"y\":2}",
                "p must not have extra properties, got [\"x\",\"y\"] in \"u\"",
            ),
            (
                r#"{"noGlobalFreeze":1}"#,
                "p.noGlobalFreeze must be a boolean, got {\"noGlobalFreeze\":1} in \"u\"",
            ),
            (
                r#"{"packages":{"a":1}}"#,
                "p.packages must be a record of booleans, got {\"packages\":{\"a\":1}} in \"u\"",
            ),
            (
                r#"{"globals":{"attenuate":"x","params":1}}"#,
                "p.globals must be a record of booleans or a single attenuation, got \
                 {\"globals\":{\"attenuate\":\"x\",\"params\":1}} in \"u\"",
            ),
            (
                r#"{"builtins":{"a":{}}}"#,
                "p.builtins must be a record of booleans or attenuations, got \
                 {\"builtins\":{\"a\":{}}} in \"u\"",
            ),
        ] {
            assert_eq!(verdict(policy).unwrap_err(), message);
        }
    }

    #[test]
    fn nesting_beyond_the_stack_of_v8_is_refused() {
        let nested = format!("{{\"options\":{}{}}}", "[".repeat(9000), "]".repeat(9000));
        assert_eq!(
            verdict(&nested).unwrap_err(),
            "Maximum call stack size exceeded"
        );
    }
}
