//! What proxies report of the load and the health of endpoints (LRS), so that it can be shown.
//!
//! The last report of each proxy is kept, no history: that is for a time series database, which reads the proxies' own
//! metrics.

mod load;
mod server;
mod sum;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use outrigger_config::model::Cluster;
use outrigger_xds::pb::envoy::service::load_stats::v3::LoadStatsRequest;

pub(crate) use server::Lrs;
pub use sum::{ClusterLoad, EndpointLoad};

use load::Report;

/// How often proxies report: what is shown is never older than ten seconds, also if one report is late.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// A proxy that has not reported for so long has nothing to say any more, though its stream may live.
const EXPIRES: Duration = Duration::from_secs(30);

/// The last reports of all proxies. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Loads(Arc<Mutex<Desk>>);

#[derive(Debug, Default)]
struct Desk {
    serial: u64,
    reports: HashMap<u64, (Instant, Report)>,
}

impl Loads {
    /// One more proxy reports.
    fn reporter(&self) -> Reporter {
        let mut desk = self.desk();
        desk.serial += 1;
        Reporter {
            loads: self.clone(),
            serial: desk.serial,
        }
    }

    /// All clusters, these and those of which something is reported; by name.
    pub fn all<'a>(&self, known: impl Iterator<Item = &'a Cluster>) -> Vec<ClusterLoad> {
        let mut all = self.clusters();
        known.for_each(|cluster| sum::include(&mut all, cluster));
        all
    }

    /// All clusters of which something is reported, by name.
    pub fn clusters(&self) -> Vec<ClusterLoad> {
        let mut desk = self.desk();
        desk.reports.retain(|_, (at, _)| at.elapsed() < EXPIRES);
        sum::sum(desk.reports.values().map(|(_, report)| report))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who reports; what it said is forgotten when this is dropped.
#[derive(Debug)]
struct Reporter {
    loads: Loads,
    serial: u64,
}

impl Reporter {
    fn report(&self, request: &LoadStatsRequest) {
        let report = Report::new(request);
        let reports = &mut self.loads.desk().reports;
        reports.insert(self.serial, (Instant::now(), report));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.loads.desk().reports.remove(&self.serial);
    }
}

#[cfg(test)]
mod tests;
