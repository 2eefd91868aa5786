//! What was seen of some tens of requests: their latency as one number, and how many were in flight.

use super::Sample;

/// So many requests make a window, at the least; their middle half has an error of a tenth or two.
const SAMPLES: usize = 30;

/// The last so many count, at the most.
const KEPT: usize = 128;

/// A window lasts so long at the least, in microseconds: Envoy's.
const SHORTEST: u64 = 100_000;

/// After a change of the cap it lasts so many latencies at the least: of those that began together, the quick ones end
/// first, and alone they would make everything look quick.
const LATENCIES: f64 = 3.0;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// What began before does not count: it ran under another cap.
    since: u64,
    opened: u64,
    /// From its first request to its end, at the least.
    lasting: u64,
    first: Option<u64>,
    latencies: Vec<f64>,
    count: usize,
    in_flight: f64,
    peak: u32,
    timed_out: usize,
}

/// A window's worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Mean of the middle half, in microseconds: a few that hang, or fail fast, do not move it.
    pub latency: f64,
    /// Mean of how many were in flight when they began.
    pub in_flight: f64,
    /// The most.
    pub peak: u32,
    /// More than half were given up: what they would have taken is not known.
    pub mostly_timed_out: bool,
}

impl Window {
    /// After a change of the cap at `now`, when requests took `latency`.
    pub(super) fn after(now: u64, latency: f64) -> Self {
        Self {
            since: now,
            opened: now,
            lasting: (LATENCIES * latency) as u64,
            ..Self::default()
        }
    }

    /// When it began.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// One more; its latency counts as `late` at the least.
    pub(super) fn add(&mut self, sample: Sample, late: f64) {
        if sample.began < self.since {
            return;
        }
        let latency = (sample.latency as f64).max(late).max(1.0);
        if self.latencies.len() < KEPT {
            self.latencies.push(latency);
        } else {
            self.latencies[self.count % KEPT] = latency;
        }
        self.count += 1;
        self.first.get_or_insert(sample.began.max(self.opened));
        self.in_flight += f64::from(sample.in_flight);
        self.peak = self.peak.max(sample.in_flight);
        self.timed_out += usize::from(sample.timed_out);
    }

    /// What was seen, if it was enough; the next window begins. In a `hurry` the number is enough, and no time is.
    pub(super) fn take(&mut self, now: u64, hurry: bool) -> Option<Seen> {
        let shortest = if hurry { 0 } else { SHORTEST };
        let until = self.first? + self.lasting.max(shortest);
        if self.count < SAMPLES || now < until {
            return None;
        }
        self.latencies.sort_unstable_by(f64::total_cmp);
        let quarter = self.latencies.len() / 4;
        let middle = &self.latencies[quarter..self.latencies.len() - quarter];
        let seen = Seen {
            latency: middle.iter().sum::<f64>() / middle.len() as f64,
            in_flight: self.in_flight / self.count as f64,
            peak: self.peak,
            mostly_timed_out: self.timed_out * 2 > self.count,
        };
        *self = Self {
            since: self.since,
            opened: now,
            ..Self::default()
        };
        Some(seen)
    }
}
