//! The retry budget: how much of a cluster's traffic may be retries.
//!
//! Why a budget, and not a number of attempts alone: when everything fails, three attempts a request are three times the
//! load on what is failing of load already. A share of the traffic leaves single failures their retries and bounds the
//! storm. Finagle's idea, but as a bound that can be checked: in the window before each retry that is granted, that one
//! included, retries are at most the larger of the share of the requests and the floor.
//!
//! An attempt in place of one that reached nobody is no more load on anybody. It is charged, and leaves less for others,
//! but is not refused: an endpoint that is gone shall cost no request.
//!
//! Both are counted in slots of a tenth of the window. What lies partly in the window counts whole if it is retries and
//! not at all if it is requests, so that the bound holds to the microsecond.

use std::time::Duration;

use outrigger_config::model::RetryBudget;

use crate::clock;

/// Slots of a window: a tenth is as finely as the past is forgotten.
const SLOTS: u64 = 10;

/// The window and the slot that reaches out of it.
const KEPT: usize = SLOTS as usize + 1;

/// How long no retry was refused, until there is said to be room again, in microseconds: while requests come in, a bit of
/// room comes and goes every moment.
const CALM: u64 = 1_000_000;

/// What a cluster may spend on retries. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct Budget {
    share: f64,
    floor: f64,
    /// How long a slot lasts.
    slot: u64,
    slots: [Slot; KEPT],
    /// When requests were last counted.
    counted: u64,
    /// How many there were by then, ever.
    total: u64,
    dry: Option<Dry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    requests: u64,
    retries: u64,
}

#[derive(Clone, Copy, Debug)]
struct Dry {
    since: u64,
    last: u64,
    refused: u64,
}

/// Where the budget stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balance {
    /// Requests in the window.
    pub requests: u64,
    /// Retries in it.
    pub retries: u64,
    /// How many there may be.
    pub allowed: f64,
}

impl Balance {
    /// How many more retries there may be now.
    pub fn left(&self) -> u64 {
        (self.allowed as u64).saturating_sub(self.retries)
    }
}

/// What becomes of a retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It may be made, and has been counted.
    Granted,
    /// It may not; whether it is the first one.
    Refused {
        /// The budget has just run dry.
        first: bool,
    },
}

/// A dry time that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refilled {
    /// How long it was.
    pub after: Duration,
    /// How many retries were refused.
    pub refused: u64,
}

impl Budget {
    /// A new one, at `now`, of a cluster that has had `total` requests.
    pub fn new(policy: RetryBudget, now: u64, total: u64) -> Self {
        let window = clock::micros(policy.window).max(SLOTS);
        Self {
            share: policy.percent,
            floor: f64::from(policy.min_per_second) * policy.window.as_secs_f64(),
            slot: window.div_ceil(SLOTS),
            slots: [Slot::default(); KEPT],
            counted: now,
            total,
            dry: None,
        }
    }

    /// The same past under another policy; forgotten if that looks back otherwise.
    pub fn under(&self, policy: RetryBudget) -> Self {
        let fresh = Self::new(policy, self.counted, self.total);
        match fresh.slot == self.slot {
            true => Self {
                slots: self.slots,
                dry: self.dry,
                ..fresh
            },
            false => fresh,
        }
    }

    /// Counts the requests since last time; `total` is their number ever. They are taken for as old as they can be.
    pub fn count(&mut self, now: u64, total: u64) {
        let now = now.max(self.counted);
        let (last, current) = (self.counted / self.slot, now / self.slot);
        self.at(last).requests += total.saturating_sub(self.total);
        for passed in (last + 1..=current).take(KEPT) {
            *self.at(passed) = Slot::default();
        }
        (self.counted, self.total) = (now, total.max(self.total));
    }

    /// Asks for one retry.
    pub fn withdraw(&mut self, now: u64, total: u64) -> Verdict {
        self.count(now, total);
        let now = self.counted;
        let balance = self.balance();
        if balance.retries as f64 + 1.0 <= balance.allowed {
            self.at(now / self.slot).retries += 1;
            return Verdict::Granted;
        }
        let first = self.dry.is_none();
        let dry = self.dry.get_or_insert(Dry {
            since: now,
            last: now,
            refused: 0,
        });
        dry.last = now;
        dry.refused += 1;
        Verdict::Refused { first }
    }

    /// Counts a retry that is made in any case.
    pub fn charge(&mut self, now: u64, total: u64) {
        self.count(now, total);
        self.at(self.counted / self.slot).retries += 1;
    }

    /// What changes with time alone: a dry time may be over.
    pub fn tend(&mut self, now: u64, total: u64) -> Option<Refilled> {
        self.count(now, total);
        let dry = self.dry?;
        if self.counted - dry.last < CALM || self.balance().left() == 0 {
            return None;
        }
        self.dry = None;
        Some(Refilled {
            after: Duration::from_micros(self.counted - dry.since),
            refused: dry.refused,
        })
    }

    /// Where it stands, as of the last count.
    pub fn balance(&self) -> Balance {
        let current = self.counted / self.slot;
        // The oldest slot reaches out of the window.
        let oldest = current.checked_sub(SLOTS).map(index);
        let requests = self.slots.iter().enumerate();
        let requests = requests.filter(|(index, _)| Some(*index) != oldest);
        let requests = requests.map(|(_, slot)| slot.requests).sum();
        Balance {
            requests,
            retries: self.slots.iter().map(|slot| slot.retries).sum(),
            allowed: (requests as f64 * self.share).max(self.floor),
        }
    }

    /// Whether retries are being refused.
    pub fn is_dry(&self) -> bool {
        self.dry.is_some()
    }

    fn at(&mut self, slot: u64) -> &mut Slot {
        &mut self.slots[index(slot)]
    }
}

fn index(slot: u64) -> usize {
    (slot % KEPT as u64) as usize
}

#[cfg(test)]
#[path = "budget/tests.rs"]
mod tests;
