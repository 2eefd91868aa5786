//! The situations that a proxy must do well in.

mod fleet;
pub(super) mod single;

use std::time::Duration;

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
    /// What is compared: a row each.
    pub rows: Vec<Policies>,
}

/// Every scenario, in the order of the report: fleets, then single proxies.
pub(super) fn all() -> Vec<Scenario> {
    fleet::all().into_iter().chain(single::all()).collect()
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

    /// Many proxies, whose picture is drawn.
    pub(super) fn is_fleet(&self) -> bool {
        self.proxies > 1
    }
}
