//! The command line, which `npx swing-store` runs.

use std::ffi::OsString;
use std::sync::Arc;

use crate::cli;
use crate::cli::terminal::interrupt::Interrupt;
use crate::cli::terminal::output::Streams;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::store::error::Result;

/// A command line to run.
struct CommandLine {
    arguments: Vec<OsString>,
    interrupt: Arc<Interrupt>,
}

const METHODS: &[Function<CommandLine>] = &[("run", run), ("abort", abort)];

/// `makeCommandLine(arguments)`: takes the arguments without the program's name, each followed by a NUL
/// character, which no argument of a process contains.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let text = call.text(0, "arguments")?;
    let mut arguments = vec![OsString::from("swing-store")];
    for argument in text.split_inclusive(|byte| *byte == 0) {
        let argument = argument.strip_suffix(&[0]).unwrap_or(argument);
        arguments.push(String::from_utf8_lossy(argument).into_owned().into());
    }
    let line = Arc::new(CommandLine {
        arguments,
        interrupt: Arc::default(),
    });
    functions(call.env(), &line, METHODS).map(Reply::Js)
}

/// `run()`: runs the command. Returns a promise of the exit code.
fn run(call: &Call<'_, CommandLine>) -> Result<Reply> {
    let line = call.target.clone();
    call.promise(move || {
        let streams = Streams::of_process();
        let code = cli::run(line.arguments.clone(), streams, line.interrupt.clone());
        Ok(Value::Number(f64::from(code)))
    })
}

/// `abort()`: ends the command at its next step.
fn abort(call: &Call<'_, CommandLine>) -> Result<Reply> {
    call.target.interrupt.raise();
    Ok(Value::Undefined.into())
}
