//! A finding: one problem in a store.

use serde::{Serialize, Serializer};

use crate::store::encoding::fields;
use crate::store::encoding::fields::schema_of;
use crate::store::error::show;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something needed is damaged or missing.
    Error,
    /// Nothing is missing or damaged, but no kernel writes this.
    Warning,
}

impl Severity {
    /// The severity as reports show it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Defines the kinds: name, severity, meaning and remedy.
macro_rules! kinds {
    ($($kind:ident $name:literal $severity:ident { $meaning:literal, $remedy:literal, })*) => {
        /// The kind of a finding. The names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingKind {
            $(#[doc = $meaning] $kind,)*
        }

        impl FindingKind {
            /// All kinds.
            pub const ALL: &'static [FindingKind] = &[$(FindingKind::$kind,)*];

            /// The names of all kinds.
            #[cfg(feature = "cli")]
            fn names() -> Vec<&'static str> {
                FindingKind::ALL.iter().map(|kind| kind.name()).collect()
            }

            /// The name, as reports contain it.
            pub fn name(self) -> &'static str {
                match self {
                    $(FindingKind::$kind => $name,)*
                }
            }

            /// The severity of all findings of this kind.
            pub fn severity(self) -> Severity {
                match self {
                    $(FindingKind::$kind => Severity::$severity,)*
                }
            }

            /// What the finding means, in Markdown without links or emphasis: only code spans.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(FindingKind::$kind => $meaning,)*
                }
            }

            /// What an operator does about it, in the same form as [`FindingKind::meaning`].
            pub fn remedy(self) -> &'static str {
                match self {
                    $(FindingKind::$kind => $remedy,)*
                }
            }
        }
    };
}

// `docs/reference/verify.md` shows these texts; a test compares them.
kinds! {
    Integrity "sqlite-integrity" Error {
        "SQLite's integrity check found damaged pages or inconsistent indexes.",
        "Restore the store, and check the disk.",
    }
    Unreadable "unreadable" Error {
        "SQLite could not read part of the file (`SQLITE_CORRUPT` or `SQLITE_IOERR`). The \
         rows that follow in the same table were not checked.",
        "Restore the store, and check the disk.",
    }
    SchemaMissing "schema-missing" Error {
        "A table or column is missing. Checks that need it were skipped.",
        "If an older version created the store, opening it with a newer version adds the \
         tables. Otherwise restore the store.",
    }
    SchemaDiffers "schema-differs" Warning {
        "The database has a table, column or index that no store has, or it lacks an index.",
        "Find out which tool changed it. Exports do not include the additions.",
    }
    SchemaAltered "schema-altered" Error {
        "A table is declared with a constraint, collation or default that no store has, has a \
         trigger, or is replaced by a view. The declaration alters or rejects what a kernel \
         writes. Nothing opens such a store for writing (`ERR_SWING_STORE_SCHEMA`), and \
         SQLite's integrity check is skipped because it would evaluate the declaration.",
        "Restore the store.",
    }
    BadValue "bad-value" Error {
        "A column holds a value of a type or form that no store writes: NULL, a blob, a \
         fraction, or a malformed hash of pruned contents.",
        "If it is an item, a heap image or a bundle, run `repopulate --replace-damaged`. If \
         it is a record, find out which tool changed it, and restore the store.",
    }
    BadMark "bad-mark" Error {
        "`isCurrent` or `inUse` is neither 1 nor NULL (it is 0, for example). The record is \
         neither current nor historical, and some exports omit it.",
        "Find out which tool changed it, and restore the store.",
    }
    BadName "bad-name" Error {
        "The ID of a vat or bundle is empty or contains a dot. The names of its artifacts \
         cannot be parsed, and imports reject them.",
        "No kernel creates such IDs. Find out which tool did, and restore the store.",
    }
    NotUnicode "not-unicode" Warning {
        "A key, value, ID or item is not well-formed Unicode: it contains an unpaired \
         surrogate, for example. It reads back as a different text, and exports contain that \
         text.",
        "Nothing, if the program that wrote it accepts that. A span with such an item cannot \
         be imported.",
    }
    BadActivityhash "bad-activityhash" Error {
        "The activityhash is not 64 hexadecimal digits. The next crank would diverge from \
         consensus.",
        "Restore the store.",
    }
    SpanBounds "span-bounds" Error {
        "A span starts below zero, ends before it starts, or ends beyond the integers that \
         JavaScript represents exactly.",
        "Restore the store.",
    }
    SpanGap "span-gap" Error {
        "Positions before the first span or between two spans belong to no span: a record is \
         missing.",
        "Run `import --export-data-mode repair-metadata` with another node's export of the \
         same block, and then `repopulate`. Without such an export, restore the store.",
    }
    SpanOverlap "span-overlap" Error {
        "Two spans cover the same positions.",
        "Restore the store.",
    }
    IncarnationBack "incarnation-back" Error {
        "A span has a lower incarnation than an earlier span of the same vat.",
        "Restore the store.",
    }
    CurrentSpanMissing "current-span-missing" Error {
        "A vat that the kernel has not terminated has no current span, or no span at all. The \
         kernel cannot load the vat.",
        "Restore the store.",
    }
    CurrentSpanTwice "current-span-twice" Error {
        "A vat has more than one current span.",
        "Restore the store.",
    }
    CurrentSpanNotLast "current-span-not-last" Error {
        "A vat has spans after its current span.",
        "Restore the store.",
    }
    SpanPruned "span-pruned" Error {
        "A span that the artifact mode needs has no items.",
        "Run `repopulate`, or choose a lesser artifact mode.",
    }
    SpanHalfPruned "span-half-pruned" Warning {
        "A historical span that the artifact mode does not need has only its last items. A \
         pruning that deletes a large span in several transactions is running or was \
         interrupted. The span counts as pruned.",
        "Run `prune` to delete the remaining items, or `repopulate` to restore all of them.",
    }
    SpanIncomplete "span-incomplete" Error {
        "A span has some of its items, but not all.",
        "Run `repopulate --replace-damaged`.",
    }
    SpanHash "span-hash" Error {
        "The items of a span do not match its hash: an item or the record was changed.",
        "Run `repopulate --replace-damaged`. If it rejects the artifacts of other nodes, the \
         record is wrong: restore the store.",
    }
    FrameUnreadable "frame-unreadable" Error {
        "Compressed items cannot be read: their format is wrong, or their checksum.",
        "Run `repopulate --replace-damaged`. If the format is of a newer version, use that version.",
    }
    FrameOverlap "frame-overlap" Warning {
        "Positions have compressed items twice, or rows that differ from their compressed items. The \
         rows count, then the first compressed items.",
        "If there are rows, run `compact`, which keeps what matches the hash of the span. Otherwise \
         run `expand`, which keeps one of them, and then `compact`.",
    }
    FrameStale "frame-stale" Warning {
        "Compressed items belong to no historical span of their hash: the span was deleted or \
         changed by a program that does not know compressed items, such as \
         `@agoric/swing-store`. They are never read.",
        "Nothing. Opening the store for writing deletes them.",
    }
    StrayItem "stray-item" Error {
        "Items belong to no span. Exports omit them, and a span that reaches their positions \
         cannot be written.",
        "If a record is missing (`span-gap`), add it. Otherwise restore the store.",
    }
    ItemIncarnation "item-incarnation" Error {
        "Items have a different incarnation than their span.",
        "Run `repopulate --replace-damaged`.",
    }
    ItemNewline "item-newline" Error {
        "An item contains a newline, which ends an item in an artifact. The span cannot be \
         imported.",
        "No kernel writes such items. Find out which tool did, and restore the store.",
    }
    SnapshotPruned "snapshot-pruned" Error {
        "A snapshot in use has no contents. The kernel cannot load its vat.",
        "Run `repopulate`.",
    }
    SnapshotGzip "snapshot-gzip" Error {
        "The contents of a snapshot cannot be decompressed.",
        "Run `repopulate --replace-damaged`.",
    }
    SnapshotHash "snapshot-hash" Error {
        "The heap image of a snapshot does not match its hash.",
        "Run `repopulate --replace-damaged`. If it rejects the artifacts of other nodes, the \
         record is wrong: restore the store.",
    }
    SnapshotSize "snapshot-size" Error {
        "A size in the row of a snapshot is wrong. The heap image is intact.",
        "Run `repopulate --replace-damaged`.",
    }
    SnapshotInUseTwice "snapshot-in-use-twice" Error {
        "A vat has more than one snapshot in use.",
        "Restore the store.",
    }
    LoadUnmatched "load-snapshot-unmatched" Error {
        "A span starts by loading a snapshot, but the store has no such snapshot in use (for \
         a current span) or recorded at that position (for a historical span).",
        "Restore the store.",
    }
    SnapshotUnmatched "snapshot-unmatched" Error {
        "A snapshot is in use, but the vat's current span does not start from it, or the vat \
         has no current span.",
        "Restore the store.",
    }
    BundlePruned "bundle-pruned" Error {
        "A bundle has no contents. Every artifact mode except `debug` needs all bundles.",
        "Run `repopulate`.",
    }
    BundleInvalid "bundle-invalid" Error {
        "The contents of a bundle do not match its ID, or the ID has an unknown prefix. \
         Imports reject the bundle.",
        "Run `repopulate --replace-damaged`.",
    }
    HistoryUnusable "history-unusable" Error {
        "The artifact mode needs contents that the store has pruned, and the file in the place of \
         `--history-from` does not match their hash or cannot be read.",
        "Replace the file there with `archive --check` from a node that has the contents, or name \
         another place.",
    }
    Incomplete "incomplete" Error {
        "An export in this artifact mode would fail for a reason that no other finding \
         describes.",
        "Follow the message, which is the export's error.",
    }
}

/// A table of a store, or the database as a whole. Reports sort findings in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreTable {
    /// The file, or its schema.
    Database,
    /// `kvStore`
    Kv,
    /// `pendingExports`
    PendingExports,
    /// `transcriptSpans`
    Spans,
    /// `transcriptItems`
    Items,
    /// `compressedItems`, which a store has only if something was compressed
    CompressedItems,
    /// `snapshots`
    Snapshots,
    /// `bundles`
    Bundles,
}

impl StoreTable {
    /// All tables of a store.
    pub(super) const STORES: [StoreTable; 7] = [
        StoreTable::Kv,
        StoreTable::PendingExports,
        StoreTable::Spans,
        StoreTable::Items,
        StoreTable::CompressedItems,
        StoreTable::Snapshots,
        StoreTable::Bundles,
    ];

    /// The table's name; `None` for the database as a whole.
    pub fn name(self) -> Option<&'static str> {
        match self {
            StoreTable::Database => None,
            StoreTable::Kv => Some("kvStore"),
            StoreTable::PendingExports => Some("pendingExports"),
            StoreTable::Spans => Some("transcriptSpans"),
            StoreTable::Items => Some("transcriptItems"),
            StoreTable::CompressedItems => Some("compressedItems"),
            StoreTable::Snapshots => Some("snapshots"),
            StoreTable::Bundles => Some("bundles"),
        }
    }
}

/// A problem that a verification found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table with the problem.
    pub table: StoreTable,
    /// The row's key, vat ID or bundle ID, truncated if it is very long.
    pub id: Option<Vec<u8>>,
    /// The position of the span, item or snapshot.
    pub position: Option<i64>,
    /// The kind of problem.
    pub kind: FindingKind,
    /// The name of the affected artifact, if any.
    pub artifact: Option<Vec<u8>>,
    /// What was found, what was expected, and what to do.
    pub message: String,
}

/// A [`Finding`] in JSON: `VerificationFinding` in `index.d.ts`.
#[derive(Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct FindingFields<'a> {
    /// The kind of problem.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = FindingKind::names())))]
    kind: &'static str,
    /// Whether something needed is damaged or missing.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = ["error", "warning"])))]
    severity: &'static str,
    /// The table with the problem, if it is in one table.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'static str>,
    /// The row's key, vat ID or bundle ID, truncated if it is very long.
    #[serde(
        serialize_with = "fields::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    id: Option<&'a [u8]>,
    /// The position of the span, item or snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    /// The name of the affected artifact, if any.
    #[serde(
        serialize_with = "fields::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    artifact: Option<&'a [u8]>,
    /// What was found, what was expected, and what to do.
    message: &'a str,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FindingFields {
            kind: self.kind.name(),
            severity: self.severity().name(),
            table: self.table.name(),
            id: self.id.as_deref(),
            position: self.position,
            artifact: self.artifact.as_deref(),
            message: &self.message,
        }
        .serialize(serializer)
    }
}

schema_of!(Finding, FindingFields<'_>);

impl Finding {
    /// The severity, which depends on the kind.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    pub(super) fn new(kind: FindingKind, table: StoreTable, message: impl Into<String>) -> Finding {
        Finding {
            table,
            id: None,
            position: None,
            kind,
            artifact: None,
            message: message.into(),
        }
    }

    /// Sets the key or ID of the row.
    pub(super) fn of(mut self, id: &[u8]) -> Finding {
        self.id = Some(cut(id).to_vec());
        self
    }

    /// Sets the position.
    pub(super) fn at(mut self, position: i64) -> Finding {
        self.position = Some(position);
        self
    }

    /// Sets the artifact. A name that is too long for a report is left out.
    pub(super) fn artifact(mut self, name: Vec<u8>) -> Finding {
        self.artifact = (name.len() <= 3 * MOST_BYTES).then_some(name);
        self
    }
}

/// How many bytes of a stored text a finding shows. Bundle IDs have 131.
const MOST_BYTES: usize = 200;

fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MOST_BYTES)]
}

/// A text as messages show it, truncated if it is very long.
pub(super) fn brief(text: &[u8]) -> String {
    let shown = show(cut(text));
    if text.len() > MOST_BYTES {
        format!("{shown}… ({} bytes)", text.len())
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_and_names_are_not_told_whole() {
        let most = "x".repeat(MOST_BYTES);
        assert_eq!(brief(b"v1"), show(b"v1"));
        assert_eq!(brief(most.as_bytes()), show(most.as_bytes()));
        let longer = format!("{most}y");
        let shown = brief(longer.as_bytes());
        assert_eq!(shown, format!("{}… (201 bytes)", show(most.as_bytes())));
        let finding = |name: Vec<u8>| {
            let finding = Finding::new(FindingKind::ALL[0], StoreTable::Spans, "a message");
            finding.artifact(name).artifact
        };
        let name = vec![b'n'; 3 * MOST_BYTES];
        assert_eq!(finding(name.clone()), Some(name.clone()));
        assert_eq!(finding([name, b"n".to_vec()].concat()), None);
    }

    /// The row of `docs/reference/verify.md` for a kind.
    fn row(kind: FindingKind) -> String {
        let [name, severity] = [kind.name(), kind.severity().name()];
        format!(
            "| `{name}` | {severity} | {} | {} |",
            kind.meaning(),
            kind.remedy()
        )
    }

    /// The name of the kind that a line of the page describes.
    fn described(line: &str) -> Option<&str> {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        (rest.starts_with("error |") || rest.starts_with("warning |")).then_some(name)
    }

    /// With `UPDATE_DOCS=1`, this test updates the rows of the page.
    #[test]
    fn the_documentation_shows_every_kind() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/verify.md");
        let page = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let kind_of = |name: &str| {
            FindingKind::ALL
                .iter()
                .find(|kind| kind.name() == name)
                .copied()
        };
        let correct = |line: &str| match described(line) {
            Some(name) => row(kind_of(name).unwrap_or_else(|| panic!("{name} is not a kind"))),
            None => line.to_owned(),
        };
        let corrected: String = page.lines().map(|line| correct(line) + "\n").collect();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &corrected).unwrap();
        } else {
            for (shown, expected) in page.lines().zip(corrected.lines()) {
                assert_eq!(shown, expected, "UPDATE_DOCS=1 corrects the page");
            }
        }
        for kind in FindingKind::ALL {
            let rows = corrected
                .lines()
                .filter(|line| described(line) == Some(kind.name()));
            assert_eq!(rows.count(), 1, "{}", kind.name());
        }
    }

    #[test]
    fn texts_have_no_markup_but_code() {
        for text in FindingKind::ALL
            .iter()
            .flat_map(|kind| [kind.meaning(), kind.remedy()])
        {
            assert!(text.ends_with('.'), "{text}");
            for markup in ["](", "**", "|", "above"] {
                assert!(!text.contains(markup), "{text}");
            }
            assert!(text.matches('`').count() % 2 == 0, "{text}");
        }
    }
}
