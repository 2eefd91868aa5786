//! The result of a run, for people and as JSON.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::tally::Failure;

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whole answers below status 400.
    pub succeeded: u64,
    /// All others, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of bodies received.
    pub bytes: u64,
    /// How long the run took.
    pub seconds: f64,
    /// Latency of the answers that succeeded.
    pub microseconds: Percentiles,
    /// The same by the endpoint that answered; those that do not say who they are have an empty name.
    pub endpoints: BTreeMap<String, Share>,
}

/// One endpoint's part.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// Its answers.
    pub succeeded: u64,
    /// Their latency.
    pub microseconds: Percentiles,
}

/// Points of a latency distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Report {
    /// Requests that failed, of every kind.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Requests sent.
    pub fn requests(&self) -> u64 {
        self.succeeded + self.failed()
    }

    /// Successful answers a second.
    pub fn throughput(&self) -> f64 {
        self.succeeded as f64 / self.seconds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests in {:.2} s, {:.0} a second, {} failed",
            self.requests(),
            self.seconds,
            self.throughput(),
            self.failed()
        )?;
        for (failure, count) in &self.failures {
            writeln!(f, "  {failure:?}: {count}")?;
        }
        writeln!(f, "latency: {}", self.microseconds)?;
        for (name, share) in &self.endpoints {
            let name = if name.is_empty() { "unnamed" } else { name };
            let Share {
                succeeded,
                microseconds,
            } = share;
            writeln!(f, "  {name}: {succeeded} answers, {microseconds}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us, max {:.0} us",
            self.p50, self.p99, self.p999, self.max
        )
    }
}
