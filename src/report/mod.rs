//! The HTML report: one page that shows what is in a store.
//!
//! The page is one file without any reference to another one, and a policy in it says that it
//! may load nothing. What fills it comes from a store that anybody may have written to, so
//! everything is escaped: by the template where it stands in HTML, by `data` where it is for the
//! script, which in turn makes texts of it and no HTML.
//!
//! However large the store is, the page is not: see `vats::MOST_VATS`, `data::Room`,
//! `findings::MOST_OF_A_KIND` and `bundles::MOST_BUNDLES`.

mod bundles;
mod contents;
mod data;
mod explain;
mod findings;
pub(crate) mod page;
mod pieces;
mod space;
mod sums;
#[cfg(test)]
mod tests;
mod vats;
mod words;

pub(crate) use contents::StoreContents;
pub(crate) use findings::{ListedFindings, MOST_OF_A_KIND};
