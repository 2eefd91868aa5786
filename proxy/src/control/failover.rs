//! Which control plane is tried next, and when.
//!
//! The list is in order of preference only at the start: replicas are equal, so whoever answers is stayed with. A lost
//! one is tried again at once, then each other in turn, and when all have failed there is a pause: so short that one who
//! is back is found within a second, spread so that a thousand proxies do not come at once. Nobody is ever given up.

use std::time::Duration;

/// The bound of the pause after all have failed once.
const SHORTEST: Duration = Duration::from_millis(100);

/// The bound of any pause: with it, and the time that it takes to connect, less than a second goes by.
const LONGEST: Duration = Duration::from_millis(850);

/// A control plane that says something and hangs up at once, over and over, is no better than one that says nothing.
const BRIEF: Duration = Duration::from_secs(1);

/// Whose turn it is.
#[derive(Clone, Debug)]
pub struct Failover {
    servers: usize,
    current: usize,
    /// Tries in a row that came to nothing.
    failures: u32,
}

impl Failover {
    /// The first of so many.
    pub fn new(servers: usize) -> Self {
        Self {
            servers: servers.max(1),
            current: 0,
            failures: 0,
        }
    }

    /// The place in the list of the one to try.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The last try is over, after so long; `heard`: with an answer. Gives the pause before the next.
    pub fn ended(&mut self, heard: bool, lasted: Duration, rng: &mut fastrand::Rng) -> Duration {
        if heard && lasted >= BRIEF {
            self.failures = 0;
            return Duration::ZERO;
        }
        self.current = (self.current + 1) % self.servers;
        self.failures = self.failures.saturating_add(1);
        let servers = u32::try_from(self.servers).unwrap_or(u32::MAX);
        if !self.failures.is_multiple_of(servers) {
            return Duration::ZERO;
        }
        let rounds = self.failures / servers;
        let bound = SHORTEST.saturating_mul(1 << (rounds - 1).min(10));
        // From half of the bound, so that the pause never is none at all.
        let pause = bound.min(LONGEST).mul_f64(0.5 + 0.5 * rng.f64());
        // A try that was waited for is a pause already.
        pause.saturating_sub(lasted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOON: Duration = Duration::ZERO;

    #[test]
    fn a_lost_one_is_tried_at_once_then_the_others_then_there_is_a_pause() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut failover = Failover::new(3);
        let mut order = Vec::new();
        assert_eq!(
            failover.ended(true, Duration::from_secs(60), &mut rng),
            SOON
        );
        for _ in 0..4 {
            order.push(failover.current());
            let pause = failover.ended(false, SOON, &mut rng);
            order.push(usize::from(!pause.is_zero()) * 100);
        }
        assert_eq!(order, [0, 0, 1, 0, 2, 100, 0, 0]);
    }

    #[test]
    fn one_that_hangs_up_at_once_is_not_tried_at_once() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut failover = Failover::new(1);
        assert!(!failover.ended(true, SOON, &mut rng).is_zero());
    }

    proptest! {
        #[test]
        fn whoever_is_back_is_tried_within_a_second(seed: u64, servers in 1_usize..5, tries in 1_usize..200) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut failover = Failover::new(servers);
            for _ in 0..tries {
                failover.ended(false, SOON, &mut rng);
            }
            let (wanted, mut waited) = (rng.usize(..servers), SOON);
            while failover.current() != wanted {
                waited += failover.ended(false, SOON, &mut rng);
            }
            prop_assert!(waited <= LONGEST);
        }
    }
}
