//! Export data, `export-data.jsonl`: one export record per line, in the form of
//! `JSON.stringify([key, value])`.
//!
//! Only `\n` ends a line. JSON treats a `\r` before it as white space.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::store::encoding::json::{Json, append_quoted};
use crate::store::encoding::{json, wtf8};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::{Exporter, Record};

/// The longest line that is read, in bytes. SQLite does not store longer values.
const MAX_LINE_BYTES: u64 = 1_000_000_000;

/// How many lines are skipped or parsed between two checks for an abort.
const LINES_PER_CHECK: u64 = 4096;

/// The number of batches that wait to be stored or written.
const AHEAD: usize = 4;

/// A key, and its value or `None` for a deletion.
pub(crate) type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Whether a record belongs to the key-value store. Such records are not collected.
pub(super) fn is_kv(key: &[u8]) -> bool {
    key == b"kv" || key.starts_with(b"kv.")
}

/// Writes all export records of a store to a new file. A second thread reads ahead.
///
/// # Errors
/// [`Error::Io`]; [`Error::Aborted`]; SQLite's errors.
pub(super) fn write(exporter: &Exporter, path: &Path, monitor: &Monitor) -> Result<()> {
    let io = |error| Error::io(format!("writing {}", path.display()), &error);
    let mut file = File::create_new(path).map_err(io)?;
    let mut lines = Vec::new();
    let mut write = |batch: Vec<Record>| {
        lines.clear();
        for (key, value) in &batch {
            lines.push(b'[');
            append_quoted(&wtf8::as_read(key), &mut lines);
            lines.push(b',');
            append_quoted(&wtf8::as_read(value), &mut lines);
            lines.extend_from_slice(b"]\n");
        }
        file.write_all(&lines).map_err(io)?;
        monitor.count(lines.len())
    };
    let records = &exporter.export_data();
    let (sender, receiver) = sync_channel(AHEAD);
    thread::scope(|scope| {
        let read = move || {
            while let Some(batch) = records.next_batch()? {
                // If the receiver is gone, it reports its own error.
                if sender.send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("swing-store".into());
        let Ok(reader) = thread.spawn_scoped(scope, read) else {
            // Without a second thread, read and write by turns.
            while let Some(batch) = records.next_batch()? {
                write(batch)?;
            }
            return Ok(());
        };
        // `into_iter` drops the receiver, which stops the reader after an error.
        let written = receiver.into_iter().try_for_each(&mut write);
        let read = reader
            .join()
            .map_err(|_| Error::Internal("the reader of the export data panicked".into()))?;
        written.and(read)
    })
}

/// Reads all records and calls `take` with each batch. A second thread reads and parses ahead.
///
/// # Errors
/// [`Error::Directory`] if a line is not a record; [`Error::Io`]; [`Error::Aborted`]; errors of
/// `take`.
pub(super) fn read(
    path: &Path,
    monitor: &Monitor,
    take: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let (sender, receiver) = sync_channel(AHEAD);
    let mut take = take;
    thread::scope(|scope| {
        let parse = move || parse_all(path, monitor, |batch| Ok(sender.send(batch).is_ok()));
        let thread = thread::Builder::new().name("swing-store".into());
        let Ok(reader) = thread.spawn_scoped(scope, parse) else {
            // Without a second thread, read and store by turns.
            return parse_all(path, monitor, |batch| take(batch).map(|()| true));
        };
        // `take_all` drops the receiver, which stops the reader after an error.
        let taken = take_all(receiver, take);
        let parsed = reader
            .join()
            .map_err(|_| Error::Internal("the reader of the export data panicked".into()))?;
        taken.and(parsed)
    })
}

/// Reads all records but those of the key-value store, and calls `take` with each.
///
/// # Errors
/// As [`read`].
pub(super) fn read_without_kv(
    path: &Path,
    monitor: &Monitor,
    mut take: impl FnMut(Entry),
) -> Result<()> {
    let mut lines = Lines::open(path, limits().chunk_bytes.max(1))?;
    while let Some(line) = lines.next()? {
        // Most lines are of this kind, and in this form.
        let is_kv_line = line.starts_with(b"[\"kv.");
        if !is_kv_line {
            let entry = parse_entry(line).map_err(|problem| lines.fault(problem))?;
            if !is_kv(&entry.0) {
                take(entry);
            }
        }
        if lines.number % LINES_PER_CHECK == 0 {
            monitor.check()?;
        }
    }
    Ok(())
}

fn take_all(
    batches: Receiver<Vec<Entry>>,
    mut take: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    batches.iter().try_for_each(&mut take)
}

/// Parses all records and calls `send` with each batch, until it returns false.
fn parse_all(
    path: &Path,
    monitor: &Monitor,
    mut send: impl FnMut(Vec<Entry>) -> Result<bool>,
) -> Result<()> {
    let limits = limits();
    let mut lines = Lines::open(path, limits.chunk_bytes.max(1))?;
    let mut batch = Vec::new();
    let mut bytes = 0;
    while let Some(line) = lines.next()? {
        bytes += line.len();
        batch.push(parse_entry(line).map_err(|problem| lines.fault(problem))?);
        if bytes >= limits.record_batch_bytes {
            monitor.count(bytes)?;
            bytes = 0;
            if !send(std::mem::take(&mut batch))? {
                return Ok(());
            }
        }
    }
    monitor.count(bytes)?;
    // If the receiver is gone, it has reported its own error.
    send(batch).map(drop)
}

/// Reads the lines of a file.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(path: &Path, buffer_bytes: usize) -> Result<Lines> {
        let file = open::open(path)
            .map_err(|error| Error::io(format!("opening {}", path.display()), &error))?;
        Ok(Lines {
            path: path.to_owned(),
            file: BufReader::with_capacity(buffer_bytes, file),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line without its newline; `None` after the last line. The last newline may be
    /// missing.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        self.number += 1;
        let mut file = (&mut self.file).take(MAX_LINE_BYTES);
        let length = file
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Error::io(format!("reading {}", self.path.display()), &error))?;
        if length == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if length as u64 == MAX_LINE_BYTES {
            return Err(self.fault("it is too long".into()));
        }
        Ok(Some(&self.line))
    }

    fn fault(&self, problem: String) -> Error {
        Fault::data(&self.path, self.number, problem)
    }
}

/// Parses a line.
fn parse_entry(line: &[u8]) -> std::result::Result<Entry, String> {
    let line = wtf8::as_read(line);
    if let Some(entry) = parse_plain(&line) {
        return Ok(entry);
    }
    let mut json = json::parse(&line).map_err(|error| error.to_string())?;
    let wanted = || "expected [key, value]: a string, and a string or null".to_owned();
    let Json::Array(items) = &mut json else {
        return Err(wanted());
    };
    let mut items = items.iter_mut();
    let key = match items.next() {
        Some(Json::String(key)) => std::mem::take(key),
        _ => return Err(wanted()),
    };
    match items.next() {
        Some(Json::String(value)) => Ok((key, Some(std::mem::take(value)))),
        None | Some(Json::Null) => Ok((key, None)),
        Some(_) => Err(wanted()),
    }
}

/// Parses a line in the exact form that exporters write; `None` for other lines.
fn parse_plain(line: &[u8]) -> Option<Entry> {
    let (key, rest) = plain_string(line.strip_prefix(b"[")?)?;
    let (value, rest) = plain_string(rest.strip_prefix(b",")?)?;
    (rest == b"]").then_some((key, Some(value)))
}

/// A JSON string at the start of `text`, and the rest of `text`. `None` if there is none, or it has
/// escapes other than `\"`, `\\`, `\/` and `\n`.
fn plain_string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut string = Vec::new();
    loop {
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        string.extend_from_slice(&rest[..end]);
        match rest[end..] {
            [b'"', ..] => return Some((string, &rest[end + 1..])),
            [b'\\', escaped @ (b'"' | b'\\' | b'/'), ..] => string.push(escaped),
            [b'\\', b'n', ..] => string.push(b'\n'),
            _ => return None,
        }
        rest = &rest[end + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_slowly(line: &str) -> Entry {
        let json = json::parse(line.as_bytes()).unwrap();
        let text = |at: usize| json.as_array().unwrap()[at].as_str().map(<[u8]>::to_vec);
        (text(0).unwrap(), text(1))
    }

    #[test]
    fn records_are_read_as_json() {
        for line in [
            r#"["kv.a","1"]"#,
            r#"["",""]"#,
            r#"["kv.a\"b\\c\/d\ne","{\"body\":\"x\"}"]"#,
            r#"[ "kv.a" , "1" ]  "#,
            "[\"kv.a\",\"1\"]\r",
            r#"["kv.\ud800","\u0041\t"]"#,
            "[\"kv.\u{e9}\u{1F600}\",\"\u{7f}\"]",
            r#"["kv.a",null]"#,
        ] {
            assert_eq!(
                parse_entry(line.as_bytes()).unwrap(),
                parse_slowly(line),
                "{line}"
            );
        }
        // As exporters write it, which need not pass through a tree of values.
        let usual = br#"["kv.a\"b\\c\/d\ne","{\"body\":1}"]"#;
        assert!(parse_plain(usual).is_some());
        assert_eq!(
            parse_entry(br#"["kv.a"]"#).unwrap(),
            (b"kv.a".to_vec(), None)
        );
        assert_eq!(
            parse_entry(b"[\"\xff\",\"\"]").unwrap().0,
            "\u{FFFD}".as_bytes()
        );
        for bad in [
            "",
            " ",
            "[]",
            "{}",
            "\"ab\"",
            "[7,\"1\"]",
            "[\"a\",7]",
            "[\"a\",\"b\"",
            "[\"a\",\"b\"]x",
            "[\"a\tb\",\"c\"]",
            "[\"a\",\"\\x\"]",
            "[null,\"a\"]",
        ] {
            assert!(parse_entry(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn records_come_in_batches_until_nobody_takes_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        let line = format!("[\"kv.{}\",\"1\"]\n", "k".repeat(1000));
        let lines = 3 * limits().record_batch_bytes / line.len() + 10;
        std::fs::write(&path, line.repeat(lines)).unwrap();
        let monitor = Monitor::default();
        let mut batches = Vec::new();
        parse_all(&path, &monitor, |batch| {
            batches.push(batch.len());
            Ok(true)
        })
        .unwrap();
        assert_eq!(batches.len(), 4, "{batches:?}");
        assert_eq!(batches.iter().sum::<usize>(), lines);
        assert_eq!(monitor.progress().bytes as usize, lines * (line.len() - 1));
        let mut taken = 0;
        parse_all(&path, &monitor, |_| {
            taken += 1;
            Ok(taken < 2)
        })
        .unwrap();
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_bad_record_is_told_by_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        std::fs::write(&path, "[\"a\",\"1\"]\n[\"b\",\"1\"]\n[7]\n").unwrap();
        let error = parse_all(&path, &Monitor::default(), |_| Ok(true)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("line 3"), "{message}");
    }

    #[test]
    fn lines_end_at_newlines_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        std::fs::write(&path, "a\r\n\u{2028}b\n\nlast").unwrap();
        let mut lines = Lines::open(&path, 1).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(found, ["a\r", "\u{2028}b", "", "last"]);
    }
}
