//! Decompresses a block in one call, and verifies where its data ends.
//!
//! The library's safe interface, which `member` uses to compress, does not report how much of its
//! input was read.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_deflate_decompress_ex,
    libdeflate_free_decompressor, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Decompresses blocks.
pub(super) struct BlockDecoder(NonNull<libdeflate_decompressor>);

// SAFETY: a decompressor is separate memory, which any thread may use, one at a time.
unsafe impl Send for BlockDecoder {}

impl BlockDecoder {
    /// Creates a decoder; `None` if there is no memory for one.
    pub(super) fn new() -> Option<BlockDecoder> {
        // SAFETY: the function takes no arguments.
        let decompressor = unsafe { libdeflate_alloc_decompressor() };
        NonNull::new(decompressor).map(BlockDecoder)
    }

    /// Decompresses raw deflate data. Returns false unless the data is exactly `deflated` and fills
    /// `block`.
    pub(super) fn decode(&mut self, deflated: &[u8], block: &mut [u8]) -> bool {
        let (mut read, mut written) = (0, 0);
        // SAFETY: the decompressor is live and not shared; the lengths are those of the slices, the
        // first of which is read and the second written; the last two pointers are to local
        // variables.
        let result = unsafe {
            libdeflate_deflate_decompress_ex(
                self.0.as_ptr(),
                deflated.as_ptr().cast(),
                deflated.len(),
                block.as_mut_ptr().cast(),
                block.len(),
                &raw mut read,
                &raw mut written,
            )
        };
        result == libdeflate_result_LIBDEFLATE_SUCCESS
            && read == deflated.len()
            && written == block.len()
    }
}

impl Drop for BlockDecoder {
    fn drop(&mut self) {
        // SAFETY: it was allocated by the library, and this is its last use.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The pages of private writable memory of this process.
    fn data_pages() -> u64 {
        let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
        sizes.split(' ').nth(5).unwrap().parse().unwrap()
    }

    #[test]
    fn a_decoder_is_freed() {
        let before = data_pages();
        for _ in 0..40_000 {
            BlockDecoder::new().unwrap();
        }
        // A decoder takes more than two pages. Other tests run at the same time.
        let more = data_pages().saturating_sub(before);
        assert!(more < 80_000, "{more} pages more");
    }
}
