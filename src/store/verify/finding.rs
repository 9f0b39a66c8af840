//! What a verification finds: one thing that is not as it should be.

use crate::store::error::show;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something is damaged, or missing though it is needed.
    Error,
    /// All is there, but in a way that no kernel writes.
    Warning,
}

impl Severity {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Defines the kinds with their names and severities in one place.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $severity:ident,)*) => {
        /// What kind of thing is wrong. The names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            /// The word for it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self {
                    $(Kind::$kind => Severity::$severity,)*
                }
            }
        }
    };
}

kinds! {
    /// SQLite's own check of the file found something.
    Integrity "sqlite-integrity" Error,
    /// SQLite could not read something.
    Unreadable "unreadable" Error,
    /// A table or a column is not there.
    SchemaMissing "schema-missing" Error,
    /// A table is declared in another way than a store declares it.
    SchemaDiffers "schema-differs" Warning,
    /// Something that is declared changes or refuses what a kernel writes, or takes a table's place.
    SchemaAltered "schema-altered" Error,
    /// A column holds a value of a type, or form, that no store writes.
    BadValue "bad-value" Error,
    /// `isCurrent` or `inUse` is neither 1 nor NULL.
    BadMark "bad-mark" Error,
    /// A vat's or bundle's ID is no part of a name that could be taken apart again.
    BadName "bad-name" Error,
    /// A text is not well-formed Unicode, and reads back as another one.
    NotUnicode "not-unicode" Warning,
    /// The hash of all that the kernel did is none.
    BadActivityhash "bad-activityhash" Error,
    /// A span begins below zero, ends before it begins, or beyond all positions.
    SpanBounds "span-bounds" Error,
    /// Positions between two spans, or before the first, belong to none.
    SpanGap "span-gap" Error,
    /// Positions belong to two spans.
    SpanOverlap "span-overlap" Error,
    /// A span has a lower incarnation than one before it.
    IncarnationBack "incarnation-back" Error,
    /// A vat that is not terminated has no current span.
    CurrentSpanMissing "current-span-missing" Error,
    /// A vat has more than one current span.
    CurrentSpanTwice "current-span-twice" Error,
    /// A vat's current span is not its last.
    CurrentSpanNotLast "current-span-not-last" Error,
    /// A span has no items, though the mode needs them.
    SpanPruned "span-pruned" Error,
    /// A historical span that the mode does not need has its last items only.
    SpanHalfPruned "span-half-pruned" Warning,
    /// A span has some of its items.
    SpanIncomplete "span-incomplete" Error,
    /// A span's items do not have its hash.
    SpanHash "span-hash" Error,
    /// Items that belong to no span.
    StrayItem "stray-item" Error,
    /// Items of another incarnation than their span.
    ItemIncarnation "item-incarnation" Error,
    /// Items with a newline in them, which ends an item in an artifact.
    ItemNewline "item-newline" Error,
    /// A snapshot in use has no contents, though the mode needs them.
    SnapshotPruned "snapshot-pruned" Error,
    /// A snapshot's contents can't be decompressed.
    SnapshotGzip "snapshot-gzip" Error,
    /// A snapshot's image does not have its hash.
    SnapshotHash "snapshot-hash" Error,
    /// A snapshot's size is not what its row says.
    SnapshotSize "snapshot-size" Error,
    /// A vat has more than one snapshot in use.
    SnapshotInUseTwice "snapshot-in-use-twice" Error,
    /// A span begins by loading a snapshot that the store does not have in its place.
    LoadUnmatched "load-snapshot-unmatched" Error,
    /// A snapshot is in use, but the vat's current span does not begin with it.
    SnapshotUnmatched "snapshot-unmatched" Error,
    /// A bundle has no contents, though the mode needs them.
    BundlePruned "bundle-pruned" Error,
    /// A bundle is not what its ID says.
    BundleInvalid "bundle-invalid" Error,
    /// An export in this mode would fail, for a reason that has no other finding.
    Incomplete "incomplete" Error,
}

/// Where something is wrong. Findings are given in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
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
    /// `snapshots`
    Snapshots,
    /// `bundles`
    Bundles,
}

impl Table {
    /// All tables of a store.
    pub(super) const STORES: [Table; 6] = [
        Table::Kv,
        Table::PendingExports,
        Table::Spans,
        Table::Items,
        Table::Snapshots,
        Table::Bundles,
    ];

    /// The table's name; none for the database as a whole.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Table::Database => None,
            Table::Kv => Some("kvStore"),
            Table::PendingExports => Some("pendingExports"),
            Table::Spans => Some("transcriptSpans"),
            Table::Items => Some("transcriptItems"),
            Table::Snapshots => Some("snapshots"),
            Table::Bundles => Some("bundles"),
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table that it is in.
    pub table: Table,
    /// The key, or the vat's or bundle's ID, of the row; long ones are cut off.
    pub id: Option<Vec<u8>>,
    /// The position of the span, item or snapshot.
    pub position: Option<i64>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// The artifact that it concerns, if there is one by that name.
    pub artifact: Option<Vec<u8>>,
    /// What was found, what was expected, and what to do.
    pub message: String,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    pub(super) fn new(kind: Kind, table: Table, message: impl Into<String>) -> Finding {
        Finding {
            table,
            id: None,
            position: None,
            kind,
            artifact: None,
            message: message.into(),
        }
    }

    /// Of the row with this key or ID.
    pub(super) fn of(mut self, id: &[u8]) -> Finding {
        self.id = Some(cut(id).to_vec());
        self
    }

    /// At this position.
    pub(super) fn at(mut self, position: i64) -> Finding {
        self.position = Some(position);
        self
    }

    /// Of this artifact. A name that is too long to be told names nothing.
    pub(super) fn artifact(mut self, name: Vec<u8>) -> Finding {
        self.artifact = (name.len() <= 3 * MOST_BYTES).then_some(name);
        self
    }
}

/// How much of a text from a store stands in a finding. IDs of bundles are 131 bytes long.
const MOST_BYTES: usize = 200;

fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MOST_BYTES)]
}

/// A text as messages show it, cut off if it is very long.
pub(super) fn brief(text: &[u8]) -> String {
    let shown = show(cut(text));
    match text.len() > MOST_BYTES {
        true => format!("{shown}… ({} bytes)", text.len()),
        false => shown,
    }
}
