//! Measures wall time and CPU time.

use std::fmt;
use std::fs::{self, File};
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
    /// The time of waiting for the disk afterwards, in seconds.
    sync: Option<f64>,
}

impl Figures {
    /// Adds the times of transactions, if there are any.
    pub fn with_transactions(mut self, mut transactions: Vec<Duration>) -> Figures {
        transactions.sort();
        self.transactions = transactions;
        self
    }

    /// Adds the time of writing a file back to the disk, which is not part of the work.
    pub fn with_sync(mut self, file: &File) -> Outcome<Figures> {
        let start = Instant::now();
        file.sync_all()?;
        self.sync = Some(start.elapsed().as_secs_f64());
        Ok(self)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            wall,
            cpu,
            bytes,
            transactions,
            sync,
        } = self;
        let or_null = |seconds: &Option<f64>| seconds.map_or("null".into(), |it| it.to_string());
        let [cpu, sync] = [cpu, sync].map(or_null);
        let seconds: Vec<f64> = transactions.iter().map(Duration::as_secs_f64).collect();
        write!(
            f,
            r#"{{"wall":{wall},"cpu":{cpu},"bytes":{bytes},"transactions":{seconds:?},"sync":{sync}}}"#
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
        sync: None,
    })
}

/// The CPU time that this thread has used. The file's first number is in nanoseconds; only Linux has
/// the file.
fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}
