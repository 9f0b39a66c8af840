//! Arguments that several commands share.

pub(crate) mod artifact_mode;
pub(crate) mod deprecated_options;
pub(crate) mod state_dir;

/// Takes the height of a block, as an argument: 0 to the largest whole number of JavaScript.
pub(crate) fn block_height() -> impl clap::builder::TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(..1 << 53)
}
