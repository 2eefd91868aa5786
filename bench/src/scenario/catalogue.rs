//! The scenarios, as data.

use std::{ops::Range, time::Duration};

use super::{
    bar::Bar,
    contestant::Versus,
    endpoint::{Mode, Service},
    timeline::{Change, Timeline},
};
use crate::peer::{Balancer, Policy, Retry};

/// A day on which something goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What goes wrong, without when.
    about: String,
    /// How many there are.
    pub(super) endpoints: usize,
    /// How many of them the proxy knows of at first.
    pub(super) listed: usize,
    pub(super) service: Service,
    /// Requests a second, unless an event changes it.
    pub(super) rate: u32,
    pub(super) policy: Policy,
    pub(super) timeline: Timeline,
    pub(super) versus: Versus,
    pub(super) watch: Watch,
    /// What Outrigger must reach.
    pub(super) bars: Vec<Bar>,
}

/// What a scenario looks at.
#[derive(Clone, Debug)]
pub(super) enum Watch {
    /// The traffic to those endpoints that turn bad.
    Bad(Range<usize>),
    /// The traffic to those that are new.
    New(Range<usize>),
    /// The traffic to all, over what is offered.
    Load,
    /// What is answered, over what the endpoints could answer in a second.
    Goodput(f64),
}

impl Scenario {
    /// What goes wrong, and when.
    pub(super) fn about(&self) -> String {
        let Range { start, end } = self.timeline.trouble();
        let seconds = |at: Duration| (at.as_secs_f64() * 10.0).round() / 10.0;
        format!(
            "{}; from second {} to {}",
            self.about,
            seconds(start),
            seconds(end)
        )
    }

    /// The same at another rate; unless the endpoints' capacity decides what is offered.
    pub(super) fn at_rate(mut self, rate: u32) -> Self {
        if !matches!(self.watch, Watch::Goodput(_)) {
            self.rate = rate;
        }
        self
    }

    /// The same in less time.
    pub(super) fn scaled(mut self, by: f64) -> Self {
        self.timeline = self.timeline.scaled(by);
        self
    }

    /// One of three endpoints turns bad, and good again.
    fn one_of_three(name: &'static str, what: &str, mode: Mode) -> Self {
        let turns = [(2.0, mode), (7.0, Mode::Well)];
        Self {
            name,
            about: format!("1 of 3 endpoints {what}"),
            endpoints: 3,
            listed: 3,
            service: QUICK,
            rate: 1000,
            policy: CAUTIOUS,
            timeline: Timeline::new(14.0, turns.map(|(at, mode)| (at, Change::Mode(0..1, mode)))),
            versus: Versus::Defaults,
            watch: Watch::Bad(0..1),
            bars: Vec::new(),
        }
    }

    fn with(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    fn versus(mut self, versus: Versus) -> Self {
        self.versus = versus;
        self
    }

    fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }
}

/// An ordinary small service.
const QUICK: Service = Service {
    time: Duration::from_millis(2),
    workers: None,
};

/// Ejection, and retries of what cannot have reached an endpoint; a second for an attempt.
const CAUTIOUS: Policy = Policy {
    attempt_timeout: Duration::from_secs(1),
    retry: Retry::Connect,
    ejection: true,
    limit: None,
    slow_start: None,
    balancer: Balancer::Default,
    reload: false,
};

/// Failures are retried too.
const RETRYING: Policy = Policy {
    retry: Retry::Failures,
    ..CAUTIOUS
};

/// Where slowness is no failure.
const PATIENT: Policy = Policy {
    attempt_timeout: Duration::from_secs(4),
    ..CAUTIOUS
};

/// All of them, in the order of the report.
pub(super) fn all() -> Vec<Scenario> {
    let one = Scenario::one_of_three;
    let slow = |milliseconds| Mode::Slow(Duration::from_millis(milliseconds));
    vec![
        one("refuse", "refuses connections", Mode::Refuses).bar(Bar::Failed(0)),
        one("reset", "resets each request", Mode::Resets),
        one(
            "blackhole",
            "accepts requests and never answers",
            Mode::Hangs,
        ),
        one("drop", "has all packets to it dropped", Mode::Drops),
        one("error500", "answers 500 at once", Mode::Fails(1.0)).bar(Bar::Detect(1.0)),
        one(
            "error500-retries",
            "answers 500 at once; failures are retried",
            Mode::Fails(1.0),
        )
        .with(RETRYING)
        .bar(Bar::Failed(0)),
        one("slow-50ms", "is 50 ms slower", slow(50))
            .with(PATIENT)
            .versus(Versus::LeastRequest),
        one("slow-1s", "is 1 s slower", slow(1000))
            .with(PATIENT)
            .versus(Versus::LeastRequest),
        flap(),
        ten_one_slow(),
        retry_storm(),
        overload(),
        scale(),
    ]
}

fn flap() -> Scenario {
    let turn = |at: u32| {
        let mode = match (at / 2) % 2 {
            0 => Mode::Well,
            _ => Mode::Fails(1.0),
        };
        (f64::from(at), Change::Mode(0..1, mode))
    };
    let mut scenario = Scenario::one_of_three("flap", "", Mode::Well);
    scenario.about =
        "1 of 3 endpoints answers 500 at once for 2 s, is well for 2 s, and again".to_owned();
    scenario.timeline = Timeline::new(16.0, (1..=6).map(|times| turn(times * 2)));
    scenario
}

/// After Linkerd's "Beyond Round Robin: Load Balancing for Latency" (2016): counted as served is what takes less than a
/// second, when one of several servers turns very slow for a part of the time. It found 95 % with round robin, 99 % with
/// least loaded, 99.9 % with EWMA. Half the time of one in ten is those 95 %.
fn ten_one_slow() -> Scenario {
    let slow = Mode::Slow(Duration::from_secs(2));
    let turns = [(3.0, slow), (9.0, Mode::Well)];
    Scenario {
        name: "ten-one-slow",
        about: "1 of 10 endpoints is 2 s slower, and what takes longer than 1 s has failed; no ejection: the balancers alone"
            .to_owned(),
        endpoints: 10,
        listed: 10,
        timeline: Timeline::new(12.0, turns.map(|(at, mode)| (at, Change::Mode(0..1, mode)))),
        versus: Versus::Balancers,
        policy: Policy {
            ejection: false,
            ..CAUTIOUS
        },
        bars: vec![Bar::Success(0.9999)],
        ..Scenario::one_of_three("", "", Mode::Well)
    }
}

fn retry_storm() -> Scenario {
    let turns = [(2.0, Mode::Fails(0.5)), (12.0, Mode::Well)];
    Scenario {
        name: "retry-storm",
        about: "All of 3 endpoints fail half of their requests, which are tried up to 3 times"
            .to_owned(),
        timeline: Timeline::new(15.0, turns.map(|(at, mode)| (at, Change::Mode(0..3, mode)))),
        watch: Watch::Load,
        policy: RETRYING,
        bars: vec![Bar::Load(1.25), Bar::Normal(1.0)],
        ..Scenario::one_of_three("", "", Mode::Well)
    }
}

fn overload() -> Scenario {
    let service = Service {
        time: Duration::from_millis(20),
        workers: Some(4),
    };
    let endpoints = 3;
    let capacity = service.capacity().unwrap_or_default() * f64::from(endpoints);
    Scenario {
        name: "overload",
        about: format!(
            "3 endpoints of 4 workers and 20 ms a request can do {capacity:.0} requests a second: half of that is offered, \
             then three times that"
        ),
        service,
        rate: (capacity / 2.0) as u32,
        timeline: Timeline::new(17.0, [(3.0, Change::Rate(6.0)), (13.0, Change::Rate(1.0))]),
        watch: Watch::Goodput(capacity),
        versus: Versus::LeastRequest,
        policy: Policy {
            ejection: false,
            limit: Some(8),
            ..CAUTIOUS
        },
        bars: vec![Bar::Goodput(0.9), Bar::Slowdown(3.0), Bar::Normal(1.0)],
        ..Scenario::one_of_three("", "", Mode::Well)
    }
}

fn scale() -> Scenario {
    let slow_start = Duration::from_secs(5);
    Scenario {
        name: "scale",
        about: "From 2 endpoints to 20, then back to 2, by another configuration under load; slow start of 5 s"
            .to_owned(),
        endpoints: 20,
        listed: 2,
        rate: 2000,
        timeline: Timeline::new(13.0, [(2.0, Change::Listed(20)), (10.0, Change::Listed(2))]),
        watch: Watch::New(2..20),
        policy: Policy {
            slow_start: Some(slow_start),
            reload: true,
            ..CAUTIOUS
        },
        bars: vec![
            Bar::Failed(0),
            Bar::FirstRequest(0.1),
            Bar::Fair(slow_start.as_secs_f64()),
            Bar::Gone(1.0),
        ],
        ..Scenario::one_of_three("", "", Mode::Well)
    }
}
