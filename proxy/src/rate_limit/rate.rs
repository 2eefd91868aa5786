//! The arithmetic of a rate limit: GCRA, the generic cell rate algorithm (ITU-T I.371), a token bucket in one number.
//!
//! In place of a count of tokens and the time they were counted at, a bucket is only *when it will be full again*. Each
//! request puts that off by one interval, and is let through while it lies no further ahead than a whole bucket takes to
//! fill. 0 is a full bucket, so there is nothing to set up, and a bucket that has not been used for long is a full one
//! by itself.

use std::time::Duration;

/// How fast a bucket fills, and how much it holds. Times inside are nanoseconds: a microsecond is too coarse for a
/// million requests a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In which one request's worth flows in.
    interval: u64,
    /// In which an empty bucket fills.
    capacity: u64,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether there was room for it.
    pub admitted: bool,
    /// How many more there is room for now.
    pub remaining: u64,
    /// When there is room for one more than that.
    pub next: Duration,
}

impl Rate {
    /// `requests` in `per`, of which `burst` may come at once. None of them is 0.
    pub fn new(requests: u32, per: Duration, burst: u32) -> Self {
        let per = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
        let interval = (per / u64::from(requests.max(1))).max(1);
        Self {
            interval,
            capacity: interval.saturating_mul(u64::from(burst.max(1))),
        }
    }

    /// A request at `now`, in microseconds, for a bucket that is full again at `full_at`. What is returned first is when
    /// it is full again after that; a request that is refused changes nothing.
    pub fn take(&self, full_at: u64, now: u64) -> (u64, Verdict) {
        let now = now.saturating_mul(1_000);
        let missing = full_at.saturating_sub(now);
        let after = missing.saturating_add(self.interval);
        if after > self.capacity {
            let verdict = Verdict {
                admitted: false,
                remaining: 0,
                next: Duration::from_nanos(after - self.capacity),
            };
            return (full_at, verdict);
        }
        let room = self.capacity - after;
        let verdict = Verdict {
            admitted: true,
            remaining: room / self.interval,
            next: Duration::from_nanos(self.interval - room % self.interval),
        };
        (now.saturating_add(after), verdict)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    /// Requests at these times that are let through.
    fn admitted(rate: Rate, times: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut full_at = 0;
        let through = times.into_iter().filter(|now| {
            let (after, verdict) = rate.take(full_at, *now);
            full_at = after;
            verdict.admitted
        });
        through.collect()
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_an_interval() {
        let rate = Rate::new(10, Duration::from_secs(1), 3);
        let times = [0, 0, 0, 0, 99_999, 100_000, 100_000, 200_000];
        assert_eq!(admitted(rate, times), [0, 0, 0, 100_000, 200_000]);
    }

    #[test]
    fn what_is_left_and_when_there_is_more_is_told() {
        let rate = Rate::new(2, Duration::from_secs(1), 2);
        let verdict = |admitted, remaining, millis| Verdict {
            admitted,
            remaining,
            next: Duration::from_millis(millis),
        };
        let (full_at, first) = rate.take(0, 0);
        assert_eq!(first, verdict(true, 1, 500));
        let (full_at, second) = rate.take(full_at, 0);
        assert_eq!(second, verdict(true, 0, 500));
        let (same, third) = rate.take(full_at, 200_000);
        assert_eq!((same, third), (full_at, verdict(false, 0, 300)));
    }

    #[test]
    fn a_quiet_time_fills_the_bucket_and_no_more() {
        let rate = Rate::new(1, Duration::from_secs(1), 2);
        let times = [0, 0, 3_600 * SECOND, 3_600 * SECOND, 3_600 * SECOND];
        assert_eq!(admitted(rate, times).len(), 4);
    }

    #[test]
    fn the_largest_and_the_smallest_rates_hold() {
        let year = Duration::from_secs(365 * 24 * 3600);
        let rate = Rate::new(1, year, 1_000_000);
        assert_eq!(admitted(rate, std::iter::repeat_n(5, 100)).len(), 100);
        let rate = Rate::new(1_000_000, Duration::from_millis(1), 1);
        assert_eq!(admitted(rate, [0, 0, 1]), [0, 1]);
    }

    proptest! {
        /// Over any time there are at most a burst and what flowed in meanwhile, and what is promised is kept.
        #[test]
        fn no_more_than_the_rate_and_a_burst_get_through(
            requests in 1..1000_u32,
            per in 1..10_000_u64,
            burst in 1..100_u32,
            gaps in prop::collection::vec(0..100_000_u64, 1..200),
        ) {
            let rate = Rate::new(requests, Duration::from_millis(per), burst);
            let (mut now, mut full_at, mut through) = (0, 0, 0_u64);
            for gap in gaps {
                now += gap;
                let (after, verdict) = rate.take(full_at, now);
                through += u64::from(verdict.admitted);
                if verdict.admitted {
                    prop_assert!(verdict.remaining < u64::from(burst));
                    let more = std::iter::successors(Some((after, verdict)), |(at, _)| Some(rate.take(*at, now)));
                    prop_assert_eq!(more.skip(1).take_while(|(_, v)| v.admitted).count() as u64, verdict.remaining);
                } else {
                    let micros = verdict.next.as_nanos().div_ceil(1_000) as u64;
                    prop_assert!(rate.take(full_at, now + micros).1.admitted, "{:?} was promised", verdict.next);
                }
                full_at = after;
                let inflow = now * 1_000 / rate.interval;
                prop_assert!(through <= u64::from(burst) + inflow, "{through} in {now} us");
            }
        }
    }
}
