//! Many strings for JavaScript at the price of one.
//!
//! To make a string in JavaScript takes a call of Node-API, and to put it into an array takes a
//! more expensive one. Strings that come in numbers are therefore handed over as one, with their
//! lengths, and cut apart there (see `js/common/packed.js`), which takes a tenth of the time. Strings
//! from JavaScript come the same way.
//!
//! A string can't be longer than 2^29 characters, so what is packed comes in pieces, and a long
//! string comes by itself.

use napi::sys;

use crate::node::raw::{Call, Value, array, to_js};
use crate::store::encoding::wtf8::{self, from_utf16};
use crate::store::error::{Error, Result};
use crate::store::history::ItemsRun;
use crate::store::tasks::limits::limits;

/// The length of what is `null`.
const NULL: u32 = u32::MAX;

/// The length of what comes by itself.
const ALONE: u32 = u32::MAX - 1;

/// A string of more bytes comes by itself, which costs less than cutting it out.
const MAX_PACKED_BYTES: usize = 4096;

/// Strings in one.
#[derive(Default)]
pub struct Packed {
    text: Vec<u8>,
    lengths: Vec<u32>,
    alone: Vec<Value>,
    size: usize,
}

impl Packed {
    /// Adds a string, from bytes as the file holds them, or `null`.
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

    /// An array of the one string, the lengths, and the strings that come by themselves.
    pub fn into_value(self) -> Value {
        Value::Array(vec![
            Value::Text(self.text),
            Value::Lengths(self.lengths),
            Value::Array(self.alone),
        ])
    }
}

/// A JavaScript array of packed pieces: a key and its value, or `null`, in turn. There is one
/// piece in memory at a time besides what JavaScript gets.
///
/// # Errors
/// [`Error::Internal`] if JavaScript has no room for it.
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

/// Pairs of strings that JavaScript packed, of which the second may be missing.
pub struct PackedPairs {
    units: Vec<u16>,
    lengths: Vec<u32>,
}

impl PackedPairs {
    /// The pairs that two arguments are: the one string, and the lengths as the bytes of 32-bit
    /// numbers.
    ///
    /// # Errors
    /// [`Error::Internal`] if they are something else.
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

    /// Gives each pair to `take`, as the file holds it.
    ///
    /// # Errors
    /// What `take` says; [`Error::Internal`] if the lengths are not those of the string.
    pub fn for_each(&self, mut take: impl FnMut(&[u8], Option<&[u8]>) -> Result<()>) -> Result<()> {
        let mut rest = self.units.as_slice();
        let mut cut = |length: u32| -> Result<Vec<u8>> {
            let (text, behind) = rest
                .split_at_checked(length as usize)
                .ok_or_else(|| Error::Internal("packed strings are too short".into()))?;
            rest = behind;
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

/// How many 16-bit units JavaScript takes for a text: one a character, and another one for each
/// of those that take four bytes of UTF-8.
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

/// Items for `js/common/packed.js`: an array of `[incarnation, position, ...packed]`, each with items
/// that follow one another from a position on.
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
