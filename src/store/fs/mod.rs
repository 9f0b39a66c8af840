//! Files: opening, renaming, syncing and replacing them; scratch directories; and which processes
//! have a file open.

pub(crate) mod atomic_file;
pub(crate) mod flush;
pub(crate) mod open;
pub(crate) mod open_files;
pub(crate) mod ownership;
pub(crate) mod read_ahead;
pub(crate) mod rename;
pub(crate) mod scratch;
pub(crate) mod share;
pub(crate) mod sidecar;
pub(crate) mod writeback;
