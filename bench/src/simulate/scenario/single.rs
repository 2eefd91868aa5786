//! One proxy and a few fast endpoints: what a balancer does is seen most clearly where nothing else happens.

use std::time::Duration;

use super::Scenario;
use crate::simulate::{
    demand::{Demand, Open},
    plan::{Kind, Plan},
    policies::Policies,
};

pub(in crate::simulate) const ONE: Demand = Demand::Closed(1);
pub(in crate::simulate) const MANY: Demand = Demand::Closed(64);
pub(in crate::simulate) const SELDOM: Demand = Demand::Open(Open {
    rate: 200.0,
    skew: 0.0,
    surge: None,
});
pub(in crate::simulate) const SLOW: Kind = Kind::Slow(Duration::from_millis(50));
pub(in crate::simulate) const BROKEN: Kind = Kind::Fails(1.0);

impl Scenario {
    /// Ten seconds of so many ordinary endpoints, next to their proxy.
    pub(in crate::simulate) fn of(name: &'static str, endpoints: usize, demand: Demand) -> Self {
        Self {
            name,
            about: "",
            lasts: Duration::from_secs(10),
            proxies: 1,
            demand,
            hop: Duration::ZERO,
            push_lag: Duration::ZERO,
            endpoints: vec![Plan::ordinary(); endpoints],
            weather: Vec::new(),
            most_seeds: 100,
            is_sweep: false,
            balancers: Policies::each_balancer(),
            variants: Vec::new(),
        }
    }

    pub(in crate::simulate) fn lasting(mut self, seconds: u64) -> Self {
        self.lasts = Duration::from_secs(seconds);
        self
    }

    fn attempting(mut self, attempts: u32) -> Self {
        self.balancers
            .iter_mut()
            .for_each(|policies| policies.attempts = attempts);
        self
    }

    /// The first `count` endpoints are unwell, all the time.
    pub(in crate::simulate) fn bad(mut self, count: usize, kind: Kind) -> Self {
        for plan in &mut self.endpoints[..count] {
            *plan = Plan::ordinary().during(Duration::ZERO..Duration::MAX, kind);
        }
        self
    }

    /// The first endpoint is unwell from the second second to the third.
    fn stalling(mut self) -> Self {
        let time = Duration::from_secs(2)..Duration::from_secs(3);
        self.endpoints[0] = Plan::ordinary().during(time, Kind::Slow(Duration::from_secs(1)));
        self
    }

    /// The first endpoint says nothing from the third second to the ninth, and who waits for a second has failed.
    pub(in crate::simulate) fn silent(mut self) -> Self {
        let time = Duration::from_secs(3)..Duration::from_secs(9);
        self.endpoints[0] = Plan::ordinary().during(time, Kind::Hangs);
        self.balancers
            .iter_mut()
            .for_each(|policies| policies.timeout = Some(Duration::from_secs(1)));
        self
    }

    /// This share of all requests takes so much longer, wherever it goes.
    pub(in crate::simulate) fn hiccups(mut self, share: f64, by: Duration) -> Self {
        self.endpoints
            .iter_mut()
            .for_each(|plan| plan.service.hiccups = (share, by));
        self
    }

    /// One more endpoint joins half way.
    pub(in crate::simulate) fn newcomer(mut self) -> Self {
        let mut plan = Plan::ordinary();
        plan.listed.start = self.lasts / 2;
        self.endpoints.push(plan);
        self
    }

    /// Endpoints have these weights, and are as strong.
    pub(in crate::simulate) fn weighted(mut self, weights: &[u32]) -> Self {
        for (plan, &weight) in self.endpoints.iter_mut().zip(weights) {
            plan.weight = weight;
            plan.concurrency *= weight as usize;
        }
        self
    }
}

/// In the order of the report.
pub(super) fn all() -> Vec<Scenario> {
    let hiccup = Duration::from_millis(5);
    let report = Duration::from_millis(20);
    vec![
        Scenario::of("7 identical, 1 client", 7, ONE),
        Scenario::of("7 identical, 64 clients", 7, MANY),
        Scenario::of("7 identical, 200/s", 7, SELDOM),
        Scenario::of("7 with hiccups, 1 client", 7, ONE).hiccups(0.0005, hiccup),
        Scenario::of("7 with hiccups, 64 clients", 7, MANY).hiccups(0.0005, hiccup),
        Scenario::of("7 of mixed work, 1 client", 7, ONE).hiccups(0.1, report),
        Scenario::of("7 of mixed work, 5 clients", 7, Demand::Closed(5)).hiccups(0.1, report),
        Scenario::of("1,000 identical, 100,000/s", 1000, Demand::open(1e5)).lasting(2),
        Scenario::of("1 of 7 slow by 50 ms, 1 client", 7, ONE).bad(1, SLOW),
        Scenario::of("1 of 7 slow by 50 ms, 64 clients", 7, MANY).bad(1, SLOW),
        Scenario::of("1 of 7 slow by 50 ms, 200/s", 7, SELDOM)
            .bad(1, SLOW)
            .lasting(100),
        Scenario::of("1 of 2 slow by 50 ms, 64 clients", 2, MANY).bad(1, SLOW),
        Scenario::of("1 of 7 four times slower, 1 client", 7, ONE).bad(1, Kind::Times(4.0)),
        Scenario::of("4 of 8 four times slower, 64 clients", 8, MANY).bad(4, Kind::Times(4.0)),
        Scenario::of("4 of 8 four times slower, 60,000/s", 8, Demand::open(6e4))
            .bad(4, Kind::Times(4.0)),
        Scenario::of("1 of 7 stalls for a second, 64 clients", 7, MANY).stalling(),
        Scenario::of("1 of 10 is silent, 1,000/s", 10, Demand::open(1e3)).silent(),
        Scenario::of("1 of 10 is silent, 100,000/s", 10, Demand::open(1e5)).silent(),
        Scenario::of("1 of 3 fails, 1 client", 3, ONE).bad(1, BROKEN),
        Scenario::of("1 of 3 fails, 64 clients", 3, MANY).bad(1, BROKEN),
        Scenario::of("1 of 3 fails, 64 clients, 2 attempts", 3, MANY)
            .bad(1, BROKEN)
            .attempting(2),
        Scenario::of("1 of 3 fails, 200/s", 3, SELDOM).bad(1, BROKEN),
        Scenario::of("1 of 7 fails for 0.1 %, 64 clients", 7, MANY).bad(1, Kind::Fails(0.001)),
        Scenario::of("1 of 7 fails for 30 %, 64 clients", 7, MANY).bad(1, Kind::Fails(0.3)),
        Scenario::of("7 of 7 fail for 20 %, 64 clients", 7, MANY).bad(7, Kind::Fails(0.2)),
        Scenario::of("an 8th joins, 1 client", 7, ONE).newcomer(),
        Scenario::of("an 8th joins, 64 clients", 7, MANY).newcomer(),
        Scenario::of("weights 1 2 4, 1 client", 3, ONE).weighted(&[1, 2, 4]),
        Scenario::of("weights 1 2 4, 64 clients", 3, MANY).weighted(&[1, 2, 4]),
    ]
}
