//! What stands between an endpoint and its requests: one atomic word, 0 for nothing.
//!
//! The word holds what passive detection decided (warming, ejected, being probed), since or until when, and what the
//! health check says, so that no reader sees half of a change, and a pick reads one number. Whoever decides keeps the
//! reasons; here is only what follows from them.
//!
//! The way of an ejected endpoint: `Ejected`, until its time is up; `Probing`, while a single request is there; then
//! `Warming` or, if that request failed, `Ejected` for longer. Orders are relaxed: nothing else is published through
//! the word. `tests/condition_model.rs` shows with loom that no change is lost and that a probe is a single one.

use super::atomic::{AtomicU64, Ordering::Relaxed};

/// What passive detection and slow start say of an endpoint. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing against it.
    Ready,
    /// It is new, or back: takes a share of its requests that grows with the time since then.
    Warming {
        /// Since when.
        since: u64,
    },
    /// It takes no requests until then, and a single one after.
    Ejected {
        /// Until when.
        until: u64,
    },
    /// One request is there to see whether it is well again.
    Probing {
        /// When that request is given up for lost.
        until: u64,
    },
}

/// The whole of it, as read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The health check calls it down.
    pub down: bool,
    /// What the rest says.
    pub state: State,
}

impl Seen {
    /// Whether it takes requests, be it some.
    pub fn available(self) -> bool {
        !self.down && matches!(self.state, State::Ready | State::Warming { .. })
    }
}

/// The condition of one endpoint.
#[derive(Debug)]
pub struct Condition(AtomicU64);

const DOWN: u64 = 1;
const KIND: u64 = 0b110;
const WARMING: u64 = 0b010;
const EJECTED: u64 = 0b100;
const PROBING: u64 = 0b110;
const TIME: u32 = 3;

impl Condition {
    /// Of an endpoint with nothing against it.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether there is nothing against it: what nearly every pick asks, of nearly every endpoint.
    pub fn clear(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    /// What there is against it.
    pub fn load(&self) -> Seen {
        Seen::unpack(self.0.load(Relaxed))
    }

    /// The health check changed its mind; whether it did. What comes up warms up from `now`, unless it is ejected.
    pub fn set_down(&self, down: bool, now: u64) -> bool {
        self.change(|seen| {
            let state = match seen.state {
                State::Ready if !down => State::Warming { since: now },
                state => state,
            };
            (seen.down != down).then_some(Seen { down, state })
        })
    }

    /// It is new among others that are known.
    pub fn warm_up(&self, now: u64) {
        self.change(|seen| {
            let state = State::Warming { since: now };
            (seen.state == State::Ready).then_some(Seen { state, ..seen })
        });
    }

    /// It takes no requests until then, whatever it did before.
    pub fn eject(&self, until: u64) {
        self.change(|seen| {
            let state = State::Ejected { until };
            Some(Seen { state, ..seen })
        });
    }

    /// Asks to be the one request that is sent to see whether it is well again, if it is ejected until `by` or before;
    /// the request is given up for lost at `lost`. Of several that ask, one is told yes.
    pub fn probe(&self, by: u64, lost: u64) -> bool {
        self.change(|seen| match seen.state {
            State::Ejected { until } if until <= by && !seen.down => {
                let state = State::Probing { until: lost };
                Some(Seen { state, ..seen })
            }
            _ => None,
        })
    }

    /// Its probe came to nothing: another may go from then on.
    pub fn probe_again(&self, at: u64) -> bool {
        self.change(|seen| {
            let state = State::Ejected { until: at };
            matches!(seen.state, State::Probing { .. }).then_some(Seen { state, ..seen })
        })
    }

    /// Its probe went well, or nobody ejects any more: it takes requests again, warming up from `now`. Whether it had
    /// not taken any.
    pub fn restore(&self, now: u64) -> bool {
        self.change(|seen| match seen.state {
            State::Ejected { .. } | State::Probing { .. } => {
                let state = State::Warming { since: now };
                Some(Seen { state, ..seen })
            }
            State::Ready | State::Warming { .. } => None,
        })
    }

    /// It is warm if it has been warming since `since` or before.
    pub fn settle(&self, since: u64) {
        let warm = |state| matches!(state, State::Warming { since: began } if began <= since);
        self.change(|seen| {
            let state = State::Ready;
            warm(seen.state).then_some(Seen { state, ..seen })
        });
    }

    /// Replaces what is there by what `next` makes of it, whoever else does the same; whether it made anything.
    fn change(&self, next: impl Fn(Seen) -> Option<Seen>) -> bool {
        let mut packed = self.0.load(Relaxed);
        while let Some(changed) = next(Seen::unpack(packed)) {
            match self
                .0
                .compare_exchange_weak(packed, changed.pack(), Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(newer) => packed = newer,
            }
        }
        false
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    fn pack(self) -> u64 {
        let (kind, time) = match self.state {
            State::Ready => (0, 0),
            State::Warming { since } => (WARMING, since),
            State::Ejected { until } => (EJECTED, until),
            State::Probing { until } => (PROBING, until),
        };
        // 2^61 microseconds are 73,000 years.
        kind | u64::from(self.down) | time.min(u64::MAX >> TIME) << TIME
    }

    fn unpack(packed: u64) -> Self {
        let time = packed >> TIME;
        Self {
            down: packed & DOWN != 0,
            state: match packed & KIND {
                WARMING => State::Warming { since: time },
                EJECTED => State::Ejected { until: time },
                PROBING => State::Probing { until: time },
                _ => State::Ready,
            },
        }
    }
}
