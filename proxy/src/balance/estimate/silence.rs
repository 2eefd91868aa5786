//! How long an endpoint has been silent: it was asked, and has answered nothing since.
//!
//! A latency is known when the answer comes. Of an endpoint that hangs it never does, and until the first time-out
//! everything sent there is lost, and only the requests in flight keep others from following. An answer that is late
//! says the same much sooner.
//!
//! An attempt that waits for its head is no silence yet: it may be a long poll, or a stream whose head comes with its
//! first message. Only what was asked later than anything that was answered counts. One answer ends all doubt, except
//! about what was asked after it.

use super::{Decay, TICK, Tick};

/// Since when an endpoint owes an answer. All zeros is one that owes none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// The last sign of life, or when the first attempt after it began.
    since: Tick,
    /// When the last attempt began. It has not ended: with it, silence does.
    latest: Tick,
}

impl Silence {
    /// Nothing is owed.
    pub const NONE: Self = Self {
        since: Tick(0),
        latest: Tick(0),
    };

    /// An attempt begins. A silence as old as the decay time is forgotten: what is sent there after that is to find out,
    /// and must not have others follow.
    #[must_use]
    pub fn ask(self, now: Tick, decay: Decay) -> Self {
        if self == Self::NONE || decay.is_over(self.since, now) {
            return Self {
                since: now,
                latest: now,
            };
        }
        Self {
            since: self.since,
            latest: self.latest.max(now),
        }
    }

    /// The attempt that began then is answered.
    #[must_use]
    pub fn answer(self, asked: Tick, now: Tick) -> Self {
        if self.owes_later(asked) {
            Self { since: now, ..self }
        } else {
            Self::NONE
        }
    }

    /// The attempt that began then is given up.
    #[must_use]
    pub fn give_up(self, asked: Tick) -> Self {
        if self.owes_later(asked) {
            self
        } else {
            Self::NONE
        }
    }

    /// How long it has lasted at least, in seconds.
    pub fn lasted(self, now: Tick, decay: Decay) -> f32 {
        if self == Self::NONE || decay.is_over(self.since, now) {
            return 0.0;
        }
        // Of the first tick and the last, next to nothing may have passed.
        now.since(self.since).saturating_sub(1) as f32 * TICK
    }

    fn owes_later(self, asked: Tick) -> bool {
        self != Self::NONE && self.latest.since(asked) > 0
    }

    /// As one atomic holds it.
    pub fn pack(self) -> u64 {
        u64::from(self.since.0) << 32 | u64::from(self.latest.0)
    }

    /// From what one atomic holds.
    pub fn unpack(packed: u64) -> Self {
        Self {
            since: Tick((packed >> 32) as u32),
            latest: Tick(packed as u32),
        }
    }
}

#[cfg(test)]
mod tests;
