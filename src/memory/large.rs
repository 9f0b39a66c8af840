//! An allocator that maps large blocks, each by itself, and leaves the others to the C library.
//!
//! Mapped, a block's pages are new ones, which the system has to clear; glibc's heaps reuse theirs. Blocks of 256 KiB,
//! as chunks of artifacts are, come and go so often that mapping them made a `snapshot-load` of `npm run bench` take 30 %
//! more CPU time and an `export` 50 %. Blocks of a megabyte and more made it 1 % more and 4 % less.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// From this size on a block is mapped.
const LARGE_BYTES: usize = 1 << 20;

/// Mappings begin at a multiple of this, or of more.
const PAGE_BYTES: usize = 4096;

/// The allocator.
pub(super) struct Large;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() <= PAGE_BYTES
}

/// Maps memory, which is zero; null if there is none.
pub(super) fn map(bytes: usize) -> *mut u8 {
    // SAFETY: a new private mapping at a place of the system's choice touches nothing that exists.
    let mapped = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    match mapped {
        libc::MAP_FAILED => ptr::null_mut(),
        mapped => mapped.cast(),
    }
}

/// Gives a mapping back to the system. That can only fail where the process has too many mappings; then the
/// memory is lost.
///
/// # Safety
/// [`map`] made it, of so many bytes, and nobody uses it any more.
pub(super) unsafe fn unmap(start: *mut u8, bytes: usize) {
    // SAFETY: as the caller promises.
    let _ = unsafe { libc::munmap(start.cast(), bytes) };
}

// SAFETY: whether a block is mapped depends on its layout alone, which its owner hands over with every call, so a
// block is freed and resized by what allocated it. The system rounds lengths up to whole pages in the same way in all
// calls. No function panics.
unsafe impl GlobalAlloc for Large {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: as the caller promises.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: as the caller promises.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match is_large(layout) {
            // SAFETY: the mapping is the block, which nobody uses any more.
            true => unsafe { unmap(block, layout.size()) },
            // SAFETY: as the caller promises.
            false => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is not too large for this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (is_large(layout), is_large(wanted)) {
            // SAFETY: as the caller promises.
            (false, false) => unsafe { System.realloc(block, layout, bytes) },
            (true, true) => {
                // SAFETY: the mapping is the block, which the caller has no other use of.
                let moved = unsafe {
                    libc::mremap(block.cast(), layout.size(), bytes, libc::MREMAP_MAYMOVE)
                };
                match moved {
                    libc::MAP_FAILED => ptr::null_mut(),
                    moved => moved.cast(),
                }
            }
            // SAFETY: both blocks are at least as long as what is copied, and one is new.
            _ => unsafe {
                let copy = self.alloc(wanted);
                if !copy.is_null() {
                    ptr::copy_nonoverlapping(block, copy, bytes.min(layout.size()));
                    self.dealloc(block, layout);
                }
                copy
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 7] = [
        1,
        4096,
        LARGE_BYTES - 1,
        LARGE_BYTES,
        LARGE_BYTES + 1,
        3 << 20,
        (3 << 20) + 5,
    ];

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 8).unwrap()
    }

    /// Whether a page of this process is mapped.
    fn is_mapped(at: *mut u8) -> bool {
        let mut state = 0;
        // SAFETY: it only looks; one page, one byte.
        unsafe { libc::mincore(at.cast(), PAGE_BYTES, &raw mut state) == 0 }
    }

    #[test]
    fn blocks_keep_their_contents_whatever_their_sizes_become() {
        for from in SIZES {
            for to in SIZES {
                // SAFETY: layouts are those of the blocks, and what is read lies within them.
                unsafe {
                    let block = Large.alloc(layout(from));
                    for at in 0..from {
                        *block.add(at) = (at % 251) as u8;
                    }
                    let block = Large.realloc(block, layout(from), to);
                    assert!(!block.is_null());
                    for at in 0..from.min(to) {
                        assert_eq!(*block.add(at), (at % 251) as u8, "{from} {to} {at}");
                    }
                    *block.add(to - 1) = 1;
                    Large.dealloc(block, layout(to));
                }
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        for bytes in SIZES {
            // SAFETY: as above.
            unsafe {
                let block = Large.alloc_zeroed(layout(bytes));
                assert!((0..bytes).all(|at| *block.add(at) == 0));
                block.write_bytes(1, bytes);
                Large.dealloc(block, layout(bytes));
            }
        }
    }

    #[test]
    fn a_large_block_is_gone_when_it_is_freed() {
        // SAFETY: as above.
        unsafe {
            let block = Large.alloc(layout(64 << 20));
            *block = 1;
            assert!(is_mapped(block));
            Large.dealloc(block, layout(64 << 20));
            // Other threads may have mapped something in the same place; not in all of it.
            let mut pages = (0..64 << 20).step_by(PAGE_BYTES);
            assert!(pages.any(|at| !is_mapped(block.wrapping_add(at))));
        }
    }

    #[test]
    fn there_is_no_memory_without_end() {
        let bytes = isize::MAX as usize - LARGE_BYTES;
        // SAFETY: as above.
        unsafe {
            assert!(Large.alloc(layout(bytes)).is_null());
            let block = Large.alloc(layout(LARGE_BYTES));
            *block = 7;
            assert!(Large.realloc(block, layout(LARGE_BYTES), bytes).is_null());
            assert_eq!(*block, 7);
            Large.dealloc(block, layout(LARGE_BYTES));
        }
    }
}
