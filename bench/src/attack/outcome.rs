//! What came of an attack, and whether that is good enough.

use std::{collections::BTreeMap, fmt};

use super::{catalogue::Attack, fate::Fate};
use crate::load::Report;

/// The p99 may grow so many times,
const SLOWDOWN: f64 = 2.0;

/// or by so many microseconds: attackers use the same machine.
const NOISE: f64 = 5_000.0;

/// KiB that any attack may take: pages of the program that first run then, and buffers of all.
const ANY: u64 = 16 * 1024;

/// What came of it.
pub(super) struct Outcome {
    pub(super) before: Report,
    pub(super) during: Report,
    /// KiB resident before, at their highest, and a while after.
    pub(super) memory: [u64; 3],
    /// MiB that the kernel held in buffers of TCP at most, for all who took part.
    pub(super) buffers: u64,
    pub(super) attackers: Attackers,
}

/// What became of the attackers.
pub(super) struct Attackers {
    /// In the attack's own unit.
    pub(super) sent: u64,
    /// In so many seconds.
    pub(super) seconds: f64,
    /// Connections that were open at the end.
    pub(super) open: usize,
    pub(super) fates: BTreeMap<Fate, u64>,
}

/// What Outrigger must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    /// No good request fails.
    Served,
    /// The good client's p99 stays.
    Quick,
    /// Memory is bounded.
    Bounded,
}

impl Bar {
    pub(super) const ALL: [Self; 3] = [Self::Served, Self::Quick, Self::Bounded];

    pub(super) fn is_met(self, attack: &Attack, outcome: &Outcome) -> bool {
        let [before, highest, _] = outcome.memory;
        match self {
            Self::Served => outcome.during.failed() == 0,
            Self::Quick => {
                let usual = outcome.before.microseconds.p99;
                outcome.during.microseconds.p99 <= (usual * SLOWDOWN).max(usual + NOISE)
            }
            Self::Bounded => highest.saturating_sub(before) <= room(attack),
        }
    }

    pub(super) fn words(self, attack: &Attack) -> String {
        match self {
            Self::Served => "no good request fails".to_owned(),
            Self::Quick => format!(
                "its p99 at most {SLOWDOWN} x as before, or {} ms more",
                NOISE / 1000.0
            ),
            Self::Bounded => format!("at most {} MiB more", room(attack) / 1024),
        }
    }
}

/// KiB that an attack may take.
fn room(attack: &Attack) -> u64 {
    ANY + attack.connections as u64 * attack.room
}

impl Outcome {
    /// For who waits at a terminal.
    pub(super) fn sentence(&self) -> String {
        format!(
            "p99 {:.1} ms, then {:.1}; {} of {} failed {:?}; {:?} MiB, {} in the kernel; {}",
            self.before.microseconds.p99 / 1000.0,
            self.during.microseconds.p99 / 1000.0,
            self.during.failed(),
            self.during.requests(),
            self.during.failures,
            self.memory.map(|kib| kib / 1024),
            self.buffers,
            self.attackers
        )
    }
}

impl fmt::Display for Attackers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fates: Vec<(&Fate, &u64)> = self.fates.iter().collect();
        fates.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (fate, count) in fates {
            write!(f, "{count} {fate}, ")?;
        }
        write!(f, "{} open", self.open)
    }
}
