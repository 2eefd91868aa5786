//! Exact sequences on a virtual clock, and what holds for every sequence.

use outrigger_config::model::Probe;
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;

fn config(rise: u32, fall: u32) -> HealthCheck {
    HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: Duration::from_secs(5),
        failing_interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        rise,
        fall,
        jitter: 0.1,
    }
}

/// What each result of `+` (pass) and `-` (fail), a second apart, changes: `U`, `D` or `.`.
fn run(thresholds: &mut Thresholds, from: u64, results: &str) -> String {
    let times = (from..).step_by(SECOND as usize);
    let changes = results.chars().zip(times).map(|(result, now)| {
        match thresholds.observe(now, result == '+') {
            Some(true) => 'U',
            Some(false) => 'D',
            None => '.',
        }
    });
    changes.collect()
}

#[test]
fn the_first_result_decides_at_once() {
    assert_eq!(run(&mut Thresholds::new(&config(2, 3)), 0, "+"), "U");
    assert_eq!(run(&mut Thresholds::new(&config(2, 3)), 0, "-"), "D");
}

#[test]
fn as_many_in_a_row_as_configured_change_its_standing() {
    let mut thresholds = Thresholds::new(&config(2, 3));
    assert_eq!(run(&mut thresholds, 0, "+--+---+-++-"), "U.....D...U.");
}

#[test]
fn each_fall_soon_after_a_return_doubles_what_is_needed_up_to_eight_times() {
    let mut thresholds = Thresholds::new(&config(2, 1));
    run(&mut thresholds, 0, "+");
    let mut now = 100 * SECOND;
    let mut needed = Vec::new();
    for _ in 0..6 {
        assert_eq!(thresholds.observe(now, false), Some(false));
        let mut passes = 1;
        while thresholds.observe(now, true).is_none() {
            passes += 1;
        }
        needed.push(passes);
        now += 10 * SECOND;
    }
    assert_eq!(needed, [2, 4, 8, 16, 16, 16]);
}

#[test]
fn who_stayed_up_for_a_minute_is_believed_as_at_first() {
    let mut thresholds = Thresholds::new(&config(2, 1));
    assert_eq!(run(&mut thresholds, 0, "+-++-"), "UD.UD");
    assert_eq!(thresholds.needed(), 4);
    assert_eq!(run(&mut thresholds, 10 * SECOND, "++++"), "...U");
    assert_eq!(run(&mut thresholds, 80 * SECOND, "-++"), "D.U");
}

#[test]
fn doubt_is_short() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut thresholds = Thresholds::new(&config(2, 3));
    let mut pause = |thresholds: &Thresholds| thresholds.pause(&mut rng).as_secs_f64().round();
    assert_eq!(pause(&thresholds), 1.0, "never checked");
    thresholds.observe(0, true);
    assert_eq!(pause(&thresholds), 5.0, "up");
    thresholds.observe(0, false);
    assert_eq!(pause(&thresholds), 1.0, "up, but failed once");
    run(&mut thresholds, 0, "--+");
    assert_eq!(pause(&thresholds), 1.0, "down, but passed once");
    thresholds.observe(0, true);
    assert_eq!(pause(&thresholds), 5.0, "up again");
}

#[test]
fn first_checks_are_spread_by_how_many_there_are() {
    let mut rng = fastrand::Rng::with_seed(7);
    let thresholds = Thresholds::new(&config(2, 3));
    let mut latest = |endpoints| {
        let times = (0..1000).map(|_| thresholds.first(endpoints, &mut rng).as_millis());
        times.max().unwrap()
    };
    assert!(latest(3) <= 3);
    assert!((900..=1000).contains(&latest(1000)));
    assert!(
        (4500..=5000).contains(&latest(100_000)),
        "within an interval"
    );
}

proptest! {
    #[test]
    fn nothing_changes_without_enough_results_in_a_row(
        rise in 1_u32..5,
        fall in 1_u32..5,
        results in prop::collection::vec(any::<bool>(), 1..300),
    ) {
        let mut thresholds = Thresholds::new(&config(rise, fall));
        let mut up = None;
        for (index, &passed) in results.iter().enumerate() {
            let needed = if passed { thresholds.needed() } else { fall } as usize;
            let changed = thresholds.observe(index as u64 * SECOND, passed);
            let row = results[..=index].iter().rev().take_while(|result| **result == passed).count();
            let due = up.is_none() || (up == Some(!passed) && row >= needed);
            prop_assert_eq!(changed, due.then_some(passed));
            prop_assert!((rise..=rise << MOST_DOUBLINGS).contains(&thresholds.needed()));
            up = changed.or(up);
            prop_assert_eq!(thresholds.up(), up);
        }
    }

    #[test]
    fn pauses_stay_within_their_jitter(seed: u64, jitter in 0.0..=1.0, passes: bool) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut thresholds = Thresholds::new(&HealthCheck { jitter, ..config(2, 3) });
        thresholds.observe(0, passes);
        let usual = if passes { 5.0 } else { 1.0 };
        let pause = thresholds.pause(&mut rng).as_secs_f64();
        prop_assert!((pause - usual).abs() <= usual * jitter + 1e-6, "{}", pause);
    }
}
