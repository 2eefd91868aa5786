//! How much is refused: the more, the further things are past their bound.
//!
//! On or off at the bound itself would swing between all and nothing. Sans-IO.

/// At the most, so that it can be seen how things are: of what nothing comes through, nobody knows when it is over.
const MOST: f32 = 0.95;

/// The share of requests to refuse, 0 to [`MOST`], when there is `level` of what should stay below `bound`; all but the
/// last of it is refused from `full` times the bound.
pub fn share(level: f64, bound: f64, full: f64) -> f32 {
    let past = (level / bound - 1.0) / (full - 1.0);
    // Not a number is not past anything.
    (past.max(0.0) as f32).min(MOST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_refused_below_the_bound_and_nearly_all_far_past_it() {
        assert_eq!(share(0.9, 1.0, 2.0), 0.0);
        assert_eq!(share(1.0, 1.0, 2.0), 0.0);
        assert_eq!(share(1.5, 1.0, 2.0), 0.5);
        assert_eq!(share(7.0, 1.0, 2.0), MOST);
        assert_eq!(share(f64::NAN, 1.0, 2.0), 0.0);
        assert_eq!(share(0.0, 0.0, 2.0), 0.0);
    }

    proptest! {
        #[test]
        fn more_is_refused_the_further_it_goes(level in 0.0..10.0f64, more in 0.0..10.0f64) {
            let (here, there) = (share(level, 1.0, 2.0), share(level + more, 1.0, 2.0));
            prop_assert!((0.0..=MOST).contains(&here));
            prop_assert!(here <= there);
        }
    }
}
