//! The terminal of a subcommand: its streams, progress and interrupts.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;

use super::exit::{JsonLayout, Outcome, Result};
use super::interrupt::Interrupt;
use super::output::Streams;
use super::progress;
use super::progress::{ProgressStyle, Stderr};
use crate::store::encoding::printable;
use crate::store::error::Error;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;

/// One run of a command.
pub struct Session {
    json: Option<JsonLayout>,
    progress: ProgressStyle,
    interrupt: Arc<Interrupt>,
    stdout: Mutex<Box<dyn Write + Send>>,
    stdout_is_terminal: bool,
    stderr: Arc<Stderr>,
}

impl Session {
    pub(crate) fn new(
        streams: Streams,
        json: Option<JsonLayout>,
        progress: ProgressStyle,
        interrupt: Arc<Interrupt>,
    ) -> Session {
        Session {
            json,
            progress: progress.resolve(streams.stderr_is_terminal),
            interrupt,
            stdout: Mutex::new(streams.stdout),
            stdout_is_terminal: streams.stdout_is_terminal,
            stderr: Arc::new(Stderr::new(streams.stderr)),
        }
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Stdout, for a result that is too large for memory. It is buffered, and flushed at the end of the
    /// command.
    pub fn stdout(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        lock::lock(&self.stdout)
    }

    /// Writes a note to stderr, which is not part of the result.
    pub fn note(&self, line: &str) {
        self.stderr.line(line);
    }

    /// A writer of lines on stderr, above the progress.
    #[cfg(feature = "logging")]
    pub(crate) fn log_lines(&self) -> impl Write + Send + 'static {
        LogLines(self.stderr.clone())
    }

    /// Writes the result: the document with `--json`, otherwise the text that `print` writes.
    ///
    /// # Errors
    /// [`Failure::Output`](super::exit::Failure::Output).
    pub fn answer(
        &self,
        document: &impl Serialize,
        print: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let mut stdout = self.stdout();
        if self.json.is_some() {
            let document = serde_json::to_value(document)
                .map_err(|error| Error::Internal(error.to_string()))?;
            writeln!(stdout, "{}", printable::json(&format!("{document:#}")))?;
        } else {
            let mut written = Vec::new();
            print(&mut written)?;
            let written = String::from_utf8_lossy(&written);
            stdout.write_all(printable::lines(&written).as_bytes())?;
        }
        Ok(())
    }

    /// A monitor that Ctrl-C aborts.
    pub fn monitor(&self) -> Arc<Monitor> {
        self.telling_monitor(false)
    }

    /// A monitor that Ctrl-C aborts. With `verbose`, it writes the messages of the work to stderr.
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

    /// Does `work`, and shows its progress on stderr, after `label`, such as `Exporting`.
    pub fn watch<T>(&self, label: &str, monitor: &Monitor, work: impl FnOnce() -> T) -> T {
        progress::watch(self.progress, &self.stderr, label, monitor, work)
    }

    /// Flushes stdout, prints the error of a failed command, and returns the exit code.
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

/// Writes lines to stderr, above the progress. Each write is a line.
#[cfg(feature = "logging")]
struct LogLines(Arc<Stderr>);

#[cfg(feature = "logging")]
impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.line(text.trim_end());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
