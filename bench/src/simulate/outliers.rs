//! Outlier detection in one proxy: its policies, strung together as `outlier_detection/mod.rs` does it for a cluster.

use fastrand::Rng;
use outrigger::{
    clock,
    outlier_detection::{
        Cause, Census, Ejections, Failure, InARow, Strikes, Tally, Totals, statistics,
    },
};
use outrigger_config::model::OutlierDetection;

/// How often endpoints are compared, in microseconds: the proxy's.
const LOOK: u64 = 500_000;

/// What one proxy counts against its endpoints. Times are in microseconds.
pub(super) struct Outliers {
    pub policy: OutlierDetection,
    strikes: Vec<Strikes>,
    /// Of those that anything was heard of.
    tallies: Vec<Option<Box<Tally>>>,
    pub ejections: Ejections,
    looked: u64,
}

impl Outliers {
    pub(super) fn new(policy: &OutlierDetection, endpoints: usize) -> Self {
        Self {
            policy: policy.clone(),
            strikes: std::iter::repeat_with(Strikes::new)
                .take(endpoints)
                .collect(),
            tallies: std::iter::repeat_with(|| None).take(endpoints).collect(),
            ejections: Ejections::default(),
            looked: 0,
        }
    }

    /// An attempt went well, or failed in some way after `took`: a reason to eject, if it is one.
    pub(super) fn count(
        &mut self,
        endpoint: u32,
        failure: Option<Failure>,
        took: std::time::Duration,
    ) -> Option<Cause> {
        let endpoint = endpoint as usize;
        if self.compares() {
            let tally = self.tallies[endpoint].get_or_insert_with(|| Box::new(Tally::new()));
            tally.judged(failure.is_some());
            if matches!(failure, None | Some(Failure::Timeout)) {
                tally.answered(took);
            }
        }
        let Some(failure) = failure else {
            self.strikes[endpoint].clear();
            return None;
        };
        let in_a_row = self.strikes[endpoint].strike(failure);
        too_many(in_a_row, &self.policy)
    }

    /// Asks for an ejection: until when it is.
    pub(super) fn eject(
        &mut self,
        endpoint: u32,
        now: u64,
        cause: Cause,
        census: &Census,
        own: f32,
        rng: &mut Rng,
    ) -> Option<u64> {
        let most = self.policy.max_ejection_percent;
        let room = || census.room(most) && (!cause.is_relative() || census.stands_out(own));
        let (id, reason) = (u64::from(endpoint), cause.reason());
        let record = self
            .ejections
            .eject(id, now, reason, &self.policy, room, rng)?;
        self.forgive(endpoint);
        Some(record.until)
    }

    /// Nothing that it did before counts any more.
    pub(super) fn forgive(&mut self, endpoint: u32) {
        self.strikes[endpoint as usize].clear();
        if let Some(tally) = &self.tallies[endpoint as usize] {
            tally.clear();
        }
    }

    /// Who of these stands out from the others, now and then.
    pub(super) fn compare(&mut self, now: u64, in_service: &[u32]) -> Vec<(u32, Cause)> {
        let passed = now - self.looked;
        if !self.compares() || passed < LOOK {
            return Vec::new();
        }
        self.looked = now;
        let left = (-(passed as f64) / clock::micros(self.policy.window) as f64).exp();
        let known = in_service
            .iter()
            .filter_map(|&endpoint| Some((endpoint, self.tallies[endpoint as usize].as_ref()?)));
        let (endpoints, totals): (Vec<u32>, Vec<Totals>) = known
            .map(|(endpoint, tally)| {
                let totals = tally.totals();
                tally.fade(left);
                (endpoint, totals)
            })
            .unzip();
        let policy = &self.policy;
        let shares = policy.failure_percent.as_ref();
        let rates = policy.success_rate.as_ref();
        let latencies = policy.latency.as_ref();
        let found = [
            shares.map(|policy| statistics::high_failure_shares(&totals, policy)),
            rates.map(|policy| statistics::low_success_rates(&totals, policy)),
            latencies.map(|policy| statistics::slow_answers(&totals, policy)),
        ];
        let found = found.into_iter().flatten().flatten();
        found
            .map(|(place, cause)| (endpoints[place], cause))
            .collect()
    }

    /// Whether any detector compares endpoints with each other.
    fn compares(&self) -> bool {
        let policy = &self.policy;
        policy.success_rate.is_some()
            || policy.failure_percent.is_some()
            || policy.latency.is_some()
    }
}

fn too_many(in_a_row: InARow, policy: &OutlierDetection) -> Option<Cause> {
    let reached = |count: u16, most: Option<u32>| most.is_some_and(|most| u32::from(count) >= most);
    let InARow {
        errors,
        gateway_errors,
        connect_failures,
    } = in_a_row;
    if reached(connect_failures, policy.consecutive_connect_failures) {
        Some(Cause::ConnectFailures(connect_failures))
    } else if reached(gateway_errors, policy.consecutive_gateway_errors) {
        Some(Cause::GatewayErrors(gateway_errors))
    } else if reached(errors, policy.consecutive_errors) {
        Some(Cause::Errors(errors))
    } else {
        None
    }
}
