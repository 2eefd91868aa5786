//! What a tally says of what it was told. (Beside `tally.rs` they would run in the loom test, too.)

use super::*;

#[test]
fn a_median_is_known_to_a_tenth_or_so() {
    for micros in [100, 900, 1_000, 5_300, 70_000, 1_000_000, 30_000_000] {
        let tally = Tally::new();
        for _ in 0..101 {
            tally.answered(Duration::from_micros(micros));
        }
        let (median, exact) = (tally.totals().median, micros as f64 / 1e6);
        assert!((median / exact - 1.0).abs() < 0.13, "{median} of {exact}");
    }
}

#[test]
fn one_slow_answer_in_three_does_not_move_the_median() {
    let tally = Tally::new();
    for _ in 0..20 {
        tally.answered(Duration::from_millis(2));
        tally.answered(Duration::from_millis(2));
        tally.answered(Duration::from_secs(20));
    }
    assert!(tally.totals().median < 0.003);
}

#[test]
fn what_is_too_fast_or_too_slow_counts_at_the_end() {
    for (seconds, least, most) in [(0.0, 0.0, 0.001), (10_000.0, 50.0, 70.0)] {
        let tally = Tally::new();
        tally.answered(Duration::from_secs_f64(seconds));
        let median = tally.totals().median;
        assert!((least..=most).contains(&median), "{median}");
    }
}

#[test]
fn a_rate_and_a_window_make_a_count() {
    let (tally, window, step) = (Tally::new(), 5.0_f64, 0.5_f64);
    // 40 requests a second, a tenth of them failing, for a minute.
    for _ in 0..120 {
        for request in 0..20 {
            tally.judged(request % 10 == 0);
        }
        tally.fade((-step / window).exp());
    }
    let totals = tally.totals();
    assert!((totals.requests - 200.0).abs() < 20.0, "{totals:?}");
    let share = totals.failures / totals.requests;
    assert!((share - 0.1).abs() < 0.01, "{share}");
}

#[test]
fn what_is_forgotten_is_gone() {
    let tally = Tally::new();
    tally.judged(true);
    tally.answered(Duration::from_secs(1));
    tally.clear();
    assert_eq!(tally.totals(), Totals::default());
}
