//! What the benchmark's phases could cost at the least: the same work without Node.js and without
//! a store. `npm run bench` builds this program and runs it; `bench/lib/limits.mjs` says how.
//!
//! Each operation prints one line of JSON: `wall` and `cpu` in seconds (`cpu` is null where the
//! system does not tell), and `bytes`, how much was read or made.

mod bytes;
mod clock;
mod plan;
mod replay;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clock::Figures;

const USAGE: &str = "Usage: limits OPERATION …

  replay DATABASE PLAN     run a plan's statements in turn, each prepared once
  open DATABASE PLAN       the same, opening and closing the database for each statement
  copy FROM TO NAMES       copy files of a directory; NAMES is a file with a name a line
  deflate FILE…            compress with libdeflate at level 1
  inflate REPEAT FILE…     decompress gzip files so many times";

pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn run(arguments: &[&str]) -> Outcome<Option<Figures>> {
    Ok(Some(match arguments {
        ["replay", database, plan] => replay::replay(Path::new(database), Path::new(plan))?,
        ["open", database, plan] => replay::open_each(Path::new(database), Path::new(plan))?,
        ["copy", from, to, names] => bytes::copy(Path::new(from), Path::new(to), Path::new(names))?,
        ["deflate", files @ ..] => bytes::deflate(files)?,
        ["inflate", repeat, files @ ..] => bytes::inflate(repeat.parse()?, files)?,
        _ => return Ok(None),
    }))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        // What `cargo bench` adds to every program that it runs.
        .filter(|argument| *argument != "--bench")
        .collect();
    match run(&arguments) {
        Ok(Some(figures)) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Ok(None) => {
            println!("{USAGE}");
            // `cargo bench` names no operation, and is not at fault.
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
