//! What happens in a scenario, and when.

use std::{ops::Range, time::Duration};

use super::endpoint::Mode;

/// Something happens.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// From the start.
    pub(super) at: Duration,
    pub(super) change: Change,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    /// These endpoints are like this from now on.
    Mode(Range<usize>, Mode),
    /// So many times the scenario's rate is offered.
    Rate(f64),
    /// The proxy is told of the first so many endpoints.
    Listed(usize),
}

/// A scenario's length and its events, in order.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    pub(super) lasts: Duration,
    pub(super) events: Vec<Event>,
}

impl Timeline {
    /// So long, with the changes at these seconds.
    pub(super) fn new(lasts: f64, events: impl IntoIterator<Item = (f64, Change)>) -> Self {
        let events = events.into_iter().map(|(at, change)| Event {
            at: Duration::from_secs_f64(at),
            change,
        });
        Self {
            lasts: Duration::from_secs_f64(lasts),
            events: events.collect(),
        }
    }

    /// From the first event to the last: the time that a scenario is about.
    pub(super) fn trouble(&self) -> Range<Duration> {
        let at = |event: Option<&Event>| event.map_or(Duration::ZERO, |event| event.at);
        at(self.events.first())..at(self.events.last())
    }

    /// Until when how many requests a second are offered, where `rate` is the ordinary number.
    pub(super) fn rates(&self, rate: u32) -> Vec<(Duration, u32)> {
        let mut rates = Vec::new();
        let mut now = rate;
        for event in &self.events {
            if let Change::Rate(times) = event.change {
                rates.push((event.at, now));
                now = (f64::from(rate) * times).round() as u32;
            }
        }
        rates.push((self.lasts, now));
        rates
    }

    /// The same in less time.
    pub(super) fn scaled(mut self, by: f64) -> Self {
        self.lasts = self.lasts.mul_f64(by);
        for event in &mut self.events {
            event.at = event.at.mul_f64(by);
        }
        self
    }
}
