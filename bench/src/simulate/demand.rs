//! Who asks, and how often.

use std::{ops::Range, time::Duration};

use fastrand::Rng;

use super::nanos;

/// What is asked of all proxies together.
#[derive(Clone, Debug)]
pub(super) enum Demand {
    /// So many users, each sending its next request when it has an answer.
    Closed(usize),
    /// Requests at random moments, whatever the answers.
    Open(Open),
}

/// Requests that do not wait for one another.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// A second, of the whole fleet.
    pub rate: f64,
    /// How unequal proxies are: the second busiest has `1 / 2^skew` of the busiest one's requests, the third
    /// `1 / 3^skew` (Zipf); 0 makes them equal.
    pub skew: f64,
    /// A time of another demand, and how many times the usual it is.
    pub surge: Option<(Range<Duration>, f64)>,
}

impl Demand {
    /// So many requests a second, of equal proxies.
    pub(super) fn open(rate: f64) -> Self {
        Self::Open(Open {
            rate,
            skew: 0.0,
            surge: None,
        })
    }
}

impl Open {
    /// How long after `now` the next request comes. All in nanoseconds.
    pub(super) fn gap(&self, now: u64, rng: &mut Rng) -> u64 {
        let times = match &self.surge {
            Some((time, times)) if (nanos(time.start)..nanos(time.end)).contains(&now) => *times,
            _ => 1.0,
        };
        (-(1.0 - rng.f64()).ln() / (self.rate * times) * 1e9) as u64
    }
}

/// Which proxy a request is for.
pub(super) struct Popularity {
    /// Of each proxy and those before it.
    sums: Vec<f64>,
}

impl Popularity {
    /// Of so many proxies, as unequal as [`Open::skew`] says.
    pub(super) fn of(proxies: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let share = |rank: usize| {
            sum += (rank as f64).powf(-skew);
            sum
        };
        Self {
            sums: (1..=proxies).map(share).collect(),
        }
    }

    pub(super) fn draw(&self, rng: &mut Rng) -> u32 {
        let place = rng.f64() * self.sums.last().copied().unwrap_or(0.0);
        let proxy = self.sums.partition_point(|&sum| sum <= place);
        proxy.min(self.sums.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_proxy_has_as_many_times_the_requests_of_the_tenth_as_the_skew_says() {
        let mut rng = Rng::with_seed(7);
        for (skew, times) in [(0.0, 1.0), (1.0, 10.0)] {
            let popularity = Popularity::of(10, skew);
            let mut counts = [0.0; 10];
            (0..100_000).for_each(|_| counts[popularity.draw(&mut rng) as usize] += 1.0);
            let seen: f64 = counts[0] / counts[9];
            assert!((seen / times - 1.0).abs() < 0.05, "{skew}: {seen}");
        }
    }
}
