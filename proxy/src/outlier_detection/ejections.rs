//! Who is ejected, for how long, and how many may be.
//!
//! The first ejection is short, for the way back is a single request; each further one lasts twice as long, so that an
//! endpoint that stays broken costs ever fewer requests, and one that was away for a time is back, at the latest, after as
//! long again. Good service takes the doublings back one by one. The caller keeps the lock, and tells the endpoints.

use fastrand::Rng;
use foldhash::HashMap;
use outrigger_config::model::OutlierDetection;

use crate::{clock::micros, telemetry::metrics::EjectionReason};

/// A doubling is taken back after service for so many times as long as the ejection was: what fails again before
/// that has not recovered.
const GOOD_TIMES: u64 = 5;

/// How much of its time an ejection may be shorter by, at random: a thousand proxies that ejected together must not all
/// send their probe in the same moment.
const JITTER: f64 = 0.2;

/// The ejections of a cluster, by endpoint.
#[derive(Debug, Default)]
pub struct Ejections(HashMap<u64, Record>);

/// What is remembered of an endpoint. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Why, the last time.
    pub reason: EjectionReason,
    /// How many times, as far back as is remembered.
    pub times: u32,
    /// Since when it is, or was, ejected.
    pub since: u64,
    /// When it is probed.
    pub until: u64,
    /// How often the time has doubled, and one: 1 for a first ejection.
    level: u32,
    /// Since when it is back in service.
    back: Option<u64>,
    /// Its probe has been answered, as far as the head.
    answered: bool,
}

impl Ejections {
    /// Ejects an endpoint that is in service, if there is `room` for that, or one whose probe failed for longer.
    pub fn eject(
        &mut self,
        endpoint: u64,
        now: u64,
        reason: EjectionReason,
        policy: &OutlierDetection,
        room: impl FnOnce() -> bool,
        rng: &mut Rng,
    ) -> Option<Record> {
        let before = self.0.get(&endpoint).copied();
        let probing = reason == EjectionReason::ProbeFailed;
        match before {
            Some(Record { back: None, .. }) if !probing => return None,
            Some(Record { back: None, .. }) => {}
            _ if !room() => return None,
            _ => {}
        }
        let level = next(
            before.map_or(0, |before| before.level_left(now, policy)),
            policy,
        );
        let shortened = 1.0 - JITTER * rng.f64();
        let lasts = (length(level, policy) as f64 * shortened) as u64;
        let record = Record {
            reason,
            times: before.map_or(0, |before| before.times) + 1,
            since: match before {
                Some(Record {
                    back: None, since, ..
                }) => since,
                _ => now,
            },
            until: now.saturating_add(lasts),
            level,
            back: None,
            answered: false,
        };
        self.0.insert(endpoint, record);
        Some(record)
    }

    /// An endpoint takes requests again: what it was ejected for, if it was.
    pub fn restore(&mut self, endpoint: u64, now: u64) -> Option<Record> {
        let record = self.0.get_mut(&endpoint)?;
        if record.back.is_some() {
            return None;
        }
        record.back = Some(now);
        Some(*record)
    }

    /// The head of the probe's response is there, and what is still to come may last.
    pub fn answered(&mut self, endpoint: u64) {
        if let Some(record) = self.0.get_mut(&endpoint) {
            record.answered = true;
        }
    }

    /// Whether the probe of an ejected endpoint has been answered, as far as the head.
    pub fn is_answered(&self, endpoint: u64) -> bool {
        self.0.get(&endpoint).is_some_and(|record| record.answered)
    }

    /// What is known of an endpoint that is ejected.
    pub fn of(&self, endpoint: u64) -> Option<Record> {
        let record = self.0.get(&endpoint).copied();
        record.filter(|record| record.back.is_none())
    }

    /// Those that are ejected: the one that has been for the longest comes first.
    pub fn out(&self) -> Vec<u64> {
        let out = self.0.iter().filter(|(_, record)| record.back.is_none());
        let mut out: Vec<(u64, u64)> = out
            .map(|(&endpoint, record)| (record.since, endpoint))
            .collect();
        out.sort_unstable();
        out.into_iter().map(|(_, endpoint)| endpoint).collect()
    }

    /// Whether nothing is remembered, which is usual.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets endpoints that are not `listed`, and ejections that good service has made up for.
    pub fn forget(&mut self, now: u64, policy: &OutlierDetection, listed: impl Fn(u64) -> bool) {
        self.0.retain(|&endpoint, record| {
            listed(endpoint) && (record.back.is_none() || record.level_left(now, policy) > 0)
        });
    }
}

impl Record {
    /// What good service has left of the level.
    fn level_left(&self, now: u64, policy: &OutlierDetection) -> u32 {
        let mut good = self.back.map_or(0, |back| now.saturating_sub(back));
        let mut level = self.level;
        while level > 0 {
            let price = length(level, policy).saturating_mul(GOOD_TIMES);
            if good < price {
                break;
            }
            good -= price;
            level -= 1;
        }
        level
    }
}

/// The level after `level`. None is higher than what it takes to reach the longest time, or an endpoint that was broken
/// for a day would be under suspicion for another.
fn next(level: u32, policy: &OutlierDetection) -> u32 {
    match level {
        0 => 1,
        level if length(level, policy) < longest(policy) => level + 1,
        level => level,
    }
}

/// How long an ejection of a level, from 1, lasts at most.
fn length(level: u32, policy: &OutlierDetection) -> u64 {
    let doubled = 1u64.checked_shl(level - 1).unwrap_or(u64::MAX);
    let base = micros(policy.base_ejection_time);
    base.saturating_mul(doubled).min(longest(policy))
}

fn longest(policy: &OutlierDetection) -> u64 {
    micros(policy.max_ejection_time.max(policy.base_ejection_time))
}

#[cfg(test)]
mod tests;
