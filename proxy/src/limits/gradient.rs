//! A cap on concurrency that follows latency: as many at once as the endpoints can work on, and few who wait there.
//!
//! Past what they can work on, one more request in flight only makes all others slower. So the cap grows while latency
//! is near its baseline, the latency of endpoints that nobody waits at, and shrinks by the gradient, baseline over
//! latency, when it is far from it: the formula of Netflix's and Envoy's controllers.
//!
//! All depends on the baseline, and there both are known to err. Taken from what is seen under load, it drifts up with the
//! load, and the cap with it (Netflix/concurrency-limits, issue 165); taken once, it strangles a service that has become
//! slower for good; taken by cutting to a few requests at fixed times, it refuses healthy traffic (Envoy's documentation
//! warns of these 503s). Here it is asked for only when latency is far from it, by an experiment: half as many in
//! flight ([`Gradient::probe`]). If latency falls along, requests had been waiting, and the halving goes on until it
//! does not; if it does not, the service itself is this slow, and the baseline is wrong. That takes some tens of
//! requests, and a thirtieth of the time at most.
//!
//! Sans-IO: [`super::adaptive`] holds the lock and the count of what is in flight.

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod window;

use window::{Seen, Window};

/// Latency over baseline from which endpoints have too much to do (Netflix's; Envoy's 1.25 is within the noise of 30
/// requests). With the headroom, what is in flight stays below twice of what they can work on.
const TOLERANCE: f64 = 1.5;

/// The cap of the first moments: Netflix's. It doubles as long as latency allows.
const INITIAL: f64 = 20.0;

/// No single step cuts more than this, since a window may be a hiccup: Netflix's and Envoy's.
const DEEPEST_CUT: f64 = 0.5;

/// How much of a new latency goes into the baseline.
const SMOOTHING: f64 = 0.125;

/// Windows of high latency in a row before anything is done about it: one is often a garbage collection.
const PERSISTENT: u32 = 2;

/// Two latencies that differ by less are the same.
const SAME: f64 = 1.15;

/// How far the baseline may rise without an experiment. It must be able to, or noise would only ever lower it; but a
/// queue that builds up slowly must not pass for the service itself.
const UNPROVEN: f64 = 1.25;

/// From one experiment to the next at least this, in microseconds, and this multiple of how long the last one took.
const PROBE_AT_MOST_EVERY: u64 = 1_000_000;
const PROBE_SHARE: u64 = 30;

/// An experiment that has got no answers for so long, in microseconds, was about traffic that has ended.
const PROBE_LOST: u64 = 10_000_000;

/// See the module. All times are in microseconds.
#[derive(Debug)]
pub struct Gradient {
    min: f64,
    max: f64,
    limit: f64,
    baseline: Option<f64>,
    /// The lowest baseline since the last experiment.
    proven: f64,
    window: Window,
    /// High windows in a row.
    high: u32,
    /// Latency has never been high so far.
    starting: bool,
    probe: Option<Probe>,
    next_probe: u64,
    /// The cap that the last experiment left.
    settled: f64,
}

/// An experiment under way.
#[derive(Clone, Copy, Debug)]
struct Probe {
    began: u64,
    /// The cap before.
    limit: f64,
    /// No halving goes below.
    floor: f64,
    /// What was seen before.
    first: Seen,
    /// What was seen before the last halving.
    last: Seen,
}

/// How an attempt went, as far as it tells of load.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it began.
    pub began: u64,
    /// From then to the head of its response, or until it was given up.
    pub latency: u64,
    /// How many were in flight when it began, itself included.
    pub in_flight: u32,
    /// It was given up.
    pub timed_out: bool,
}

impl Gradient {
    /// Nothing is known yet. The cap stays between these.
    pub fn new(min: u32, max: u32) -> Self {
        let (min, max) = (f64::from(min), f64::from(max.max(min)));
        Self {
            min,
            max,
            limit: INITIAL.clamp(min, max),
            baseline: None,
            proven: f64::INFINITY,
            window: Window::default(),
            high: 0,
            starting: true,
            probe: None,
            next_probe: 0,
            settled: 0.0,
        }
    }

    /// Other bounds. What is known stays known.
    pub fn bound(&mut self, min: u32, max: u32) {
        (self.min, self.max) = (f64::from(min), f64::from(max.max(min)));
        self.limit = self.limit.clamp(self.min, self.max);
    }

    /// The cap.
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// The latency of endpoints that nobody waits at, as far as it is known.
    pub fn baseline(&self) -> Option<f64> {
        self.baseline
    }

    /// Learns from an attempt that succeeded, or that took too long. Failures say nothing: to refuse is quick.
    pub fn observe(&mut self, now: u64, sample: Sample) {
        // That it was given up early does not make it quick.
        let late = self
            .baseline
            .filter(|_| sample.timed_out)
            .map_or(0.0, |baseline| baseline * TOLERANCE / DEEPEST_CUT);
        self.window.add(sample, late);
        if let Some(seen) = self
            .window
            .take(now, self.starting && self.baseline.is_some())
        {
            match self.probe.take() {
                None => self.steer(now, seen),
                Some(probe) => self.conclude(now, probe, seen),
            }
        }
    }

    /// Ends an experiment whose traffic has ended.
    pub fn tend(&mut self, now: u64) {
        if let Some(probe) = self.probe
            && now.saturating_sub(self.window.opened()) > PROBE_LOST
        {
            self.probe = None;
            self.limit = probe.limit;
        }
    }

    fn steer(&mut self, now: u64, seen: Seen) {
        let baseline = *self.baseline.get_or_insert(seen.latency);
        let gradient = TOLERANCE * baseline / seen.latency;
        let crowded = f64::from(seen.peak) >= self.limit;
        // Where the cap can't rise, latency does not tell whether it should.
        let stuck = crowded && self.limit >= self.max && now >= self.next_probe;
        if gradient >= 1.0 && !stuck {
            self.high = 0;
            if !crowded || seen.latency < baseline {
                let smoothed = baseline + SMOOTHING * (seen.latency - baseline);
                let baseline = smoothed.min(self.proven * UNPROVEN);
                self.proven = self.proven.min(baseline);
                self.baseline = Some(baseline);
            }
            // Room for twice of what there was: a burst is no overload.
            if f64::from(seen.peak) >= self.limit / 2.0 {
                self.grow();
            }
            return;
        }
        self.starting = false;
        self.high += 1;
        if self.high < PERSISTENT && gradient > DEEPEST_CUT {
            return;
        }
        // What has come down so far from what was right then may be wrong now.
        if now >= self.next_probe || self.limit < self.settled * DEEPEST_CUT {
            self.probe(now, seen);
        } else {
            let limit = self.limit * gradient.max(DEEPEST_CUT) + self.limit.sqrt();
            self.cut(now, limit.max(self.min), seen.latency);
        }
    }

    fn grow(&mut self) {
        let step = if self.starting {
            self.limit
        } else {
            self.limit.sqrt()
        };
        self.limit = (self.limit + step).min(self.max);
    }

    /// Another cap, lower perhaps: what began under the old one tells nothing of it.
    fn cut(&mut self, now: u64, limit: f64, latency: f64) {
        self.limit = limit.min(self.max);
        self.window = Window::after(now, latency);
    }

    /// Begins the experiment: half as many in flight. Where requests are refused anyway, below `min` too for these
    /// moments; where none are, none shall be for so few.
    fn probe(&mut self, now: u64, seen: Seen) {
        let crowded = f64::from(seen.peak) >= self.limit;
        let probe = Probe {
            began: now,
            limit: self.limit,
            floor: if crowded { 1.0 } else { self.min },
            first: seen,
            last: seen,
        };
        self.halve(now, probe, seen);
    }

    fn halve(&mut self, now: u64, probe: Probe, seen: Seen) {
        let half = (seen.in_flight / 2.0).floor().max(probe.floor);
        if half * SAME > seen.in_flight {
            // So few that fewer would tell nothing: then this is what it takes.
            return self.settle(now, probe, seen);
        }
        self.probe = Some(Probe {
            last: seen,
            ..probe
        });
        self.cut(now, half, probe.first.latency);
    }

    /// What came of a halving.
    fn conclude(&mut self, now: u64, probe: Probe, seen: Seen) {
        // All of the latency before was waiting: it would be this part now. None was: it would be the same.
        let waiting = (seen.in_flight / probe.last.in_flight).min(1.0);
        let fell = seen.latency < probe.last.latency * (1.0 + waiting) / 2.0;
        let known = self
            .baseline
            .is_some_and(|baseline| same(seen.latency, baseline));
        if (fell || seen.mostly_timed_out) && !known {
            self.halve(now, probe, seen);
        } else {
            self.settle(now, probe, seen);
        }
    }

    /// Ends the experiment: `seen` is the latency of endpoints that nobody waits at.
    fn settle(&mut self, now: u64, probe: Probe, seen: Seen) {
        let mut baseline = self.baseline.unwrap_or(seen.latency);
        if !seen.mostly_timed_out {
            let share = if same(seen.latency, baseline) {
                SMOOTHING
            } else {
                1.0
            };
            baseline += share * (seen.latency - baseline);
        }
        self.baseline = Some(baseline);
        self.proven = baseline;
        let gradient = TOLERANCE * baseline / probe.first.latency;
        let in_flight = probe.first.in_flight;
        let limit = if gradient >= 1.0 {
            // What was cut since the last experiment was cut in error.
            probe.limit.max(self.settled)
        } else {
            in_flight * gradient + in_flight.sqrt()
        };
        self.high = 0;
        let took = now.saturating_sub(probe.began);
        self.next_probe = now + PROBE_AT_MOST_EVERY.max(took.saturating_mul(PROBE_SHARE));
        self.settled = limit.clamp(self.min, self.max);
        self.cut(now, self.settled, probe.first.latency);
    }
}

fn same(latency: f64, other: f64) -> bool {
    latency <= other * SAME && other <= latency * SAME
}
