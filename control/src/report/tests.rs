//! Reports in, sums out.

use outrigger_xds::pb::{
    envoy::config::{
        core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
        endpoint::v3::{ClusterStats, UpstreamEndpointStats, UpstreamLocalityStats},
    },
    google::protobuf::{Struct, Value, value::Kind},
};

use super::*;

fn endpoint(port: u32, good: u64, bad: u64, state: &str) -> UpstreamEndpointStats {
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.into())),
    };
    let fields = [
        ("state", text(state)),
        ("reason", text("5 errors in a row")),
    ];
    UpstreamEndpointStats {
        address: Some(Address {
            address: Some(address::Address::SocketAddress(SocketAddress {
                address: "10.0.0.1".into(),
                port_specifier: Some(PortSpecifier::PortValue(port)),
                ..SocketAddress::default()
            })),
        }),
        metadata: Some(Struct {
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        }),
        total_successful_requests: good,
        total_error_requests: bad,
        total_requests_in_progress: 1,
        ..UpstreamEndpointStats::default()
    }
}

fn report(cluster: &str, endpoints: Vec<UpstreamEndpointStats>) -> LoadStatsRequest {
    let total = |of: fn(&UpstreamEndpointStats) -> u64| endpoints.iter().map(of).sum();
    LoadStatsRequest {
        node: None,
        cluster_stats: vec![ClusterStats {
            cluster_name: cluster.into(),
            upstream_locality_stats: vec![UpstreamLocalityStats {
                total_successful_requests: total(|it| it.total_successful_requests),
                total_error_requests: total(|it| it.total_error_requests),
                upstream_endpoint_stats: endpoints,
                ..UpstreamLocalityStats::default()
            }],
            load_report_interval: Some(outrigger_xds::pb::google::protobuf::Duration {
                seconds: 10,
                nanos: 0,
            }),
            ..ClusterStats::default()
        }],
    }
}

#[test]
fn what_proxies_say_of_an_endpoint_is_summed_up() {
    let loads = Loads::default();
    let (one, other) = (loads.reporter(), loads.reporter());
    one.report(&report(
        "web",
        vec![endpoint(1, 90, 10, "ready"), endpoint(2, 50, 0, "ready")],
    ));
    other.report(&report("web", vec![endpoint(1, 0, 100, "ejected")]));
    let clusters = loads.clusters();
    let [web] = &clusters[..] else {
        panic!("{clusters:?}")
    };
    assert_eq!((&*web.cluster, web.proxies), ("web", 2));
    assert_eq!(web.rate.requests_per_second, 25.0);
    let first = &web.endpoints[0];
    assert_eq!((&*first.address, first.proxies), ("10.0.0.1:1", 2));
    assert_eq!(first.rate.requests_per_second, 20.0);
    assert_eq!((first.rate.success, first.rate.in_flight), (Some(0.45), 2));
    let states: Vec<_> = first
        .states
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    assert_eq!(states, ["ejected 1", "ready 1"]);
    assert_eq!(first.reasons.len(), 1);
}

#[test]
fn the_last_report_counts_and_none_of_who_is_gone() {
    let loads = Loads::default();
    let reporter = loads.reporter();
    reporter.report(&report("old", vec![endpoint(1, 1, 0, "ready")]));
    reporter.report(&report("new", vec![endpoint(1, 1, 0, "ready")]));
    let names: Vec<_> = loads.clusters().into_iter().map(|it| it.cluster).collect();
    assert_eq!(names, ["new".into()]);
    drop(reporter);
    assert!(loads.clusters().is_empty());
}

#[test]
fn no_report_makes_us_keep_more_than_is_sane() {
    let loads = Loads::default();
    let reporter = loads.reporter();
    let endpoints = (0..5000)
        .map(|port| endpoint(port, 1, 0, "ready"))
        .collect();
    reporter.report(&report(&"x".repeat(10_000), endpoints));
    let clusters = loads.clusters();
    assert_eq!(clusters[0].cluster.len(), 256);
    assert_eq!(clusters[0].endpoints.len(), 1000);
}
