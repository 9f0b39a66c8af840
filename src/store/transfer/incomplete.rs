//! Explains which artifacts a store or an export lacks for a mode, and suggests a remedy. Only
//! functions that the reference does not have use this: the others keep the reference's messages,
//! which name neither vat nor span.

use std::path::Path;

use crate::store::database::Database;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::encoding::shell::quoted;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;

/// How many artifacts a message names.
const MAX_NAMED: usize = 5;

/// The command that restores pruned or damaged contents of `store`, a quoted directory.
pub(crate) fn repopulate_command(store: &str, mode: &str) -> String {
    format!("swing-store repopulate --state-dir {store} --from DIR --artifact-mode {mode}")
}

/// The command that restores what a store lacks for a mode, from a directory `DIR`.
fn fill_command(directory: &Path, mode: ArtifactMode) -> String {
    repopulate_command(&quoted(&directory.to_string_lossy()), mode.name())
}

/// The place where artifacts are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// A store being exported or archived.
    Store,
    /// An export being imported.
    Export,
}

impl Incomplete {
    /// Adds the names of the missing artifacts and a remedy to an error of code
    /// `ERR_SWING_STORE_INCOMPLETE`. Returns other errors unchanged.
    pub(crate) fn explain(self, db: &Database, mode: ArtifactMode, error: Error) -> Error {
        if error.code() != "ERR_SWING_STORE_INCOMPLETE" {
            return error;
        }
        match self.describe(db, mode) {
            Ok(more) => Error::Explained {
                error: Box::new(error),
                more,
            },
            // The description is optional: if the database can't be read, report the error alone.
            Err(_) => error,
        }
    }

    /// Explains an error of code `ERR_SWING_STORE_INCOMPLETE` of a store whose missing artifacts another
    /// place has: it lacks records. Returns other errors unchanged.
    pub(crate) fn no_record(mode: ArtifactMode, error: Error) -> Error {
        if error.code() != "ERR_SWING_STORE_INCOMPLETE" {
            return error;
        }
        Error::Explained {
            error: Box::new(error),
            more: format!(
                "Mode {} needs the record of a span, with its hash, that the store lacks, so no artifact \
                 from another place can be checked; `swing-store verify` shows which",
                mode.name()
            ),
        }
    }

    fn describe(self, db: &Database, mode: ArtifactMode) -> Result<String> {
        let missing = missing(db, mode)?;
        let place = match self {
            Incomplete::Store => "the store",
            Incomplete::Export => "the export",
        };
        let mode_name = mode.name();
        if missing.is_empty() {
            return Ok(format!(
                "Mode {mode_name} needs the record of a span that {place} lacks; `swing-store \
                 verify` shows which"
            ));
        }
        let named = missing[..missing.len().min(MAX_NAMED)].join(", ");
        let rest = match missing.len().saturating_sub(MAX_NAMED) {
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
        .find(|lesser| db.check_all(*lesser).is_ok());
        let these = agree(missing.len(), "this artifact", "these artifacts");
        let them = agree(missing.len(), "it", "them");
        let advice = match self {
            Incomplete::Store => {
                let directory = db.file().and_then(Path::parent).unwrap_or(Path::new("."));
                let restore = match instead {
                    Some(lesser) => format!(
                        "Export in artifact mode {}, which does not need {these}, or restore",
                        lesser.name()
                    ),
                    None => "Restore".to_owned(),
                };
                format!(
                    "{restore} {them} first with `{}`, where DIR is an export or an archive of any \
                     node that has {them}",
                    fill_command(directory, mode)
                )
            }
            Incomplete::Export => {
                let choose = match instead {
                    Some(lesser) => format!(
                        "Import in artifact mode {}, which does not need {these}, or choose",
                        lesser.name()
                    ),
                    None => "Choose".to_owned(),
                };
                format!("{choose} an export that was made in mode {mode_name}")
            }
        };
        Ok(format!(
            "Missing from {place} for mode {mode_name}: {named}{rest}. {advice}"
        ))
    }
}

/// The missing artifacts of a mode, as a message shows them.
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
                "{name} (vat {vat} has {} of {})",
                grouped(count),
                plural(expected, "item")
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
