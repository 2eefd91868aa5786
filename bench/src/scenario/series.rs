//! A run in steps of a tenth of a second: what is plotted, and what times are read from.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use serde::Serialize;

use super::run::Record;
use crate::load::Failure;

/// The length of a step.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// Step by step; all lists are equally long.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Series {
    /// When each step begins, in seconds.
    pub(super) seconds: Vec<f64>,
    /// Requests that were due.
    pub(super) offered: Vec<u32>,
    /// Requests that left the client; the same, unless it was late.
    pub(super) left: Vec<u32>,
    /// Those of the offered that were answered below status 400, whenever that was.
    pub(super) succeeded: Vec<u32>,
    /// The others, by kind; a kind that never came is left out.
    pub(super) failed: BTreeMap<Failure, Vec<u32>>,
    /// Milliseconds of those that succeeded; null where none did.
    pub(super) p50: Vec<Option<f64>>,
    pub(super) p99: Vec<Option<f64>>,
    pub(super) max: Vec<Option<f64>>,
    /// Requests that reached each endpoint.
    pub(super) received: Vec<Vec<u32>>,
}

impl Series {
    pub(super) fn of(record: &Record) -> Self {
        let steps = record.timeline.lasts.as_nanos().div_ceil(STEP.as_nanos()) as usize;
        let mut series = Self {
            seconds: (0..steps).map(seconds).collect(),
            offered: vec![0; steps],
            left: vec![0; steps],
            succeeded: vec![0; steps],
            ..Self::default()
        };
        let mut latencies: Vec<Vec<Duration>> = vec![Vec::new(); steps];
        for sent in &record.sent {
            if let Some(step) = step_of(sent.due + sent.late, steps) {
                series.left[step] += 1;
            }
            let Some(step) = step_of(sent.due, steps) else {
                continue;
            };
            series.offered[step] += 1;
            match sent.outcome {
                Ok(()) => {
                    series.succeeded[step] += 1;
                    latencies[step].push(sent.took);
                }
                Err(failure) => {
                    let failed = series.failed.entry(failure);
                    failed.or_insert_with(|| vec![0; steps])[step] += 1;
                }
            }
        }
        for took in &mut latencies {
            took.sort_unstable();
            series.p50.push(quantile(took, 0.5));
            series.p99.push(quantile(took, 0.99));
            series.max.push(quantile(took, 1.0));
        }
        for moments in &record.received {
            let mut received = vec![0; steps];
            for step in moments.iter().filter_map(|&at| step_of(at, steps)) {
                received[step] += 1;
            }
            series.received.push(received);
        }
        series
    }

    pub(super) fn steps(&self) -> usize {
        self.seconds.len()
    }

    /// Failed requests of every kind.
    pub(super) fn all_failed(&self, step: usize) -> u32 {
        self.failed.values().map(|failed| failed[step]).sum()
    }

    /// Requests that reached the endpoints `which` within `steps`.
    pub(super) fn reached(&self, which: Range<usize>, steps: Range<usize>) -> u32 {
        let endpoints = self.received.get(which).unwrap_or_default();
        let within = |received: &Vec<u32>| received[steps.clone()].iter().sum::<u32>();
        endpoints.iter().map(within).sum()
    }

    /// The part of the endpoints `which` in all that reached any within `steps`; none if nothing did.
    pub(super) fn share(&self, which: Range<usize>, steps: Range<usize>) -> Option<f64> {
        let all = self.reached(0..self.received.len(), steps.clone());
        (all > 0).then(|| f64::from(self.reached(which, steps)) / f64::from(all))
    }

    /// Requests that reached endpoints within `steps`, over those that left the client: retries make it more than one.
    pub(super) fn load(&self, steps: Range<usize>) -> f64 {
        let left: u32 = self.left[steps.clone()].iter().sum();
        let reached = self.reached(0..self.received.len(), steps);
        f64::from(reached) / f64::from(left.max(1))
    }

    /// The steps that begin within `time`.
    pub(super) fn within(&self, time: Range<Duration>) -> Range<usize> {
        let step =
            |at: Duration| (at.as_nanos().div_ceil(STEP.as_nanos()) as usize).min(self.steps());
        step(time.start)..step(time.end)
    }
}

/// When a step begins.
pub(super) fn seconds(step: usize) -> f64 {
    // Not a multiple of 0.1, which is no number of the machine: 0.3 would be 0.30000000000000004.
    step as f64 / 10.0
}

fn step_of(at: Duration, steps: usize) -> Option<usize> {
    let step = (at.as_nanos() / STEP.as_nanos()) as usize;
    (step < steps).then_some(step)
}

/// In milliseconds, of sorted latencies: the least that the given part of them does not exceed.
pub(super) fn quantile(sorted: &[Duration], quantile: f64) -> Option<f64> {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    let took = sorted.get(rank.max(1) - 1)?;
    Some((took.as_secs_f64() * 1e6).round() / 1e3)
}
