//! Which endpoints stand out from their peers: by success rate, by share of failures, by latency.
//!
//! Mean and standard deviation are moved by the very outliers that they are to find: of five endpoints, one that is out
//! is two standard deviations away however little or much it is out, and two that fail hide each other. Hence the
//! median, and the median of the distances from it, which half of the endpoints would have to be out to move.

use std::time::Duration;

use outrigger_config::model::{FailurePercent, SlowAnswers, SuccessRate};

use super::{Cause, Totals};

/// Makes a median distance from the median comparable to a standard deviation, where values scatter as chance has it.
const NORMAL: f64 = 1.4826;

/// A success rate that is lower by less than this is nobody's trouble: with a hundred requests, it is five of them.
const LEAST_GAP: f64 = 0.05;

/// Latencies scatter unevenly: within so many deviations they are alike.
const LATENCY_DEVIATIONS: f64 = 3.0;

/// One endpoint, by its place among those that are looked at.
pub type Outlier = (usize, Cause);

/// Whose success rate lies far below the median of all; the worst first.
pub fn low_success_rates(all: &[Totals], policy: &SuccessRate) -> Vec<Outlier> {
    let known = with(all, policy.min_requests, |totals| totals.requests);
    if known.len() < policy.min_endpoints as usize {
        return Vec::new();
    }
    let rate = |totals: &Totals| 1.0 - totals.failures / totals.requests;
    let (median, scatter) = spread(known.iter().map(|(_, totals)| rate(totals)));
    let found = known.iter().filter_map(|(index, totals)| {
        // What chance alone does to a rate of so few requests; where nobody fails, it may still fail the next.
        let failing = (1.0 - median).max(1.0 / totals.requests);
        let noise = (failing * (1.0 - failing) / totals.requests).sqrt();
        let (own, deviation) = (rate(totals), scatter.max(noise));
        let gap = (policy.deviations * deviation).max(LEAST_GAP);
        let cause = Cause::SuccessRate {
            own,
            median,
            deviation,
        };
        (own < median - gap).then_some((own, *index, cause))
    });
    worst_first(found.collect())
}

/// Who fails too often, whatever the others do; the worst first.
pub fn high_failure_shares(all: &[Totals], policy: &FailurePercent) -> Vec<Outlier> {
    let known = with(all, policy.min_requests, |totals| totals.requests);
    if known.len() < policy.min_endpoints as usize {
        return Vec::new();
    }
    let found = known.iter().filter_map(|(index, totals)| {
        let share = totals.failures / totals.requests;
        (share >= policy.threshold).then_some((-share, *index, Cause::FailurePercent(share)))
    });
    worst_first(found.collect())
}

/// Whose answers take many times as long as is usual; the worst first.
pub fn slow_answers(all: &[Totals], policy: &SlowAnswers) -> Vec<Outlier> {
    let known = with(all, policy.min_requests, |totals| totals.answers);
    if known.len() < policy.min_endpoints as usize {
        return Vec::new();
    }
    let (median, scatter) = spread(known.iter().map(|(_, totals)| totals.median));
    let gap = (LATENCY_DEVIATIONS * scatter).max(policy.at_least.as_secs_f64());
    let bound = (median * policy.factor).max(median + gap);
    let found = known.iter().filter_map(|(index, totals)| {
        let cause = Cause::Latency {
            own: Duration::from_secs_f64(totals.median),
            median: Duration::from_secs_f64(median),
        };
        (totals.median > bound).then_some((-totals.median, *index, cause))
    });
    worst_first(found.collect())
}

/// Those that have as many as say anything.
fn with(all: &[Totals], least: u32, count: fn(&Totals) -> f64) -> Vec<(usize, &Totals)> {
    // What fades never quite reaches the number that came in.
    let enough = |totals: &&Totals| count(totals) >= f64::from(least) - 0.5;
    let all = all.iter().enumerate();
    all.filter(|(_, totals)| enough(totals)).collect()
}

/// The median, and how far from it values usually lie.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.collect();
    let median = median(&mut values);
    values.iter_mut().for_each(|value| {
        *value = (*value - median).abs();
    });
    (median, NORMAL * self::median(&mut values))
}

/// Of an even number, the mean of the middle two.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => f64::midpoint(lower, *upper),
        _ => *upper,
    }
}

fn worst_first(mut found: Vec<(f64, usize, Cause)>) -> Vec<Outlier> {
    found.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    found
        .into_iter()
        .map(|(_, index, cause)| (index, cause))
        .collect()
}

#[cfg(test)]
mod tests {
    use outrigger_config::model::default;
    use proptest::prelude::*;

    use super::*;

    fn rates(rates: &[f64]) -> Vec<Totals> {
        let totals = rates.iter().map(|rate| Totals {
            requests: 200.0,
            failures: 200.0 * (1.0 - rate),
            ..Totals::default()
        });
        totals.collect()
    }

    fn latencies(millis: &[f64]) -> Vec<Totals> {
        let totals = millis.iter().map(|millis| Totals {
            answers: 100.0,
            median: millis / 1e3,
            ..Totals::default()
        });
        totals.collect()
    }

    fn places(found: &[Outlier]) -> Vec<usize> {
        found.iter().map(|(index, _)| *index).collect()
    }

    fn low(own: &[f64]) -> Vec<usize> {
        places(&low_success_rates(&rates(own), &default::SUCCESS_RATE))
    }

    fn slow(millis: &[f64]) -> Vec<usize> {
        places(&slow_answers(&latencies(millis), &default::SLOW_ANSWERS))
    }

    #[test]
    fn one_that_fails_among_five_stands_out() {
        assert_eq!(low(&[1.0, 1.0, 0.8, 1.0, 0.99]), [2]);
    }

    #[test]
    fn two_that_fail_do_not_hide_each_other() {
        assert_eq!(low(&[0.5, 1.0, 0.2, 0.99, 1.0]), [2, 0]);
    }

    #[test]
    fn a_little_worse_is_no_outlier() {
        assert_eq!(low(&[1.0, 1.0, 1.0, 1.0, 0.96]), [0; 0]);
    }

    #[test]
    fn where_all_fail_alike_nobody_stands_out() {
        assert_eq!(low(&[0.5, 0.55, 0.45, 0.5, 0.6]), [0; 0]);
        assert_eq!(low(&[0.0; 5]), [0; 0]);
    }

    #[test]
    fn few_endpoints_or_few_requests_say_nothing() {
        assert_eq!(low(&[1.0, 1.0, 0.0, 1.0]), [0; 0]);
        let mut all = rates(&[1.0, 1.0, 0.0, 1.0, 1.0]);
        all[2].requests = 99.0;
        all[2].failures = 99.0;
        assert_eq!(low_success_rates(&all, &default::SUCCESS_RATE), []);
    }

    #[test]
    fn the_threshold_of_failures_is_absolute() {
        let found = high_failure_shares(&rates(&[0.1, 0.9, 0.0]), &default::FAILURE_PERCENT);
        assert_eq!(places(&found), [2, 0]);
    }

    #[test]
    fn one_that_is_slow_among_three_stands_out() {
        assert_eq!(slow(&[1.0, 60.0, 1.2]), [1]);
    }

    #[test]
    fn twice_as_slow_or_slower_by_little_is_no_outlier() {
        assert_eq!(slow(&[100.0, 100.0, 200.0]), [0; 0], "the factor");
        assert_eq!(slow(&[0.1, 0.1, 15.0]), [0; 0], "the difference");
    }

    #[test]
    fn latencies_that_are_all_over_the_place_have_no_outlier() {
        assert_eq!(slow(&[5.0, 200.0, 40.0, 130.0, 90.0, 300.0]), [0; 0]);
    }

    #[test]
    fn if_most_are_slow_nobody_is() {
        assert_eq!(slow(&[1.0, 1000.0, 1000.0]), [0; 0]);
    }

    proptest! {
        #[test]
        fn never_do_more_than_half_stand_out(
            own in prop::collection::vec(0.0..=1.0, 1..40),
            millis in prop::collection::vec(0.05..5_000.0, 1..40),
        ) {
            prop_assert!(low(&own).len() * 2 <= own.len());
            prop_assert!(slow(&millis).len() * 2 <= millis.len());
        }

        #[test]
        fn the_best_never_stands_out(own in prop::collection::vec(0.0..=1.0f64, 5..40)) {
            let best = own.iter().copied().fold(0.0, f64::max);
            prop_assert!(low(&own).iter().all(|&index| own[index] < best));
        }
    }
}
