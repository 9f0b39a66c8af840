//! What a subcommand sees of the terminal it was called from.

use crate::store::encoding::printable;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use super::exit::{Outcome, Result};
use super::interrupt::Interrupt;
use super::progress::{ProgressStyle, Watched};
use super::{output, progress};
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// Where output goes.
pub struct Streams {
    /// Results.
    pub stdout: Box<dyn Write + Send>,
    /// Progress, and what went wrong.
    pub stderr: Box<dyn Write + Send>,
    /// Whether a person reads the results.
    pub stdout_is_terminal: bool,
    /// Whether a person looks at the progress.
    pub stderr_is_terminal: bool,
}

impl Streams {
    /// Those of this process.
    pub fn of_process() -> Streams {
        Streams {
            stdout: output::stdout(),
            stderr: output::stderr(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

/// One run of a command.
pub struct Session {
    json: bool,
    progress: ProgressStyle,
    interrupt: Arc<Interrupt>,
    stdout: Mutex<Box<dyn Write + Send>>,
    stdout_is_terminal: bool,
    stderr: Arc<Stderr>,
}

impl Session {
    pub(crate) fn new(
        streams: Streams,
        json: bool,
        progress: ProgressStyle,
        interrupt: Arc<Interrupt>,
    ) -> Session {
        Session {
            json,
            progress: progress.resolve(streams.stderr_is_terminal),
            interrupt,
            stdout: Mutex::new(streams.stdout),
            stdout_is_terminal: streams.stdout_is_terminal,
            stderr: Arc::new(Stderr {
                stream: Mutex::new(streams.stderr),
                watched: Mutex::default(),
            }),
        }
    }

    /// Whether the result is for another program: one JSON document, and nothing else, on stdout.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether a person reads stdout in a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Stdout, for a result that is too long to be put together first. It is buffered, and flushed
    /// at the end of the command.
    pub fn stdout(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        lock::lock(&self.stdout)
    }

    /// Writes a line to stderr: something to know that is not part of the result.
    pub fn note(&self, line: &str) {
        self.stderr.line(line);
    }

    /// Writes the result: this document with `--json`, and else what `print` writes.
    ///
    /// # Errors
    /// [`Failure::Output`](super::exit::Failure::Output).
    pub fn answer(
        &self,
        document: &Value,
        print: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let mut stdout = self.stdout();
        if self.json {
            writeln!(stdout, "{}", printable::json(&format!("{document:#}")))?;
        } else {
            let mut written = Vec::new();
            print(&mut written)?;
            let written = String::from_utf8_lossy(&written);
            stdout.write_all(printable::lines(&written).as_bytes())?;
        }
        Ok(())
    }

    /// A monitor whose work Ctrl-C ends.
    pub fn monitor(&self) -> Arc<Monitor> {
        self.telling_monitor(false)
    }

    /// A monitor whose work Ctrl-C ends and which, if `verbose`, writes to stderr what the work
    /// tells of its steps.
    pub fn telling_monitor(&self, verbose: bool) -> Arc<Monitor> {
        let stderr = self.stderr.clone();
        let monitor = if verbose {
            Monitor::telling(move |step| stderr.line(step))
        } else {
            Monitor::default()
        };
        let monitor = Arc::new(monitor);
        self.interrupt.reach(&monitor);
        monitor
    }

    /// Does `work`, which `monitor` watches, and shows on stderr how far it has come, beginning
    /// with `label`, such as `Exporting`.
    pub fn watch<T>(&self, label: &str, monitor: &Monitor, work: impl FnOnce() -> T) -> T {
        progress::watch(self.progress, &self.stderr, label, monitor, work)
    }

    /// Writes what is left to write, and returns the exit code.
    pub(crate) fn finish(&self, outcome: Result<Outcome>) -> u8 {
        let mut stdout = self.stdout();
        let outcome = outcome.and_then(|outcome| {
            stdout.flush()?;
            Ok(outcome)
        });
        match outcome {
            Ok(outcome) => outcome.exit_code(),
            Err(failure) => {
                failure.tell(self.json, &mut *stdout, &mut *self.stderr.lock());
                failure.exit_code()
            }
        }
    }
}

/// Stderr, on which there may be a progress bar.
pub(crate) struct Stderr {
    stream: Mutex<Box<dyn Write + Send>>,
    watched: Mutex<Option<Watched>>,
}

impl Stderr {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        lock::lock(&self.stream)
    }

    /// Writes a line, above the bar if there is one. That it can't be written is no reason to stop.
    pub(crate) fn line(&self, line: &str) {
        let line = printable::printable(line);
        let write = || drop(writeln!(self.lock(), "{line}"));
        let watched = lock::lock(&self.watched);
        match &*watched {
            Some(watched) => watched.suspend(write),
            None => write(),
        }
    }

    /// Says which bar there is from now on.
    pub(crate) fn show(&self, watched: Option<Watched>) {
        *lock::lock(&self.watched) = watched;
    }
}
