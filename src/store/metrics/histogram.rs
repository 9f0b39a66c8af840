//! A histogram of durations.

use std::time::Duration;

use serde::Serialize;

/// The upper bounds of the buckets, in seconds.
pub const BOUNDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Counts durations by their length.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// The number of durations in each bucket. Longer ones are only in `count`.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// The upper bound, inclusive, in seconds.
    pub le: f64,
    /// The number of durations up to the bound.
    pub count: u64,
}

/// The values of a histogram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistogramValues {
    /// The number of durations.
    pub count: u64,
    /// The sum of the durations, in seconds.
    pub sum: f64,
    /// The buckets. Each includes those before it, and none is without a bound.
    pub buckets: Vec<Bucket>,
}

impl Histogram {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = bucket {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += duration;
    }

    /// The values.
    pub fn values(&self) -> HistogramValues {
        let mut below = 0;
        let buckets = BOUNDS.iter().zip(self.buckets).map(|(&le, count)| {
            below += count;
            Bucket { le, count: below }
        });
        HistogramValues {
            count: self.count,
            sum: self.sum.as_secs_f64(),
            buckets: buckets.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_includes_those_before_it() {
        let mut histogram = Histogram::default();
        for milliseconds in [0, 1, 2, 600, 11_000] {
            histogram.add(Duration::from_millis(milliseconds));
        }
        let values = histogram.values();
        assert_eq!(values.count, 5);
        assert!((values.sum - 11.603).abs() < 1e-9);
        let below = |bound: f64| {
            values
                .buckets
                .iter()
                .find(|one| one.le == bound)
                .unwrap()
                .count
        };
        assert_eq!([0.001, 0.0025, 0.5, 1.0, 10.0].map(below), [2, 3, 3, 4, 4]);
    }
}
