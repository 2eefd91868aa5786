//! The situations that a proxy must do well in.

mod fleet;
pub(super) mod single;
mod sweep;

use std::{ops::Range, time::Duration};

use fastrand::Rng;

use super::{demand::Demand, plan::Plan, policies::Policies, weather::Weather};

/// Proxies, endpoints, what befalls them, and how long they are watched.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub name: &'static str,
    /// What happens, for a reader of the report.
    pub about: &'static str,
    pub lasts: Duration,
    /// Each knows its own.
    pub proxies: usize,
    pub demand: Demand,
    /// Between a proxy and an endpoint, one way.
    pub hop: Duration,
    /// A new table has reached every proxy within this time.
    pub push_lag: Duration,
    pub endpoints: Vec<Plan>,
    pub weather: Vec<Weather>,
    /// More seeds would only take longer.
    pub most_seeds: u64,
    pub is_sweep: bool,
    /// What is compared first of all: a row each.
    pub balancers: Vec<Policies>,
    /// And what beside it.
    pub variants: Vec<Policies>,
}

/// Every scenario, in the order of the report: fleets, sweeps, single proxies.
pub(super) fn all() -> Vec<Scenario> {
    let lists = [fleet::all(), sweep::all(), single::all()];
    lists.into_iter().flatten().collect()
}

impl Scenario {
    /// The endpoints of one run, with what befalls them.
    pub(super) fn draw(&self, rng: &mut Rng) -> Vec<Plan> {
        let mut plans = self.endpoints.clone();
        for weather in &self.weather {
            weather.strike(&mut plans, self.lasts, rng);
        }
        plans
    }

    /// Many proxies, as in a mesh.
    pub(super) fn is_fleet(&self) -> bool {
        self.proxies > 1 && !self.is_sweep
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Policies> {
        self.balancers.iter().chain(&self.variants)
    }

    /// When something goes on that is the same in all runs.
    pub(super) fn shaded(&self) -> Range<Duration> {
        let surge = match &self.demand {
            Demand::Open(open) => open.surge.as_ref().map(|(time, _)| time.clone()),
            Demand::Closed(_) => None,
        };
        let count = self.endpoints.len();
        let mut times = self
            .weather
            .iter()
            .filter_map(|it| it.time(count))
            .chain(surge);
        times.next().unwrap_or(Duration::ZERO..Duration::ZERO)
    }
}
