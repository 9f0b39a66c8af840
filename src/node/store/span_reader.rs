//! Readers of transcript spans, one batch of items at a time.

use std::sync::{Arc, Mutex};

use crate::node::raw::{Call, Function, Reply, Value, functions, text_to_js, to_js};
use crate::store::error::Result;
use crate::store::substores::span_reader::SpanReader;
use crate::store::tasks::lock;

const METHODS: &[Function<SpanReader>] = &[
    ("next", next_items),
    ("close", |call| {
        call.target.close();
        Ok(Value::Undefined.into())
    }),
];

/// Several spans in sequence.
type Chain = Mutex<std::vec::IntoIter<SpanReader>>;

const CHAIN_METHODS: &[Function<Chain>] = &[
    ("next", next_rows),
    ("close", |call| {
        let mut chain = lock::lock(call.target);
        *chain = Vec::new().into_iter();
        Ok(Value::Undefined.into())
    }),
];

/// An object whose `next(arrayOf)` returns an array of the next items, and `undefined` at the end.
pub fn make<T: 'static>(call: &Call<'_, T>, reader: SpanReader) -> Result<Reply> {
    functions(call.env(), &Arc::new(reader), METHODS).map(Reply::Js)
}

/// An object whose `next(arrayOf)` returns an array of the next items of the spans, each with its vat
/// and its position, and `undefined` at the end.
pub fn make_chain<T: 'static>(call: &Call<'_, T>, readers: Vec<SpanReader>) -> Result<Reply> {
    let chain = Arc::new(Mutex::new(readers.into_iter()));
    functions(call.env(), &chain, CHAIN_METHODS).map(Reply::Js)
}

fn next_items(call: &Call<'_, SpanReader>) -> Result<Reply> {
    let Some(batch) = call.target.next_batch()? else {
        return Ok(Value::Undefined.into());
    };
    // No lock is held here: making strings may collect garbage, and finalizers may lock.
    let items = call.array_by(
        0,
        batch.iter().map(|(_, item)| text_to_js(call.env(), item)),
    );
    call.target.recycle(batch);
    items.map(Reply::Js)
}

fn next_rows(call: &Call<'_, Chain>) -> Result<Reply> {
    let mut chain = lock::lock_sound(call.target)?;
    while let Some(reader) = chain.as_slice().first() {
        if let Some(batch) = reader.next_batch()? {
            let row = |(position, item): (i64, &[u8])| {
                let row = Value::Plain(vec![
                    ("vatID", Value::text(reader.vat_id())),
                    ("position", Value::Number(position as f64)),
                    ("item", Value::text(item)),
                ]);
                to_js(call.env(), &row)
            };
            let rows = call.array_by(0, batch.iter().map(row));
            reader.recycle(batch);
            return rows.map(Reply::Js);
        }
        chain.next();
    }
    Ok(Value::Undefined.into())
}
