//! The state machine: closed, open, half-open. Times are in microseconds.
//!
//! Closed, it counts. When enough of enough requests within the window fail, or are slow, it opens: nothing is let
//! through for a time that doubles with each opening. After that it is half-open: a few requests, the probes, are let
//! through at once. If all succeed it closes; the first that fails opens it again.
//!
//! An attempt holds a [`Ticket`] of the era in which it was let through. Whatever comes of it counts in that era alone:
//! the failures of attempts that began before the breaker opened say nothing of the probes.

use std::time::Duration;

use fastrand::Rng;
use outrigger_config::model::CircuitBreaker;

use super::window::{Counts, Window};
use crate::clock;

/// When a probe that nothing was heard of is given up for lost: its request may be a long one. As of an endpoint's probe.
const PROBE_LOST: u64 = 10_000_000;

/// What those are told who come while the probes are under way.
const SOON: u64 = 1_000_000;

/// By how much the open time is longer at random, so that a thousand proxies do not probe at once.
const JITTER: f64 = 0.1;

/// The breaker of one cluster.
#[derive(Clone, Debug)]
pub struct Breaker {
    failure_share: f64,
    /// What is slow, and the share of it.
    slow: Option<(Duration, f64)>,
    min_requests: u32,
    open_time: u64,
    max_open_time: u64,
    probes: u32,
    state: State,
    window: Window,
    /// Counts the states, so that a ticket of one is not taken for one of another.
    era: u64,
    /// Openings in a row, without a good time in between.
    openings: u32,
    /// When it last closed.
    closed: Option<u64>,
    /// What opened it.
    cause: Counts,
}

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It lets all through.
    Closed,
    /// It lets none through.
    Open {
        /// Since when.
        since: u64,
        /// Until when, at least.
        until: u64,
    },
    /// It lets the probes through.
    HalfOpen {
        /// Probes of which nothing is known yet.
        under_way: u32,
        /// Of these, such as have the head of their response.
        answered: u32,
        /// Probes that succeeded.
        passed: u32,
        /// When one was last let through.
        last: u64,
    },
}

/// What an attempt that was let through holds.
#[derive(Debug)]
pub struct Ticket {
    era: u64,
    slow: bool,
    stage: Stage,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// The head of its response is there.
    Answered,
    Succeeded,
    Failed,
    Abandoned,
}

impl Ticket {
    /// Whether nothing more is to be said of the attempt.
    pub fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Waiting | Stage::Answered)
    }
}

impl Breaker {
    /// A closed one.
    pub fn new(config: &CircuitBreaker) -> Self {
        Self {
            failure_share: config.failure_percent,
            slow: config
                .slow_call
                .as_ref()
                .map(|slow| (slow.longer_than, slow.percent)),
            min_requests: config.min_requests,
            open_time: clock::micros(config.open_time),
            max_open_time: clock::micros(config.max_open_time),
            probes: config.probes,
            state: State::Closed,
            window: Window::over(clock::micros(config.window)),
            era: 0,
            openings: 0,
            closed: None,
            cause: Counts::default(),
        }
    }

    /// Asks to be let through.
    ///
    /// # Errors
    /// No; and in how many microseconds to ask again.
    pub fn admit(&mut self, now: u64) -> Result<Ticket, u64> {
        match self.state {
            State::Closed => {}
            State::Open { until, .. } if now < until => return Err(until - now),
            State::Open { .. } => self.probe(now, 0),
            State::HalfOpen {
                under_way, passed, ..
            } if under_way + passed < self.probes => {}
            State::HalfOpen { last, .. } if now < last.saturating_add(PROBE_LOST) => {
                return Err(SOON);
            }
            // An answer that began well and still goes on, as a stream does, is as good as one that ended.
            State::HalfOpen {
                answered, passed, ..
            } if answered + passed >= self.probes => self.close(now),
            State::HalfOpen {
                answered, passed, ..
            } => self.probe(now, answered + passed),
        }
        if let State::HalfOpen {
            under_way, last, ..
        } = &mut self.state
        {
            *under_way += 1;
            *last = now;
        }
        Ok(Ticket {
            era: self.era,
            slow: false,
            stage: Stage::Waiting,
        })
    }

    /// The head of the response is there, after this time, if that is known; what comes of the attempt may not be yet.
    pub fn answer(&mut self, ticket: &mut Ticket, took: Option<Duration>) {
        if ticket.stage != Stage::Waiting {
            return;
        }
        ticket.stage = Stage::Answered;
        ticket.slow = self.is_slow(took);
        if ticket.era == self.era
            && let State::HalfOpen { answered, .. } = &mut self.state
        {
            *answered += 1;
        }
    }

    /// It is known what came of an attempt, and how long it took if it had no answer before. One that was good may yet
    /// fail: a response can break off.
    pub fn judge(
        &mut self,
        now: u64,
        ticket: &mut Ticket,
        failed: bool,
        took: Option<Duration>,
        rng: &mut Rng,
    ) {
        let before = ticket.stage;
        if before == Stage::Waiting {
            ticket.slow = self.is_slow(took);
        }
        let first = matches!(before, Stage::Waiting | Stage::Answered);
        let second = before == Stage::Succeeded && failed;
        if !(first || second) {
            return;
        }
        ticket.stage = if failed {
            Stage::Failed
        } else {
            Stage::Succeeded
        };
        if ticket.era != self.era {
            return;
        }
        if let State::HalfOpen { .. } = self.state {
            if first {
                self.leave(before);
            }
            return self.judge_probe(now, failed || ticket.slow, rng);
        }
        match first {
            true => self.window.add(now, failed, ticket.slow),
            false => self.window.fail(now),
        }
        let counts = self.window.counts(now);
        if (failed || ticket.slow) && self.too_bad(counts) {
            let relapse = |closed| now.saturating_sub(closed) < self.max_open_time;
            if !self.closed.is_some_and(relapse) {
                self.openings = 0;
            }
            self.cause = counts;
            self.open(now, rng);
        }
    }

    /// An attempt ended without a verdict: its client left, or it never came to an endpoint. One that had an answer by
    /// then had a good one: that is how clients end streams.
    pub fn abandon(&mut self, now: u64, ticket: &mut Ticket, rng: &mut Rng) {
        match ticket.stage {
            Stage::Waiting => {
                ticket.stage = Stage::Abandoned;
                if ticket.era == self.era {
                    self.leave(Stage::Waiting);
                }
            }
            Stage::Answered => self.judge(now, ticket, false, None, rng),
            Stage::Succeeded | Stage::Failed | Stage::Abandoned => {}
        }
    }

    /// What it does now.
    pub fn state(&self) -> State {
        self.state
    }

    /// What opened it last.
    pub fn cause(&self) -> Counts {
        self.cause
    }

    /// What was counted within the window up to `now`.
    pub fn counts(&mut self, now: u64) -> Counts {
        self.window.counts(now)
    }

    fn judge_probe(&mut self, now: u64, bad: bool, rng: &mut Rng) {
        if bad {
            self.open(now, rng);
        } else if let State::HalfOpen { passed, .. } = &mut self.state {
            *passed += 1;
            if *passed >= self.probes {
                self.close(now);
            }
        }
    }

    /// A probe that had come so far is no longer under way.
    fn leave(&mut self, stage: Stage) {
        if let State::HalfOpen {
            under_way,
            answered,
            ..
        } = &mut self.state
        {
            *under_way -= 1;
            *answered -= u32::from(stage == Stage::Answered);
        }
    }

    fn is_slow(&self, took: Option<Duration>) -> bool {
        let limits = self.slow.zip(took);
        limits.is_some_and(|((limit, _), took)| took > limit)
    }

    fn too_bad(&self, counts: Counts) -> bool {
        let reaches =
            |count: u32, share: f64| f64::from(count) >= share * f64::from(counts.requests);
        counts.requests >= self.min_requests
            && (reaches(counts.failures, self.failure_share)
                || self
                    .slow
                    .is_some_and(|(_, share)| reaches(counts.slow, share)))
    }

    fn open(&mut self, now: u64, rng: &mut Rng) {
        let doubled = self.open_time.saturating_mul(1 << self.openings.min(32));
        let time = doubled.min(self.max_open_time) as f64 * (1.0 + JITTER * rng.f64());
        self.openings = self.openings.saturating_add(1);
        self.enter(State::Open {
            since: now,
            until: now.saturating_add(time as u64),
        });
    }

    /// Half-open, where so many have passed already.
    fn probe(&mut self, now: u64, passed: u32) {
        self.enter(State::HalfOpen {
            under_way: 0,
            answered: 0,
            passed,
            last: now,
        });
    }

    fn close(&mut self, now: u64) {
        self.closed = Some(now);
        self.enter(State::Closed);
    }

    fn enter(&mut self, state: State) {
        self.era += 1;
        self.state = state;
        self.window.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
