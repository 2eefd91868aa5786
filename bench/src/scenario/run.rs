//! One scenario with one proxy, for real: endpoints, proxy, client, and the events at their time.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use tokio::time::sleep_until;

use super::{
    catalogue::Scenario,
    client::{Client, Sent},
    contestant::Contestant,
    endpoint::Endpoints,
    timeline::{Change, Timeline},
};
use crate::{
    job::{Job, SMALL_GET},
    stand::Stand,
};

/// Before time begins: pools fill, estimates settle.
pub(super) const WARM_UP: Duration = Duration::from_millis(500);

/// All that was seen of one run. Times count from its start; the warm-up is not in it.
pub(super) struct Record {
    pub(super) timeline: Timeline,
    /// By the moment when each was due.
    pub(super) sent: Vec<Sent>,
    /// When requests reached each endpoint.
    pub(super) received: Vec<Vec<Duration>>,
}

/// Plays `scenario` to `contestant`.
pub(super) async fn run(scenario: &Scenario, contestant: Contestant) -> Result<Record> {
    let endpoints = Endpoints::start(scenario.endpoints, scenario.service).await?;
    let job = Job {
        policy: Some(contestant.policy(scenario)),
        ..SMALL_GET
    };
    let listed = &endpoints.addresses[..scenario.listed];
    let mut stand = Stand::start(contestant.peer, &job, listed, &[]).await?;

    let start = Instant::now() + WARM_UP;
    let mut client = Client::new(stand.target()?, start);
    let load = async {
        for (until, rate) in scenario.timeline.rates(scenario.rate) {
            client.send(rate, start + until).await?;
        }
        anyhow::Ok(())
    };
    let events = async {
        for event in &scenario.timeline.events {
            sleep_until((start + event.at).into()).await;
            match &event.change {
                Change::Mode(which, mode) => endpoints.set(which.clone(), *mode).await?,
                Change::Listed(count) => stand.rewrite(&endpoints.addresses[..*count])?,
                Change::Rate(_) => {}
            }
        }
        Ok(())
    };
    tokio::try_join!(load, events)?;
    let sent = client.finish().await;
    stand.stop(Signal::KILL).await?;

    let since_start = |moment: &Instant| moment.checked_duration_since(start);
    let received = endpoints.finish()?;
    let received = received
        .iter()
        .map(|moments| moments.iter().filter_map(since_start).collect());
    Ok(Record {
        timeline: scenario.timeline.clone(),
        sent,
        received: received.collect(),
    })
}
