//! Options that older versions of `cosmic-swingset` took, and those that take their place.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

const FORMER: [(&str, &str); 3] = [
    ("--export-mode", "--artifact-mode"),
    ("--include-export-data", "--export-data-mode"),
    ("--include-historical", "--artifact-mode"),
];

/// Adds to an error about such an option what to use instead.
pub(super) fn suggest(error: &mut Error) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let found = found.split('=').next().unwrap_or_default();
    if let Some((_, instead)) = FORMER.iter().find(|(former, _)| *former == found) {
        let instead = ContextValue::String((*instead).to_owned());
        error.insert(ContextKind::SuggestedArg, instead);
    }
}
