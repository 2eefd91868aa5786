//! The whole mechanism on a virtual clock: verdicts in, conditions out.
#![allow(clippy::unwrap_used)]

mod random;
mod tally;

use std::{cell::Cell, time::Duration};

use super::*;
use crate::{
    endpoint::{PROBE_LOST, Picked},
    telemetry::metrics::Registry,
};

const SECOND: u64 = 1_000_000;

const EVERYTHING: &str = "outlier_detection: {}";

struct Stage {
    cluster: Arc<Cluster>,
    /// Failures come one a millisecond.
    clock: Cell<u64>,
}

/// A cluster of so many endpoints.
fn stage(endpoints: usize, line: &str) -> Stage {
    compiled(&config(endpoints, line), None)
}

fn compiled(config: &model::Cluster, before: Option<&Stage>) -> Stage {
    Stage {
        cluster: Cluster::compile(
            config,
            None,
            None,
            before.map(|before| &before.cluster),
            &Registry::default(),
        ),
        clock: Cell::new(0),
    }
}

fn config(endpoints: usize, line: &str) -> model::Cluster {
    let addresses: Vec<String> = (1..=endpoints)
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let text = format!(
        "listeners: []\nclusters:\n  web:\n    endpoints: [{}]\n    {line}\n",
        addresses.join(", ")
    );
    let mut config = outrigger_config::parse("test", &text).unwrap();
    config.clusters.remove(0)
}

impl Stage {
    fn endpoint(&self, index: usize) -> Arc<Endpoint> {
        Arc::clone(&self.cluster.endpoints.load().members()[index].0)
    }

    fn judge(&self, index: usize, now: u64, verdict: Verdict, probe: bool) {
        let took = Some(Duration::from_millis(1));
        let judgement = Judgement {
            verdict,
            took,
            probe,
        };
        self.cluster.judge(&self.endpoint(index), now, judgement);
    }

    fn fails(&self, index: usize, times: usize, failure: Failure) {
        for _ in 0..times {
            self.clock.set(self.clock.get() + 1000);
            self.judge(index, self.clock.get(), Verdict::Failure(failure), false);
        }
    }

    fn ejected(&self) -> Vec<usize> {
        let set = self.cluster.endpoints.load();
        let members = set.members().iter().enumerate();
        members
            .filter(|(_, (endpoint, _))| ejected(&endpoint.condition))
            .map(|(index, _)| index)
            .collect()
    }

    fn state(&self, index: usize) -> State {
        self.endpoint(index).condition.load().state
    }

    fn record(&self, index: usize) -> Record {
        self.cluster
            .outliers
            .ejection(self.endpoint(index).id)
            .unwrap()
    }

    fn pick(&self, now: u64) -> Picked {
        self.pick_but(now, &[])
    }

    /// For a request that these have failed.
    fn pick_but(&self, now: u64, tried: &[usize]) -> Picked {
        let tried: Vec<u64> = tried.iter().map(|it| self.endpoint(*it).id).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        let picked = self.cluster.endpoints.pick(now, None, &tried, &mut rng);
        picked.unwrap()
    }

    /// The first endpoint is ejected, and its time is up when this says.
    fn ejects_the_first(&self) -> u64 {
        self.fails(0, 2, Failure::Connect);
        assert_eq!(self.ejected(), [0]);
        self.record(0).until
    }
}

#[test]
fn by_default_a_second_connection_that_is_not_made_ejects() {
    let stage = stage(3, "");
    stage.fails(1, 1, Failure::Connect);
    assert_eq!(stage.ejected(), [0; 0]);
    stage.fails(1, 1, Failure::Connect);
    assert_eq!(stage.ejected(), [1]);
    assert_eq!(stage.record(1).reason.as_str(), "connect_failures");
}

#[test]
fn by_default_nothing_else_does() {
    let stage = stage(3, "");
    for failure in [
        Failure::ServerError,
        Failure::GatewayError,
        Failure::Reset,
        Failure::Timeout,
    ] {
        stage.fails(1, 100, failure);
    }
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn off_is_off() {
    let stage = stage(3, "outlier_detection: off");
    stage.fails(1, 100, Failure::Connect);
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn five_errors_of_any_kind_in_a_row_eject_and_four_do_not() {
    let stage = stage(3, EVERYTHING);
    stage.fails(1, 1, Failure::Timeout);
    stage.fails(1, 1, Failure::Reset);
    stage.fails(1, 2, Failure::ServerError);
    stage.judge(1, 0, Verdict::Success, false);
    stage.fails(1, 4, Failure::ServerError);
    assert_eq!(stage.ejected(), [0; 0]);
    stage.judge(1, 0, Verdict::Abandoned, false);
    stage.fails(1, 1, Failure::Timeout);
    assert_eq!(stage.ejected(), [1]);
    assert_eq!(stage.record(1).reason.as_str(), "consecutive_errors");
}

#[test]
fn a_detector_can_be_turned_off_by_itself() {
    let gateway = stage(3, "outlier_detection: { consecutive_errors: off }");
    gateway.fails(1, 50, Failure::ServerError);
    gateway.fails(1, 4, Failure::GatewayError);
    gateway.fails(1, 1, Failure::ServerError);
    gateway.fails(1, 4, Failure::GatewayError);
    assert_eq!(gateway.ejected(), [0; 0]);
    gateway.fails(1, 1, Failure::GatewayError);
    assert_eq!(
        gateway.record(1).reason.as_str(),
        "consecutive_gateway_errors"
    );
}

#[test]
fn bodies_that_break_off_count_in_a_row_though_their_heads_were_fine() {
    let stage = stage(3, EVERYTHING);
    for _ in 0..5 {
        assert_eq!(stage.ejected(), [0; 0]);
        let wiped = stage.endpoint(1).strikes.load();
        stage.judge(1, 0, Verdict::Success, false);
        stage.judge(1, 0, Verdict::BrokenOff { wiped }, false);
    }
    assert_eq!(stage.ejected(), [1]);
}

#[test]
fn the_only_endpoint_is_never_ejected() {
    let stage = stage(1, EVERYTHING);
    stage.fails(0, 100, Failure::Connect);
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn of_those_that_fail_no_more_are_ejected_than_may_be() {
    for (endpoints, most) in [(2, 1), (3, 1), (4, 2), (10, 5)] {
        let stage = stage(endpoints, EVERYTHING);
        // One after another: those that did not fail yet do better.
        for index in 0..endpoints {
            stage.fails(index, 20, Failure::ServerError);
        }
        assert!(stage.ejected().len() <= most, "{endpoints}");
        assert!(!stage.ejected().is_empty(), "{endpoints}");
    }
}

#[test]
fn where_all_fail_together_nobody_is_ejected() {
    let stage = stage(4, EVERYTHING);
    for _ in 0..100 {
        for index in 0..4 {
            stage.fails(index, 1, Failure::ServerError);
        }
    }
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn the_way_back_is_a_single_request_and_then_slow_start() {
    let stage = stage(3, "slow_start: 10s");
    let until = stage.ejects_the_first();
    assert!((0..100).all(|_| !stage.pick(until - 1).probe));
    let probes = (0..100).filter(|_| stage.pick(until).probe).count();
    assert_eq!(probes, 1);
    // What came back late from before the ejection says nothing.
    stage.judge(0, until, Verdict::Success, false);
    stage.fails(0, 10, Failure::Connect);
    assert_eq!(stage.ejected(), [0]);
    stage.judge(0, until + 5, Verdict::Success, true);
    assert_eq!(stage.state(0), State::Warming { since: until + 5 });
    assert_eq!(stage.endpoint(0).load.failure_share(), 0.0, "forgiven");
    assert_eq!(stage.endpoint(0).strikes.load(), InARow::default());
}

#[test]
fn a_probe_that_fails_ejects_for_longer() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    assert!(stage.pick(until).probe);
    stage.judge(0, until, Verdict::Failure(Failure::ServerError), true);
    let record = stage.record(0);
    assert!(record.until - until > SECOND, "{record:?}");
    assert_eq!((record.reason.as_str(), record.times), ("probe_failed", 2));
    assert!(!stage.pick(record.until - 1).probe);
    assert!(stage.pick(record.until).probe);
}

#[test]
fn whom_all_others_have_failed_asks_an_ejected_one_before_its_time() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    let first = stage.endpoint(0).id;
    let now = until - 100;
    assert_ne!(stage.pick_but(now, &[1]).endpoint.id, first);
    let picked = stage.pick_but(now, &[1, 2]);
    assert!(picked.probe && picked.endpoint.id == first);
    let second = stage.pick_but(now, &[1, 2]);
    assert!(
        !second.probe && second.endpoint.id != first,
        "one at a time"
    );
    let before = stage.record(0);
    stage.judge(0, now + 1, Verdict::Failure(Failure::Connect), true);
    assert_eq!(stage.state(0), State::Ejected { until });
    assert_eq!(stage.record(0), before, "nothing new is known");
    assert!(!stage.pick_but(now, &[0, 1, 2]).probe, "it was asked");
    assert!(!stage.pick(until - 1).probe);
    assert!(stage.pick_but(now + 2, &[1, 2]).probe);
    stage.judge(0, now + 3, Verdict::Success, true);
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn a_probe_that_says_nothing_leaves_it_to_the_next() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    assert!(stage.pick(until).probe);
    stage.judge(0, until + 7, Verdict::Abandoned, true);
    assert_eq!(stage.ejected(), [0]);
    assert!(stage.pick(until + 8).probe);
    assert!(!stage.pick(until + 8).probe);
}

#[test]
fn a_probe_that_nothing_is_heard_of_has_failed() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    assert!(stage.pick(until).probe);
    let lost = until + micros(PROBE_LOST);
    stage.cluster.tend(lost - 1);
    assert!(matches!(stage.state(0), State::Probing { .. }));
    stage.cluster.tend(lost);
    assert!(matches!(stage.state(0), State::Ejected { until } if until > lost));
    // It answers after all.
    stage.judge(0, lost + 1, Verdict::Success, true);
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn a_probe_whose_answer_lasts_has_done_well() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    assert!(stage.pick(until).probe);
    let judgement = Judgement {
        verdict: Verdict::Success,
        took: Some(Duration::from_millis(1)),
        probe: true,
    };
    stage.cluster.answered(&stage.endpoint(0), until, judgement);
    assert_eq!(stage.ejected(), [0], "its status may still be an error");
    stage.cluster.tend(until + micros(PROBE_LOST));
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn a_probe_that_fails_while_all_fail_lets_it_return() {
    let stage = stage(3, EVERYTHING);
    let until = stage.ejects_the_first();
    for _ in 0..20 {
        stage.fails(1, 1, Failure::ServerError);
        stage.fails(2, 1, Failure::ServerError);
    }
    assert!(stage.pick(until).probe);
    stage.judge(0, until, Verdict::Failure(Failure::ServerError), true);
    assert_eq!(stage.ejected(), [0; 0]);
}

#[test]
fn an_ejection_outlives_a_reload_but_not_the_detection() {
    let stage = stage(3, "");
    let until = stage.ejects_the_first();
    let other = compiled(&config(4, EVERYTHING), Some(&stage));
    assert_eq!(other.state(0), State::Ejected { until });
    assert_eq!(other.record(0).times, 1);
    other.cluster.tend(1);
    assert_eq!(other.ejected(), [0]);
    let off = compiled(&config(3, "outlier_detection: off"), Some(&other));
    off.cluster.tend(2);
    assert_eq!(off.ejected(), [0; 0]);
}

#[test]
fn if_too_few_others_are_left_the_ejected_return() {
    let stage = stage(4, "");
    stage.fails(0, 2, Failure::Connect);
    stage.fails(1, 2, Failure::Connect);
    assert_eq!(stage.ejected(), [0, 1]);
    let listed = &stage.cluster.endpoints.listed()[..2];
    stage.cluster.update(listed, None);
    stage.cluster.tend(1);
    assert_eq!(stage.ejected().len(), 1);
}

#[test]
fn one_that_fails_half_of_its_requests_is_found_within_seconds() {
    let stage = stage(5, "outlier_detection: { consecutive_errors: off }");
    let mut now = 0;
    let found = loop {
        // 40 requests a second each, two looks a second.
        now += SECOND / 2;
        for request in 0..20 {
            for index in 0..5 {
                let verdict = match index == 3 && now > 5 * SECOND && request % 2 == 0 {
                    true => Verdict::Failure(Failure::ServerError),
                    false => Verdict::Success,
                };
                stage.judge(index, now, verdict, false);
            }
        }
        stage.cluster.tend(now);
        if !stage.ejected().is_empty() {
            break now;
        }
        assert!(now < 20 * SECOND, "never found");
    };
    assert_eq!(stage.ejected(), [3]);
    assert_eq!(stage.record(3).reason.as_str(), "success_rate");
    assert!(found <= 8 * SECOND, "{found}");
}

#[test]
fn one_that_becomes_slow_is_found_within_seconds() {
    let stage = stage(3, EVERYTHING);
    let mut now = 0;
    while stage.ejected().is_empty() {
        now += SECOND / 2;
        for _ in 0..20 {
            for index in 0..3 {
                let millis = if index == 2 && now > 5 * SECOND {
                    60
                } else {
                    2
                };
                let judgement = Judgement {
                    verdict: Verdict::Success,
                    took: Some(Duration::from_millis(millis)),
                    probe: false,
                };
                stage.cluster.judge(&stage.endpoint(index), now, judgement);
            }
        }
        stage.cluster.tend(now);
        assert!(now <= 10 * SECOND, "not found within 5 s");
    }
    assert_eq!(stage.ejected(), [2]);
    assert_eq!(stage.record(2).reason.as_str(), "latency");
}
