//! Giving memory back to the system.
#![allow(unsafe_code)]

/// Gives back what was freed, after work that took much memory on several threads.
///
/// The GNU C library keeps freed memory for the thread that allocated it. SQLite's page cache, for
/// one, is allocated by whichever thread reads a page, and so the next export, on other threads,
/// would take as much again.
pub(super) fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time by any thread; it touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
