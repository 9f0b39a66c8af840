//! Measures the least cost of the benchmark's phases: the same work without Node.js and without the
//! store. `bench/lib/limits.mjs` builds and runs this program.
//!
//! Each operation prints one line of JSON: `wall` and `cpu`, in seconds; `bytes`, the number of bytes
//! read or generated; and `transactions`, the time of each in seconds, sorted. `cpu` is null if the
//! system does not report CPU time.

mod bytes;
mod clock;
mod plan;
mod replay;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clock::Figures;

const USAGE: &str = "Usage: limits OPERATION …

  replay DATABASE PLAN     run a plan's statements, each prepared once
  open DATABASE PLAN       the same, with a new connection for each statement
  copy FROM TO NAMES       copy files of a directory; NAMES is a file with one name per line
  deflate FILE…            compress with libdeflate at level 1
  inflate REPEAT FILE…     decompress gzip files REPEAT times";

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
