//! History from elsewhere: reads artifacts that a store has pruned from another place.
//!
//! The store's records have the hashes of what it pruned ([`Absent`]), and a [`HistorySource`] checks
//! each artifact against them before it says that the artifact is complete. So the place need not be
//! trusted. A [`FetchAhead`] reads artifacts for a caller that takes one after the other.

mod absent;
mod fetch_ahead;
mod source;
mod wanted;

pub(crate) use absent::Absent;
pub(crate) use fetch_ahead::{FetchAhead, FetchedArtifact};
pub(crate) use source::{HistorySource, unless_lacking};
pub(crate) use wanted::Wanted;
