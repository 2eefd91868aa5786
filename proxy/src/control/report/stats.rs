//! A report: per cluster, zone and endpoint.
//!
//! What the protocol has no field for, how an endpoint stands and why, is in its metadata: `state` as in `/clusters`, and
//! `reason` where it takes no requests.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use outrigger_xds::pb::{
    envoy::{
        config::{
            core::v3::{Address, Locality, SocketAddress, address, socket_address::PortSpecifier},
            endpoint::v3::{ClusterStats, UpstreamEndpointStats, UpstreamLocalityStats},
        },
        service::load_stats::v3::LoadStatsResponse,
    },
    google::protobuf::{Struct, Value, value::Kind},
};

use super::duration;
use crate::{
    endpoint::{self, Member},
    snapshot::{Cluster, Snapshot},
    telemetry::metrics::{EndpointState, Label as _},
};

/// Endpoints in one report: what is over would make a message that control planes refuse, and is told by its zone.
const MOST_ENDPOINTS: usize = 10_000;

/// Everything that is wanted, since so long.
pub(super) fn stats(
    snapshot: &Snapshot,
    wanted: &LoadStatsResponse,
    since: Duration,
) -> Vec<ClusterStats> {
    let mut room = match wanted.report_endpoint_granularity {
        true => MOST_ENDPOINTS,
        false => 0,
    };
    let named = |cluster: &str| wanted.clusters.iter().any(|it| it == cluster);
    let clusters = snapshot.clusters.iter();
    let clusters = clusters.filter(|it| wanted.send_all_clusters || named(&it.config.name));
    clusters
        .map(|cluster| ClusterStats {
            cluster_name: cluster.config.name.to_string(),
            upstream_locality_stats: localities(cluster, &mut room),
            load_report_interval: Some(duration(since)),
            ..ClusterStats::default()
        })
        .collect()
}

fn localities(cluster: &Cluster, room: &mut usize) -> Vec<UpstreamLocalityStats> {
    let mut localities = BTreeMap::new();
    for member in cluster.endpoints.load().members() {
        let (_, listed) = member;
        let key = (listed.priority, listed.zone.clone());
        let locality = localities
            .entry(key)
            .or_insert_with(|| UpstreamLocalityStats {
                locality: Some(Locality {
                    zone: listed.zone.as_deref().unwrap_or_default().to_owned(),
                    ..Locality::default()
                }),
                priority: u32::from(listed.priority),
                ..UpstreamLocalityStats::default()
            });
        let stats = one(cluster, member);
        locality.total_successful_requests += stats.total_successful_requests;
        locality.total_error_requests += stats.total_error_requests;
        locality.total_issued_requests += stats.total_issued_requests;
        locality.total_requests_in_progress += stats.total_requests_in_progress;
        if *room > 0 {
            *room -= 1;
            locality.upstream_endpoint_stats.push(stats);
        }
    }
    localities.into_values().collect()
}

fn one(cluster: &Cluster, (endpoint, listed): &Member) -> UpstreamEndpointStats {
    let (successes, errors) = endpoint.counts.get_or_init(Default::default).take();
    let state = endpoint::state(endpoint, listed);
    let ejection = || cluster.outliers.ejection(endpoint.id);
    let reason = match state {
        EndpointState::Down => Some("health_check"),
        EndpointState::Ejected | EndpointState::Probing => ejection().map(|it| it.reason.as_str()),
        EndpointState::Ready | EndpointState::Warming | EndpointState::Unweighted => None,
    };
    let fields = [("state", Some(state.as_str())), ("reason", reason)];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let kind = Some(Kind::StringValue(value?.to_owned()));
        Some((name.to_owned(), Value { kind }))
    });
    UpstreamEndpointStats {
        address: Some(address(endpoint.address)),
        metadata: Some(Struct {
            fields: fields.collect(),
        }),
        total_successful_requests: successes,
        total_error_requests: errors,
        total_issued_requests: successes + errors,
        total_requests_in_progress: u64::from(endpoint.load.in_flight()),
        ..UpstreamEndpointStats::default()
    }
}

fn address(of: SocketAddr) -> Address {
    let socket = SocketAddress {
        address: of.ip().to_string(),
        port_specifier: Some(PortSpecifier::PortValue(u32::from(of.port()))),
        ..SocketAddress::default()
    };
    Address {
        address: Some(address::Address::SocketAddress(socket)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{outlier_detection::Verdict, telemetry::metrics::Registry, tls::Material};

    #[test]
    fn endpoints_are_told_by_zone_with_their_state() {
        let config = outrigger_config::parse(
            "table",
            "listeners: []\nclusters: { web: { endpoints: [127.0.0.1:5, { address: '[::1]:6', zone: b, weight: 0 }] }, other: { endpoints: [127.0.0.1:7] } }",
        );
        let tls = Material::default();
        let snapshot = Snapshot::compile(config.unwrap(), &tls, None, &Registry::default());
        let wanted = LoadStatsResponse {
            clusters: vec!["web".to_owned()],
            report_endpoint_granularity: true,
            ..LoadStatsResponse::default()
        };
        stats(&snapshot, &wanted, Duration::ZERO);
        let web = snapshot.clusters.named("web").unwrap();
        let set = web.endpoints.load();
        let (endpoint, _) = &set.members()[0];
        endpoint.counts.get().unwrap().judge(Verdict::Success);
        let told = stats(&snapshot, &wanted, Duration::from_secs(2));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].load_report_interval.unwrap().seconds, 2);
        let localities = &told[0].upstream_locality_stats;
        let zones: Vec<_> = localities
            .iter()
            .map(|it| &*it.locality.as_ref().unwrap().zone)
            .collect();
        assert_eq!(zones, ["", "b"]);
        assert_eq!(localities[0].total_successful_requests, 1);
        let stats = &localities[0].upstream_endpoint_stats[0];
        assert_eq!(stats.total_successful_requests, 1);
        let state = |index: usize| {
            let stats = &localities[index].upstream_endpoint_stats[0];
            stats.metadata.as_ref().unwrap().fields["state"]
                .kind
                .clone()
        };
        assert_eq!(state(0), Some(Kind::StringValue("ready".to_owned())));
        assert_eq!(state(1), Some(Kind::StringValue("unweighted".to_owned())));
    }
}
