//! The steady traffic of the demo, and what came back.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::tables::Addresses;
use crate::{
    job::SMALL_GET,
    load::{Fleet, Pace, Plan, Report},
};

/// Requests a second to each proxy: plenty to see the shares, little enough for any machine.
pub(super) const RATE: u32 = 400;

/// Connections to each proxy.
const CONNECTIONS: usize = 8;

/// From the start of the traffic to a change, and from there to the watch: a push is in force within a second.
const BEFORE: Duration = Duration::from_millis(300);
const AFTER: Duration = Duration::from_millis(1200);

/// Connections to both proxies, which stay open for the whole demo.
pub(super) struct Traffic {
    edge: Fleet,
    sidecar: Fleet,
}

/// What came back in one step.
pub(super) struct Watched<T> {
    /// What the change had to say.
    pub(super) said: T,
    /// By way of the edge, and by way of the sidecar, once the change was in force.
    pub(super) settled: [Report; 2],
    /// Requests of the whole step.
    pub(super) requests: u64,
    /// Those that failed.
    pub(super) failed: u64,
}

impl Traffic {
    pub(super) async fn connect(addresses: &Addresses) -> Result<Self> {
        let fleet = async |address| Fleet::connect(SMALL_GET.target(address)?, CONNECTIONS).await;
        Ok(Self {
            edge: fleet(addresses.edge).await?,
            sidecar: fleet(addresses.sidecar).await?,
        })
    }

    /// Sends through both proxies while `change` is made, then for `duration` more.
    pub(super) async fn watch<T>(
        &self,
        duration: Duration,
        change: impl Future<Output = Result<T>>,
    ) -> Result<Watched<T>> {
        let change = async {
            sleep(BEFORE).await;
            change.await
        };
        let (unsettled, said) = tokio::join!(self.send(BEFORE + AFTER), change);
        let (unsettled, said) = (unsettled?, said?);
        let settled = self.send(duration).await?;
        let all = || unsettled.iter().chain(&settled);
        Ok(Watched {
            said,
            requests: all().map(Report::requests).sum(),
            failed: all().map(Report::failed).sum(),
            settled,
        })
    }

    async fn send(&self, duration: Duration) -> Result<[Report; 2]> {
        let plan = Plan {
            pace: Pace::Fixed(RATE),
            duration,
            requests: None,
        };
        let (edge, sidecar) = tokio::join!(self.edge.run(plan), self.sidecar.run(plan));
        Ok([edge?, sidecar?])
    }
}

impl<T> Watched<T> {
    /// A line of the demo's table.
    pub(super) fn row(&self, step: &str) -> String {
        let [edge, sidecar] = self.settled.each_ref().map(shares);
        let Self {
            requests, failed, ..
        } = self;
        format!("  {step:30} {edge}   {sidecar}  {requests:8}  {failed:6}")
    }
}

/// The heading of the rows.
pub(super) const HEADING: &str =
    "                                  through the edge  through the sidecar
  v1 / v2 in the tables               v1       v2       v1       v2   requests  failed";

fn shares(report: &Report) -> String {
    let share = |name: &str| {
        let answers = report.endpoints.get(name).map_or(0, |it| it.succeeded);
        100.0 * answers as f64 / report.succeeded.max(1) as f64
    };
    format!("{:5.1} %  {:5.1} %", share("v1"), share("v2"))
}
