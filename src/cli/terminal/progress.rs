//! Progress on stderr: a bar on a terminal, lines in a log.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use console::Term;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget};

use crate::store::encoding::plural::grouped;
use crate::store::encoding::printable;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Progress, Stage};

/// A progress bar that is on the terminal.
pub(crate) type Watched = ProgressBar;

/// The time between two frames of the bar.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// A bar on a terminal, lines otherwise
    Auto,
    /// A bar
    Bar,
    /// A line every five seconds
    Lines,
    /// No progress
    None,
}

impl ProgressStyle {
    /// The style that `Auto` stands for, depending on whether stderr is a terminal.
    pub(crate) fn resolve(self, is_terminal: bool) -> ProgressStyle {
        match (self, is_terminal) {
            (ProgressStyle::Auto, true) => ProgressStyle::Bar,
            (ProgressStyle::Auto, false) => ProgressStyle::Lines,
            (style, _) => style,
        }
    }
}

/// Does `work`, and shows its progress on stderr.
pub(crate) fn watch<T>(
    style: ProgressStyle,
    stderr: &Stderr,
    label: &str,
    monitor: &Monitor,
    work: impl FnOnce() -> T,
) -> T {
    let (bar, interval) = match style {
        ProgressStyle::None => return work(),
        ProgressStyle::Bar => (Some(new_bar(label)), DRAW_INTERVAL),
        ProgressStyle::Auto | ProgressStyle::Lines => (None, LINE_INTERVAL),
    };
    let begin = Instant::now();
    stderr.show(bar.clone());
    let show = |progress: Progress| {
        let text = describe(&progress, begin.elapsed());
        match &bar {
            Some(bar) => draw(bar, &progress, text, columns(), ProgressDrawTarget::stderr),
            None => stderr.line(&format!("{label}: {text}")),
        }
    };
    let result = thread::scope(|scope| {
        // Dropped when the work ends, also by a panic.
        let (_working, over) = channel::<()>();
        let thread = thread::Builder::new().name("swing-store".into());
        // If the thread cannot be started, no progress is shown.
        let spawned = thread.spawn_scoped(scope, move || {
            while over.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                show(monitor.progress());
            }
        });
        drop(spawned);
        work()
    });
    stderr.show(None);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    result
}

/// While the total is unknown.
const SPINNER: &str = "{prefix} {spinner} {wide_msg}";

/// The message is cut where the terminal ends, so that no line wraps.
const BAR: &str = "{prefix} [{bar:12}] {wide_msg}";

/// The width that a terminal needs for the bar and the message. A narrower one shows the message alone.
const BAR_COLUMNS: u16 = 45;

/// The width of the terminal on stderr.
fn columns() -> u16 {
    let size = Term::stderr().size_checked();
    size.map_or(u16::MAX, |(_, columns)| columns)
}

fn template(progress: &Progress, columns: u16) -> &'static str {
    if progress.total == 0 || columns < BAR_COLUMNS {
        SPINNER
    } else {
        BAR
    }
}

/// A bar that is hidden until its first progress is complete, with its total and its message.
fn new_bar(label: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_prefix(label.to_owned());
    bar
}

/// Sets the template of a bar; an invalid template leaves the bar as it is.
fn set_template(bar: &ProgressBar, template: &str) {
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

/// Draws progress. `target` is where, if nothing was drawn before.
fn draw(
    bar: &ProgressBar,
    progress: &Progress,
    text: String,
    columns: u16,
    target: impl FnOnce() -> ProgressDrawTarget,
) {
    set_template(bar, template(progress, columns));
    if progress.total > 0 {
        bar.set_length(progress.total);
    }
    bar.set_message(text);
    bar.set_position(progress.done);
    if bar.is_hidden() {
        bar.set_draw_target(target());
    }
    bar.tick();
}

/// Progress in words: `30 of 52, 12.34 MiB (4.11 MiB/s), 3s left`.
fn describe(progress: &Progress, elapsed: Duration) -> String {
    match progress.stage {
        Stage::Preparing if progress.bytes == 0 && progress.done == 0 => {
            return "preparing".into();
        }
        Stage::Finishing => return format!("finishing, {}", HumanBytes(progress.bytes)),
        _ => {}
    }
    let mut text = match progress.total {
        0 => grouped(progress.done),
        total => format!("{} of {}", grouped(progress.done), grouped(total)),
    };
    if progress.bytes > 0 {
        let rate = progress.bytes as f64 / elapsed.as_secs_f64().max(0.001);
        text += &format!(
            ", {} ({}/s)",
            HumanBytes(progress.bytes),
            HumanBytes(rate as u64)
        );
    }
    if progress.done > 0 && progress.total > progress.done {
        let left = elapsed.mul_f64((progress.total - progress.done) as f64 / progress.done as f64);
        text += &format!(", {:#} left", HumanDuration(left));
    }
    text
}

/// Stderr, possibly with a progress bar.
pub(crate) struct Stderr {
    stream: Mutex<Box<dyn Write + Send>>,
    watched: Mutex<Option<Watched>>,
}

impl Stderr {
    pub(crate) fn new(stream: Box<dyn Write + Send>) -> Stderr {
        Stderr {
            stream: Mutex::new(stream),
            watched: Mutex::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        lock::lock(&self.stream)
    }

    /// Writes a line, above the bar if there is one. Errors are ignored.
    pub(crate) fn line(&self, line: &str) {
        let line = printable::printable(line);
        let write = || drop(writeln!(self.lock(), "{line}"));
        let watched = lock::lock(&self.watched);
        match &*watched {
            Some(watched) => watched.suspend(write),
            None => write(),
        }
    }

    /// Sets the current bar.
    pub(crate) fn show(&self, watched: Option<Watched>) {
        *lock::lock(&self.watched) = watched;
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    /// A terminal that records what is written to it.
    #[derive(Debug, Clone)]
    struct Screen {
        columns: u16,
        written: Arc<Mutex<Vec<String>>>,
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.columns
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            let text = text.trim();
            if !text.is_empty() {
                lock::lock(&self.written).push(text.to_owned());
            }
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a terminal of this width shows first.
    fn first_frame(columns: u16, progress: &Progress) -> String {
        let screen = Screen {
            columns,
            written: Arc::default(),
        };
        let bar = new_bar("Verifying");
        let text = describe(progress, Duration::from_secs(1));
        draw(&bar, progress, text, columns, || {
            ProgressDrawTarget::term_like(Box::new(screen.clone()))
        });
        let written = lock::lock(&screen.written);
        written.first().cloned().unwrap_or_default()
    }

    #[test]
    fn the_first_frame_is_complete_on_wide_and_narrow_terminals() {
        let progress = Progress {
            stage: Stage::Working,
            done: 30,
            total: 60,
            bytes: 0,
        };
        assert_eq!(
            first_frame(80, &progress),
            "Verifying [======>     ] 30 of 60, 1s left"
        );
        let spinner = |columns| {
            let frame = first_frame(columns, &progress);
            let (label, rest) = frame.split_once(' ').unwrap();
            assert_eq!(label, "Verifying");
            rest.split_once(' ').unwrap().1.to_owned()
        };
        assert_eq!(spinner(44), "30 of 60, 1s left");
        assert_eq!(spinner(20), "30 of 60");
        let unknown = Progress {
            total: 0,
            ..progress
        };
        assert!(first_frame(80, &unknown).ends_with(" 30"));
    }

    #[test]
    fn progress_in_words() {
        let progress = |stage, done, total, bytes| Progress {
            stage,
            done,
            total,
            bytes,
        };
        let elapsed = Duration::from_secs(4);
        for (progress, expected) in [
            (progress(Stage::Preparing, 0, 0, 0), "preparing"),
            (progress(Stage::Working, 7, 0, 0), "7"),
            (
                progress(Stage::Working, 1000, 3000, 8 << 20),
                "1,000 of 3,000, 8.00 MiB (2.00 MiB/s), 8s left",
            ),
            (
                progress(Stage::Finishing, 3, 3, 1 << 10),
                "finishing, 1.00 KiB",
            ),
            (progress(Stage::Done, 3, 3, 0), "3 of 3"),
        ] {
            assert_eq!(describe(&progress, elapsed), expected);
        }
        // An estimate that is out of range does not panic.
        describe(&progress(Stage::Working, 1, u64::MAX, 1), Duration::ZERO);
    }
}
