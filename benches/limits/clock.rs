//! Measures wall time and CPU time.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;

/// The result of a measurement.
pub struct Figures {
    /// Wall time, in seconds.
    wall: f64,
    /// CPU time of this thread, in seconds, if the system reports it.
    cpu: Option<f64>,
    /// The number of bytes that were read or generated.
    bytes: u64,
    /// The time of each transaction, sorted.
    transactions: Vec<Duration>,
}

impl Figures {
    /// Adds the times of transactions, if there are any.
    pub fn with_transactions(mut self, mut transactions: Vec<Duration>) -> Figures {
        transactions.sort();
        self.transactions = transactions;
        self
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            wall,
            cpu,
            bytes,
            transactions,
        } = self;
        let cpu = cpu.map_or("null".into(), |cpu| cpu.to_string());
        let seconds: Vec<f64> = transactions.iter().map(Duration::as_secs_f64).collect();
        write!(
            f,
            r#"{{"wall":{wall},"cpu":{cpu},"bytes":{bytes},"transactions":{seconds:?}}}"#
        )
    }
}

/// Times `work`, which returns a number of bytes.
pub fn time(work: impl FnOnce() -> Outcome<u64>) -> Outcome<Figures> {
    let cpu_before = cpu_seconds();
    let start = Instant::now();
    let bytes = work()?;
    let wall = start.elapsed().as_secs_f64();
    let cpu = cpu_before.and_then(|before| Some(cpu_seconds()? - before));
    Ok(Figures {
        wall,
        cpu,
        bytes,
        transactions: Vec::new(),
    })
}

/// The CPU time that this thread has used. The file's first number is in nanoseconds; only Linux has
/// the file.
fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}
