//! Many strings packed into one.
//!
//! Making a JavaScript string takes one call of Node-API, and adding it to an array takes a slower
//! one. Many strings are therefore passed as one string with their lengths, which
//! `js/common/packed.js` splits, in a tenth of the time. JavaScript passes strings in the same way.
//!
//! A string has at most 2^29 characters, so strings are packed in pieces, and a long string is passed
//! separately.

use napi::sys;

use crate::node::raw::{Call, Value, array, to_js};
use crate::store::encoding::wtf8::{self, from_utf16};
use crate::store::error::{Error, Result};
use crate::store::history::ItemsRun;
use crate::store::tasks::limits::limits;

/// The length that stands for `null`.
const NULL: u32 = u32::MAX;

/// The length that stands for a separate string.
const ALONE: u32 = u32::MAX - 1;

/// A longer string is passed separately, which costs less than splitting it off.
const MAX_PACKED_BYTES: usize = 4096;

/// Packed strings.
#[derive(Default)]
pub struct Packed {
    text: Vec<u8>,
    lengths: Vec<u32>,
    alone: Vec<Value>,
    size: usize,
}

impl Packed {
    /// Adds a string, from the bytes in the file, or `null`.
    pub fn add(&mut self, text: Option<&[u8]>) {
        let Some(text) = text else {
            self.lengths.push(NULL);
            return;
        };
        self.size += text.len();
        if text.len() > MAX_PACKED_BYTES {
            self.lengths.push(ALONE);
            self.alone.push(Value::text(text));
            return;
        }
        let text = wtf8::as_read(text);
        self.lengths.push(utf16_length(&text));
        self.text.extend_from_slice(&text);
    }

    /// An array of the packed string, the lengths, and the separate strings.
    pub fn into_value(self) -> Value {
        Value::Array(vec![
            Value::Text(self.text),
            Value::Lengths(self.lengths),
            Value::Array(self.alone),
        ])
    }
}

/// A JavaScript array of packed pieces, with alternating keys and values; a missing value is `null`.
/// Besides the JavaScript values, one piece is in memory at a time.
///
/// # Errors
/// [`Error::Internal`] if JavaScript is out of memory.
pub fn pieces<'a>(
    env: sys::napi_env,
    pairs: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<sys::napi_value> {
    let piece_bytes = limits().record_batch_bytes;
    let mut pieces = Vec::new();
    let mut packed = Packed::default();
    for (key, value) in pairs {
        packed.add(Some(key));
        packed.add(value);
        if packed.size >= piece_bytes {
            pieces.push(to_js(env, &std::mem::take(&mut packed).into_value())?);
        }
    }
    if !packed.lengths.is_empty() {
        pieces.push(to_js(env, &packed.into_value())?);
    }
    array(env, &pieces)
}

/// Pairs of strings that JavaScript packed. The second string of a pair may be missing.
pub struct PackedPairs {
    units: Vec<u16>,
    lengths: Vec<u32>,
}

impl PackedPairs {
    /// The pairs in two arguments: the packed string, and the lengths as the bytes of 32-bit numbers.
    ///
    /// # Errors
    /// [`Error::Internal`] for arguments of other types.
    pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<PackedPairs> {
        let units = call.utf16(index);
        let lengths = call.bytes(index + 1);
        let (Some(units), Some(lengths)) = (units, lengths) else {
            return Err(Error::Internal("packed strings are missing".into()));
        };
        let (lengths, _) = lengths.as_chunks();
        let lengths = lengths.iter().map(|bytes| u32::from_ne_bytes(*bytes));
        Ok(PackedPairs {
            units,
            lengths: lengths.collect(),
        })
    }

    /// Calls `take` with each pair, as the file stores it.
    ///
    /// # Errors
    /// Errors of `take`; [`Error::Internal`] if the lengths exceed the string.
    pub fn for_each(&self, mut take: impl FnMut(&[u8], Option<&[u8]>) -> Result<()>) -> Result<()> {
        let mut rest = self.units.as_slice();
        let mut cut = |length: u32| -> Result<Vec<u8>> {
            let (text, remaining) = rest
                .split_at_checked(length as usize)
                .ok_or_else(|| Error::Internal("packed strings are too short".into()))?;
            rest = remaining;
            Ok(from_utf16(text))
        };
        let (pairs, _) = self.lengths.as_chunks();
        for [key, value] in pairs {
            let key = cut(*key)?;
            match *value {
                NULL => take(&key, None)?,
                length => take(&key, Some(&cut(length)?))?,
            }
        }
        Ok(())
    }
}

/// The length of a text in 16-bit units: one for each character, and another one for each character of
/// four bytes in UTF-8.
fn utf16_length(text: &[u8]) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    let units = |byte: &u8| match byte {
        0x80..=0xBF => 0,
        0xF0.. => 2,
        _ => 1,
    };
    text.iter().map(units).sum()
}

/// Items for `js/common/packed.js`: an array of `[incarnation, position, ...packed]`, each with items at
/// consecutive positions.
pub fn packed_run(run: ItemsRun) -> Value {
    let mut pieces = Vec::new();
    let mut open: Option<(i64, i64, Packed)> = None;
    for (position, item) in run.items.iter() {
        match &mut open {
            Some((_, next, packed)) if *next == position => {
                packed.add(Some(item));
                *next = position.saturating_add(1);
            }
            _ => {
                let mut packed = Packed::default();
                packed.add(Some(item));
                let piece = open.replace((position, position.saturating_add(1), packed));
                pieces.extend(piece);
            }
        }
    }
    pieces.extend(open);
    let pieces = pieces.into_iter().map(|(first, _, packed)| {
        Value::Array(vec![
            Value::Number(run.incarnation as f64),
            Value::Number(first as f64),
            packed.into_value(),
        ])
    });
    Value::Array(pieces.collect())
}
