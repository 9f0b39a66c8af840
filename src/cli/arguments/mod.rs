//! Arguments that several commands share.

pub(crate) mod artifact_mode;
pub(crate) mod deprecated_options;
pub(crate) mod state_dir;

/// Parses a block height: 0 to the largest integer that JavaScript represents exactly.
pub(crate) fn block_height() -> impl clap::builder::TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(..1 << 53)
}
