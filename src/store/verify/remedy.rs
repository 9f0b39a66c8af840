//! Remedies: the command that repairs what a finding describes, or the advice to restore the store.

use std::path::Path;

use crate::store::encoding::shell::quoted;
use crate::store::records::mode::ArtifactMode;
use crate::store::transfer::incomplete::repopulate_command;

/// The advice when the store has no record of what is right.
pub(super) const RESTORE: &str = "No command can repair this: restore the store from a backup, with \
                                  state-sync, or from another node's export";

/// Commands for one store. In each, `DIR` stands for a directory that the operator supplies.
pub(super) struct Remedies {
    /// The store's directory, quoted for a shell.
    store: String,
    mode: &'static str,
}

impl Remedies {
    pub(super) fn new(directory: &Path, mode: ArtifactMode) -> Remedies {
        Remedies {
            store: quoted(&directory.to_string_lossy()),
            mode: match mode {
                // Mode `debug` requires nothing, so only damaged contents are replaced.
                ArtifactMode::Debug => ArtifactMode::Operational.name(),
                mode => mode.name(),
            },
        }
    }

    /// For missing contents.
    pub(super) fn fill(&self) -> String {
        format!(
            "To restore the content, run `{}`, where DIR is an export or archive of any node that has it",
            repopulate_command(&self.store, self.mode)
        )
    }

    /// For contents that do not match their record.
    pub(super) fn replace(&self) -> String {
        format!(
            "To replace the content, run `{} --replace-damaged`, where DIR is an export or archive of any node \
             that has it. If the command rejects the artifact, the record is wrong: restore the \
             store",
            repopulate_command(&self.store, self.mode)
        )
    }

    /// For the rest of a span whose pruning was interrupted.
    pub(super) fn prune(&self) -> String {
        format!(
            "To delete the rest, run `swing-store prune --state-dir {} --keep-transcripts {} \
             --keep-snapshots debug`, which deletes all spans that this mode does not need. To \
             restore the deleted items instead, use repopulate",
            self.store, self.mode
        )
    }

    /// For rows that differ from compressed items.
    pub(super) fn compact(&self) -> String {
        format!(
            "To keep what matches the hash of the span, run `swing-store compact --state-dir {}`",
            self.store
        )
    }

    /// For items that are compressed twice.
    pub(super) fn expand(&self) -> String {
        format!(
            "To keep one of them, run `swing-store expand --state-dir {}`, which turns compressed \
             items back into rows",
            self.store
        )
    }

    /// For a missing record.
    pub(super) fn add_record(&self) -> String {
        format!(
            "To add the record, stop the kernel and run `swing-store import --state-dir {} --export-dir \
             DIR --export-data-mode repair-metadata --artifact-mode none`, where DIR is another \
             node's export of the same block, and then restore the content with repopulate. \
             Without such an export, restore the store",
            self.store
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_quoted_for_a_shell() {
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
