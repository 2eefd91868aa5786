//! What came back: latencies, and failures by kind.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use http::StatusCode;
use serde::Serialize;

use super::link::Answer;

/// Above this a latency counts as this: no request of a bench waits longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Why a request failed, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection.
    Connect,
    /// The connection ended before the head of the answer.
    Reset,
    /// What came back is not HTTP.
    Protocol,
    /// The body of the answer was cut short.
    Body,
    /// No whole answer in time.
    Timeout,
    /// An answer of status 4xx.
    Status4xx,
    /// An answer of status 5xx.
    Status5xx,
}

impl Failure {
    /// Sorts an error that came instead of the head of an answer.
    pub(super) fn of(error: &hyper::Error) -> Self {
        if error.is_parse() {
            Self::Protocol
        } else {
            Self::Reset
        }
    }

    fn of_status(status: StatusCode) -> Option<Self> {
        match status.as_u16() {
            400..500 => Some(Self::Status4xx),
            500.. => Some(Self::Status5xx),
            _ => None,
        }
    }
}

/// Counts while a run lasts. Latencies are those of answers below 400: a quick refusal is no good latency.
pub(super) struct Tally {
    latency: Histogram<u64>,
    failures: BTreeMap<Failure, u64>,
    bytes: u64,
    started: Instant,
}

impl Tally {
    pub(super) fn new() -> Self {
        let longest = LONGEST.as_nanos() as u64;
        // Three digits: an error of 0.1 %, far below what runs differ by.
        let latency = Histogram::new_with_max(longest, 3)
            .unwrap_or_else(|error| unreachable!("constant bounds: {error}"));
        Self {
            latency,
            failures: BTreeMap::new(),
            bytes: 0,
            started: Instant::now(),
        }
    }

    /// Counts one request that was due at `due` and has just ended.
    pub(super) fn observe(&mut self, due: Instant, outcome: Result<Answer, Failure>) {
        let outcome = outcome
            .and_then(|answer| Failure::of_status(answer.status).map_or(Ok(answer.bytes), Err));
        match outcome {
            Ok(bytes) => {
                self.bytes += bytes;
                self.latency
                    .saturating_record(due.elapsed().as_nanos() as u64);
            }
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    pub(super) fn report(self) -> Report {
        let at = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1000.0;
        Report {
            succeeded: self.latency.len(),
            failures: self.failures,
            bytes: self.bytes,
            seconds: self.started.elapsed().as_secs_f64(),
            microseconds: Percentiles {
                p50: at(0.5),
                p99: at(0.99),
                p999: at(0.999),
                max: self.latency.max() as f64 / 1000.0,
            },
        }
    }
}

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

    /// Requests answered.
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
        let Percentiles {
            p50,
            p99,
            p999,
            max,
        } = self.microseconds;
        write!(
            f,
            "latency p50 {p50:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us, max {max:.0} us"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_page_is_a_failure_and_no_latency() {
        let mut tally = Tally::new();
        for status in [
            StatusCode::OK,
            StatusCode::BAD_GATEWAY,
            StatusCode::NOT_FOUND,
        ] {
            tally.observe(Instant::now(), Ok(Answer { status, bytes: 2 }));
        }
        tally.observe(Instant::now(), Err(Failure::Connect));
        let report = tally.report();
        assert_eq!((report.succeeded, report.failed(), report.bytes), (1, 3, 2));
        assert_eq!(report.failures[&Failure::Status5xx], 1);
    }

    #[test]
    fn latency_counts_from_when_the_request_was_due() {
        let mut tally = Tally::new();
        let due = Instant::now() - Duration::from_secs(1);
        let answer = Answer {
            status: StatusCode::OK,
            bytes: 0,
        };
        tally.observe(due, Ok(answer));
        assert!(tally.report().microseconds.p50 >= 1_000_000.0);
    }
}
