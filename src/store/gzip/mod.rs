//! Compression of heap snapshots, which are gzip files in the store and plain bytes everywhere
//! else.
//!
//! A compressed file consists of members, one for each block of the image (a gzip file may be a
//! concatenation of members). So blocks can be compressed on several cores, and the bytes of the
//! file depend only on the image. The header of each member contains the member's length
//! ([`member`]), so it can be decompressed in one call; other programs ignore that field. Files of
//! one long member, as the reference writes them, are decompressed as a stream. Images of a few
//! kilobytes become plain gzip files of the same size as zlib's.
//!
//! Threads of the [`helpers`] module take part in both directions. If none are available, the
//! caller does the work itself.

mod adopt;
mod block_decoder;
mod block_queue;
mod block_writer;
mod compressor;
mod decompressor;
mod helpers;
mod inflate;
mod member;
mod reader;

pub(crate) use adopt::{Adopted, adopt, may_be_own};
pub(crate) use block_writer::BlockWriter;
pub use compressor::{Compressed, Compressor};
pub use decompressor::Decompressor;
pub(crate) use reader::GzipReader;

#[cfg(test)]
mod tests;
