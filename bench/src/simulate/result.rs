//! What came of a run.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{nanos, plan::Plan};

/// Pictures have so many points along the time.
pub(super) const BINS: usize = 100;

/// Counted while it runs. Times are in nanoseconds.
pub(super) struct Run {
    lasts: u64,
    plans: Vec<Plan>,
    /// From the sending of a request to its answer, all attempts included. Of successes: a quick refusal is no good
    /// latency.
    pub latency: Histogram<u64>,
    pub sent: u64,
    pub failed: u64,
    /// Requests and attempts that never ended.
    pub unfinished: u64,
    /// Attempts at each endpoint.
    pub attempts: Vec<u64>,
    /// From an endpoint's joining to its first request.
    first: Vec<Option<u64>>,
    /// The run in slices, by the time of sending.
    pub bins: Vec<Bin>,
}

/// A slice of time.
#[derive(Clone)]
pub(super) struct Bin {
    pub latency: Histogram<u64>,
    pub sent: u64,
    pub attempts: u64,
    pub failed: u64,
}

impl Run {
    pub(super) fn new(lasts: Duration, plans: &[Plan]) -> Self {
        Self {
            lasts: nanos(lasts),
            plans: plans.to_vec(),
            latency: histogram(2),
            sent: 0,
            failed: 0,
            unfinished: 0,
            attempts: vec![0; plans.len()],
            first: vec![None; plans.len()],
            bins: vec![Bin::new(); BINS],
        }
    }

    pub(super) fn sent(&mut self, now: u64) {
        self.sent += 1;
        if let Some(bin) = self.bin(now) {
            bin.sent += 1;
        }
    }

    /// An endpoint gets a request.
    pub(super) fn attempt(&mut self, endpoint: usize, now: u64) {
        self.attempts[endpoint] += 1;
        let joined = nanos(self.plans[endpoint].listed.start);
        self.first[endpoint].get_or_insert(now.saturating_sub(joined));
        if let Some(bin) = self.bin(now) {
            bin.attempts += 1;
        }
    }

    /// A request is over.
    pub(super) fn finished(&mut self, sent: u64, now: u64, succeeded: bool) {
        let took = now - sent;
        if succeeded {
            self.latency.saturating_record(took);
        }
        self.failed += u64::from(!succeeded);
        match self.bin(sent) {
            Some(bin) if succeeded => bin.latency.saturating_record(took),
            Some(bin) => bin.failed += 1,
            None => {}
        }
    }

    /// The slice of a time; none after the end, when only what is left is finished.
    fn bin(&mut self, time: u64) -> Option<&mut Bin> {
        let bin = u128::from(time) * BINS as u128 / u128::from(self.lasts.max(1));
        self.bins.get_mut(bin as usize)
    }

    /// What each endpoint that is well all the time got a second, by weight.
    fn shares(&self) -> impl Iterator<Item = f64> {
        let plans = self.plans.iter().zip(&self.attempts);
        let well = plans.filter(|(plan, _)| plan.is_well() && plan.weight > 0);
        well.map(|(plan, &attempts)| {
            let listed = nanos(plan.listed.end).min(self.lasts) - nanos(plan.listed.start);
            attempts as f64 / f64::from(plan.weight) / listed as f64
        })
    }

    /// Of the endpoints that are well: the busiest to the idlest.
    pub(super) fn unevenness(&self) -> f64 {
        let (idlest, busiest) = self
            .shares()
            .fold((f64::MAX, 0.0f64), |(low, high), share| {
                (low.min(share), high.max(share))
            });
        if busiest > 0.0 { busiest / idlest } else { 1.0 }
    }

    /// Of the endpoints that are well: the standard deviation of what they get, over the mean.
    pub(super) fn variation(&self) -> f64 {
        let shares: Vec<f64> = self.shares().collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let squares = shares.iter().map(|share| (share - mean).powi(2));
        let variance = squares.sum::<f64>() / shares.len() as f64;
        if mean > 0.0 {
            variance.sqrt() / mean
        } else {
            0.0
        }
    }

    /// Attempts at endpoints that are unwell at some time.
    pub(super) fn to_the_bad(&self) -> u64 {
        let plans = self.plans.iter().zip(&self.attempts);
        let bad = plans.filter(|(plan, _)| !plan.is_well());
        bad.map(|(_, attempts)| attempts).sum()
    }

    /// How long the last endpoint waited for its first request, if it joined later than the others.
    pub(super) fn newcomer_waited(&self) -> Option<u64> {
        let newcomer = self.plans.last().filter(|it| !it.listed.start.is_zero());
        newcomer.map(|_| self.first.last().copied().flatten().unwrap_or(u64::MAX))
    }
}

impl Bin {
    pub(super) fn new() -> Self {
        Self {
            latency: histogram(1),
            sent: 0,
            attempts: 0,
            failed: 0,
        }
    }
}

/// No request takes longer, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// No request takes less, in nanoseconds.
const MICROSECOND: u64 = 1000;

/// Of nanoseconds, exact to so many digits.
#[expect(
    clippy::expect_used,
    reason = "its bounds are constants that are allowed"
)]
pub(super) fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(MICROSECOND, HOUR, digits).expect("between 0 and 5 digits")
}
