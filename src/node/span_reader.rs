//! A transcript span for JavaScript, item by item.

use std::sync::{Arc, Mutex, PoisonError};

use super::raw::{Call, Function, Reply, Value, functions};
use crate::store::{Result, SpanReader};

const METHODS: &[Function<SpanReader>] = &[("next", |call| {
    let item = call.target.next_item()?;
    Ok(Value::or_undefined(item, |(_, item)| Value::Text(item)).into())
})];

/// Several spans, one after the other.
type Chain = Mutex<std::vec::IntoIter<SpanReader>>;

const CHAIN_METHODS: &[Function<Chain>] = &[("next", next_row)];

/// An object whose `next()` returns the next item, and `undefined` at the end.
pub fn make<T: 'static>(call: &Call<'_, T>, reader: SpanReader) -> Result<Reply> {
    functions(call.env(), &Arc::new(reader), METHODS).map(Reply::Js)
}

/// An object whose `next()` returns the next item of the spans, with its vat and its position,
/// and `undefined` at the end.
pub fn make_chain<T: 'static>(call: &Call<'_, T>, readers: Vec<SpanReader>) -> Result<Reply> {
    let chain = Arc::new(Mutex::new(readers.into_iter()));
    functions(call.env(), &chain, CHAIN_METHODS).map(Reply::Js)
}

fn next_row(call: &Call<'_, Chain>) -> Result<Reply> {
    let mut chain = call.target.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(reader) = chain.as_slice().first() {
        if let Some((position, item)) = reader.next_item()? {
            return Ok(Value::Plain(vec![
                ("vatID", Value::text(reader.vat_id())),
                ("position", Value::Number(position as f64)),
                ("item", Value::Text(item)),
            ])
            .into());
        }
        chain.next();
    }
    Ok(Value::Undefined.into())
}
