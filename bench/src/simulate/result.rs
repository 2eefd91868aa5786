//! What came of a run.

use hdrhistogram::Histogram;

use super::scenario::Scenario;

/// Counted while it runs.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    /// Whole requests, all attempts included, in nanoseconds.
    pub latency: Histogram<u64>,
    pub failed: u64,
    /// Attempts at each endpoint.
    pub attempts: Vec<u64>,
    /// From an endpoint's joining to its first request, in nanoseconds.
    first: Vec<Option<u64>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let endpoints = scenario.endpoints.len();
        Self {
            scenario,
            latency: histogram(),
            failed: 0,
            attempts: vec![0; endpoints],
            first: vec![None; endpoints],
        }
    }

    /// An endpoint gets a request, so long after it joined.
    pub(super) fn attempt(&mut self, endpoint: usize, waited: u64) {
        self.attempts[endpoint] += 1;
        self.first[endpoint].get_or_insert(waited);
    }

    /// A request is over.
    pub(super) fn request(&mut self, took: u64, failed: bool) {
        self.latency.saturating_record(took);
        self.failed += u64::from(failed);
    }

    /// Of the endpoints that are well and were there from the start: the busiest to the idlest, by weight.
    pub(super) fn unevenness(&self) -> f64 {
        let plans = self.scenario.endpoints.iter().zip(&self.attempts);
        let alike = plans.filter(|(plan, _)| plan.trouble.is_none() && plan.joins.is_zero());
        let by_weight = alike.map(|(plan, &attempts)| attempts as f64 / f64::from(plan.weight));
        let (idlest, busiest) = by_weight.fold((f64::MAX, 0.0f64), |(low, high), share| {
            (low.min(share), high.max(share))
        });
        if busiest > 0.0 { busiest / idlest } else { 1.0 }
    }

    /// Attempts at endpoints that are unwell.
    pub(super) fn to_the_bad(&self) -> u64 {
        let plans = self.scenario.endpoints.iter().zip(&self.attempts);
        plans
            .filter(|(plan, _)| plan.trouble.is_some())
            .map(|(_, attempts)| attempts)
            .sum()
    }

    /// How long the last endpoint waited for its first request, if it joined later than the others, in nanoseconds.
    pub(super) fn newcomer_waited(&self) -> Option<u64> {
        let newcomer = self
            .scenario
            .endpoints
            .last()
            .filter(|plan| !plan.joins.is_zero());
        newcomer.map(|_| self.first.last().copied().flatten().unwrap_or(u64::MAX))
    }
}

/// No request takes longer, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// Of nanoseconds, exact to two digits.
#[expect(
    clippy::expect_used,
    reason = "the number of digits is a constant that is allowed"
)]
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(HOUR, 2).expect("between 0 and 5 digits")
}
