//! Queries of a store's history, each a job that returns JSON text, and readers of items.

use std::sync::Arc;

use serde::Deserialize;

use super::job;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::node::store::database::path_from;
use crate::node::store::source;
use crate::node::store::source::Origin;
use crate::store::error::Result;
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
    ("replayPlan", |call| ask_of_vat(call, About::Plan)),
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
    Plan(String),
    BlockHeight,
}

/// A query.
struct Question {
    history: Arc<History>,
    about: About,
    options: QueryOptions,
}

/// The options of a query, as JSON text.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct QueryOptions {
    /// Whether to include sizes.
    sizes: bool,
    /// Which incarnation a plan is for; by default the current one.
    incarnation: Option<i64>,
    /// Where the replay starts.
    from: ReplayFrom,
}

/// Which items to read, as JSON text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ItemsOptions {
    skip_missing: bool,
    selection: Selection,
}

impl Question {
    fn answer(&self, monitor: &Monitor) -> Result<Value> {
        let Question {
            history, options, ..
        } = self;
        if options.sizes {
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
            About::Plan(vat_id) => {
                let (incarnation, from) = (options.incarnation, options.from);
                job::json(&history.replay_plan(vat_id, incarnation, from, monitor)?)
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
            | About::Plan(vat_id) => Some(vat_id),
            About::Vats | About::Snapshots(_) | About::Bundles | About::BlockHeight => None,
        }
    }
}

/// `openHistory(dirPath, historyFrom)`: `historyFrom` is the place of what the store has pruned, if any.
pub fn open(call: &Call<'_, ()>) -> Result<Reply> {
    let directory = path_from(call.text(0, "dirPath")?)?;
    let history = Arc::new(match call.optional_text(1) {
        Some(place) => History::open_with_history(&directory, &path_from(place)?)?,
        None => History::open(&directory)?,
    });
    functions(call.env(), &history, METHODS).map(Reply::Js)
}

/// The vat ID in the first argument.
fn vat_id(call: &Call<'_, History>) -> Result<String> {
    let vat_id = call.text(0, "vatID")?;
    Ok(String::from_utf8_lossy(&vat_id).into_owned())
}

/// Makes the job of a query. The second argument has its options, if any.
fn ask(call: &Call<'_, History>, about: About) -> Result<Reply> {
    call.target.check_open()?;
    let options = if call.is_text(1) {
        call.options(1)?
    } else {
        QueryOptions::default()
    };
    let question = Question {
        history: call.target.clone(),
        about,
        options,
    };
    job::make(call, move |monitor| question.answer(monitor))
}

fn ask_of_vat(call: &Call<'_, History>, about: fn(String) -> About) -> Result<Reply> {
    ask(call, about(vat_id(call)?))
}

/// `items(vatID, options)`: a source of packed runs.
fn items(call: &Call<'_, History>) -> Result<Reply> {
    let history = call.target;
    history.check_open()?;
    let vat_id = vat_id(call)?;
    let options: ItemsOptions = call.options(1)?;
    let reader = history.read_items(&vat_id, options.selection, options.skip_missing);
    source::make(call, Origin::Items(Box::new(reader)))
}
