//! Data that several rooms exchange: export records, artifact names and modes, spans, and changes
//! of the export data.

pub(crate) mod change;
pub(crate) mod item_batch;
pub(crate) mod mode;
pub(crate) mod names;
pub(crate) mod record;
pub(crate) mod span;
