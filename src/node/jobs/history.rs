//! Queries of a store's history, each a job that returns JSON text, and readers of items.

use std::sync::Arc;

use super::job;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::node::store::source;
use crate::node::store::source::Origin;
use crate::store::error::{Error, Result};
use crate::store::history::{History, ReplayFrom, Selection};
use crate::store::tasks::monitor::{Monitor, Stage};

const METHODS: &[Function<History>] = &[
    ("vats", |call| ask(call, About::Vats)),
    ("vat", |call| ask_of_vat(call, About::Vat)),
    ("incarnations", |call| ask_of_vat(call, About::Incarnations)),
    ("spans", |call| ask_of_vat(call, About::Spans)),
    ("pseudoDeliveries", |call| {
        ask_of_vat(call, About::PseudoDeliveries)
    }),
    ("snapshots", |call| {
        let vat_id = if call.is_text(0) {
            Some(vat_id(call)?)
        } else {
            None
        };
        ask(call, About::Snapshots(vat_id))
    }),
    ("bundles", |call| ask(call, About::Bundles)),
    ("replayPlan", replay_plan),
    ("blockHeight", |call| ask(call, About::BlockHeight)),
    ("items", items),
    ("checkOpen", |call| {
        call.target.check_open()?;
        Ok(Value::Undefined.into())
    }),
    ("close", |call| {
        // Running queries end first, which may take a moment.
        let history = call.target.clone();
        call.promise_of_end(move || {
            history.close()?;
            Ok(Value::Undefined)
        })
    }),
];

/// The subject of a query.
enum About {
    Vats,
    Vat(String),
    Incarnations(String),
    Spans(String),
    PseudoDeliveries(String),
    Snapshots(Option<String>),
    Bundles,
    Plan(String, Option<i64>, ReplayFrom),
    BlockHeight,
}

/// A query.
struct Question {
    history: Arc<History>,
    about: About,
    /// Whether to include sizes.
    sizes: bool,
}

impl Question {
    fn answer(&self, monitor: &Monitor) -> Result<Value> {
        let Question { history, .. } = self;
        if self.sizes {
            history.measure(self.about.vat_id(), monitor)?;
        }
        let answer = match &self.about {
            About::Vats => job::json(&history.vats(monitor)?),
            About::Vat(vat_id) => job::json(&history.vat(vat_id, monitor)?),
            About::Incarnations(vat_id) => job::json(&history.incarnations(vat_id, monitor)?),
            About::Spans(vat_id) => job::json(&history.spans(vat_id, monitor)?),
            About::PseudoDeliveries(vat_id) => {
                job::json(&history.pseudo_deliveries(vat_id, monitor)?)
            }
            About::Snapshots(vat_id) => job::json(&history.snapshots(vat_id.as_deref())?),
            About::Bundles => job::json(&history.bundles()?),
            About::Plan(vat_id, incarnation, from) => {
                job::json(&history.replay_plan(vat_id, *incarnation, *from, monitor)?)
            }
            About::BlockHeight => job::json(&history.block_height()?),
        }?;
        monitor.begin(Stage::Done);
        Ok(answer)
    }
}

impl About {
    /// The vat of the query, if it is about one vat.
    fn vat_id(&self) -> Option<&str> {
        match self {
            About::Vat(vat_id)
            | About::Incarnations(vat_id)
            | About::Spans(vat_id)
            | About::PseudoDeliveries(vat_id)
            | About::Plan(vat_id, ..) => Some(vat_id),
            About::Vats | About::Snapshots(_) | About::Bundles | About::BlockHeight => None,
        }
    }
}

/// `openHistory(dirPath)`.
pub fn open(call: &Call<'_, ()>) -> Result<Reply> {
    let directory = crate::node::store::database::path_from(call.text(0, "dirPath")?)?;
    let history = Arc::new(History::open(&directory)?);
    functions(call.env(), &history, METHODS).map(Reply::Js)
}

/// The vat ID in the first argument.
fn vat_id(call: &Call<'_, History>) -> Result<String> {
    let vat_id = call.text(0, "vatID")?;
    Ok(String::from_utf8_lossy(&vat_id).into_owned())
}

/// Makes the job of a query. The second argument says whether to include sizes.
fn ask(call: &Call<'_, History>, about: About) -> Result<Reply> {
    call.target.check_open()?;
    let question = Question {
        history: call.target.clone(),
        about,
        sizes: call.is_true(1),
    };
    job::make(call, move |monitor| question.answer(monitor))
}

fn ask_of_vat(call: &Call<'_, History>, about: fn(String) -> About) -> Result<Reply> {
    ask(call, about(vat_id(call)?))
}

fn optional_whole_number(
    call: &Call<'_, History>,
    index: usize,
    what: &'static str,
) -> Result<Option<i64>> {
    match call.number(index) {
        Some(_) => call.whole_number(index, what).map(Some),
        None => Ok(None),
    }
}

/// `replayPlan(vatID, sizes, incarnation, fromSnapshot)`. The default incarnation is the current one.
fn replay_plan(call: &Call<'_, History>) -> Result<Reply> {
    let incarnation = optional_whole_number(call, 2, "incarnation")?;
    let from = if call.is_true(3) {
        ReplayFrom::Snapshot
    } else {
        ReplayFrom::Start
    };
    ask(call, About::Plan(vat_id(call)?, incarnation, from))
}

/// `items(vatID, skipMissing, 'range', start, end)`, where both positions are optional;
/// `items(vatID, skipMissing, 'span', startPos)`; `items(vatID, skipMissing, 'incarnation', n)`: a
/// source of packed runs.
fn items(call: &Call<'_, History>) -> Result<Reply> {
    let history = call.target;
    history.check_open()?;
    let vat_id = vat_id(call)?;
    let selection = match call.optional_text(2).as_deref() {
        Some(b"range") => Selection::Range {
            start: optional_whole_number(call, 3, "start")?,
            end: optional_whole_number(call, 4, "end")?,
        },
        Some(b"span") => Selection::Span(call.whole_number(3, "startPos")?),
        Some(b"incarnation") => Selection::Incarnation(call.whole_number(3, "incarnation")?),
        _ => return Err(Error::Internal("an unknown selection of items".into())),
    };
    let reader = history.read_items(&vat_id, selection, call.is_true(1));
    source::make(call, Origin::Items(Box::new(reader)))
}
