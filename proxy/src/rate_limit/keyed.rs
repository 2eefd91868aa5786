//! Buckets by caller, in a memory that is bounded whatever callers do.
//!
//! A caller is known by a 64-bit hash with a secret, so that a long key takes no more room than a short one and nobody
//! can aim at another's place. Places are in sets, as in a processor's cache: a new caller takes the place in its set
//! whose bucket is full again, or else will be the soonest. What is forgotten is thus an idle caller as long as there
//! is one, and then whoever has used least; to make the table forget a caller who has used up a burst, every other place
//! of that set must have been used up as well, by callers enough to fill the table. Who has so many keys has as many
//! buckets anyway.
//!
//! Sans-IO: the owner hashes and holds the locks.

use super::rate::{Rate, Verdict};

/// Each with a lock of its own, so that workers seldom meet. With the two below, one limit tells 65,536 callers apart, in
/// 1 MiB when all are in use and 32 KiB when none is.
pub const SHARDS: usize = 64;

const SETS: usize = 64;
/// Enough that a set is hardly ever full while a table is half full.
const PLACES: usize = 16;

/// The callers whose hash has the same last bits. A set is made for its first caller: tables may have many limits that
/// few ever meet.
#[derive(Debug)]
pub struct Shard([Option<Box<[Place; PLACES]>>; SETS]);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// A hash; 0 for none.
    caller: u64,
    /// When its bucket is full again, in nanoseconds.
    full_at: u64,
}

impl Shard {
    /// With every bucket full.
    pub fn full() -> Self {
        Self([const { None }; SETS])
    }

    /// Which of the [`SHARDS`] is a caller's.
    pub fn of(hash: u64) -> usize {
        hash as usize % SHARDS
    }

    /// A request of a caller of this shard at `now`, in microseconds.
    pub fn take(&mut self, hash: u64, rate: &Rate, now: u64) -> Verdict {
        let set = self.0[hash as usize / SHARDS % SETS].get_or_insert_default();
        let known = set.iter().position(|place| place.caller == hash);
        let soonest = || (0..PLACES).min_by_key(|index| set[*index].full_at);
        let index = known.or_else(soonest).unwrap_or_default();
        let full_at = known.map_or(0, |index| set[index].full_at);
        let (after, verdict) = rate.take(full_at, now);
        set[index] = Place {
            caller: hash,
            full_at: after,
        };
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: u64 = 3_600_000_000;

    fn rate() -> Rate {
        Rate::new(10, Duration::from_secs(3600), 10)
    }

    /// Hashes of callers who meet in one set.
    fn rivals() -> impl Iterator<Item = u64> {
        (1..).map(|number| number * (SHARDS * SETS) as u64)
    }

    #[test]
    fn each_caller_has_a_bucket_of_its_own() {
        let mut shard = Shard::full();
        for caller in rivals().take(PLACES) {
            let through = (0..20).filter(|_| shard.take(caller, &rate(), 0).admitted);
            assert_eq!(through.count(), 10);
        }
    }

    #[test]
    fn an_idle_caller_goes_before_a_busy_one() {
        let mut shard = Shard::full();
        let busy: Vec<u64> = rivals().take(PLACES).collect();
        for caller in &busy[1..] {
            for _ in 0..10 {
                shard.take(*caller, &rate(), HOUR);
            }
        }
        // The first was here two hours ago: its bucket is full again.
        shard.take(busy[0], &rate(), 0);
        shard.take(rivals().nth(PLACES).unwrap_or_default(), &rate(), HOUR);
        for caller in &busy[1..] {
            assert!(!shard.take(*caller, &rate(), HOUR).admitted, "forgotten");
        }
    }

    #[test]
    fn a_flood_of_new_callers_does_not_give_a_used_up_bucket_back() {
        let mut shard = Shard::full();
        let greedy = 1 << 63;
        for _ in 0..10 {
            shard.take(greedy, &rate(), 0);
        }
        for caller in rivals().take(100_000) {
            assert!(shard.take(caller, &rate(), 0).admitted);
        }
        assert!(!shard.take(greedy, &rate(), 0).admitted);
    }

    #[test]
    fn no_flood_makes_it_grow() {
        let mut shard = Shard::full();
        for caller in 1..200_000 {
            shard.take(caller, &rate(), 0);
        }
        let places: usize = shard.0.iter().flatten().map(|set| set.len()).sum();
        assert_eq!(places, SETS * PLACES);
        assert_eq!(SHARDS * places * size_of::<Place>(), 1 << 20);
        assert_eq!(SHARDS * size_of::<Shard>(), 32 << 10);
    }
}
