//! The command line, for operators and engineers.
//!
//! Two programs use it: the binary without Node.js (`src/bin/swing-store.rs`), and the addon, which
//! `npx swing-store` runs on its own thread. Each subcommand is a file in `commands/`: it defines the
//! arguments, calls the store, and prints the result. A subcommand accesses the terminal through
//! [`Session`].

pub(crate) mod arguments;
pub(crate) mod commands;
pub(crate) mod terminal;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

use terminal::exit::JsonLayout;
pub use terminal::exit::{Failure, Outcome, Result};
pub use terminal::interrupt::Interrupt;
pub use terminal::output::Streams;
pub use terminal::progress::ProgressStyle;
pub use terminal::session::Session;

use crate::store::encoding::printable::printable;
use crate::store::log;

/// The heading of the options that all commands have.
const OUTPUT: &str = "Output";

/// Exports, imports, verifies and maintains swing-stores.
#[derive(Debug, Parser)]
#[command(
    name = "swing-store",
    bin_name = "swing-store",
    version,
    max_term_width = 100
)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 success; 1 success with findings (faults, differences, gaps); 2 invalid arguments; \
3 failure; 130 interrupted.

Examples:
  swing-store export --home ~/.agoric --export-dir /backup/export --export-data-mode all
  swing-store import --state-dir /var/lib/agoric/data/agoric --export-dir /backup/export
  swing-store inspect --vat v9
  swing-store completions bash > /etc/bash_completion.d/swing-store")]
struct Cli {
    /// Print one JSON document for other programs on stdout, instead of text.
    #[arg(long, global = true, help_heading = OUTPUT)]
    json: bool,

    /// How to show progress on stderr.
    #[arg(
        long,
        global = true,
        help_heading = OUTPUT,
        value_name = "STYLE",
        default_value = "auto",
        value_enum
    )]
    progress: ProgressStyle,

    /// Log to stderr: a level (error, warn, info, debug, trace), or targets with levels, such as
    /// swing_store::commit=debug [default: the variable RUST_LOG, or off].
    #[arg(long, global = true, help_heading = OUTPUT, value_name = "FILTER")]
    log: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(commands::export::ExportArgs),
    Import(commands::import::ImportArgs),
    Archive(commands::archive::ArchiveArgs),
    Inspect(commands::inspect::InspectArgs),
    Transcript(commands::transcript::TranscriptArgs),
    ReplayPlan(commands::replay_plan::ReplayPlanArgs),
    Verify(commands::verify::VerifyArgs),
    Diff(commands::diff::DiffArgs),
    Metrics(commands::metrics::MetricsArgs),
    Compact(commands::compact::CompactArgs),
    Expand(commands::compact::ExpandArgs),
    Prune(commands::prune::PruneArgs),
    Repopulate(commands::repopulate::RepopulateArgs),
    Reclaim(commands::reclaim::ReclaimArgs),
    Schema(commands::schema::SchemaArgs),
    Man(commands::man::ManArgs),
    Completions(commands::completions::CompletionsArgs),
}

impl Command {
    /// Its name on the command line.
    fn name(&self) -> String {
        // That of its variant, in another case.
        let shown = format!("{self:?}");
        let variant = shown.split('(').next().unwrap_or_default();
        let mut name = String::new();
        for (at, letter) in variant.char_indices() {
            if at > 0 && letter.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    fn run(self, session: &Session) -> Result<Outcome> {
        match self {
            Command::Export(args) => commands::export::run(args, session),
            Command::Import(args) => commands::import::run(args, session),
            Command::Archive(args) => commands::archive::run(args, session),
            Command::Inspect(args) => commands::inspect::run(args, session),
            Command::Transcript(args) => commands::transcript::run(args, session),
            Command::ReplayPlan(args) => commands::replay_plan::run(args, session),
            Command::Verify(args) => commands::verify::run(args, session),
            Command::Diff(args) => commands::diff::run(args, session),
            Command::Metrics(args) => commands::metrics::run(args, session),
            Command::Compact(args) => commands::compact::run(args, session),
            Command::Expand(args) => commands::compact::run_expand(args, session),
            Command::Prune(args) => commands::prune::run(args, session),
            Command::Repopulate(args) => commands::repopulate::run(args, session),
            Command::Reclaim(args) => commands::reclaim::run(args, session),
            Command::Schema(args) => commands::schema::run(args, session),
            Command::Man(args) => commands::man::run(args, Cli::command(), session),
            Command::Completions(args) => commands::completions::run(args, Cli::command(), session),
        }
    }
}

/// Runs the command line of this process, and returns its exit code. Ctrl-C or SIGTERM ends the work
/// cleanly; a second one ends the process immediately. A program that `nohup` started continues when
/// its terminal closes.
pub fn main() -> u8 {
    let interrupt = Arc::new(Interrupt::default());
    terminal::signals::handle(&interrupt);
    survive_file_limit();
    run(std::env::args_os(), Streams::of_process(), interrupt)
}

/// Lets a write beyond the maximum file size (`ulimit -f`) fail instead of ending the process. Node.js
/// does the same.
fn survive_file_limit() {
    #[cfg(unix)]
    {
        // The handler need not do anything.
        let seen = Arc::default();
        drop(signal_hook::flag::register(
            signal_hook::consts::SIGXFSZ,
            seen,
        ));
    }
}

/// Runs a command line, whose first argument is the program's name, and returns the exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    streams: Streams,
    interrupt: Arc<Interrupt>,
) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(mut error) => {
            // Parse again with escaped control characters, so that the message contains none.
            let shown = arguments.iter().map(|argument| {
                OsString::from(printable(&argument.to_string_lossy()).into_owned())
            });
            let shown: Vec<OsString> = shown.collect();
            if shown != arguments
                && let Err(other) = Cli::try_parse_from(&shown)
            {
                error = other;
            }
            arguments::deprecated_options::suggest(&mut error, &Cli::command(), &shown);
            let asked = |text: &str| arguments.iter().any(|argument| argument == text);
            let layout = JsonLayout::of_lines(asked("transcript"));
            let json = asked("--json").then_some(layout);
            return terminal::exit::refuse(&error, json, streams);
        }
    };
    let layout = JsonLayout::of_lines(matches!(cli.command, Command::Transcript(_)));
    let json = cli.json.then_some(layout);
    let session = Session::new(streams, json, cli.progress, interrupt);
    if let Err(failure) = terminal::logging::start(cli.log.as_deref(), &session) {
        return session.finish(Err(failure));
    }
    let begin = Instant::now();
    log::info!("cli", "started", command = cli.command.name());
    let outcome = catch_unwind(AssertUnwindSafe(|| cli.command.run(&session)));
    let outcome = outcome.unwrap_or_else(|_| Err(Failure::panicked()));
    let code = session.finish(outcome);
    log::info!(
        "cli",
        "ended",
        code = code,
        time = log::time(begin.elapsed())
    );
    code
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        crate::cli::Cli::command().debug_assert();
    }

    #[test]
    fn commands_know_their_names() {
        use clap::Parser;
        for (arguments, name) in [
            (&["swing-store", "verify"][..], "verify"),
            (
                &["swing-store", "replay-plan", "--vat", "v1"],
                "replay-plan",
            ),
        ] {
            let cli = crate::cli::Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.command.name(), name);
        }
    }
}
