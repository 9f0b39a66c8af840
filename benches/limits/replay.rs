//! Measures SQLite alone: executes the statements of a plan.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use crate::Outcome;
use crate::clock::{Figures, time};
use crate::plan::{Parameter, Plan, Step};

/// A parameter to bind.
struct Bound<'a> {
    plan: &'a Plan,
    parameter: &'a Parameter,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.parameter {
            Parameter::Null => ValueRef::Null,
            Parameter::Integer(number) => ValueRef::Integer(*number),
            Parameter::Text(range) => ValueRef::Text(self.plan.text(range)),
            Parameter::Zeros(count) => ValueRef::Blob(self.plan.zeros(*count)),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// Opens a store's file with the settings of a store.
fn open(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Runs one step. Returns the number of bytes in its rows.
fn run_step(statement: &mut Statement<'_>, plan: &Plan, step: &Step) -> Outcome<u64> {
    for (i, parameter) in plan.parameters[step.parameters.clone()].iter().enumerate() {
        statement.raw_bind_parameter(i + 1, Bound { plan, parameter })?;
    }
    let columns = statement.column_count();
    if columns == 0 {
        statement.raw_execute()?;
        return Ok(0);
    }
    let mut bytes = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            bytes += match row.get_ref(column)? {
                ValueRef::Text(content) | ValueRef::Blob(content) => content.len() as u64,
                _ => 8,
            };
        }
    }
    Ok(bytes)
}

/// Runs a plan on one connection.
pub fn replay(database: &Path, plan: &Path) -> Outcome<Figures> {
    let plan = Plan::read(plan)?;
    let connection = open(database)?;
    let mut statements = Vec::new();
    for sql in &plan.statements {
        statements.push(connection.prepare(sql)?);
    }
    let mut transactions = Vec::new();
    let figures = time(|| {
        let mut bytes = 0;
        let mut began = Instant::now();
        for _ in 0..plan.repeat {
            for step in &plan.steps {
                bytes += run_step(&mut statements[step.statement], &plan, step)?;
                if plan.statements[step.statement] == "COMMIT" {
                    transactions.push(began.elapsed());
                    began = Instant::now();
                }
            }
        }
        Ok(bytes)
    })?;
    Ok(figures.with_transactions(transactions))
}

/// Runs each step of a plan on its own connection.
pub fn open_each(database: &Path, plan: &Path) -> Outcome<Figures> {
    let plan = Plan::read(plan)?;
    time(|| {
        let mut bytes = 0;
        for _ in 0..plan.repeat {
            for step in &plan.steps {
                let connection = open(database)?;
                let mut statement = connection.prepare(&plan.statements[step.statement])?;
                bytes += run_step(&mut statement, &plan, step)?;
            }
        }
        Ok(bytes)
    })
}
