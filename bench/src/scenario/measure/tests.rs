//! Figures of runs that were made up, so that it is known what they must be.

use super::*;
use crate::scenario::{
    catalogue,
    client::Sent,
    run::Record,
    timeline::{Change, Timeline},
};

/// A request every millisecond, each answered after two unless `fate` says otherwise; it says also which of three
/// endpoints has it, if any.
fn run(seconds: u64, fate: impl Fn(u64) -> (Option<usize>, u64, Result<(), Failure>)) -> Record {
    let mut record = Record {
        timeline: Timeline::new(
            seconds as f64,
            [(2.0, Change::Rate(1.0)), (6.0, Change::Rate(1.0))],
        ),
        sent: Vec::new(),
        received: vec![Vec::new(); 3],
    };
    for at in 0..seconds * 1000 {
        let (endpoint, took, outcome) = fate(at);
        let due = Duration::from_millis(at);
        record.sent.push(Sent {
            due,
            late: Duration::ZERO,
            took: Duration::from_millis(took),
            outcome,
        });
        if let Some(endpoint) = endpoint {
            record.received[endpoint].push(due);
        }
    }
    record
}

fn scenario(name: &str) -> Scenario {
    let mut all = catalogue::all().into_iter();
    all.find(|scenario| scenario.name == name).unwrap()
}

fn read(name: &str, record: &Record) -> Figures {
    figures(&scenario(name), record, &Series::of(record))
}

/// In turn over three, or over the last two.
fn fair(at: u64) -> Option<usize> {
    Some((at % 3) as usize)
}

fn without_the_first(at: u64) -> Option<usize> {
    Some(1 + (at % 2) as usize)
}

#[test]
fn the_times_to_leave_and_to_take_back_are_those_of_the_traffic() {
    // Left alone half a second after it turned bad, taken back a second and a half after it was well.
    let record = run(10, |at| match at {
        2500..7500 => (without_the_first(at), 2, Ok(())),
        _ => (fair(at), 2, Ok(())),
    });
    let figures = read("error500", &record);
    assert_eq!(figures.detect, Some(0.5));
    // Three quarters of the share over a second are reached by a window that begins a little earlier.
    let back = figures.back.unwrap();
    assert!((1.2..=1.5).contains(&back), "{back}");
    assert!((figures.share.unwrap() - 1.0 / 24.0).abs() < 0.005);
}

#[test]
fn a_probe_now_and_then_is_still_left_alone() {
    let record = run(10, |at| match at {
        2000..6000 if at % 250 == 0 => (Some(0), 2, Ok(())),
        2000..6000 => (without_the_first(at), 2, Ok(())),
        _ => (fair(at), 2, Ok(())),
    });
    assert_eq!(read("error500", &record).detect, Some(0.0));
}

#[test]
fn who_comes_back_too_early_has_not_yet_noticed() {
    let record = run(10, |at| match at {
        2000..4000 | 5000..6000 => (without_the_first(at), 2, Ok(())),
        _ => (fair(at), 2, Ok(())),
    });
    let detect = read("error500", &record).detect.unwrap();
    assert!((2.9..=3.0).contains(&detect), "{detect}");
}

#[test]
fn traffic_that_never_leaves_or_never_returns_has_no_time() {
    let stays = read("error500", &run(10, |at| (fair(at), 2, Ok(()))));
    assert_eq!((stays.detect, stays.back), (None, Some(0.0)));
    let gone = read(
        "error500",
        &run(10, |at| (without_the_first(at), 2, Ok(()))),
    );
    assert_eq!((gone.detect, gone.back), (Some(0.0), None));
}

#[test]
fn it_is_normal_again_when_nothing_fails_and_the_median_is_as_before() {
    let failing = run(10, |at| match at {
        6300..6400 => (fair(at), 2, Err(Failure::Status5xx)),
        _ => (fair(at), 2, Ok(())),
    });
    let figures = read("error500", &failing);
    assert_eq!((figures.failed, figures.normal), (100, Some(0.4)));
    assert_eq!(figures.failures[&Failure::Status5xx], 100);
    let slow = run(10, |at| (fair(at), if at < 7000 { 2 } else { 20 }, Ok(())));
    assert_eq!(read("error500", &slow).normal, None);
}

#[test]
fn the_load_is_that_of_the_whole_time_and_of_its_worst_second() {
    let mut record = run(10, |at| (fair(at), 2, Ok(())));
    // Every second request of one second is tried again.
    let retried = (3000..4000).step_by(2).map(Duration::from_millis);
    record.received[0].extend(retried);
    let figures = read("retry-storm", &record);
    assert_eq!((figures.load, figures.worst_load), (Some(1.125), Some(1.5)));
}

#[test]
fn goodput_and_slowdown_compare_with_capacity_and_with_before() {
    // Of 1,000 requests a second, 600 would be the capacity, and half are served.
    let record = run(10, |at| match at {
        2000..6000 if at % 2 == 0 => (fair(at), 0, Err(Failure::Status5xx)),
        2000..6000 => (fair(at), 5, Ok(())),
        _ => (fair(at), 2, Ok(())),
    });
    let figures = read("overload", &record);
    assert!((figures.goodput.unwrap() - 500.0 / 600.0).abs() < 1e-9);
    assert_eq!(figures.slowdown, Some(2.5));
}

#[test]
fn each_new_endpoint_has_its_first_request_and_its_fair_share() {
    let mut record = run(10, |at| match at {
        // The old ones have as many then as each of the new: 50 a second.
        2000..6000 if at % 10 > 0 => (None, 2, Ok(())),
        _ => (Some((at / 10 % 2) as usize), 2, Ok(())),
    });
    record.received.resize(20, Vec::new());
    for index in 2..20 {
        // The last one is late by a second.
        let from = if index == 19 { 3000 } else { 2000 + index };
        let moments = (from..6000).step_by(20).map(Duration::from_millis);
        record.received[index as usize].extend(moments);
    }
    let figures = read("scale", &record);
    assert_eq!(figures.last_first, Some(1.0));
    assert_eq!(figures.gone, Some(0.0));
    assert!(figures.first.unwrap() < 0.02);
    let fair = figures.fair.unwrap();
    assert!((0.5..=1.0).contains(&fair), "{fair}");
    record.received[7].push(Duration::from_millis(6250));
    assert_eq!(read("scale", &record).gone, Some(0.25));
}

#[test]
fn a_quantile_is_the_least_latency_that_enough_do_not_exceed() {
    let took: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
    assert_eq!(quantile(&took, 0.5), Some(50.0));
    assert_eq!(quantile(&took, 0.99), Some(99.0));
    assert_eq!(quantile(&took, 1.0), Some(100.0));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn a_series_has_every_request_in_the_step_in_which_it_was_due() {
    let record = run(7, |at| match at {
        2000..2050 => (None, 1000, Err(Failure::Timeout)),
        _ => (fair(at), 2, Ok(())),
    });
    let series = Series::of(&record);
    assert_eq!(series.steps(), 70);
    assert!(series.offered.iter().all(|&offered| offered == 100));
    assert_eq!(series.succeeded[20], 50);
    assert_eq!(series.failed[&Failure::Timeout][20], 50);
    assert_eq!(series.reached(0..3, 20..21), 50);
    assert_eq!(series.p99[19], Some(2.0));
}
