//! Memory that goes back to the system when it is freed.
//!
//! The C library of Linux keeps most of what is freed: once a block of some megabytes was freed, glibc takes
//! all blocks up to that size from its heaps, of which each thread has one, and a heap shrinks only at its end.
//! After an import more than a third of a process's memory was free memory in 15 such heaps. How glibc does that can be
//! changed only for the process, which belongs to the host. So the addon takes large blocks
//! and SQLite's pages from the system itself.
//!
//! MiB resident in `npm run memory`, in single runs on a busy machine (they differ by up to 20), by what was mapped:
//!
//! | | peak of the export | of the import | at the end |
//! | --- | --- | --- | --- |
//! | nothing | 178 | 217 | 192 |
//! | Rust's blocks of 128 KiB and more | 170 | 199 | 176 |
//! | SQLite's, too | 167 | 190 | 165 |
//! | libdeflate's, too | 162 | 184 | 158 |
//! | SQLite's pages in groups, too | 145 | 181 | 129 |
//!
//! The threshold is a megabyte now, because of what mapping costs: see `large`. Two things were tried and gained
//! nothing: mimalloc in the place of glibc's allocator (257 to 380 for the import), and keeping up to 8 MiB of
//! freed mappings for the next blocks (27 more than without).
#![allow(unsafe_code)]

mod foreign;
mod large;
mod pages;

#[cfg(all(feature = "allocator", not(test)))]
#[global_allocator]
static GLOBAL: large::Large = large::Large;

/// Has SQLite and libdeflate take their memory from here. The addon calls it while it is being loaded.
#[cfg(all(feature = "allocator", not(test)))]
pub(crate) fn install() {
    // SAFETY: nobody can have used the libraries, which are the addon's own, before it was loaded.
    unsafe { foreign::install() }
}
