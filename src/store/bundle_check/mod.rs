//! Checks the bytes of a bundle against its ID.
//!
//! The artifacts of an import are untrusted, so every bundle is checked before it is stored. All
//! validators must accept the same bundles: for any bytes, the result is the reference's. The ID of
//! a `b0-` bundle is the hash of its JSON text. A `b1-` bundle is a zip archive of modules: its ID
//! is the hash of the compartment map, the map contains the hashes of the modules, and loading the
//! entry module must use every file. `endo_zip` checks it in these steps:
//!
//! 1. `zip` reads the archive, and `archive` records which files are used;
//! 2. `compartment_map` and `policy` check the map against its schema;
//! 3. `link` creates the compartments of the map;
//! 4. `loader` visits the modules: `module_map` resolves a specifier, `import` reads and checks the
//!    module's file, and `record` parses its imports.
//!
//! No code runs. The reference runs no code either, with one exception: if a compartment's policy
//! attenuates its globals, the reference runs the attenuator before it loads the entry module.
//! Here, `attenuate` loads the attenuator and checks, as far as `linking` can tell without running
//! it, that it can be linked and run.

mod archive;
mod attenuate;
mod base64;
mod coerce;
mod compartment_map;
mod cursor;
mod endo_zip;
mod failures;
mod import;
mod link;
mod linking;
mod loader;
mod module_map;
mod nested_evaluate;
mod object_prototype;
mod policy;
mod record;
mod specifier;
#[cfg(test)]
pub(crate) mod testing;
mod zip;

use crate::store::encoding::quote;
use std::borrow::Cow;

pub use crate::store::error::refusal::Refusal;
pub use base64::{decode_base64, encode_base64};

/// A bundle that matches its ID.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked<'a> {
    /// A `b0-` bundle: the JSON text to store, without properties that are not part of the bundle.
    NestedEvaluate(Vec<u8>),
    /// A `b1-` bundle: the archive, stored unchanged.
    EndoZip(&'a [u8]),
}

impl<'a> Checked<'a> {
    /// The bytes to store.
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            Checked::NestedEvaluate(text) => Cow::Owned(text),
            Checked::EndoZip(archive) => Cow::Borrowed(archive),
        }
    }
}

/// Checks the data of a bundle artifact against the ID in its name.
///
/// # Errors
/// A [`Refusal`] whenever the reference throws, and for an archive with a cycle of module aliases,
/// for which the reference waits forever.
pub fn check<'a>(bundle_id: &str, data: &'a [u8]) -> Result<Checked<'a>, Refusal> {
    if bundle_id.starts_with("b0-") {
        nested_evaluate::check(bundle_id, data).map(Checked::NestedEvaluate)
    } else if let Some(sha512) = bundle_id.strip_prefix("b1-") {
        endo_zip::check(bundle_id, sha512, data).map(|()| Checked::EndoZip(data))
    } else {
        let id = quote::string(bundle_id.as_bytes());
        Err(Refusal::error(format!("unsupported BundleID {id}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_of_bundles_are_refused() {
        for id in ["", "b2-00", "b0", "B1-00", "c\"x"] {
            let refusal = check(id, b"").unwrap_err();
            let expected = format!("unsupported BundleID {id:?}");
            assert_eq!(refusal.message(), expected);
        }
    }
}
