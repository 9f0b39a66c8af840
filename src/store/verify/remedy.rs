//! What to do about findings: the command that mends them, or that there is none.

use std::path::Path;

use crate::store::encoding::shell::quoted;
use crate::store::records::mode::ArtifactMode;
use crate::store::transfer::incomplete::repopulate_command;

/// What has to be done where nothing in the store says what is right.
pub(super) const RESTORE: &str = "Nothing but another copy of the store mends that: restore it \
                                  from a backup, by state-sync, or by an import of another node's \
                                  export";

/// Commands for one store. In each, `DIR` stands for a directory that the operator has.
pub(super) struct Remedies {
    /// The store's directory, as a shell takes it.
    store: String,
    mode: &'static str,
}

impl Remedies {
    pub(super) fn new(directory: &Path, mode: ArtifactMode) -> Remedies {
        Remedies {
            store: quoted(&directory.to_string_lossy()),
            mode: match mode {
                // There nothing has to be there, so nothing is filled in but what is damaged.
                ArtifactMode::Debug => ArtifactMode::Operational.name(),
                mode => mode.name(),
            },
        }
    }

    /// For contents that are not there.
    pub(super) fn fill(&self) -> String {
        format!(
            "Fill it in: run `{}`, where DIR has an export, or an archive, of any node that has it",
            repopulate_command(&self.store, self.mode)
        )
    }

    /// For contents that are not what their record says.
    pub(super) fn replace(&self) -> String {
        format!(
            "Replace it: run `{} --replace-damaged`, where DIR has an export, or an archive, of any \
             node that has it. If that is refused, the record was changed, and the store must be \
             restored",
            repopulate_command(&self.store, self.mode)
        )
    }

    /// For the rest of a span whose pruning was cut short.
    pub(super) fn prune(&self) -> String {
        format!(
            "Delete the rest: run `swing-store prune --state-dir {} --keep-transcripts {} \
             --keep-snapshots debug`, which deletes all spans that this mode does not need; or fill \
             it in, by repopulate",
            self.store, self.mode
        )
    }

    /// For a record that is not there.
    pub(super) fn add_record(&self) -> String {
        format!(
            "Add it: with the kernel stopped, run `swing-store import --state-dir {} --export-dir \
             DIR --export-data-mode repair-metadata --artifact-mode none`, where DIR has another \
             node's export of the same block; then the contents can be filled in, by repopulate. \
             Without such an export, restore the store",
            self.store
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_words_of_a_shell() {
        for (directory, word) in [
            ("/var/lib/agoric", "/var/lib/agoric"),
            ("/my store", "'/my store'"),
            ("/it's", r"'/it'\''s'"),
            ("", "''"),
        ] {
            let remedies = Remedies::new(Path::new(directory), ArtifactMode::Debug);
            let expected = format!("--state-dir {word} --from DIR --artifact-mode operational`");
            assert!(remedies.fill().contains(&expected), "{}", remedies.fill());
        }
    }
}
