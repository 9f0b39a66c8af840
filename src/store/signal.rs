//! Tells whoever keeps copies of values whether they still hold.
//!
//! The copies are JavaScript's (see `js/kv-cache.js`), which reads these numbers where they
//! lie instead of asking, because a call costs more than all else about a cached read.

use std::sync::atomic::{AtomicI32, Ordering};

/// Numbers in memory that both sides see.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Signal {
    /// Another one than before means that copies made before no longer hold.
    generation: AtomicI32,
    /// 1 while nobody but this store can change a value, and this store says so when it does.
    held: AtomicI32,
    /// 1 once the database is closed.
    closed: AtomicI32,
    /// 1 while a [`WalView`](super::wal_view::WalView) that was given out shows every commit.
    watched: AtomicI32,
}

impl Signal {
    /// Makes all copies void.
    pub(super) fn outdate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Says whether nobody else can change a value.
    pub(super) fn hold(&self, held: bool) {
        self.held.store(i32::from(held), Ordering::Release);
    }

    /// Says that the database is closed.
    pub(super) fn close(&self) {
        self.closed.store(1, Ordering::Release);
    }

    /// Says whether every commit shows in the view of the WAL-index that was given out.
    pub(super) fn watch(&self, watched: bool) {
        self.watched.store(i32::from(watched), Ordering::Release);
    }

    /// Whether nobody else can change a value.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire) == 1
    }
}
