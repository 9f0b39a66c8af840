//! Decompressing a block in one go, and knowing where its data ended.
//!
//! The library's safe interface, which `member` compresses with, does not say how much of its input
//! it read.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_deflate_decompress_ex,
    libdeflate_free_decompressor, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Decompresses blocks.
pub(super) struct BlockDecoder(NonNull<libdeflate_decompressor>);

// SAFETY: a decompressor is memory of its own, which any one thread at a time may use.
unsafe impl Send for BlockDecoder {}

impl BlockDecoder {
    /// A decoder; `None` if there is no memory for one.
    pub(super) fn new() -> Option<BlockDecoder> {
        // SAFETY: takes no argument.
        let decompressor = unsafe { libdeflate_alloc_decompressor() };
        NonNull::new(decompressor).map(BlockDecoder)
    }

    /// Decompresses raw deflate data. False unless the data is all of `deflated`, to the last byte, and
    /// fills `block`.
    pub(super) fn decode(&mut self, deflated: &[u8], block: &mut [u8]) -> bool {
        let (mut read, mut written) = (0, 0);
        // SAFETY: the decompressor is live and used by nobody else; the lengths are those of the
        // slices, of which one is read and the other is written; the last two pointers are to
        // local variables.
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
