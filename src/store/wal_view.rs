//! The WAL-index's header as memory that stays, for whoever looks at it without the database.
//!
//! SQLite's own mapping of the WAL-index goes with the connection. Opening the file once more is
//! out of the question, since closing it would let go of the locks that this process has on it.
//! Linux duplicates a mapping without a file, and the duplicate is ours to keep: at worst it shows
//! a WAL-index that is used no more.
#![allow(unsafe_code)]

use std::sync::atomic::AtomicU32;

use rusqlite::Connection;

/// A view of a WAL-index's header.
#[derive(Debug)]
pub struct WalView(#[cfg(target_os = "linux")] linux::Mapping);

impl WalView {
    /// Where the header's words are, as long as the view is there. Other processes change them
    /// at any time.
    pub fn words(&self) -> &[AtomicU32] {
        #[cfg(target_os = "linux")]
        return self.0.words();
        #[cfg(not(target_os = "linux"))]
        return &[];
    }

    /// A view of a connection's WAL-index; `None` if it has none (see
    /// [`WalClock::read`](super::wal_clock::WalClock::read)), and where the system can't.
    pub(super) fn new(connection: &Connection) -> Option<WalView> {
        #[cfg(target_os = "linux")]
        return linux::Mapping::duplicate(super::wal_clock::wal_index(connection)?).map(WalView);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = connection;
            None
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::c_void;
    use std::ptr::NonNull;
    use std::slice;
    use std::sync::atomic::AtomicU32;

    use rustix::mm::{MprotectFlags, MremapFlags, mprotect, mremap, munmap};

    use crate::store::wal_clock::HEADER_WORDS;

    /// Rounded up to a page by the system.
    const LENGTH: usize = HEADER_WORDS * size_of::<u32>();

    /// The first page of a mapping, once more.
    #[derive(Debug)]
    pub(super) struct Mapping(NonNull<c_void>);

    // SAFETY: nothing but memory, which any thread may read and unmap.
    unsafe impl Send for Mapping {}
    // SAFETY: it is only read, and that atomically.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        pub(super) fn duplicate(original: NonNull<u32>) -> Option<Mapping> {
            // SAFETY: with an old length of 0 the original mapping is left as it is. If it is not
            // one that is shared, or does not begin at a page, the system refuses.
            let copy = unsafe { mremap(original.as_ptr().cast(), 0, LENGTH, MremapFlags::MAYMOVE) };
            let mapping = Mapping(NonNull::new(copy.ok()?)?);
            // SAFETY: our own mapping, which nobody else knows of. Nothing is to be written.
            let read_only = unsafe { mprotect(mapping.0.as_ptr(), LENGTH, MprotectFlags::READ) };
            read_only.ok().map(|()| mapping)
        }

        pub(super) fn words(&self) -> &[AtomicU32] {
            // SAFETY: mapped until dropped, at the beginning of a page. The file is never shorter
            // than its header: SQLite makes it so, and shortens it to a part of its first page
            // at the least, of which the rest then reads as zeros. All access is atomic.
            unsafe { slice::from_raw_parts(self.0.as_ptr().cast(), HEADER_WORDS) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: our own mapping, unmapped once.
            unsafe { munmap(self.0.as_ptr(), LENGTH) }.ok();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn connect(file: &std::path::Path) -> Connection {
        let connection = Connection::open(file).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS t (x)")
            .unwrap();
        connection
    }

    fn look(view: &WalView) -> Vec<u32> {
        let words = view.words().iter();
        words.map(|word| word.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn every_commit_of_any_connection_shows() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("db");
        let (one, other) = (connect(&file), connect(&file));
        let view = WalView::new(&one).unwrap();
        let mut before = look(&view);
        for writer in [&one, &other, &other, &one] {
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            assert_ne!(before, look(&view));
            before = look(&view);
        }
        one.execute_batch("SELECT * FROM t").unwrap();
        assert_eq!(before, look(&view));
    }

    #[test]
    fn it_outlives_the_connection_and_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("db");
        let connection = connect(&file);
        let view = WalView::new(&connection).unwrap();
        let before = look(&view);
        drop(connection);
        assert!(!directory.path().join("db-shm").exists());
        assert_eq!(look(&view), before);
        // What comes after is another one's.
        connect(&file)
            .execute_batch("INSERT INTO t VALUES (1)")
            .unwrap();
        assert_eq!(look(&view), before);
    }

    #[test]
    fn there_is_none_without_a_wal() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(WalView::new(&connection).is_none());
    }
}
