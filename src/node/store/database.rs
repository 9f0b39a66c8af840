//! The database handle of store tools, for the interface of better-sqlite3.

use std::path::PathBuf;
use std::sync::Arc;

use napi::sys;

use crate::node::raw::shared::add_signal;
use crate::node::raw::{Call, Function, Reply, Value, add_functions, functions, tie};
use crate::store::database::tool_statement::{Bindings, SqlValue};
use crate::store::database::{Database, Location, OpenOptions, SharedDatabase};
use crate::store::error::{Error, Result};

/// The type tag of JavaScript objects with a [`SharedDatabase`].
const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x7377_696e_672d_7374,
    upper: 0x6f72_652d_6461_7461,
};

const METHODS: &[Function<SharedDatabase>] = &[
    ("prepare", prepare),
    ("execute", execute),
    ("close", close),
    ("serialize", serialize),
    ("refresh", |call| {
        call.target.lock().refresh();
        Ok(Value::Undefined.into())
    }),
    ("isOpen", |call| flag(call.target.lock().is_open())),
    ("inTransaction", |call| {
        flag(call.target.lock().in_transaction())
    }),
];

/// A prepared statement, which is finalized with its last reference.
struct Prepared {
    db: SharedDatabase,
    id: u32,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.db.lock().drop_statement(self.id);
    }
}

const STATEMENT_METHODS: &[Function<Prepared>] = &[
    ("run", run),
    ("query", query),
    ("start", start),
    ("step", step),
    ("stop", |call| {
        let Prepared { db, id } = &**call.target;
        db.lock().stop_statement(*id);
        Ok(Value::Undefined.into())
    }),
    ("columns", columns),
    ("returnsData", |call| {
        let Prepared { db, id } = &**call.target;
        flag(db.lock().statement_returns_data(*id)?)
    }),
    ("isReadonly", |call| {
        let Prepared { db, id } = &**call.target;
        flag(db.lock().statement_is_readonly(*id)?)
    }),
];

fn flag(value: bool) -> Result<Reply> {
    Ok(Value::Bool(value).into())
}

/// `openDatabase(filename | null, serialized | undefined, options)`: opens the file, the serialized
/// bytes, or a new database in memory. The options are [`OpenOptions`] as JSON text.
pub fn open(call: &Call<'_, ()>) -> Result<Reply> {
    let location = match (call.optional_text(0), call.bytes(1)) {
        (_, Some(bytes)) => Location::Serialized(bytes),
        (Some(path), None) => Location::File(path_from(path)?),
        (None, None) => Location::Memory,
    };
    let options: OpenOptions = call.options(2)?;
    handle(call.env(), SharedDatabase::open(location, &options)?)
}

/// Makes the JavaScript object of a database: its functions, and `cacheSignal`, an array of numbers that
/// the addon updates (`js/addon/cache-signal.js` names them). The object must live as long as the array.
pub fn handle(env: sys::napi_env, db: SharedDatabase) -> Result<Reply> {
    let db = Arc::new(db);
    let object = crate::node::raw::new_object(env)?;
    tie(env, object, &db, &TAG)?;
    add_functions(env, object, &db, METHODS)?;
    add_signal(env, object, db.lock().signal())?;
    Ok(Reply::Js(object))
}

/// Converts the bytes of a string to a path.
///
/// # Errors
/// [`Error::WrongType`] for a path with NUL, or with an unpaired surrogate.
pub fn path_from(text: Vec<u8>) -> Result<PathBuf> {
    if text.contains(&0) {
        return Err(Error::WrongType("path", "without null bytes"));
    }
    match String::from_utf8(text) {
        Ok(text) => Ok(PathBuf::from(text)),
        Err(_) => Err(Error::WrongType("path", "well-formed Unicode")),
    }
}

/// The database in an argument.
pub fn argument<T: 'static>(call: &Call<'_, T>, index: usize) -> Result<SharedDatabase> {
    call.target_of::<SharedDatabase>(index, &TAG)
        .map(|db| (*db).clone())
        .ok_or(Error::WrongType("db", "a Database of swing-store-native"))
}

fn prepare(call: &Call<'_, SharedDatabase>) -> Result<Reply> {
    let sql = call.text(0, "sql")?;
    let id = call.target.lock().prepare_statement(&sql)?;
    let statement = Arc::new(Prepared {
        db: (**call.target).clone(),
        id,
    });
    functions(call.env(), &statement, STATEMENT_METHODS).map(Reply::Js)
}

fn execute(call: &Call<'_, SharedDatabase>) -> Result<Reply> {
    let sql = call.text(0, "sql")?;
    let sql = String::from_utf8_lossy(&sql);
    call.target.lock().execute_script(&sql)?;
    Ok(Value::Undefined.into())
}

fn close(call: &Call<'_, SharedDatabase>) -> Result<Reply> {
    call.target.lock().close();
    Ok(Value::Undefined.into())
}

fn serialize(call: &Call<'_, SharedDatabase>) -> Result<Reply> {
    Ok(Value::Bytes(call.target.lock().serialize()?).into())
}

/// The parameters of a statement: an array for `?`, then names and their values.
fn bindings(call: &Call<'_, Prepared>) -> Result<Bindings> {
    let positional = call.sql_values(0)?;
    let named = match (call.optional_texts(1)?, call.sql_values(2)) {
        (Some(names), Ok(values)) => Some(names.into_iter().zip(values).collect()),
        (Some(_), Err(error)) => return Err(error),
        (None, _) => None,
    };
    Ok(Bindings { positional, named })
}

fn run(call: &Call<'_, Prepared>) -> Result<Reply> {
    let Prepared { db, id } = &**call.target;
    let bindings = bindings(call)?;
    let changes = db.lock().run_statement(*id, &bindings)?;
    Ok(Value::Object(vec![
        ("changes", Value::Number(changes.changes as f64)),
        (
            "lastInsertRowid",
            Value::Number(changes.last_insert_rowid as f64),
        ),
    ])
    .into())
}

/// `query(positional, names, values, limit, asArrays)`: rows as objects or as arrays.
fn query(call: &Call<'_, Prepared>) -> Result<Reply> {
    let Prepared { db, id } = &**call.target;
    let bindings = bindings(call)?;
    let limit = call.number(3).map_or(usize::MAX, |limit| limit as usize);
    let mut db = db.lock();
    let rows = db.query_statement(*id, &bindings, limit)?;
    let names = column_names(&mut db, *id, call.is_true(4))?;
    let rows = rows.into_iter().map(|values| row(values, &names));
    Ok(Value::Array(rows.collect()).into())
}

/// The column names for rows as objects; `None` for rows as arrays.
fn column_names(db: &mut Database, id: u32, as_arrays: bool) -> Result<Option<Arc<[String]>>> {
    if as_arrays {
        Ok(None)
    } else {
        db.statement_column_names(id).map(Some)
    }
}

fn start(call: &Call<'_, Prepared>) -> Result<Reply> {
    let Prepared { db, id } = &**call.target;
    let bindings = bindings(call)?;
    db.lock().start_statement(*id, &bindings)?;
    Ok(Value::Undefined.into())
}

/// `step(asArray)`: the next row; `undefined` at the end.
fn step(call: &Call<'_, Prepared>) -> Result<Reply> {
    let Prepared { db, id } = &**call.target;
    let mut db = db.lock();
    let found = db.step_statement(*id)?;
    let names = column_names(&mut db, *id, call.is_true(0))?;
    Ok(Value::or_undefined(found, |values| row(values, &names)).into())
}

fn columns(call: &Call<'_, Prepared>) -> Result<Reply> {
    let Prepared { db, id } = &**call.target;
    let or_null = |text: Option<String>| text.map_or(Value::Null, Value::text);
    let columns = db.lock().statement_columns(*id)?;
    Ok(Value::Array(
        columns
            .into_iter()
            .map(|column| {
                Value::Object(vec![
                    ("name", Value::text(column.name)),
                    ("column", or_null(column.column)),
                    ("table", or_null(column.table)),
                    ("database", or_null(column.database)),
                    ("type", or_null(column.decl_type)),
                ])
            })
            .collect(),
    )
    .into())
}

fn row(values: Vec<SqlValue>, names: &Option<Arc<[String]>>) -> Value {
    let values = values
        .into_iter()
        .map(|value| match value {
            SqlValue::Null => Value::Null,
            SqlValue::Integer(number) => Value::Number(number as f64),
            SqlValue::Real(number) => Value::Number(number),
            SqlValue::Text(text) => Value::Text(text),
            SqlValue::Blob(bytes) => Value::Bytes(bytes),
        })
        .collect();
    match names {
        Some(names) => Value::Row(names.clone(), values),
        None => Value::Array(values),
    }
}
