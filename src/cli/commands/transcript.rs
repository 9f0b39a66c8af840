//! `transcript`: prints the items of a vat.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::{printable, wtf8};
use crate::store::error::Error;
use crate::store::history::{History, ItemsReader, Selection};
use crate::store::tasks::monitor::Monitor;

/// Print a vat's transcript, one JSON object per line: position, incarnation and item.
///
/// The default is the whole transcript. Lines are the same with --json. If items are missing from the
/// store, nothing is printed, and the error lists the artifacts that contain them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store transcript --vat v9 --incarnation 0
      of a vat that was upgraded, what it did before
  swing-store transcript --vat v9 --start 1000 --end 1010 | jq .item.d
      ten deliveries
  swing-store transcript --vat v9 --span 1200 --raw | sha256sum
      a span as an export has it")]
pub struct TranscriptArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The vat, by its ID or its name.
    #[arg(long, value_name = "VAT")]
    vat: String,

    /// Only this incarnation; a vat's first one is 0.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["start", "end", "span"])]
    incarnation: Option<i64>,

    /// Only from this position.
    #[arg(long, value_name = "POSITION", conflicts_with = "span")]
    start: Option<i64>,

    /// Only up to this position, exclusive.
    #[arg(long, value_name = "POSITION", conflicts_with = "span")]
    end: Option<i64>,

    /// Only the span that starts at this position.
    #[arg(long, value_name = "POSITION")]
    span: Option<i64>,

    /// Print only the items, one per line, as in an artifact.
    #[arg(long)]
    raw: bool,

    /// Read pruned spans from this place, checked against their hashes in the store: a directory with an
    /// archive or an export; or a URL s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH,
    /// https://HOST/PATH or file:///DIRECTORY.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    history_from: Option<PathBuf>,

    /// Print the items that are stored, and do not fail if others are missing.
    #[arg(long)]
    skip_missing: bool,
}

/// A line of output.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Line<'a> {
    /// The position of the item.
    position: i64,
    /// The incarnation of the vat.
    incarnation: i64,
    /// The item: an object, or a string if it is not a JSON object on one line.
    item: Item<'a>,
}

/// An item in a line: JSON, or a string if the item is not JSON.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Item<'a> {
    Json(#[schemars(with = "serde_json::Map<String, serde_json::Value>")] &'a RawValue),
    Text(&'a str),
}

impl<'a> Item<'a> {
    fn new(text: &'a str) -> Item<'a> {
        let one_line = memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none();
        match serde_json::from_str(text) {
            Ok(json) if one_line && text.starts_with('{') => Item::Json(json),
            _ => Item::Text(text),
        }
    }
}

/// Opens the history of a store, with what the store has pruned from a place.
///
/// # Errors
/// As [`History::open_with_history`].
pub(super) fn open(
    store: &Path,
    history_from: Option<&Path>,
) -> crate::store::error::Result<History> {
    match history_from {
        Some(place) => History::open_with_history(store, place),
        None => History::open(store),
    }
}

/// Prints.
///
/// # Errors
/// As [`History::open`] and [`ItemsReader::next_run`].
pub fn run(args: TranscriptArgs, session: &Session) -> Result<Outcome> {
    let history = Arc::new(open(&args.store.store()?, args.history_from.as_deref())?);
    let selection = match (args.span, args.incarnation) {
        (Some(start_pos), _) => Selection::Span(start_pos),
        (_, Some(incarnation)) => Selection::Incarnation(incarnation),
        _ => Selection::Range {
            start: args.start,
            end: args.end,
        },
    };
    let monitor = session.monitor();
    let vat = history.vat_called(&args.vat, &monitor)?;
    let reader = history.read_items(&vat, selection, args.skip_missing);
    let work = || print(&reader, args.raw, session, &monitor);
    // On a terminal, the items themselves show the progress.
    if session.is_terminal() {
        work()
    } else {
        session.watch("Reading", &monitor, work)
    }?;
    Ok(Outcome::Success)
}

fn print(reader: &ItemsReader, raw: bool, session: &Session, monitor: &Monitor) -> Result<()> {
    let mut stdout = session.stdout();
    while let Some(run) = reader.next_run()? {
        for (position, item) in run.items.iter() {
            monitor.count(item.len())?;
            let item = wtf8::as_read(item);
            if raw && session.is_terminal() {
                stdout.write_all(printable::lines(&String::from_utf8_lossy(&item)).as_bytes())?;
            } else if raw {
                stdout.write_all(&item)?;
            } else {
                let text = String::from_utf8_lossy(&item);
                let line = Line {
                    position,
                    incarnation: run.incarnation,
                    item: Item::new(&text),
                };
                write_json(&mut *stdout, &line)?;
            }
            stdout.write_all(b"\n")?;
            monitor.finish_piece();
        }
    }
    Ok(())
}

fn write_json(out: &mut (impl Write + ?Sized), line: &Line<'_>) -> Result<()> {
    let document = serde_json::to_string(line)
        .map_err(|error| Failure::from(Error::Internal(error.to_string())))?;
    Ok(out.write_all(printable::json(&document).as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_json_where_they_can_be() {
        for (item, expected) in [
            ("{\"d\":[1, 2]}", "{\"d\":[1, 2]}"),
            ("{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud800\"}"),
            ("7", "\"7\""),
            ("{", "\"{\""),
            ("{\n}", "\"{\\n}\""),
            ("\u{e9}", "\"\u{e9}\""),
        ] {
            let mut out = Vec::new();
            let line = Line {
                position: 1,
                incarnation: 0,
                item: Item::new(item),
            };
            write_json(&mut out, &line).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(
                text,
                format!("{{\"position\":1,\"incarnation\":0,\"item\":{expected}}}")
            );
        }
    }
}
