//! Compresses transcript items to frames of Zstandard, and decompresses frames.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use crate::Outcome;

/// The compression level of frames.
const LEVEL: i32 = 3;

/// The size of the items of a frame, at most, unless it has only one.
const FRAME_BYTES: usize = 384 << 10;

/// The size of the items of any frame, at most.
const MAX_BYTES: usize = 4 << 20;

/// A compressor and a decompressor.
pub struct Frames {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    /// The items of the frame in progress.
    items: Vec<u8>,
}

/// A frame, without the lengths of its items.
pub struct Frame {
    pub start: i64,
    pub end: i64,
    pub item_bytes: usize,
    pub compressed: Vec<u8>,
}

impl Frames {
    pub fn new() -> Outcome<Frames> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Frames {
            compressor,
            decompressor: Decompressor::new()?,
            items: Vec::new(),
        })
    }

    /// Compresses consecutive items; `start` is the position of the first. Calls `add` with each
    /// frame.
    ///
    /// # Errors
    /// Those of `add`; if compressing fails.
    pub fn compress<'a>(
        &mut self,
        start: i64,
        items: impl Iterator<Item = &'a [u8]>,
        mut add: impl FnMut(Frame) -> Outcome<()>,
    ) -> Outcome<()> {
        let (mut start, mut end) = (start, start);
        for item in items {
            if !self.items.is_empty() && self.items.len() + item.len() > FRAME_BYTES {
                add(self.finish(start, end)?)?;
                start = end;
            }
            self.items.extend_from_slice(item);
            end += 1;
        }
        if end > start {
            add(self.finish(start, end)?)?;
        }
        Ok(())
    }

    fn finish(&mut self, start: i64, end: i64) -> Outcome<Frame> {
        let frame = Frame {
            start,
            end,
            item_bytes: self.items.len(),
            compressed: self.compressor.compress(&self.items)?,
        };
        self.items.clear();
        Ok(frame)
    }

    /// Decompresses a frame of a store: appends its items to `lines`, a line each.
    ///
    /// # Errors
    /// If it is not a frame.
    pub fn decompress(&mut self, frame: &[u8], lines: &mut Vec<u8>) -> Outcome<()> {
        let mut rest = frame.get(1..).ok_or("an empty frame")?;
        let count = take_number(&mut rest)?;
        let lengths = (0..count)
            .map(|_| take_number(&mut rest))
            .collect::<Outcome<Vec<_>>>()?;
        let size = lengths
            .iter()
            .sum::<usize>()
            .min(MAX_BYTES.max(rest.len() << 10));
        let items = self.decompressor.decompress(rest, size)?;
        let mut items = &items[..];
        for length in lengths {
            let (item, after) = items.split_at_checked(length).ok_or("a frame ends early")?;
            lines.extend_from_slice(item);
            lines.push(b'\n');
            items = after;
        }
        Ok(())
    }
}

/// Takes an unsigned LEB128 number from the start of `rest`.
fn take_number(rest: &mut &[u8]) -> Outcome<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or("a frame ends early")?;
        *rest = after;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number in a frame is too long".into())
}
