//! A parser that accepts exactly what `JSON.parse` accepts.

use std::fmt;

use super::value::{JsObject, Json};

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// Byte index at which parsing failed.
    pub at: usize,
    /// The problem there.
    pub problem: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in JSON at byte {}", self.problem, self.at)
    }
}

impl std::error::Error for ParseError {}

/// Parses a text as `JSON.parse` does.
///
/// # Errors
/// [`ParseError`] for every text that `JSON.parse` refuses, and for texts of more than four million
/// values.
pub fn parse(text: &[u8]) -> Result<Json, ParseError> {
    Parser {
        text,
        at: 0,
        values: 0,
    }
    .document()
}

/// Maximum number of values in a text. A value may take a hundred times as much memory as its text,
/// more than the author of a text should be able to claim. The largest manifests have three
/// million.
const MAX_VALUES: usize = 1 << 22;

/// An unfinished array or object. It is small, because a text can open millions.
enum Open {
    /// Index of the array's first item.
    Array(usize),
    /// The object, and the key of its next value.
    Object(Box<(JsObject, Vec<u8>)>),
}

/// The stack of unfinished arrays and objects, and the items of all such arrays.
#[derive(Default)]
struct Pending {
    open: Vec<Open>,
    items: Vec<Json>,
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// The number of values so far.
    values: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Json, ParseError> {
        let mut pending = Pending::default();
        'value: loop {
            let Some(mut value) = self.value_or_opening(&mut pending)? else {
                continue;
            };
            // The value may end its array or object, which may end another one, and so on.
            loop {
                self.skip_space();
                value = match pending.open.last_mut() {
                    None if self.at == self.text.len() => return Ok(value),
                    None => return Err(self.problem("more text after the value")),
                    Some(Open::Array(start)) => {
                        let start = *start;
                        pending.items.push(value);
                        if self.eat(b',') {
                            continue 'value;
                        }
                        self.require(b']', "neither ',' nor ']' after an item")?;
                        // No excess capacity: arrays can be nested millions deep.
                        Json::Array(pending.items.drain(start..).collect())
                    }
                    Some(Open::Object(open)) => {
                        let (object, key) = &mut **open;
                        object.insert(std::mem::take(key), value);
                        if self.eat(b',') {
                            *key = self.key()?;
                            continue 'value;
                        }
                        self.require(b'}', "neither ',' nor '}' after a property")?;
                        object.settle_order();
                        Json::Object(std::mem::take(object))
                    }
                };
                pending.open.pop();
            }
        }
    }

    /// A complete value, or `None` if an array or object with contents starts.
    fn value_or_opening(&mut self, pending: &mut Pending) -> Result<Option<Json>, ParseError> {
        self.skip_space();
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.problem("too many values"));
        }
        let value = match self.text.get(self.at) {
            Some(b'[') => {
                self.at += 1;
                self.skip_space();
                if !self.eat(b']') {
                    pending.open.push(Open::Array(pending.items.len()));
                    return Ok(None);
                }
                Json::Array(Vec::new())
            }
            Some(b'{') => {
                self.at += 1;
                self.skip_space();
                if !self.eat(b'}') {
                    let opened = (JsObject::default(), self.key()?);
                    pending.open.push(Open::Object(Box::new(opened)));
                    return Ok(None);
                }
                Json::Object(JsObject::default())
            }
            Some(b'"') => Json::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Json::Number(self.number()?),
            Some(b't') => self.word(b"true", Json::Bool(true))?,
            Some(b'f') => self.word(b"false", Json::Bool(false))?,
            Some(b'n') => self.word(b"null", Json::Null)?,
            Some(_) => return Err(self.problem("no value")),
            None => return Err(self.problem("unexpected end")),
        };
        Ok(Some(value))
    }

    /// A key and the colon after it.
    fn key(&mut self) -> Result<Vec<u8>, ParseError> {
        self.skip_space();
        if self.text.get(self.at) != Some(&b'"') {
            return Err(self.problem("no property name"));
        }
        let key = self.string()?;
        self.skip_space();
        self.require(b':', "no ':' after a property name")?;
        Ok(key)
    }

    fn word(&mut self, word: &[u8], value: Json) -> Result<Json, ParseError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.problem("no value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<f64, ParseError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        std::str::from_utf8(&self.text[start..self.at])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(self.problem("no number"))
    }

    fn digits(&mut self) -> Result<(), ParseError> {
        let rest = &self.text[self.at..];
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.problem("no digit")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// A string whose opening quote is at the current byte.
    fn string(&mut self) -> Result<Vec<u8>, ParseError> {
        let mut string = Vec::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let end = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let plain = &rest[..end.unwrap_or(rest.len())];
            append_wtf8(&mut string, plain);
            self.at += plain.len();
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    let unit = self.escape()?;
                    append_unit(&mut string, unit);
                }
                Some(_) => return Err(self.problem("control character in a string")),
                None => return Err(self.problem("unexpected end of a string")),
            }
        }
    }

    /// The 16-bit unit that an escape stands for.
    fn escape(&mut self) -> Result<u16, ParseError> {
        const BAD: &str = "bad escape in a string";
        let letter = self.text.get(self.at + 1).copied();
        let unit = match letter {
            Some(quoted @ (b'"' | b'\\' | b'/')) => quoted,
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 0x0C,
            Some(b'r') => b'\r',
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                let unit = digits.and_then(|digits| {
                    digits.iter().try_fold(0, |unit: u32, digit| {
                        Some(unit << 4 | char::from(*digit).to_digit(16)?)
                    })
                });
                let unit = unit.ok_or(self.problem(BAD))?;
                self.at += 6;
                return Ok(unit as u16);
            }
            _ => return Err(self.problem(BAD)),
        };
        self.at += 2;
        Ok(u16::from(unit))
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8, otherwise: &'static str) -> Result<(), ParseError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.problem(otherwise))
        }
    }

    fn problem(&self, problem: &'static str) -> ParseError {
        ParseError {
            at: self.at,
            problem,
        }
    }
}

/// The high surrogate at the end of a WTF-8 text.
fn last_high_surrogate(text: &[u8]) -> Option<u32> {
    match text {
        [.., 0xED, second @ 0xA0..=0xAF, third] => {
            Some(0xD000 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F))
        }
        _ => None,
    }
}

/// Appends one 16-bit unit, and joins the second half of a surrogate pair with the first.
fn append_unit(text: &mut Vec<u8>, unit: u16) {
    let unit = u32::from(unit);
    if let (Some(high), 0xDC00..=0xDFFF) = (last_high_surrogate(text), unit) {
        text.truncate(text.len() - 3);
        let pair = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
        text.extend(
            char::from_u32(pair)
                .map(String::from)
                .unwrap_or_default()
                .bytes(),
        );
        return;
    }
    match char::from_u32(unit) {
        Some(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.extend_from_slice(&[
            0xE0 | (unit >> 12) as u8,
            0x80 | (unit >> 6 & 0x3F) as u8,
            0x80 | (unit & 0x3F) as u8,
        ]),
    }
}

/// Appends WTF-8 to WTF-8, and joins a surrogate pair that they form.
fn append_wtf8(text: &mut Vec<u8>, more: &[u8]) {
    let rest = match more {
        [0xED, second @ 0xB0..=0xBF, third, rest @ ..] if last_high_surrogate(text).is_some() => {
            let low = 0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F);
            append_unit(text, low);
            rest
        }
        _ => more,
    };
    text.extend_from_slice(rest);
}
