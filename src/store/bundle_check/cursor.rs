//! Reads the bytes of an archive, with the reference's bounds checks.

use crate::store::error::refusal::Refusal;

/// Reads little-endian numbers and byte slices.
///
/// Indices count from `offset`, the start of the archive in the bytes. The reference subtracts the
/// offset from the length twice, so that the last `offset` bytes of the archive can't be read.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: u64,
    index: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor {
            bytes,
            offset: 0,
            index: 0,
        }
    }

    /// Sets the start of the archive in the bytes.
    pub(super) fn set_offset(&mut self, offset: i64) -> Result<(), Refusal> {
        self.offset =
            u64::try_from(offset).map_err(|_| Refusal::error("Cannot set negative offset"))?;
        Ok(())
    }

    pub(super) fn seek(&mut self, index: u64) -> Result<(), Refusal> {
        let length = self.length();
        if self.offset + index > length {
            return Err(Refusal::error(format!(
                "End of data reached (data length = {length}, asked index {index}"
            )));
        }
        self.index = index;
        Ok(())
    }

    pub(super) fn skip(&mut self, count: u16) -> Result<(), Refusal> {
        self.seek(self.index + u64::from(count))
    }

    /// Skips a signature if it is next; returns whether it was.
    pub(super) fn skip_signature(&mut self, signature: &[u8]) -> bool {
        let start = usize::try_from(self.offset + self.index).unwrap_or(usize::MAX);
        let found = self
            .bytes
            .get(start..)
            .is_some_and(|rest| rest.starts_with(signature));
        if found {
            self.index += signature.len() as u64;
        }
        found
    }

    pub(super) fn read(&mut self, count: u32) -> Result<&'a [u8], Refusal> {
        let start = self.offset + self.index;
        self.seek(self.index + u64::from(count))?;
        let end = start + u64::from(count);
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        // `seek` has checked that the bytes exist.
        range
            .and_then(|(start, end)| self.bytes.get(start..end))
            .ok_or_else(|| Refusal::error("End of data reached"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Refusal> {
        Ok(self.read(1)?.iter().fold(0, |_, byte| *byte))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Refusal> {
        let bytes = self.read(2)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Refusal> {
        let bytes = self.read(4)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// The number of bytes from the start of the archive.
    fn length(&self) -> u64 {
        (self.bytes.len() as u64).saturating_sub(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian() {
        let mut cursor = Cursor::new(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(cursor.u8(), Ok(1));
        assert_eq!(cursor.u16(), Ok(0x0302));
        assert_eq!(cursor.u32(), Ok(0x0706_0504));
        assert_eq!(cursor.read(1), Ok([8].as_slice()));
        assert_eq!(
            cursor.u8().unwrap_err().message(),
            "End of data reached (data length = 8, asked index 9"
        );
    }

    #[test]
    fn the_offset_is_subtracted_from_the_length_twice() {
        let mut cursor = Cursor::new(b"..abcdef");
        cursor.set_offset(2).unwrap();
        assert_eq!(cursor.read(4), Ok(b"abcd".as_slice()));
        assert_eq!(
            cursor.read(1).unwrap_err().message(),
            "End of data reached (data length = 6, asked index 5"
        );
        assert!(cursor.skip_signature(b"ef"));
        assert!(!cursor.skip_signature(b"g"));
        assert!(cursor.set_offset(-1).is_err());
    }
}
