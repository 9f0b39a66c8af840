//! Bundles, which are checked before use.

use swing_store::store::json::{self, Json};
use swing_store::store::{BundleContents, check_bundle_artifact};

use super::json::WORDS as JSON_WORDS;
use super::scene::{MAP, MODULE, SCRIPT, archive, b0_id, b1_id};
use super::{Target, allowed};

/// The text of a script bundle.
pub const SCRIPT_TARGET: Target = Target {
    name: "b0",
    run: run_script,
    seeds: script_seeds,
    words: JSON_WORDS,
    rounds: 1500,
};

/// The zip file of an archive, whose map matches its ID or does not.
pub const ZIP: Target = Target {
    name: "b1_zip",
    run: run_zip,
    seeds: zip_seeds,
    words: &[
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"\xFF\xFF",
        b"\xFF\xFF\xFF\xFF",
        b"\0\0\0\0",
        b"../",
        b"compartment-map.json",
        b"a\\i.js",
        b"\x01\0",
        b"\x08\0",
    ],
    rounds: 1500,
};

/// The map and the modules of an otherwise valid archive.
pub const MAP_TARGET: Target = Target {
    name: "b1_map",
    run: run_map,
    seeds: map_seeds,
    words: &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"null",
        b"\"./i.js\"",
        b"\"a\"",
        b"\"parser\":\"json\"",
        b"\"pre-mjs-json\"",
        b"\"pre-cjs-json\"",
        b"\"text\"",
        b"\"bytes\"",
        b"\"compartment\":\"a\"",
        b"\"module\":\"k\"",
        b"\"location\":",
        b"\"exit\":",
        b"\"deferredError\":\"x\"",
        b"\"policy\":{\"globals\":{\"attenuate\":\"x\"}}",
        b"\"scopes\":{}",
        b"\"types\":{}",
        b"\"sha512\":\"\"",
        b"\"__proto__\"",
        b"\"toString\"",
        b"\\ud800",
        b"\0",
        b"\"imports\":[\"k\"]",
        b"\"reexports\":[\".\"]",
        b"../",
        b"\"retained\":true",
        b"\"<ATTENUATORS>\":",
        b"\"entry\":",
        b"\"compartments\":",
        b"\"modules\":",
        b"[[[[[[[[",
        b"1e999",
    ],
    rounds: 1500,
};

fn check(id: &str, data: &[u8]) -> bool {
    let name = format!("bundle.{id}");
    match allowed(check_bundle_artifact(name.as_bytes(), data.to_vec())) {
        None => false,
        Some(BundleContents::Archive(archive)) => {
            assert_eq!(archive, data);
            true
        }
        Some(BundleContents::Script(text)) => {
            // The stored form is a bundle with the same ID.
            assert_eq!(id, b0_id(&text));
            let again =
                check_bundle_artifact(name.as_bytes(), text.clone()).expect("what was taken");
            assert_eq!(again, BundleContents::Script(text));
            true
        }
    }
}

fn script_seeds() -> Vec<Vec<u8>> {
    let others = [
        r#"{"source":"1","x":[{}],"moduleFormat":"nestedEvaluate"}"#,
        "[]",
        "null",
    ];
    let mut seeds: Vec<_> = others.map(|text| text.as_bytes().to_vec()).to_vec();
    seeds.push(SCRIPT.as_bytes().to_vec());
    seeds
}

/// The ID of a script's three properties in the form of `JSON.stringify`.
fn script_id(value: &Json) -> String {
    let properties = ["moduleFormat", "source", "sourceMap"].into_iter();
    let texts = properties.filter_map(|name| {
        let value = value.get(name)?.stringify();
        Some([json::quote(name.as_bytes()), value].join(&b':'))
    });
    let text = texts.collect::<Vec<_>>().join(&b',');
    b0_id(&[b"{", &text[..], b"}"].concat())
}

fn run_script(input: &[u8]) {
    assert!(!check(&b0_id(b"another"), input));
    let text = String::from_utf8_lossy(input);
    match json::parse(text.as_bytes()) {
        Err(_) | Ok(Json::Null) => assert!(!check(&b0_id(input), input)),
        // JSON.stringify overflows the stack at a depth of some thousands.
        Ok(value) if value.is_deeper_than(1000) => drop(check(&script_id(&value), input)),
        Ok(value) => assert!(check(&script_id(&value), input)),
    }
}

fn zip_seeds() -> Vec<Vec<u8>> {
    vec![
        archive(MAP.as_bytes(), &[MODULE.as_bytes(), b"{}"]),
        archive(b"{}", &[]),
    ]
}

fn run_zip(input: &[u8]) {
    check(&b1_id(MAP.as_bytes()), input);
}

fn map_seeds() -> Vec<Vec<u8>> {
    let text = MAP.replace("pre-mjs-json", "text");
    vec![
        [MAP.as_bytes(), MODULE.as_bytes(), b"{}"].join(&0),
        [text.as_bytes(), b"hello", b"{}"].join(&0),
    ]
}

fn run_map(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let map = parts.next().unwrap_or_default();
    let modules: Vec<&[u8]> = parts.collect();
    check(&b1_id(map), &archive(map, &modules));
}
