//! What came back while a run lasts: latencies by endpoint, and failures by kind.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use http::StatusCode;
use serde::Serialize;

use super::{
    link::Answer,
    report::{Percentiles, Report, Share},
};

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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Body => "body",
            Self::Timeout => "timeout",
            Self::Status4xx => "4xx",
            Self::Status5xx => "5xx",
        })
    }
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

    pub(crate) fn of_status(status: StatusCode) -> Option<Self> {
        match status.as_u16() {
            400..500 => Some(Self::Status4xx),
            500.. => Some(Self::Status5xx),
            _ => None,
        }
    }
}

/// Latencies are those of answers below 400: a quick refusal is no good latency.
pub(super) struct Tally {
    /// In nanoseconds, by the endpoint that answered; its name is empty if the answer does not say.
    latency: BTreeMap<String, Histogram<u64>>,
    failures: BTreeMap<Failure, u64>,
    bytes: u64,
    started: Instant,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            latency: BTreeMap::new(),
            failures: BTreeMap::new(),
            bytes: 0,
            started: Instant::now(),
        }
    }

    /// Counts one request that was due at `due` and has just ended.
    pub(super) fn observe(&mut self, due: Instant, outcome: Result<Answer, Failure>) {
        match outcome {
            Ok(answer) => match Failure::of_status(answer.status) {
                Some(failure) => self.fail(failure),
                None => self.succeed(due, &answer),
            },
            Err(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
    }

    fn succeed(&mut self, due: Instant, answer: &Answer) {
        self.bytes += answer.bytes;
        let name = answer.endpoint.as_ref().and_then(|name| name.to_str().ok());
        let name = name.unwrap_or_default();
        let nanoseconds = due.elapsed().as_nanos() as u64;
        // Not `entry`, which would need an owned name for each answer.
        if let Some(latency) = self.latency.get_mut(name) {
            latency.saturating_record(nanoseconds);
        } else {
            let mut latency = histogram();
            latency.saturating_record(nanoseconds);
            self.latency.insert(name.to_owned(), latency);
        }
    }

    pub(super) fn report(self) -> Report {
        let mut all = histogram();
        for latency in self.latency.values() {
            // Adding fails on different bounds only.
            let _ = all.add(latency);
        }
        let share = |(name, latency): (String, Histogram<u64>)| {
            let share = Share {
                succeeded: latency.len(),
                microseconds: percentiles(&latency),
            };
            (name, share)
        };
        Report {
            succeeded: all.len(),
            failures: self.failures,
            bytes: self.bytes,
            seconds: self.started.elapsed().as_secs_f64(),
            microseconds: percentiles(&all),
            endpoints: self.latency.into_iter().map(share).collect(),
        }
    }
}

fn histogram() -> Histogram<u64> {
    // Three digits: an error of 0.1 %, far below what runs differ by.
    Histogram::new_with_max(LONGEST.as_nanos() as u64, 3)
        .unwrap_or_else(|error| unreachable!("constant bounds: {error}"))
}

fn percentiles(latency: &Histogram<u64>) -> Percentiles {
    let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    Percentiles {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        max: latency.max() as f64 / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(status: StatusCode, endpoint: &'static str) -> Result<Answer, Failure> {
        Ok(Answer {
            status,
            endpoint: Some(HeaderValue::from_static(endpoint)),
            bytes: 2,
        })
    }

    #[test]
    fn an_error_page_is_a_failure_and_no_latency() {
        let mut tally = Tally::new();
        for status in [
            StatusCode::OK,
            StatusCode::BAD_GATEWAY,
            StatusCode::NOT_FOUND,
        ] {
            tally.observe(Instant::now(), answer(status, "a"));
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
        tally.observe(due, answer(StatusCode::OK, "a"));
        assert!(tally.report().microseconds.p50 >= 1_000_000.0);
    }

    #[test]
    fn each_endpoint_has_its_own_latency_and_the_sum_has_all() {
        let mut tally = Tally::new();
        let now = Instant::now();
        tally.observe(now, answer(StatusCode::OK, "a"));
        tally.observe(now - Duration::from_secs(1), answer(StatusCode::OK, "slow"));
        let report = tally.report();
        assert_eq!(report.succeeded, 2);
        let [fast, slow] = ["a", "slow"].map(|name| report.endpoints[name].microseconds);
        assert!(fast.max < slow.p50);
    }
}
