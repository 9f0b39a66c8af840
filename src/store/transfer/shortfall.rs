//! What a store, or an export, lacks for a mode, and what to do: for functions that the reference
//! does not have. Those that it has keep its words, which name neither vat nor span.

use std::path::Path;

use crate::store::database::Database;
use crate::store::encoding::shell::quoted;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;

/// How many artifacts are named.
const NAMED: usize = 5;

/// The command that restores pruned or damaged contents of `store`, a quoted directory.
pub(crate) fn repopulate_command(store: &str, mode: &str) -> String {
    format!("swing-store repopulate --state-dir {store} --from DIR --artifact-mode {mode}")
}

/// The command that fills in what a store lacks for a mode; `DIR` stands for where it is.
fn fill_command(directory: &Path, mode: ArtifactMode) -> String {
    repopulate_command(&quoted(&directory.to_string_lossy()), mode.name())
}

/// Who lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// A store that is to be exported, or archived.
    Store,
    /// An export that was imported.
    Export,
}

impl Incomplete {
    /// Adds to an error that says that something is missing what it is, and what to do.
    pub(crate) fn explain(self, db: &Database, mode: ArtifactMode, error: Error) -> Error {
        if error.code() != "ERR_SWING_STORE_INCOMPLETE" {
            return error;
        }
        match self.describe(db, mode) {
            Ok(more) => Error::Explained {
                error: Box::new(error),
                more,
            },
            // What can't be read is no reason not to say the rest.
            Err(_) => error,
        }
    }

    fn describe(self, db: &Database, mode: ArtifactMode) -> Result<String> {
        let missing = missing(db, mode)?;
        let who = match self {
            Incomplete::Store => "The store",
            Incomplete::Export => "The export",
        };
        let mode_name = mode.name();
        if missing.is_empty() {
            return Ok(format!(
                "{who} lacks a span's record that mode {mode_name} needs; `swing-store verify` tells \
                 which"
            ));
        }
        let named = missing[..missing.len().min(NAMED)].join(", ");
        let rest = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        let instead = [
            ArtifactMode::Archival,
            ArtifactMode::Replay,
            ArtifactMode::Operational,
        ]
        .into_iter()
        .filter(|lesser| *lesser < mode)
        .find(|lesser| has_all(db, *lesser));
        let lesser = |doing: &str| match instead {
            Some(lesser) => format!(
                "{doing} in artifact mode {}, which needs none of that; or",
                lesser.name()
            ),
            None => String::new(),
        };
        let advice = match self {
            Incomplete::Store => {
                let directory = db.file().and_then(Path::parent).unwrap_or(Path::new("."));
                let lesser = lesser("Export");
                let begin = if lesser.is_empty() { "First" } else { "first" };
                format!(
                    "{lesser} {begin} fill it in, by `{}`, where DIR has an export, or an archive, \
                     of any node that has it",
                    fill_command(directory, mode)
                )
            }
            Incomplete::Export => {
                let lesser = lesser("Import");
                let begin = if lesser.is_empty() { "Take" } else { "take" };
                format!("{lesser} {begin} an export that was made in mode {mode_name}")
            }
        };
        let advice = advice.trim_start();
        Ok(format!(
            "{who} lacks for mode {mode_name}: {named}{rest}. {advice}"
        ))
    }
}

/// The artifacts that a mode needs and that are not there, as messages show them.
fn missing(db: &Database, mode: ArtifactMode) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let shown = |name: &[u8]| String::from_utf8_lossy(name).escape_debug().to_string();
    for span in db.spans_of_mode(mode)? {
        let expected = span.end_pos.saturating_sub(span.start_pos);
        let count = db.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
        if count != expected {
            let name = shown(&span.artifact_name());
            let vat = shown(&span.vat_id);
            missing.push(format!(
                "{name} (vat {vat} has {count} of its {expected} items)"
            ));
        }
    }
    let others = [
        db.peek_rows(
            "SELECT vatID, snapPos FROM snapshots
             WHERE compressedSnapshot IS NULL AND inUse = 1 ORDER BY vatID",
            [],
            |row| {
                Ok(names::snapshot_name(
                    row.get_ref(0)?.as_bytes()?,
                    row.get(1)?,
                ))
            },
        )?,
        db.peek_rows(
            "SELECT bundleID FROM bundles WHERE bundle IS NULL ORDER BY bundleID",
            [],
            |row| Ok(names::bundle_name(row.get_ref(0)?.as_bytes()?)),
        )?,
    ];
    missing.extend(others.concat().iter().map(|name| shown(name)));
    Ok(missing)
}

/// Whether an export in a mode is possible.
fn has_all(db: &Database, mode: ArtifactMode) -> bool {
    db.check_bundles(mode)
        .and_then(|()| db.check_transcripts(mode))
        .and_then(|()| db.check_snapshots(mode))
        .is_ok()
}
