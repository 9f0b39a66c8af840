//! `completions`: scripts for the completion of command lines in shells.

use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::terminal::document::Document;
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;

/// Print a script with which a shell completes swing-store's commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store completions bash > ~/.local/share/bash-completion/completions/swing-store
  swing-store completions zsh > ~/.zfunc/_swing-store
  swing-store completions fish > ~/.config/fish/completions/swing-store.fish")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The shell.
    shell: String,
}

/// The result in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Script {
    /// The script.
    script: String,
}

/// The document.
pub(crate) type Output = Document<Arguments, Script>;

/// Prints the script for a command line.
///
/// # Errors
/// [`Failure::Output`](crate::cli::terminal::exit::Failure::Output).
pub fn run(
    args: CompletionsArgs,
    mut command: clap::Command,
    session: &Session,
) -> Result<Outcome> {
    // clap panics if a write fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "swing-store", &mut script);
    if args.shell == Shell::Bash {
        script = mend_bash(&script);
    }
    let arguments = Arguments {
        shell: args.shell.to_string(),
    };
    let answer = Script {
        script: String::from_utf8_lossy(&script).into_owned(),
    };
    let document = Output::new("completions", arguments, answer);
    session.answer(&document, |out| out.write_all(&script))?;
    Ok(Outcome::Success)
}

/// Corrects the script of clap_complete for a program name with a hyphen: it looks up subcommands by
/// another name than it uses for them.
fn mend_bash(script: &[u8]) -> Vec<u8> {
    let script = String::from_utf8_lossy(script);
    let script = script.replace("swing__subcmd__store__subcmd__", "swing__store__subcmd__");
    script.into_bytes()
}
