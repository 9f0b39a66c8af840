//! `completions`: what a shell needs to complete our command lines.

use clap_complete::Shell;

use super::{Outcome, Result, Session};

/// Print a script that lets a shell complete swing-store's commands and options.
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

/// Prints the script.
///
/// # Errors
/// [`Failure::Output`](super::Failure::Output).
pub fn run(args: CompletionsArgs, session: &Session) -> Result<Outcome> {
    // clap panics where it can't write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::command(),
        "swing-store",
        &mut script,
    );
    session.stdout().write_all(&script)?;
    Ok(Outcome::Success)
}
