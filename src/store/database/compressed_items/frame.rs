//! The format of a frame: consecutive transcript items, compressed.
//!
//! A frame consists of a version byte (1), the number of items, the length of each item in bytes,
//! and a Zstandard frame with a checksum whose content is the items, one after the other. Numbers
//! are unsigned LEB128 in their shortest form. `docs/reference/data-format.md` describes it, too.
//!
//! A frame may come from an untrusted source, so reading accounts for every byte, and allocates no
//! more than the items of a frame may have.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

use crate::store::error::{Error, Result};
use crate::store::tasks::limits::{limits, value_bytes};

/// The first byte of a frame.
const VERSION: u8 = 1;

/// The first bytes of a Zstandard frame.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The compression level. Levels up to 9 make frames up to a tenth smaller in twice the time.
const LEVEL: i32 = 3;

/// Maximum size of the items of a frame with several items, in bytes. One larger item has a frame of
/// its own.
const MAX_BYTES: usize = 4 << 20;

/// Maximum number of items that are written to a frame.
const MAX_ITEMS: usize = 1000;

/// Memory of the fields of a frame besides its items, per item, at most.
const LENGTH_BYTES: usize = 10;

/// The items of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    /// The end of each item in `bytes`.
    ends: Vec<usize>,
}

impl Frame {
    /// Reads a frame that should have `count` items.
    ///
    /// # Errors
    /// A description of what is wrong with the frame.
    pub(crate) fn read(frame: &[u8], count: i64) -> std::result::Result<Frame, String> {
        let Some((&version, mut rest)) = frame.split_first() else {
            return Err("it is empty".into());
        };
        if version != VERSION {
            return Err(format!(
                "it has the format version {version}, and this package reads version {VERSION}"
            ));
        }
        let found = take_number(&mut rest)?;
        if i64::try_from(found) != Ok(count) {
            return Err(format!(
                "it says that it has {found} items, and its row says {count}"
            ));
        }
        // Each length takes a byte or more.
        if found > rest.len() as u64 {
            return Err("it ends within the lengths of its items".into());
        }
        let most = if found == 1 { value_bytes() } else { MAX_BYTES };
        let mut ends = Vec::with_capacity(rest.len().min(found as usize));
        let mut end = 0_usize;
        for _ in 0..found {
            let length = usize::try_from(take_number(&mut rest)?).unwrap_or(usize::MAX);
            end = end.saturating_add(length);
            if end > most {
                return Err(format!("its items have more than {most} bytes"));
            }
            ends.push(end);
        }
        let bytes = decompress(rest, end)?;
        Ok(Frame { bytes, ends })
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The size of the items, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The item with this index.
    pub(crate) fn item(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1],
        };
        self.bytes.get(start..end)
    }
}

/// Decompresses a Zstandard frame, which must be all of `frame` and have `length` bytes of content.
fn decompress(frame: &[u8], length: usize) -> std::result::Result<Vec<u8>, String> {
    let is_whole = frame.starts_with(&MAGIC)
        && zstd_safe::find_frame_compressed_size(frame) == Ok(frame.len());
    if !is_whole {
        return Err("its compressed part is not one whole Zstandard frame".into());
    }
    let stated = zstd_safe::get_frame_content_size(frame).ok().flatten();
    if stated != Some(length as u64) {
        return Err("its compressed part does not have the length of its items".into());
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| format!("there is no memory for its {length} bytes of items"))?;
    let decompressed = Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress_to_buffer(frame, &mut bytes));
    match decompressed {
        Ok(found) if found == length => Ok(bytes),
        Ok(found) => Err(format!("it has {found} bytes of items instead of {length}")),
        Err(error) => Err(format!("it cannot be decompressed: {error}")),
    }
}

/// Takes a number in LEB128 from the start of `rest`.
fn take_number(rest: &mut &[u8]) -> std::result::Result<u64, String> {
    let mut number = 0_u64;
    for shift in (0..).step_by(7) {
        let Some((&byte, after)) = rest.split_first() else {
            return Err("it ends within a number".into());
        };
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if shift > 56 || (byte == 0 && shift > 0) {
            return Err("a number in it is too long".into());
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

/// Appends a number in LEB128.
fn add_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Collects items, and compresses them as a frame.
pub(crate) struct FrameWriter {
    compressor: Compressor<'static>,
    /// The lengths of the items so far, as numbers.
    lengths: Vec<u8>,
    count: usize,
    bytes: Vec<u8>,
    /// The size at which a frame is complete.
    target: usize,
}

impl FrameWriter {
    /// An empty frame of up to about [`Limits::frame_bytes`](crate::store::tasks::limits::Limits).
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no memory for a compressor.
    pub(crate) fn new() -> Result<FrameWriter> {
        let failed = |error: std::io::Error| Error::Internal(format!("compressing: {error}"));
        let mut compressor = Compressor::new(LEVEL).map_err(failed)?;
        compressor
            .set_parameter(CParameter::ChecksumFlag(true))
            .map_err(failed)?;
        Ok(FrameWriter {
            compressor,
            lengths: Vec::new(),
            count: 0,
            bytes: Vec::new(),
            target: limits().frame_bytes.min(MAX_BYTES),
        })
    }

    /// Whether the frame has no items.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of the items, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a frame has room for an item of this length. An empty one has.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.is_empty()
            || (self.count < MAX_ITEMS && self.bytes.len().saturating_add(length) <= self.target)
    }

    /// Adds an item.
    pub(crate) fn add(&mut self, item: &[u8]) {
        add_number(&mut self.lengths, item.len() as u64);
        self.bytes.extend_from_slice(item);
        self.count += 1;
    }

    /// Drops the items.
    pub(crate) fn clear(&mut self) {
        self.lengths.clear();
        self.count = 0;
        self.bytes.clear();
    }

    /// Compresses the items as a frame, and starts an empty one.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no memory; [`Error::TooBig`] for a frame that is too long for
    /// a row.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>> {
        let mut frame =
            Vec::with_capacity(self.lengths.len() + LENGTH_BYTES + self.bytes.len() / 4);
        frame.push(VERSION);
        add_number(&mut frame, self.count as u64);
        frame.extend_from_slice(&self.lengths);
        let compressed = self
            .compressor
            .compress(&self.bytes)
            .map_err(|error| Error::Internal(format!("compressing: {error}")))?;
        frame.extend_from_slice(&compressed);
        self.clear();
        if frame.len() > value_bytes() {
            return Err(Error::TooBig);
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(items: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = FrameWriter::new().unwrap();
        for item in items {
            writer.add(item);
        }
        writer.finish().unwrap()
    }

    fn items(frame: &Frame) -> Vec<Vec<u8>> {
        let item = |index| frame.item(index).unwrap().to_vec();
        (0..frame.len()).map(item).collect()
    }

    fn problem(frame: &[u8], count: i64) -> String {
        Frame::read(frame, count).expect_err("a problem")
    }

    proptest! {
        #[test]
        fn items_come_back(list in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..300), 0..40)
        ) {
            let frame = write(&list);
            let read = Frame::read(&frame, list.len() as i64).unwrap();
            prop_assert_eq!(items(&read), list.clone());
            prop_assert!(Frame::read(&frame, list.len() as i64 + 1).is_err());
        }

        #[test]
        fn any_change_is_noticed_or_harmless(
            list in proptest::collection::vec(
                proptest::collection::vec(b'a'..b'd', 0..200), 1..20),
            at in any::<proptest::sample::Index>(),
            bits in 1..=255_u8,
            cut in any::<proptest::sample::Index>(),
        ) {
            let frame = write(&list);
            let count = list.len() as i64;
            let mut changed = frame.clone();
            changed[at.index(frame.len())] ^= bits;
            if let Ok(read) = Frame::read(&changed, count) {
                // Lengths of two items may have changed into others with the same sum; the span's
                // hash detects that.
                let all = |items: Vec<Vec<u8>>| items.concat();
                prop_assert_eq!(all(items(&read)), all(list));
            }
            let end = cut.index(frame.len());
            prop_assert!(Frame::read(&frame[..end], count).is_err());
            let longer = [&frame[..], b"x"].concat();
            prop_assert!(Frame::read(&longer, count).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let crafted = [&[VERSION, 1][..], &bytes].concat();
            prop_assert!(Frame::read(&bytes, 1).is_err());
            prop_assert!(Frame::read(&crafted, 1).is_err());
        }

        #[test]
        fn numbers_come_back(number in any::<u64>().prop_map(|number| number >> 1)) {
            let mut bytes = Vec::new();
            add_number(&mut bytes, number);
            let mut rest = &bytes[..];
            prop_assert_eq!(take_number(&mut rest), Ok(number));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_single_change_of_the_content_is_noticed() {
        let frame = write(&[b"a text that is long enough to stay as it is".to_vec()]);
        let start = frame.len() - 30;
        for at in start..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            assert!(Frame::read(&changed, 1).is_err(), "{at}");
        }
    }

    #[test]
    fn crafted_frames_are_refused_before_memory_is_taken() {
        let with = |fields: &[u64], content: &[u8]| {
            let mut frame = vec![VERSION];
            for field in fields {
                add_number(&mut frame, *field);
            }
            frame.extend_from_slice(content);
            frame
        };
        let two = write(&[b"a".to_vec(), b"b".to_vec()]);
        let content = &two[4..];
        assert!(Frame::read(&with(&[2, 1, 1], content), 2).is_ok());
        for (frame, count, expected) in [
            (vec![], 0, "is empty"),
            (vec![2], 0, "version 2"),
            (with(&[1 << 62], b""), 1 << 62, "within the lengths"),
            (
                with(&[2, 1 << 40, 1], content),
                2,
                "more than 4194304 bytes",
            ),
            (with(&[1, 1 << 40], content), 1, "more than"),
            (with(&[2, 1, 2], content), 2, "the length of its items"),
            (with(&[2, 1, 1], b"nothing"), 2, "one whole Zstandard frame"),
            // A skippable frame has no content.
            (
                with(&[1, 0], b"\x50\x2a\x4d\x18\x00\x00\x00\x00"),
                1,
                "one whole",
            ),
            (vec![VERSION, 0x82, 0], 2, "too long"),
            (vec![VERSION, 0xff], 2, "within a number"),
            ([&[VERSION][..], &[0xff; 12]].concat(), 2, "too long"),
        ] {
            let found = problem(&frame, count);
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn a_frame_has_room_up_to_its_target() {
        let mut writer = FrameWriter::new().unwrap();
        writer.target = 10;
        assert!(writer.has_room(1000));
        writer.add(&[b'x'; 4]);
        assert!(writer.has_room(6));
        assert!(!writer.has_room(7));
        assert_eq!((writer.count, writer.bytes()), (1, 4));
        writer.finish().unwrap();
        for _ in 0..MAX_ITEMS {
            assert!(writer.has_room(0));
            writer.add(b"");
        }
        assert!(!writer.has_room(0));
        writer.clear();
        assert!(writer.is_empty());
    }
}
