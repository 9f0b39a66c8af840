//! Memory for the C libraries that the addon is linked with: SQLite, whose pages come from [`Pages`], and libdeflate.
//!
//! In `npm run memory` SQLite's blocks make the import's peak 9 MiB lower, libdeflate's 6. C frees a block without
//! telling its size, so the size precedes each.

use std::alloc::{self, Layout};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use super::pages::{Pages, Place};

/// What precedes a block.
struct Header {
    /// The block's size, without this header.
    bytes: usize,
    place: Place,
}

/// Every block is aligned to this, which is enough for C.
const ALIGN: usize = 16;
const HEADER_BYTES: usize = size_of::<Header>().next_multiple_of(ALIGN);

/// The size of a database's pages, unless it was made with another.
const DATABASE_PAGE_BYTES: usize = 4096;

/// What SQLite's cache adds to a page.
const ADDED_BYTES: usize = 272;

const CACHE_PAGE_BYTES: usize = DATABASE_PAGE_BYTES + ADDED_BYTES;

static PAGES: Mutex<Pages> = Mutex::new(Pages::of(HEADER_BYTES + CACHE_PAGE_BYTES));

fn pages() -> MutexGuard<'static, Pages> {
    PAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The layout of a block with its header.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEADER_BYTES)?, ALIGN).ok()
}

/// A block of so many bytes; null if there is no memory.
fn allocate(bytes: usize) -> *mut c_void {
    let page = match bytes == CACHE_PAGE_BYTES {
        true => pages().take(),
        false => None,
    };
    let (start, place) = match (page, layout(bytes)) {
        (Some(page), _) => (page.memory.as_ptr(), page.place),
        // SAFETY: the layout has a size.
        (None, Some(layout)) => (unsafe { alloc::alloc(layout) }, Place::NONE),
        (None, None) => (ptr::null_mut(), Place::NONE),
    };
    if start.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: a new block, which is long enough for the header and aligned.
    unsafe {
        start.cast::<Header>().write(Header { bytes, place });
        start.add(HEADER_BYTES).cast()
    }
}

/// Where a block's header is.
///
/// # Safety
/// The block is from here, and has not been freed.
unsafe fn header_of(block: *mut c_void) -> *mut Header {
    // SAFETY: the header precedes the block.
    unsafe { block.byte_sub(HEADER_BYTES).cast() }
}

/// Frees a block; null is none.
///
/// # Safety
/// It is from here, has not been freed, and nobody uses it any more.
unsafe fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: as the caller promises. The layout is that with which it was allocated or resized, unless
    // it is a page.
    unsafe {
        let start = header_of(block);
        let Header { bytes, place } = start.read();
        if place != Place::NONE {
            pages().give_back(place);
        } else if let Some(layout) = layout(bytes) {
            alloc::dealloc(start.cast(), layout);
        }
    }
}

/// Makes a block longer or shorter; null if there is no memory, and then it stays as it is.
///
/// # Safety
/// It is from here, has not been freed, and nobody uses it meanwhile.
unsafe fn resize(block: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: as the caller promises. Both blocks are at least as long as what is copied. The layout is
    // as in `free`.
    unsafe {
        let start = header_of(block);
        let old = (*start).bytes;
        let (Some(from), Some(to)) = (layout(old), layout(bytes)) else {
            return ptr::null_mut();
        };
        if (*start).place != Place::NONE {
            let copy = allocate(bytes);
            if !copy.is_null() {
                ptr::copy_nonoverlapping(block.cast::<u8>(), copy.cast(), old.min(bytes));
                free(block);
            }
            return copy;
        }
        let moved = alloc::realloc(start.cast(), from, to.size());
        if moved.is_null() {
            return ptr::null_mut();
        }
        (*moved.cast::<Header>()).bytes = bytes;
        moved.add(HEADER_BYTES).cast()
    }
}

unsafe extern "C" fn sqlite_malloc(bytes: c_int) -> *mut c_void {
    usize::try_from(bytes).map_or(ptr::null_mut(), allocate)
}

unsafe extern "C" fn sqlite_realloc(block: *mut c_void, bytes: c_int) -> *mut c_void {
    match usize::try_from(bytes) {
        // SAFETY: SQLite resizes what it got from `sqlite_malloc`, which is not null.
        Ok(bytes) => unsafe { resize(block, bytes) },
        Err(_) => ptr::null_mut(),
    }
}

unsafe extern "C" fn sqlite_size(block: *mut c_void) -> c_int {
    if block.is_null() {
        return 0;
    }
    // SAFETY: SQLite asks for the size of what it got from `sqlite_malloc`.
    let bytes = unsafe { (*header_of(block)).bytes };
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn sqlite_round_up(bytes: c_int) -> c_int {
    bytes.checked_add(7).map_or(bytes, |more| more & !7)
}

unsafe extern "C" fn sqlite_start(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn sqlite_end(_: *mut c_void) {}

unsafe extern "C" fn other_malloc(bytes: usize) -> *mut c_void {
    allocate(bytes)
}

unsafe extern "C" fn any_free(block: *mut c_void) {
    // SAFETY: libraries free what they got from here, or null.
    unsafe { free(block) }
}

const METHODS: ffi::sqlite3_mem_methods = ffi::sqlite3_mem_methods {
    xMalloc: Some(sqlite_malloc),
    xFree: Some(any_free),
    xRealloc: Some(sqlite_realloc),
    xSize: Some(sqlite_size),
    xRoundup: Some(sqlite_round_up),
    xInit: Some(sqlite_start),
    xShutdown: Some(sqlite_end),
    pAppData: ptr::null_mut(),
};

/// Has both libraries take their memory from here.
///
/// # Safety
/// Neither has been used yet, and nobody uses them meanwhile.
#[cfg_attr(not(feature = "allocator"), allow(dead_code))]
pub(super) unsafe fn install() {
    let methods = METHODS;
    // SAFETY: SQLite, which is not initialized, copies the methods. libdeflate has allocated nothing.
    // Should SQLite refuse, it allocates as it is used to.
    unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods);
        libdeflate_sys::libdeflate_set_memory_allocator(other_malloc, any_free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_cache_is_as_long_as_sqlite_says() {
        let mut added: c_int = 0;
        // SAFETY: this option only tells a number, at any time.
        let status =
            unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_PCACHE_HDRSZ, &raw mut added) };
        assert_eq!((status, added), (ffi::SQLITE_OK, ADDED_BYTES as c_int));
    }

    #[test]
    fn blocks_keep_their_size_and_contents() {
        let page = CACHE_PAGE_BYTES as c_int;
        let sizes = [1, 100, page - 1, page, page + 1, 1 << 20];
        for from in sizes {
            for to in sizes {
                // SAFETY: what is read and written lies within the block.
                unsafe {
                    let block = sqlite_malloc(from);
                    assert!(block.addr().is_multiple_of(ALIGN));
                    assert_eq!(sqlite_size(block), from);
                    for at in 0..from as usize {
                        *block.cast::<u8>().add(at) = (at % 251) as u8;
                    }
                    let block = sqlite_realloc(block, to);
                    assert_eq!(sqlite_size(block), to);
                    for at in 0..from.min(to) as usize {
                        assert_eq!(*block.cast::<u8>().add(at), (at % 251) as u8, "{from} {to}");
                    }
                    any_free(block);
                }
            }
        }
    }

    #[test]
    fn what_is_no_block_is_let_pass() {
        // SAFETY: there is no block.
        unsafe {
            any_free(ptr::null_mut());
            assert_eq!(sqlite_size(ptr::null_mut()), 0);
            assert!(sqlite_malloc(-1).is_null());
            assert!(other_malloc(usize::MAX - 4).is_null());
            assert_eq!(sqlite_round_up(1), 8);
            assert_eq!(sqlite_round_up(c_int::MAX), c_int::MAX);
        }
    }
}
