//! One report, as far as it is kept.

use std::{sync::Arc, time::Duration};

use outrigger_xds::pb::{
    envoy::{
        config::{
            core::v3::{Address, address, socket_address::PortSpecifier},
            endpoint::v3::{ClusterStats, UpstreamEndpointStats, UpstreamLocalityStats},
        },
        service::load_stats::v3::LoadStatsRequest,
    },
    google::protobuf::{Struct, value::Kind},
};

use super::INTERVAL;

/// Clusters of one report that are kept; and endpoints, of all its clusters together. A thousand proxies that report as
/// much cost less than 100 MB.
const CLUSTERS: usize = 1000;
const ENDPOINTS: usize = 1000;

/// Longer texts are cut.
const LONGEST: usize = 256;

/// What one proxy says.
#[derive(Debug)]
pub(super) struct Report(pub(super) Vec<OfCluster>);

/// Of one cluster.
#[derive(Debug)]
pub(super) struct OfCluster {
    pub(super) name: Arc<str>,
    pub(super) load: Load,
    /// Requests a second that the proxy refused by itself.
    pub(super) dropped: f64,
    pub(super) endpoints: Vec<OfEndpoint>,
}

/// Of one endpoint.
#[derive(Debug)]
pub(super) struct OfEndpoint {
    pub(super) address: Arc<str>,
    pub(super) zone: Option<Arc<str>>,
    pub(super) load: Load,
    /// As the proxy calls it: `ejected`, say.
    pub(super) state: Option<Arc<str>>,
    pub(super) reason: Option<Arc<str>>,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Requests a second that went well.
    pub(super) successes: f64,
    /// Those that did not.
    pub(super) errors: f64,
    /// At the time of the report.
    pub(super) in_flight: u64,
}

impl Report {
    pub(super) fn new(request: &LoadStatsRequest) -> Self {
        let mut room = ENDPOINTS;
        let clusters = request.cluster_stats.iter().take(CLUSTERS);
        Self(clusters.map(|stats| of_cluster(stats, &mut room)).collect())
    }
}

fn of_cluster(stats: &ClusterStats, room: &mut usize) -> OfCluster {
    let seconds = interval(stats).as_secs_f64();
    let mut load = Load::default();
    let mut endpoints = Vec::new();
    for locality in &stats.upstream_locality_stats {
        load.add(&of_locality(locality, seconds));
        let zone = locality.locality.as_ref().and_then(|it| text(&it.zone));
        for stats in &locality.upstream_endpoint_stats {
            if *room > 0
                && let Some(address) = stats.address.as_ref().and_then(address)
            {
                *room -= 1;
                endpoints.push(of_endpoint(stats, address, zone.clone(), seconds));
            }
        }
    }
    OfCluster {
        name: cut(&stats.cluster_name).into(),
        load,
        dropped: stats.total_dropped_requests as f64 / seconds,
        endpoints,
    }
}

/// The time that the counts are of; a proxy may leave it out in its first report.
fn interval(stats: &ClusterStats) -> Duration {
    let said = stats.load_report_interval.as_ref();
    let said = said.and_then(|it| {
        let nanos = u32::try_from(it.nanos).ok()?;
        Some(Duration::new(u64::try_from(it.seconds).ok()?, nanos))
    });
    said.filter(|it| !it.is_zero()).unwrap_or(INTERVAL)
}

fn of_locality(stats: &UpstreamLocalityStats, seconds: f64) -> Load {
    Load {
        successes: stats.total_successful_requests as f64 / seconds,
        errors: stats.total_error_requests as f64 / seconds,
        in_flight: stats.total_requests_in_progress,
    }
}

fn of_endpoint(
    stats: &UpstreamEndpointStats,
    address: Arc<str>,
    zone: Option<Arc<str>>,
    seconds: f64,
) -> OfEndpoint {
    let metadata = stats.metadata.as_ref();
    OfEndpoint {
        address,
        zone,
        load: Load {
            successes: stats.total_successful_requests as f64 / seconds,
            errors: stats.total_error_requests as f64 / seconds,
            in_flight: stats.total_requests_in_progress,
        },
        state: metadata.and_then(|it| field(it, "state")),
        reason: metadata.and_then(|it| field(it, "reason")),
    }
}

fn field(fields: &Struct, name: &str) -> Option<Arc<str>> {
    match fields.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(value) => text(value),
        _ => None,
    }
}

fn address(address: &Address) -> Option<Arc<str>> {
    let Some(address::Address::SocketAddress(socket)) = &address.address else {
        return None;
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return None;
    };
    let host = cut(&socket.address);
    Some(match host.contains(':') {
        true => format!("[{host}]:{port}").into(),
        false => format!("{host}:{port}").into(),
    })
}

fn text(text: &str) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| cut(text).into())
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl Load {
    pub(super) fn add(&mut self, other: &Self) {
        self.successes += other.successes;
        self.errors += other.errors;
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
    }
}
