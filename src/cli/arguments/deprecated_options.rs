//! Suggestions for frequent mistakes: options of older versions of `cosmic-swingset`, and paths without
//! an option.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

const FORMER: [(&str, &str); 3] = [
    ("--export-mode", "--artifact-mode"),
    ("--include-export-data", "--export-data-mode"),
    ("--include-historical", "--artifact-mode"),
];

/// Adds a suggestion to an error about such an argument.
pub(crate) fn suggest(error: &mut Error, command: &clap::Command, arguments: &[OsString]) {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return,
    };
    let Some(ContextValue::String(found)) = error.get(kind) else {
        return;
    };
    let option = found.split('=').next().unwrap_or_default();
    if let Some((_, instead)) = FORMER.iter().find(|(former, _)| *former == option) {
        let instead = ContextValue::String((*instead).to_owned());
        error.insert(ContextKind::SuggestedArg, instead);
    } else if !found.starts_with('-') {
        let tip = match kind {
            ContextKind::InvalidArg => for_path(command, arguments),
            _ if found.contains(['/', '\\', '.']) => Some(
                "give a command first, such as 'swing-store verify --state-dir DIR'".to_owned(),
            ),
            _ => None,
        };
        if let Some(tip) = tip {
            let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
            error.insert(ContextKind::Suggested, tips);
        }
    }
}

/// Lists the options of the command that take a path.
fn for_path(command: &clap::Command, arguments: &[OsString]) -> Option<String> {
    let program = command;
    let command = arguments
        .iter()
        .skip(1)
        .find_map(|argument| program.find_subcommand(argument))?;
    let options: Vec<String> = command
        .get_arguments()
        .filter(|option| option.get_value_hint() != clap::ValueHint::Unknown)
        .filter_map(|option| {
            let help = option.get_help()?.to_string();
            let help = help.split([',', '.', '[', ':']).next()?.trim();
            let value = option.get_value_names()?.first()?;
            Some(format!(
                "--{} {value} ({})",
                option.get_long()?,
                lower(help)
            ))
        })
        .collect();
    (!options.is_empty()).then(|| format!("name it by an option: {}", options.join(", ")))
}

/// A sentence in lower case and without its full stop, as part of another one.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(letters)
        .collect()
}
