//! The command line as a program of its own. See `swing_store::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(swing_store::cli::main())
}
