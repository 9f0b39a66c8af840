//! The HTML report: one page that shows the contents of a store.
//!
//! The page is a single file that refers to no other file; its content security policy forbids it to
//! load anything. Its data comes from a store that may contain anything, so all of it is escaped: by
//! the template within HTML, and by `data` within the script's JSON. The script creates text nodes
//! from it, never HTML.
//!
//! The page's size is limited, however large the store is: see `vats::MOST_VATS`, `data::Limits`,
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
