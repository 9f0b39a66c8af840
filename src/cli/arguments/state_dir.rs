//! The arguments for a store's directory.

use std::path::{Path, PathBuf};

use crate::cli::terminal::exit::{Failure, Result};
use crate::store::database::locate::find_file;
use crate::store::error::{Error, system};
use crate::store::transfer::directory::MANIFEST_NAME;

const HOW_TO_NAME: &str =
    "--state-dir names the store's directory, or --home the one whose data/agoric it is";

/// A store's directory, by the options and variables of `cosmic-swingset`.
#[derive(Debug, clap::Args)]
pub struct StateDirArgs {
    /// The store's directory, with swingstore.sqlite [default: data/agoric in the home directory].
    #[arg(
        long,
        value_name = "DIR",
        value_hint = clap::ValueHint::DirPath,
        env = "AG_CHAIN_COSMOS_STATE_DIR",
        hide_env_values = true
    )]
    state_dir: Option<PathBuf>,

    /// The chain's home directory [default: ~/.agoric].
    #[arg(
        long,
        value_name = "DIR",
        value_hint = clap::ValueHint::DirPath,
        env = "AG_CHAIN_COSMOS_HOME",
        hide_env_values = true
    )]
    home: Option<PathBuf>,
}

impl StateDirArgs {
    /// The directory, which need not exist.
    ///
    /// # Errors
    /// [`Failure::Usage`] if no home directory is known.
    pub fn path(&self) -> Result<PathBuf> {
        let given =
            |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        if let Some(directory) = given(&self.state_dir) {
            return Ok(directory);
        }
        let home = given(&self.home)
            .or_else(|| std::env::home_dir().map(|home| home.join(".agoric")))
            .ok_or_else(|| {
                Failure::Usage("no home directory is known: give --state-dir or --home".into())
            })?;
        Ok(home.join("data").join("agoric"))
    }

    /// The directory, which must exist.
    ///
    /// # Errors
    /// [`Error::Io`] if it does not exist.
    pub fn directory(&self) -> Result<PathBuf> {
        let directory = self.path()?;
        if !directory.is_dir() {
            let doing = format!("looking for {} ({HOW_TO_NAME})", directory.display());
            return Err(Error::io(doing, &system::not_found()).into());
        }
        Ok(directory)
    }

    /// The directory, which must have a store.
    ///
    /// # Errors
    /// [`Error::NoStore`] if there is none.
    pub fn store(&self) -> Result<PathBuf> {
        let directory = self.path()?;
        match find_file(&directory) {
            Ok(_) => Ok(directory),
            Err(Error::NoStore { directory, problem }) => Err(Failure::Store(Error::NoStore {
                problem: format!("{problem} ({HOW_TO_NAME}){}", instead(&directory)),
                directory,
            })),
            Err(other) => Err(other.into()),
        }
    }
}

/// What a directory without a store has, if it is an export.
fn instead(directory: &Path) -> &'static str {
    if directory.join(MANIFEST_NAME).exists() {
        ". It is an export: the command import creates a store from it"
    } else {
        ""
    }
}
