//! What befalls a fleet: drawn from the seed before the run, so that every balancer meets the same.

use std::{ops::Range, time::Duration};

use fastrand::Rng;

use super::plan::{Kind, Plan};

/// One kind of it. Rates are those of the whole fleet.
#[derive(Clone, Debug)]
pub(super) enum Weather {
    /// Something else wants a host: all endpoints on it take so many times as long (drawn evenly from the range), for
    /// so long in the mean.
    Antagonists {
        a_second: f64,
        times: Range<f64>,
        lasts: Duration,
    },
    /// Processes die, come back after so long, and are cold.
    Crashes { a_second: f64, gone: Duration },
    /// A share of the endpoints has this trouble.
    Trouble {
        time: Range<Duration>,
        share: f64,
        kind: Kind,
    },
    /// Every endpoint is replaced by a new one at another address, `batch` at a time. The old one goes so long after
    /// the table has dropped it.
    Deploy {
        from: Duration,
        batch: usize,
        every: Duration,
        grace: Duration,
    },
}

impl Weather {
    /// When it comes, if it comes at a set time. `endpoints` is how many there are.
    pub(super) fn time(&self, endpoints: usize) -> Option<Range<Duration>> {
        match self {
            Self::Trouble { time, .. } => Some(time.clone()),
            Self::Deploy {
                from, batch, every, ..
            } => Some(*from..*from + *every * (endpoints / batch) as u32),
            Self::Antagonists { .. } | Self::Crashes { .. } => None,
        }
    }

    /// Writes it into the plans.
    pub(super) fn strike(&self, plans: &mut Vec<Plan>, lasts: Duration, rng: &mut Rng) {
        match *self {
            Self::Antagonists {
                a_second,
                ref times,
                lasts: mean,
            } => {
                let hosts = plans.iter().map(|plan| plan.host).max().unwrap_or(0) + 1;
                for from in moments(a_second, lasts, rng) {
                    let host = rng.usize(..hosts);
                    let factor = times.start + (times.end - times.start) * rng.f64();
                    let until = from + exponential(mean, rng);
                    let neighbours = plans.iter_mut().filter(|plan| plan.host == host);
                    neighbours.for_each(|plan| plan.trouble(from..until, Kind::Times(factor)));
                }
            }
            Self::Crashes { a_second, gone } => {
                for from in moments(a_second, lasts, rng) {
                    let there = |plan: &&mut Plan| plan.listed.contains(&from);
                    let count = plans.iter_mut().filter(there).count();
                    let victim = rng.usize(..count.max(1));
                    if let Some(plan) = plans.iter_mut().filter(there).nth(victim) {
                        plan.trouble(from..from + gone, Kind::Gone);
                    }
                }
            }
            Self::Trouble {
                ref time,
                share,
                kind,
            } => {
                let mut places: Vec<usize> = (0..plans.len()).collect();
                rng.shuffle(&mut places);
                let count = (plans.len() as f64 * share).ceil() as usize;
                for &place in &places[..count] {
                    plans[place].trouble(time.clone(), kind);
                }
            }
            Self::Deploy {
                from,
                batch,
                every,
                grace,
            } => {
                for place in 0..plans.len() {
                    let at = from + every * (place / batch) as u32;
                    let old = &mut plans[place];
                    let mut new = old.clone();
                    new.troubles.retain(|trouble| trouble.kind != Kind::Gone);
                    new.listed.start = at;
                    old.listed.end = at;
                    old.troubles.retain(|trouble| trouble.from < at + grace);
                    old.trouble(at + grace..Duration::MAX, Kind::Gone);
                    plans.push(new);
                }
            }
        }
    }
}

/// At random, so many a second.
fn moments(a_second: f64, lasts: Duration, rng: &mut Rng) -> Vec<Duration> {
    let mean = Duration::from_secs_f64(1.0 / a_second);
    let mut moments = Vec::new();
    let mut at = exponential(mean, rng);
    while at < lasts {
        moments.push(at);
        at += exponential(mean, rng);
    }
    moments
}

fn exponential(mean: Duration, rng: &mut Rng) -> Duration {
    mean.mul_f64(-(1.0 - rng.f64()).ln())
}
