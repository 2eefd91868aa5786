//! How the endpoints of a cluster stand, and what that allows.
//!
//! Two bounds keep an ejection from doing harm: so many may be ejected and no more, and never the last that would
//! take requests. And one question is asked before the first: are there peers that do better? If all fail alike, the
//! fault lies behind them, or in the requests; to eject some would only load the others.

/// Taken of the endpoints that have a weight.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// How many there are.
    all: usize,
    /// Ejected by us, being probed or not.
    out: usize,
    /// Neither ejected nor called down by the health check.
    serving: usize,
    /// Shares of failures of the peers in service.
    failing: Vec<f32>,
}

/// A peer does better that fails less than half as often.
const BETTER: f32 = 0.5;

impl Census {
    /// One more endpoint. `peer` is its share of failures, if it is another one than is asked about.
    pub fn count(&mut self, ejected: bool, down: bool, peer: Option<f32>) {
        self.all += 1;
        self.out += usize::from(ejected);
        if !ejected && !down {
            self.serving += 1;
            self.failing.extend(peer);
        }
    }

    /// Whether one more may be ejected: one may in any case, if others remain.
    pub fn room(&self, percent: f64) -> bool {
        self.out < self.most(percent) && self.serving > 1
    }

    /// How many are ejected that may not be, because others have left or gone down since.
    pub fn surplus(&self, percent: f64) -> usize {
        let too_many = self.out.saturating_sub(self.most(percent));
        too_many.max(usize::from(self.serving == 0 && self.out > 0))
    }

    fn most(&self, percent: f64) -> usize {
        let share = (self.all as f64 * percent) as usize;
        let least = usize::from(percent > 0.0);
        share.max(least).min(self.all.saturating_sub(1))
    }

    /// Whether a quarter of the peers do better than one that fails so often. By chance one of many always does.
    pub fn stands_out(&self, own: f32) -> bool {
        let mut failing = self.failing.clone();
        if failing.is_empty() {
            return false;
        }
        let quarter = failing.len() / 4;
        let (_, share, _) = failing.select_nth_unstable_by(quarter, f32::total_cmp);
        *share < own * BETTER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn census(all: usize, ejected: usize, down: usize) -> Census {
        let mut census = Census::default();
        for index in 0..all {
            census.count(index < ejected, index >= all - down, Some(0.0));
        }
        census
    }

    /// How many of `all` can be ejected one after another.
    fn can_be_ejected(all: usize, percent: f64) -> usize {
        (0..=all)
            .find(|&out| !census(all, out, 0).room(percent))
            .unwrap_or(usize::MAX)
    }

    #[test]
    fn half_of_a_few_is_rounded_down_but_one_may_always_be_ejected() {
        let counts = [1, 2, 3, 4, 5, 6, 10].map(|all| can_be_ejected(all, 0.5));
        assert_eq!(counts, [0, 1, 1, 2, 2, 3, 5]);
    }

    #[test]
    fn the_last_one_is_never_ejected() {
        assert_eq!(can_be_ejected(4, 1.0), 3);
        assert!(!census(4, 1, 2).room(1.0), "two are down");
        assert!(!census(1, 0, 0).room(1.0));
    }

    #[test]
    fn nothing_percent_is_none() {
        assert_eq!(can_be_ejected(10, 0.0), 0);
    }

    #[test]
    fn if_endpoints_leave_or_go_down_the_surplus_returns() {
        assert_eq!(census(4, 2, 0).surplus(0.5), 0);
        assert_eq!(census(2, 2, 0).surplus(0.5), 1);
        assert_eq!(census(2, 1, 1).surplus(0.5), 1);
        assert_eq!(census(2, 0, 2).surplus(0.5), 0);
    }

    #[test]
    fn where_all_fail_alike_nobody_stands_out() {
        let among = |peers: &[f32], own| {
            let mut census = Census::default();
            census.count(false, false, None);
            peers
                .iter()
                .for_each(|peer| census.count(false, false, Some(*peer)));
            census.stands_out(own)
        };
        assert!(among(&[0.0, 0.0], 0.3));
        assert!(among(&[0.5, 0.0], 0.5), "one of two does better");
        assert!(!among(&[0.5, 0.4], 0.7));
        assert!(!among(&[], 1.0));
        assert!(!among(&[0.0, 0.5, 0.5, 0.5], 0.8), "one of four, by chance");
    }

    proptest! {
        #[test]
        fn the_bound_holds_for_any_number(all in 1usize..200, percent in 0.0..=1.0) {
            let most = can_be_ejected(all, percent);
            prop_assert!(most < all);
            prop_assert!(most as f64 <= (all as f64 * percent).max(1.0));
        }
    }
}
