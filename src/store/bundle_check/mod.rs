//! Whether the bytes of a bundle are the bundle that its ID names.
//!
//! An imported store is made of artifacts that nobody vouches for, so every bundle is checked
//! before it is stored, and what one validator accepts all must accept: the verdict here is that
//! of the reference, for any bytes. A `b0-` bundle is JSON whose hash is its ID. A `b1-` bundle
//! is an archive: its compartment map's hash is its ID, the map holds the hashes of the modules,
//! and loading the entry module must reach every file. The way through it is
//!
//! 1. `zip` reads the archive's directory and `archive` remembers which files were asked for;
//! 2. `compartment_map` and `policy` check the map against its schema;
//! 3. `link` makes compartments of it;
//! 4. `loader` visits the modules: `module_map` says where a specifier leads, `import` fetches
//!    and checks the module's file, and `record` reads from it what the module imports.
//!
//! No code is run, and none would be by the reference, with one exception: a compartment whose
//! policy attenuates its globals has its attenuator run there before the entry module is loaded.
//! Here, `attenuate` loads such an attenuator and checks, as far as `linking` can tell, that it
//! could be linked and run.

mod archive;
mod attenuate;
mod base64;
mod coerce;
mod compartment_map;
mod cursor;
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
mod testing;
mod zip;

use crate::store::encoding::quote;
use std::borrow::Cow;

pub use crate::store::error::refusal::Refusal;
pub use base64::{decode_base64, encode_base64};

/// A bundle that is what its ID says.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked<'a> {
    /// A `b0-` bundle: the JSON text that is stored, without whatever else the data held.
    NestedEvaluate(Vec<u8>),
    /// A `b1-` bundle: the archive, which is stored as it is.
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
/// A [`Refusal`], whenever the reference would throw; and for an archive whose modules are
/// aliases of one another in a circle, for which the reference would wait forever.
pub fn check<'a>(bundle_id: &str, data: &'a [u8]) -> Result<Checked<'a>, Refusal> {
    if bundle_id.starts_with("b0-") {
        nested_evaluate::check(bundle_id, data).map(Checked::NestedEvaluate)
    } else if let Some(sha512) = bundle_id.strip_prefix("b1-") {
        archive::check(bundle_id, sha512, data).map(|()| Checked::EndoZip(data))
    } else {
        let id = quote::string(bundle_id.as_bytes());
        Err(Refusal::error(format!("unsupported BundleID {id}")))
    }
}

/// The hexadecimal digits of a hash.
fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
