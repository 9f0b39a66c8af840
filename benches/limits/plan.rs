//! Reads plans. A plan contains SQL statements, and steps that execute them in order, each with its
//! parameters.
//!
//! `bench/lib/plan.mjs` writes plans, in this format:
//!
//! 1. the number of times to execute the plan (u32)
//! 2. the number of statements (u32), and the text of each
//! 3. the steps: for each, the statement's index (u16), the number of parameters (u8), and the
//!    parameters. A parameter is a tag (`n`, `i`, `t` or `z`) followed by nothing, an i64, a text, or
//!    the number of zeros in a blob (u32).
//!
//! Numbers are little-endian. A text is its length in bytes (u32), followed by its UTF-8.

use std::ops::Range;
use std::path::Path;

use crate::Outcome;

/// A parameter of a statement. A text is a range of the plan's bytes, a blob consists of zeros.
pub enum Parameter {
    Null,
    Integer(i64),
    Text(Range<usize>),
    Zeros(usize),
}

/// One execution of a statement.
pub struct Step {
    /// The index of the statement.
    pub statement: usize,
    /// The indexes of its parameters.
    pub parameters: Range<usize>,
}

/// A decoded plan.
pub struct Plan {
    content: Vec<u8>,
    /// As many zeros as the longest blob has.
    zeros: Vec<u8>,
    pub repeat: u32,
    pub statements: Vec<String>,
    pub parameters: Vec<Parameter>,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Reads a plan from a file.
    ///
    /// # Errors
    /// If the file cannot be read, ends early, or is not a plan.
    pub fn read(path: &Path) -> Outcome<Plan> {
        let content = std::fs::read(path)?;
        let mut reader = Reader {
            content: &content,
            at: 0,
        };
        let repeat = u32::from_le_bytes(reader.number()?);
        let count = u32::from_le_bytes(reader.number()?);
        let mut statements = Vec::new();
        for _ in 0..count {
            let text = reader.text()?;
            statements.push(std::str::from_utf8(&content[text])?.to_owned());
        }
        let mut parameters = Vec::new();
        let mut steps = Vec::new();
        while reader.at < content.len() {
            let statement = usize::from(u16::from_le_bytes(reader.number()?));
            if statement >= statements.len() {
                return Err("a step of the plan has no such statement".into());
            }
            let first = parameters.len();
            for _ in 0..reader.number::<1>()?[0] {
                parameters.push(match reader.number()? {
                    [b'n'] => Parameter::Null,
                    [b'i'] => Parameter::Integer(i64::from_le_bytes(reader.number()?)),
                    [b't'] => Parameter::Text(reader.text()?),
                    [b'z'] => {
                        Parameter::Zeros(usize::try_from(u32::from_le_bytes(reader.number()?))?)
                    }
                    [tag] => return Err(format!("no parameter has the tag {tag}").into()),
                });
            }
            let parameters = first..parameters.len();
            steps.push(Step {
                statement,
                parameters,
            });
        }
        let zeros = parameters.iter().map(|parameter| match parameter {
            Parameter::Zeros(count) => *count,
            _ => 0,
        });
        Ok(Plan {
            zeros: vec![0; zeros.max().unwrap_or(0)],
            content,
            repeat,
            statements,
            parameters,
            steps,
        })
    }

    /// The bytes of a blob.
    pub fn zeros(&self, count: usize) -> &[u8] {
        &self.zeros[..count]
    }

    /// The bytes of a text.
    pub fn text(&self, range: &Range<usize>) -> &[u8] {
        &self.content[range.clone()]
    }
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Outcome<Range<usize>> {
        let range = self.at..self.at + length;
        if range.end > self.content.len() {
            return Err("the plan ends in the middle of a step".into());
        }
        self.at = range.end;
        Ok(range)
    }

    fn number<const SIZE: usize>(&mut self) -> Outcome<[u8; SIZE]> {
        let range = self.take(SIZE)?;
        Ok(self.content[range].try_into()?)
    }

    fn text(&mut self) -> Outcome<Range<usize>> {
        let length = u32::from_le_bytes(self.number()?);
        self.take(usize::try_from(length)?)
    }
}
