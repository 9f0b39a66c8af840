//! Measures the least cost of the benchmark's phases: the same work without Node.js and without the
//! store. `bench/lib/limits.mjs` builds and runs this program.
//!
//! Each operation prints one line of JSON: `wall` and `cpu`, in seconds; `bytes`, the number of bytes
//! read or generated; `transactions`, the time of each in seconds, sorted; and `sync`, the time of
//! waiting for the disk afterwards, which `wall` does not include. `cpu` is null if the system does not
//! report CPU time, `sync` if the operation does not wait.

mod bytes;
mod check;
mod clock;
mod export_directory;
mod fill;
mod frames;
mod gzip;
mod history;
mod plan;
mod replay;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clock::Figures;
use fill::History;

const USAGE: &str = "Usage: limits OPERATION …

  replay DATABASE PLAN     run a plan's statements, each prepared once
  open DATABASE PLAN       the same, with a new connection for each statement
  copy FROM TO NAMES       copy files of a directory; NAMES is a file with one name per line
  read FILE…               read files once
  check DATABASE           read a database once, and run SQLite's integrity check
  deflate FILE…            compress with libdeflate at level 1
  save-images FILE LENGTH…
                           compress and hash the file's first LENGTH bytes on all cores, for each
                           length
  inflate REPEAT FILE…     decompress gzip files REPEAT times
  fill SOURCE TARGET EXPORT rows|frames
                           insert the rows of an export directory into the new database TARGET with
                           the schema of SOURCE; with frames, compress its history
  zstd DATABASE            compress a store's history to frames, which are not stored
  gather DATABASE TO       write compressed history, images and bundles to gzip files";

pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn run(arguments: &[&str]) -> Outcome<Option<Figures>> {
    Ok(Some(match arguments {
        ["replay", database, plan] => replay::replay(Path::new(database), Path::new(plan))?,
        ["open", database, plan] => replay::open_each(Path::new(database), Path::new(plan))?,
        ["copy", from, to, names] => bytes::copy(Path::new(from), Path::new(to), Path::new(names))?,
        ["read", files @ ..] => bytes::read(files)?,
        ["check", database] => check::check(database)?,
        ["deflate", files @ ..] => bytes::deflate(files)?,
        ["save-images", file, lengths @ ..] => bytes::save_images(file, lengths)?,
        ["inflate", repeat, files @ ..] => bytes::inflate(repeat.parse()?, files)?,
        [
            "fill",
            source,
            target,
            export,
            history @ ("rows" | "frames"),
        ] => {
            let history = if *history == "frames" {
                History::Frames
            } else {
                History::Rows
            };
            fill::fill(
                Path::new(source),
                Path::new(target),
                Path::new(export),
                history,
            )?
        }
        ["zstd", database] => history::compress(Path::new(database))?,
        ["gather", database, to] => history::export(Path::new(database), Path::new(to))?,
        _ => return Ok(None),
    }))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        // `cargo bench` adds this to the arguments of every program.
        .filter(|argument| *argument != "--bench")
        .collect();
    match run(&arguments) {
        Ok(Some(figures)) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Ok(None) => {
            println!("{USAGE}");
            // `cargo bench` passes no operation. That is not an error.
            if arguments.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("limits {}: {error}", arguments.join(" "));
            ExitCode::FAILURE
        }
    }
}
