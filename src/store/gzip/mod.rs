//! Snapshots are gzip files in the store, and plain bytes everywhere else.
//!
//! A file that is written here consists of members, one for each block of the image, since gzip
//! files may be put one behind the other. So blocks can be compressed on several cores, and what
//! the file's bytes are depends on the image alone. Each member says in its header how long it
//! is ([`member`]), so that it can be decompressed in one go; any gunzip passes over that. Files
//! of one long member, as the reference writes them, are decompressed as a stream. Images of a few
//! kilobytes become plain gzip files of zlib's size.
//!
//! On both ways threads of the [`helpers`] module take part, as long as there are any to be had;
//! without them all works the same, only not as fast.

mod block_decoder;
mod compressor;
mod decompressor;
mod helpers;
mod inflate;
mod member;

pub use compressor::{Compressed, Compressor};
pub use decompressor::Decompressor;
pub(crate) use member::Encoder;

#[cfg(test)]
mod tests;
