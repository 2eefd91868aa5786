//! First estimates for new endpoints.

use std::time::Duration;

use crate::endpoint::load::Load;

/// Gives endpoints that were never measured the median estimate of those that were, if any: a newcomer is taken for
/// an ordinary member of its set (a fixed guess of 30 ms starves it among peers of 0.1 ms). To be called when a set of
/// endpoints takes effect; `now` is in microseconds.
pub fn seed<'a>(loads: impl Iterator<Item = &'a Load> + Clone, now: u64) {
    let mut known: Vec<f32> = loads
        .clone()
        .filter_map(Load::latency)
        .map(|range| range.high)
        .collect();
    if known.is_empty() {
        return;
    }
    let middle = known.len() / 2;
    let (_, median, _) = known.select_nth_unstable_by(middle, f32::total_cmp);
    let median = Duration::from_secs_f32(*median);
    for load in loads {
        load.seed(now, median);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::balance::estimate::Decay;
    use crate::endpoint::load::Outcome;

    fn decay() -> Decay {
        Decay::over(Duration::from_secs(10))
    }

    #[test]
    fn a_new_endpoint_gets_the_median_of_its_peers() {
        let loads: Vec<Load> = std::iter::repeat_with(Load::new).take(4).collect();
        for (load, millis) in loads.iter().zip([1, 2, 90]) {
            load.observe(0, Duration::from_millis(millis), Outcome::Success, decay());
        }
        seed(loads.iter(), 0);
        assert_eq!(loads[3].latency().unwrap().high, 0.002);
        assert_eq!(loads[2].latency().unwrap().high, 0.090);
    }

    #[test]
    fn where_nobody_is_measured_nobody_is_seeded() {
        let loads = [Load::new(), Load::new()];
        seed(loads.iter(), 0);
        assert_eq!(loads[0].latency(), None);
    }
}
