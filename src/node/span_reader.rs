//! A transcript span for JavaScript, item by item.

use std::sync::{Arc, Mutex, PoisonError};

use super::raw::{Call, Function, Reply, Value, functions};
use crate::store::{Result, SpanReader};

const METHODS: &[Function<SpanReader>] = &[("next", |call| {
    let items = call.target.next_items()?;
    let texts = |items: Vec<_>| {
        items
            .into_iter()
            .map(|(_, item)| Value::Text(item))
            .collect()
    };
    Ok(Value::or_undefined(items, |items| Value::Array(texts(items))).into())
})];

/// Several spans, one after the other.
type Chain = Mutex<std::vec::IntoIter<SpanReader>>;

const CHAIN_METHODS: &[Function<Chain>] = &[("next", next_row)];

/// An object whose `next()` returns an array of the next items, and `undefined` at the end.
pub fn make<T: 'static>(call: &Call<'_, T>, reader: SpanReader) -> Result<Reply> {
    functions(call.env(), &Arc::new(reader), METHODS).map(Reply::Js)
}

/// An object whose `next()` returns an array of the next items of the spans, each with its vat
/// and its position, and `undefined` at the end.
pub fn make_chain<T: 'static>(call: &Call<'_, T>, readers: Vec<SpanReader>) -> Result<Reply> {
    let chain = Arc::new(Mutex::new(readers.into_iter()));
    functions(call.env(), &chain, CHAIN_METHODS).map(Reply::Js)
}

fn next_row(call: &Call<'_, Chain>) -> Result<Reply> {
    let mut chain = call.target.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(reader) = chain.as_slice().first() {
        if let Some(items) = reader.next_items()? {
            let row = |(position, item)| {
                Value::Plain(vec![
                    ("vatID", Value::text(reader.vat_id())),
                    ("position", Value::Number(position as f64)),
                    ("item", Value::Text(item)),
                ])
            };
            return Ok(Value::Array(items.into_iter().map(row).collect()).into());
        }
        chain.next();
    }
    Ok(Value::Undefined.into())
}
