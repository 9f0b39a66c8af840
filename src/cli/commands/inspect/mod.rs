//! `inspect`: shows the content of a store.

pub(crate) mod all;
#[cfg(feature = "report")]
pub(crate) mod html;
pub(crate) mod one;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, StoreArguments};
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::history::History;
use all::All;
#[cfg(feature = "report")]
use html::HtmlArgs;
use one::One;

/// Show the content of a store: vats, incarnations, spans, snapshots, bundles, and pruned history.
///
/// Nothing is changed. A kernel can use the store meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store inspect
      all vats, and the bundles, of ~/.agoric/data/agoric
  swing-store inspect --vat v9 --sizes
      the incarnations, spans and snapshots of one vat
  swing-store inspect --html report.html
      a page with all of it, and what a verification finds
  swing-store inspect --json | jq '.vats[] | select(.state == \"terminated\") | .vatID'")]
pub struct InspectArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// Show one vat in detail, by its ID or its name.
    #[arg(long, value_name = "VAT")]
    vat: Option<String>,

    /// Show the sizes of transcripts, which reads the row of every item.
    #[arg(long)]
    sizes: bool,

    #[cfg(feature = "report")]
    #[command(flatten)]
    html: HtmlArgs,
}

/// Prints the content, or writes the report.
///
/// # Errors
/// Errors of [`History::open`](crate::store::history::History::open), of its queries, and of writing the
/// report.
pub fn run(args: InspectArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let called = |vat: &String| History::open(&store)?.vat_called(vat, &session.monitor());
    let vat = args.vat.as_ref().map(called).transpose()?;
    #[cfg(feature = "report")]
    if let Some(file) = args.html.file() {
        return html::run(&args.html, file, &store, vat.as_deref(), session);
    }
    let monitor = session.monitor();
    match &vat {
        None => {
            let all = session.watch("Looking", &monitor, || {
                All::find(&store, args.sizes, &monitor)
            })?;
            let document = Document::new("inspect", StoreArguments::new(&store), &all);
            session.answer(&document, |out| all.print(&store, out))?;
        }
        Some(vat_id) => {
            let one = session.watch("Looking", &monitor, || {
                One::find(&store, vat_id, args.sizes, &monitor)
            })?;
            let document = Document::new("inspect", StoreArguments::new(&store), &one);
            session.answer(&document, |out| one.print(out))?;
        }
    }
    Ok(Outcome::Success)
}
