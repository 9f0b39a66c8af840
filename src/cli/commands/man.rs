//! `man`: manual pages.

use clap_mangen::Man;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::terminal::document::Document;
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;

/// Print the manual page of swing-store, or of one of its commands.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store man | man -l -
      read the page of the program
  swing-store man verify > ~/.local/share/man/man1/swing-store-verify.1
      install the page of a command, for `man swing-store-verify`")]
pub struct ManArgs {
    /// The command [default: the program itself].
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The name of the page.
    name: String,
}

/// The result in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    /// The page, in the language of man(7).
    page: String,
}

/// The document.
pub(crate) type Output = Document<Arguments, Page>;

/// Prints a page of a command line.
///
/// # Errors
/// [`Failure::Usage`] for an unknown command; [`Failure::Output`].
pub fn run(args: ManArgs, mut program: clap::Command, session: &Session) -> Result<Outcome> {
    // Gives the subcommands their full names and the options of the program.
    program.build();
    let subject = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let unknown = || {
                Failure::Usage(format!(
                    "there is no command {name}: --help lists the commands"
                ))
            };
            found.ok_or_else(unknown)?
        }
    };
    let name = subject.get_display_name().unwrap_or(subject.get_name());
    let arguments = Arguments {
        name: name.to_owned(),
    };
    let mut page = Vec::new();
    Man::new(subject).render(&mut page)?;
    let answer = Page {
        page: String::from_utf8_lossy(&page).into_owned(),
    };
    let document = Output::new("man", arguments, answer);
    session.answer(&document, |out| out.write_all(&page))?;
    Ok(Outcome::Success)
}
