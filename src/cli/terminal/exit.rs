//! Results of commands: exit codes and error messages.

use std::borrow::Cow;
use std::io::{self, Write};

use super::document::{ErrorDocument, ErrorFields};
use super::output::Streams;
use crate::store::encoding::printable;
use crate::store::error::Error;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Failure>;

/// The exit code of an interrupted command, as a shell reports a process that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// The outcome of a successful command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Without findings: exit code 0.
    Success,
    /// With findings: faults, differences or gaps. Exit code 1.
    Findings,
}

impl Outcome {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Outcome::Success => 0,
            Outcome::Findings => 1,
        }
    }
}

/// How JSON is laid out on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonLayout {
    /// One document, over several lines.
    Document,
    /// A document in each line.
    Lines,
}

impl JsonLayout {
    /// The layout of a command whose output is lines, or one document.
    pub(crate) fn of_lines(is_lines: bool) -> JsonLayout {
        if is_lines {
            JsonLayout::Lines
        } else {
            JsonLayout::Document
        }
    }

    /// The text of an error.
    fn error(self, code: &str, message: &str) -> String {
        let document = ErrorDocument {
            error: ErrorFields {
                code: code.to_owned(),
                message: message.to_owned(),
            },
        };
        let text = match self {
            JsonLayout::Document => serde_json::to_string_pretty(&document),
            JsonLayout::Lines => serde_json::to_string(&document),
        };
        // Texts can always be serialized.
        printable::json(&text.unwrap_or_default()).into_owned()
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The arguments contradict each other, or the store: exit code 2. The message says what to do.
    Usage(String),
    /// The store or the disk failed: exit code 3, or 130 if the work was interrupted.
    Store(Error),
    /// The same as [`Failure::Store`] for work in steps. The text says what was done, and that another
    /// run continues.
    Begun(Error, String),
    /// The output could not be written: exit code 3. A closed pipe is not a failure: exit code 0.
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl Failure {
    /// After a panic, whose message is already on stderr.
    pub(crate) fn panicked() -> Failure {
        Error::Internal("the command panicked. This is a defect: please report it".into()).into()
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Store(Error::Aborted) | Failure::Begun(Error::Aborted, _) => INTERRUPTED,
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Store(_) | Failure::Begun(..) | Failure::Output(_) => 3,
        }
    }

    /// The code for the document; `None` if no document can be written.
    fn code(&self) -> Option<&str> {
        match self {
            Failure::Usage(_) => Some("ERR_SWING_STORE_ARGUMENT"),
            Failure::Store(error) | Failure::Begun(error, _) => Some(error.code()),
            Failure::Output(_) => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Failure::Usage(message) => message.clone(),
            Failure::Store(Error::Aborted) => "interrupted".into(),
            Failure::Store(error) => error.to_string(),
            Failure::Begun(Error::Aborted, done) => format!("interrupted. {done}"),
            Failure::Begun(error, done) => format!("{error}. {done}"),
            Failure::Output(error) => format!("writing the output: {error}"),
        }
    }

    /// Prints the error on stderr, and with `json` as a document on stdout.
    pub(crate) fn tell(
        &self,
        json: Option<JsonLayout>,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) {
        if matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return;
        }
        // An error of stderr cannot be reported.
        drop(writeln!(
            stderr,
            "error: {}",
            printable::printable(&self.message())
        ));
        if let (Some(layout), Some(code)) = (json, self.code()) {
            let document = layout.error(code, &self.message());
            drop(writeln!(stdout, "{document}").and_then(|()| stdout.flush()));
        }
    }
}

/// Prints clap's message for a command line that it did not accept: an error, or the help. Returns the
/// exit code.
pub(crate) fn refuse(error: &clap::Error, json: Option<JsonLayout>, mut streams: Streams) -> u8 {
    let rendered = error.render();
    let plain = rendered.to_string();
    let show = |colors: bool| match printable::lines(&plain) {
        Cow::Borrowed(_) if colors => rendered.ansi().to_string(),
        // A message with control characters is escaped, and has no colors.
        shown => shown.into_owned(),
    };
    if error.use_stderr() {
        let text = show(streams.stderr_is_terminal && colors_are_wanted());
        drop(streams.stderr.write_all(text.as_bytes()));
        drop(streams.stderr.flush());
        if let Some(layout) = json {
            let message = plain.trim_end().trim_start_matches("error: ");
            let document = layout.error("ERR_SWING_STORE_ARGUMENT", message);
            drop(writeln!(streams.stdout, "{document}"));
            drop(streams.stdout.flush());
        }
    } else {
        let text = show(streams.stdout_is_terminal && colors_are_wanted());
        let written = streams.stdout.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| streams.stdout.flush()) {
            let failure = Failure::Output(error);
            failure.tell(None, &mut *streams.stdout, &mut *streams.stderr);
            return failure.exit_code();
        }
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// Whether the environment allows colors (<https://no-color.org>).
fn colors_are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
