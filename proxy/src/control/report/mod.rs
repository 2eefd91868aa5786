//! Load reports (LRS): what the proxy knows of its endpoints, for the control plane to show.
//!
//! Beside the stream of tables, on the same connection, and only where the control plane wants it: until it asks, nothing
//! is counted. That reports fail changes nothing else.

mod counts;
mod stats;

use std::{sync::Arc, time::Duration};

use outrigger_xds::pb::{
    envoy::{
        config::core::v3::Node,
        service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse},
    },
    google::protobuf,
};
use tokio::{
    select,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tonic::client::Grpc;

use super::{
    connect::{Streams, Trouble},
    stream::Stream,
};
use crate::worker::Shared;

pub use counts::Counts;

const METHOD: &str = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";

/// That the proxy reports every cluster when told so, in the protocol's words.
const ALL_CLUSTERS: &str = "envoy.lrs.supports_send_all_clusters";

/// Nobody needs it more often, and it must not cost what requests need.
const SHORTEST: Duration = Duration::from_secs(1);

/// Of a control plane that names no time: Envoy's.
const USUAL: Duration = Duration::from_secs(10);

/// After a stream that was ended.
const PAUSE: Duration = Duration::from_secs(5);

/// Reports for as long as the connection lasts, if the control plane wants that.
pub async fn run(grpc: Grpc<Streams>, mut node: Node, shared: Arc<Shared>) {
    node.client_features.push(ALL_CLUSTERS.to_owned());
    loop {
        match converse(grpc.clone(), &node, &shared).await {
            trouble if trouble.is_unimplemented() => return,
            trouble => tracing::debug!(%trouble, "the control plane takes no report of load"),
        }
        sleep(PAUSE).await;
    }
}

/// One stream, to its end.
async fn converse(grpc: Grpc<Streams>, node: &Node, shared: &Shared) -> Trouble {
    let mut stream: Stream<LoadStatsRequest, LoadStatsResponse> = Stream::open(grpc, METHOD);
    let hello = LoadStatsRequest {
        node: Some(node.clone()),
        cluster_stats: Vec::new(),
    };
    if let Err(trouble) = stream.say(hello) {
        return trouble;
    }
    let mut wanted = match stream.hear().await {
        Ok(wanted) => wanted,
        Err(trouble) => return trouble,
    };
    loop {
        let mut last = Instant::now();
        // What happened before it was asked for is nobody's business.
        stats::stats(&shared.snapshot.load(), &wanted, Duration::ZERO);
        let mut tick = interval(every(&wanted));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        wanted = loop {
            select! {
                heard = stream.hear() => match heard {
                    Ok(other) => break other,
                    Err(trouble) => return trouble,
                },
                _ = tick.tick() => {
                    let cluster_stats = stats::stats(&shared.snapshot.load(), &wanted, last.elapsed());
                    last = Instant::now();
                    let report = LoadStatsRequest { node: None, cluster_stats };
                    if let Err(trouble) = stream.say(report) {
                        return trouble;
                    }
                }
            }
        };
    }
}

fn every(wanted: &LoadStatsResponse) -> Duration {
    let said = wanted.load_reporting_interval.as_ref();
    let said = said.and_then(|said| {
        let nanos = u32::try_from(said.nanos).ok()?;
        Some(Duration::new(u64::try_from(said.seconds).ok()?, nanos))
    });
    said.filter(|said| !said.is_zero())
        .unwrap_or(USUAL)
        .max(SHORTEST)
}

fn duration(time: Duration) -> protobuf::Duration {
    protobuf::Duration {
        seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        nanos: time.subsec_nanos().cast_signed(),
    }
}
