//! Validates the compartment map of an archive.
//!
//! The map lists the compartments and their modules. In archives, the properties that only maps on
//! disk may have, such as scopes and parsers, are refused; like the reference, this checks their
//! values first. Entries of modules are barely checked here, and validated when the modules are
//! loaded.

use super::{object_prototype, policy};
use crate::store::encoding::json::{JsObject, Json};
use crate::store::encoding::quote;
use crate::store::error::refusal::Refusal;

/// A valid compartment map.
pub(super) struct CompartmentMap<'a> {
    /// The compartment of the entry module.
    pub(super) entry_compartment: &'a [u8],
    /// The specifier of the entry module.
    pub(super) entry_module: &'a [u8],
    /// The compartments by name.
    pub(super) compartments: Vec<(&'a [u8], Descriptor<'a>)>,
}

/// One compartment.
pub(super) struct Descriptor<'a> {
    /// The directory of its files, and the name of the compartment that has these files' modules.
    pub(super) location: &'a [u8],
    /// The name of its package.
    pub(super) name: &'a [u8],
    /// Its modules by specifier; all values are objects.
    pub(super) modules: &'a JsObject,
    /// The policy that says what its modules may use.
    pub(super) policy: Option<&'a Json>,
}

/// Checks a map against the schema. `url` is the archive's name in messages.
pub(super) fn validate<'a>(map: &'a Json, url: &str) -> Result<CompartmentMap<'a>, Refusal> {
    let schema = Schema { url };
    let object = schema.object(Some(map), "compartment map")?;
    let extra = extra_keys(object, &["tags", "entry", "compartments"]);
    if !extra.is_empty() {
        return Err(schema.refuse(format!(
            "Compartment map must not have extra properties; got {}",
            quote::list(extra.into_iter())
        )));
    }
    if let Some(tags) = map.get("tags") {
        schema.conditions(tags)?;
    }
    let entry = schema.object(map.get("entry"), "entry")?;
    let extra = extra_keys(entry, &["compartment", "module"]);
    if !extra.is_empty() {
        return Err(schema.refuse(format!(
            "\"entry\" must not have extra properties in compartment map; got {}",
            quote::list(extra.into_iter())
        )));
    }
    let entry_compartment = schema.string(entry.get(b"compartment"), "entry.compartment")?;
    let entry_module = schema.string(entry.get(b"module"), "entry.module")?;
    let compartments = map.get("compartments");
    let found = compartments.and_then(Json::as_object).is_some_and(|all| {
        let inherited = object_prototype::has(entry_compartment);
        all.get(entry_compartment).map_or(inherited, Json::truthy)
    });
    if !found {
        // A bug in the reference replaces its message by this one.
        return Err(Refusal::error(quote::value(None)));
    }
    let compartments = schema.object(compartments, "compartments")?;
    if compartments.is_empty() {
        return Err(schema.refuse("compartments must not be empty"));
    }
    Ok(CompartmentMap {
        entry_compartment,
        entry_module,
        compartments: compartments
            .iter()
            .map(|(name, value)| Ok((name, schema.compartment(name, value)?)))
            .collect::<Result<_, Refusal>>()?,
    })
}

struct Schema<'s> {
    url: &'s str,
}

impl Schema<'_> {
    fn compartment<'a>(&self, name: &[u8], value: &'a Json) -> Result<Descriptor<'a>, Refusal> {
        let path = format!("compartments[{}]", quote::string(name));
        let object = self.object(Some(value), &path)?;
        let location = self.string(object.get(b"location"), &format!("{path}.location"))?;
        let package = self.string(object.get(b"name"), &format!("{path}.name"))?;
        let modules = self.object(object.get(b"modules"), &path)?;
        for (specifier, module) in modules.iter() {
            self.module(
                module,
                &format!("{path}.modules[{}]", quote::string(specifier)),
            )?;
        }
        if let Some(parsers) = object.get(b"parsers") {
            self.strings(parsers, &format!("{path}.parsers"))?;
        }
        if let Some(scopes) = object.get(b"scopes") {
            self.scopes(scopes, &path)?;
        }
        if let Some(types) = object.get(b"types") {
            self.strings(types, &format!("{path}.types"))?;
        }
        let policy = object.get(b"policy");
        if let Some(policy) = policy {
            policy::validate(policy, &path, self.url)?;
        }
        if let Some(directory) = object.get(b"sourceDirname") {
            self.string(Some(directory), &format!("{path}.sourceDirname"))?;
        }
        if let Some(retained) = object.get(b"retained") {
            self.boolean(retained, &format!("{path}.retained"))?;
        }
        let known = ["location", "name", "label", "modules", "policy"];
        let extra = extra_keys(object, &known);
        if !extra.is_empty() {
            return Err(self.extra(&path, extra));
        }
        self.string(object.get(b"label"), &format!("{path}.label"))?;
        Ok(Descriptor {
            location,
            name: package,
            modules,
            policy,
        })
    }

    /// Checks a module's entry. Any object is valid.
    ///
    /// An entry is a file, a module of another compartment or an error. Entries of errors have no
    /// required and no forbidden properties.
    fn module(&self, value: &Json, path: &str) -> Result<(), Refusal> {
        let object = self.object(Some(value), path)?;
        if let Some(error) = object.get(b"deferredError") {
            self.string(Some(error), &format!("{path}.deferredError"))?;
        }
        if let Some(retained) = object.get(b"retained") {
            self.boolean(retained, &format!("{path}.retained"))?;
        }
        if let Some(created_by) = object.get(b"createdBy") {
            self.string(Some(created_by), &format!("{path}.createdBy"))?;
        }
        Ok(())
    }

    /// Checks an object whose values must be strings.
    fn strings(&self, value: &Json, path: &str) -> Result<(), Refusal> {
        for (key, value) in self.object(Some(value), path)?.iter() {
            self.string(Some(value), &format!("{path}[{}]", quote::string(key)))?;
        }
        Ok(())
    }

    /// Checks the scopes of the compartment at `path`. Like the reference, uses `path` in the
    /// message if the scopes are not an object.
    fn scopes(&self, scopes: &Json, path: &str) -> Result<(), Refusal> {
        for (key, scope) in self.object(Some(scopes), path)?.iter() {
            let path = format!("{path}.scopes[{}]", quote::string(key));
            let scope = self.object(Some(scope), &path)?;
            let extra = extra_keys(scope, &["compartment"]);
            if !extra.is_empty() {
                return Err(self.extra(&path, extra));
            }
            let compartment = scope.get(b"compartment");
            self.string(compartment, &format!("{path}.compartment"))?;
        }
        Ok(())
    }

    fn conditions(&self, tags: &Json) -> Result<(), Refusal> {
        let Some(tags) = tags.as_array() else {
            return Err(self.refuse(format!(
                "conditions must be an array; got {}",
                quote::value(Some(tags))
            )));
        };
        for (index, tag) in tags.iter().enumerate() {
            self.string(Some(tag), &format!("conditions[{index}]"))?;
        }
        Ok(())
    }

    fn object<'a>(&self, value: Option<&'a Json>, path: &str) -> Result<&'a JsObject, Refusal> {
        value.and_then(Json::as_object).ok_or_else(|| {
            self.refuse(format!(
                "{} must be an object; got {} of type \"{}\"",
                quote::bare(path),
                quote::value(value),
                value.map_or("undefined", Json::type_of)
            ))
        })
    }

    fn string<'a>(&self, value: Option<&'a Json>, path: &str) -> Result<&'a [u8], Refusal> {
        value
            .and_then(Json::as_str)
            .ok_or_else(|| self.wrong_type(value, path, "a string"))
    }

    fn boolean(&self, value: &Json, path: &str) -> Result<(), Refusal> {
        match value {
            Json::Bool(_) => Ok(()),
            value => Err(self.wrong_type(Some(value), path, "a boolean")),
        }
    }

    fn extra(&self, path: &str, extra: Vec<&[u8]>) -> Refusal {
        self.refuse(format!(
            "{} must not have extra properties; got {}",
            quote::bare(path),
            quote::list(extra.into_iter())
        ))
    }

    fn wrong_type(&self, value: Option<&Json>, path: &str, wanted: &str) -> Refusal {
        Refusal::error(format!(
            "{} in {} must be {wanted}; got {}",
            quote::bare(path),
            quote::string(self.url.as_bytes()),
            quote::value(value)
        ))
    }

    fn refuse(&self, problem: impl AsRef<str>) -> Refusal {
        let url = quote::string(self.url.as_bytes());
        Refusal::error(format!("{} in {url}", problem.as_ref()))
    }
}

/// The keys of an object that are not in `known`.
fn extra_keys<'a>(object: &'a JsObject, known: &[&str]) -> Vec<&'a [u8]> {
    let keys = object.iter().map(|(key, _)| key);
    keys.filter(|key| !known.iter().any(|known| known.as_bytes() == *key))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::encoding::json::parse;

    const ENTRY: &str = r#""entry":{"compartment":"a","module":"m"}"#;
    const COMPARTMENT: &str = r#""name":"n","label":"l","location":"a""#;

    #[track_caller]
    fn is(map: &str, expected: Result<(), &str>) {
        let map = parse(map.as_bytes()).unwrap();
        let verdict = validate(&map, "u").map(|_| ());
        assert_eq!(
            verdict.as_ref().map_err(Refusal::message),
            expected.as_ref().map_err(|text| *text)
        );
    }

    /// A map whose only compartment has these properties.
    fn with(properties: &str) -> String {
        format!(r#"{{{ENTRY},"compartments":{{"a":{{{properties}}}}}}}"#)
    }

    /// A map whose only compartment has these properties and the usual ones.
    fn with_more(properties: &str) -> String {
        with(&format!("{COMPARTMENT},{properties}"))
    }

    #[test]
    fn a_valid_map_is_parsed() {
        let text = with_more(r#""modules":{"m":{}},"policy":{}"#);
        let map = parse(text.as_bytes()).unwrap();
        let map = validate(&map, "u").unwrap();
        assert_eq!(
            (map.entry_compartment, map.entry_module),
            (b"a".as_slice(), b"m".as_slice())
        );
        let [(name, compartment)] = map.compartments.as_slice() else {
            panic!("one compartment");
        };
        assert_eq!(
            (*name, compartment.name),
            (b"a".as_slice(), b"n".as_slice())
        );
        assert_eq!(compartment.location, b"a");
        assert!(compartment.modules.get(b"m").is_some());
        assert!(compartment.policy.is_some());
    }

    #[test]
    fn the_map_itself_is_checked() {
        is(
            "[]",
            Err("compartment map must be an object; got [] of type \"object\" in \"u\""),
        );
        is(
            &format!(r#"{{{ENTRY},"b":1,"__proto__":2}}"#),
            Err(
                "Compartment map must not have extra properties; got [\"b\",\"__proto__\"] in \"u\"",
            ),
        );
        is(
            r#"{"tags":{"b":1,"a":2}}"#,
            Err("conditions must be an array; got {\"a\":2,\"b\":1} in \"u\""),
        );
        is(
            r#"{"tags":["x",1]}"#,
            Err("\"conditions[1]\" in \"u\" must be a string; got 1"),
        );
        is(
            &with_more("\"modules\":{}").replacen('{', "{\"tags\":[\"x\"],", 1),
            Ok(()),
        );
    }

    #[test]
    fn the_entry_is_checked() {
        is(
            "{}",
            Err("entry must be an object; got \"[undefined]\" of type \"undefined\" in \"u\""),
        );
        is(
            r#"{"entry":{"compartment":"a","module":"m","x":1}}"#,
            Err(
                "\"entry\" must not have extra properties in compartment map; got [\"x\"] in \"u\"",
            ),
        );
        is(
            r#"{"entry":{"module":"m"}}"#,
            Err("\"entry.compartment\" in \"u\" must be a string; got \"[undefined]\""),
        );
        is(
            r#"{"entry":{"compartment":"a","module":null}}"#,
            Err("\"entry.module\" in \"u\" must be a string; got null"),
        );
        for compartments in ["", ",\"compartments\":{}", ",\"compartments\":{\"a\":0}"] {
            is(
                &format!("{{{ENTRY}{compartments}}}"),
                Err("\"[undefined]\""),
            );
        }
    }

    #[test]
    fn an_inherited_entry_is_found() {
        let entry = r#""entry":{"compartment":"toString","module":"m"}"#;
        is(
            &format!(r#"{{{entry},"compartments":{{}}}}"#),
            Err("compartments must not be empty in \"u\""),
        );
        let map = with_more("\"modules\":{}").replace(ENTRY, entry);
        is(&map, Ok(()));
    }

    #[test]
    fn compartments_are_checked() {
        is(
            &with(""),
            Err(
                "\"compartments[\\\"a\\\"].location\" in \"u\" must be a string; got \"[undefined]\"",
            ),
        );
        is(
            &with(r#""location":"a""#),
            Err("\"compartments[\\\"a\\\"].name\" in \"u\" must be a string; got \"[undefined]\""),
        );
        is(
            &with(COMPARTMENT),
            Err(
                "\"compartments[\\\"a\\\"]\" must be an object; got \"[undefined]\" of type \"undefined\" in \"u\"",
            ),
        );
        is(
            &with(r#""location":"a","name":"n","modules":{}"#),
            Err("\"compartments[\\\"a\\\"].label\" in \"u\" must be a string; got \"[undefined]\""),
        );
        for (extra, value) in [
            ("scopes", r#"{"s":{"compartment":"c"}}"#),
            ("types", r#"{"t":"json"}"#),
            ("parsers", "{}"),
            ("retained", "true"),
            ("sourceDirname", "\"\""),
            ("x", "{}"),
        ] {
            is(
                &with_more(&format!(r#""modules":{{}},"{extra}":{value}"#)),
                Err(&format!(
                    "\"compartments[\\\"a\\\"]\" must not have extra properties; got [\"{extra}\"] in \"u\""
                )),
            );
        }
        is(
            &with_more(r#""modules":{},"policy":null"#),
            Err("compartments[\"a\"] must be an object, got null in \"u\""),
        );
    }

    #[test]
    fn properties_of_maps_on_disk_are_checked_before_they_are_refused() {
        let wrong = |properties: &str, end: &str| {
            is(
                &with_more(&format!(r#""modules":{{}},{properties}"#)),
                Err(&format!("\"compartments[\\\"a\\\"]{end}")),
            );
        };
        wrong(
            r#""parsers":1"#,
            ".parsers\" must be an object; got 1 of type \"number\" in \"u\"",
        );
        wrong(
            r#""parsers":{"js":1}"#,
            ".parsers[\\\"js\\\"]\" in \"u\" must be a string; got 1",
        );
        // The message has the path of the compartment.
        wrong(
            r#""scopes":[]"#,
            "\" must be an object; got [] of type \"object\" in \"u\"",
        );
        wrong(
            r#""scopes":{"s":null}"#,
            ".scopes[\\\"s\\\"]\" must be an object; got null of type \"object\" in \"u\"",
        );
        wrong(
            r#""scopes":{"s":{"x":1}}"#,
            ".scopes[\\\"s\\\"]\" must not have extra properties; got [\"x\"] in \"u\"",
        );
        wrong(
            r#""scopes":{"s":{}}"#,
            ".scopes[\\\"s\\\"].compartment\" in \"u\" must be a string; got \"[undefined]\"",
        );
        wrong(
            r#""types":null"#,
            ".types\" must be an object; got null of type \"object\" in \"u\"",
        );
        wrong(
            r#""sourceDirname":1"#,
            ".sourceDirname\" in \"u\" must be a string; got 1",
        );
        wrong(
            r#""retained":1"#,
            ".retained\" in \"u\" must be a boolean; got 1",
        );
        // The first of several problems is reported, in the order of the checks.
        wrong(
            r#""retained":1,"sourceDirname":2,"types":{"t":{}},"y":3"#,
            ".types[\\\"t\\\"]\" in \"u\" must be a string; got {}",
        );
    }

    #[test]
    fn any_object_can_be_a_module() {
        for module in [
            "{}",
            r#"{"x":1}"#,
            r#"{"exit":5}"#,
            r#"{"compartment":1,"module":{}}"#,
            r#"{"deferredError":"","retained":true,"createdBy":"x"}"#,
        ] {
            is(
                &with_more(&format!(r#""modules":{{"m":{module}}}"#)),
                Ok(()),
            );
        }
        for (module, end) in [
            (
                "null",
                "\" must be an object; got null of type \"object\" in \"u\"",
            ),
            (
                r#"{"deferredError":1}"#,
                ".deferredError\" in \"u\" must be a string; got 1",
            ),
            (
                r#"{"retained":1}"#,
                ".retained\" in \"u\" must be a boolean; got 1",
            ),
            (
                r#"{"createdBy":[]}"#,
                ".createdBy\" in \"u\" must be a string; got []",
            ),
        ] {
            is(
                &with_more(&format!(r#""modules":{{"m":{module}}}"#)),
                Err(&format!(
                    "\"compartments[\\\"a\\\"].modules[\\\"m\\\"]{end}"
                )),
            );
        }
    }
}
