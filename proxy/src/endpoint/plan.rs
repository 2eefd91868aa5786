//! How requests are shared out among the partitions of a set: by priority, by zone, or in panic.
//!
//! A level of failover takes all requests while enough of it is available; what it cannot take goes to the next, little
//! by little. Within a level requests stay in the proxy's own zone as long as it has its share of the capacity. Callers
//! are taken to be spread evenly over the zones: nobody tells a proxy where the others are, and if each zone keeps what
//! it can carry and gives the rest to those with room, all are equally busy without a word between them. Panic is what
//! is left when next to nothing is available: then no level and no zone counts, and all endpoints share everything.
//!
//! Made anew, four times a second, from what is available; a pick only draws from it. No clock, no chance, no atomics.

/// A level keeps all requests until it has lost two sevenths of its weight: whoever runs a service has some room in it,
/// and failover is the greater change. Envoy's.
const ROOM: f64 = 1.4;

/// What a plan is made from: a partition's weight, and what is available of it. Those of a level stand side by side.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The level.
    pub priority: u16,
    /// It is the proxy's own zone; also where zones mean nothing.
    pub local: bool,
    /// How many zones it stands for.
    pub zones: u32,
    /// Of all its endpoints.
    pub weight: u64,
    /// Of those that take requests.
    pub available: u64,
}

/// The shares of the partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    shares: Box<[f64]>,
    /// Where each share ends, of [`WHOLE`].
    ends: Box<[u64]>,
    available: f64,
    panic: bool,
}

/// A draw is from 0 to less than this.
const WHOLE: u64 = 1 << 32;

impl Plan {
    /// For these parts. Below a share of `panic_threshold` that is available there is panic.
    pub fn new(parts: &[Part], panic_threshold: f64) -> Self {
        // Any level is meant to carry the whole: what the levels have is added up, not averaged.
        let available: f64 = levels(parts).map(availability).sum();
        let available = available.min(1.0);
        let weight: u64 = parts.iter().map(|part| part.weight).sum();
        let panic = weight > 0 && available < panic_threshold;
        let shares = if panic {
            let share = |part: &Part| part.weight as f64 / weight as f64;
            parts.iter().map(share).collect()
        } else {
            shares(parts)
        };
        Self {
            ends: ends(&shares),
            shares: shares.into(),
            available,
            panic,
        }
    }

    /// The partition that a random number falls to.
    pub fn draw(&self, random: u64) -> usize {
        let random = random >> 32;
        self.ends.partition_point(|&end| end <= random)
    }

    /// The share of requests of each partition, 0 to 1.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// How much of the capacity is available, 0 to 1.
    pub fn available(&self) -> f64 {
        self.available
    }

    /// Whether so little is available that all endpoints are taken for it.
    pub fn panic(&self) -> bool {
        self.panic
    }
}

fn levels(parts: &[Part]) -> impl Iterator<Item = &[Part]> {
    parts.chunk_by(|one, next| one.priority == next.priority)
}

/// The share of a level's weight that takes requests.
fn availability(level: &[Part]) -> f64 {
    let available: u64 = level.iter().map(|part| part.available).sum();
    let weight: u64 = level.iter().map(|part| part.weight).sum();
    available as f64 / weight.max(1) as f64
}

fn shares(parts: &[Part]) -> Vec<f64> {
    let mut left = 1.0;
    let mut shares = Vec::with_capacity(parts.len());
    for level in levels(parts) {
        let taken = (availability(level) * ROOM).min(left);
        left -= taken;
        shares.extend(by_zone(level).map(|share| taken * share));
    }
    // Where all levels together have no room for everything, each takes more, in proportion.
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|share| *share /= sum);
    }
    shares
}

/// The shares of a level's partitions in what the level takes.
fn by_zone(level: &[Part]) -> impl Iterator<Item = f64> {
    let available: u64 = level.iter().map(|part| part.available).sum();
    let own = level.iter().find(|part| part.local);
    // Callers in a zone without endpoints are callers, too: the own zone counts in any case.
    let zones =
        level.iter().map(|part| u64::from(part.zones)).sum::<u64>() + u64::from(own.is_none());
    // A zone's callers want this, and it has that, both in units of one caller's worth.
    let wants = move |part: &Part| u64::from(part.zones) * available;
    let has = move |part: &Part| part.available * zones;
    let kept = own.map_or(0.0, |own| share(has(own), available).min(1.0));
    let spare = move |part: &Part| match part.local {
        true => 0,
        false => has(part).saturating_sub(wants(part)),
    };
    let all_spare: u64 = level.iter().map(spare).sum();
    level.iter().map(move |part| match part.local {
        true => kept,
        false => (1.0 - kept) * share(spare(part), all_spare),
    })
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The last one that has a share takes what rounding left.
fn ends(shares: &[f64]) -> Box<[u64]> {
    let last = shares.iter().rposition(|&share| share > 0.0).unwrap_or(0);
    let mut sum = 0.0;
    let ends = shares.iter().enumerate().map(|(index, share)| {
        sum += share;
        match index < last {
            true => (sum * WHOLE as f64) as u64,
            false => WHOLE,
        }
    });
    ends.collect()
}

#[cfg(test)]
mod tests;
