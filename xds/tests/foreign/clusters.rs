//! Clusters and endpoints.

use std::time::Duration;

use outrigger_config::model::{
    Balancer, Cluster, DnsRecord, Endpoints, HashKey, Protocol, default,
};
use outrigger_xds::{
    decode,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    self as wire, CircuitBreakers, OutlierDetection,
                    circuit_breakers::Thresholds,
                    cluster::{DiscoveryType, LbPolicy},
                },
                core::v3::{HealthStatus, Http2ProtocolOptions, Locality},
                endpoint::v3::{LbEndpoint, LocalityLbEndpoints},
            },
            extensions::clusters::dns::v3::DnsCluster,
        },
        google::protobuf::{self as pb, UInt32Value},
    },
};
use prost::Message;

use crate::made::{any, assignment, cluster, eds_cluster, endpoint};

fn taken(message: &wire::Cluster) -> Cluster {
    let decoded = decode::cluster(&message.encode_to_vec());
    decoded.unwrap_or_else(|refused| panic!("{refused}")).model
}

#[test]
fn a_cluster_that_says_nothing_has_our_defaults_and_speaks_http1() {
    let decoded = decode::cluster(&eds_cluster().encode_to_vec()).unwrap();
    assert_eq!(decoded.endpoints.as_deref(), Some("web"));
    let model = decoded.model;
    assert_eq!(&*model.name, "web");
    assert_eq!(model.protocol, Protocol::Http1);
    assert_eq!(model.balancer, Balancer::RoundRobin);
    assert_eq!(model.connect_timeout, default::CONNECT_TIMEOUT);
    assert_eq!(model.outlier_detection, Some(default::OUTLIER_DETECTION));
    assert_eq!(model.panic_threshold, default::PANIC_THRESHOLD);
}

#[test]
fn endpoints_of_another_name_are_asked_for_by_it() {
    let mut message = eds_cluster();
    message.eds_cluster_config.as_mut().unwrap().service_name = "web-v2".to_owned();
    let decoded = decode::cluster(&message.encode_to_vec()).unwrap();
    assert_eq!(decoded.endpoints.as_deref(), Some("web-v2"));
}

#[test]
fn a_static_cluster_has_its_endpoints_with_it() {
    let message = wire::Cluster {
        load_assignment: Some(assignment(vec![
            endpoint("127.0.0.1", 80),
            endpoint("::1", 80),
        ])),
        ..cluster(DiscoveryType::Static)
    };
    let decoded = decode::cluster(&message.encode_to_vec()).unwrap();
    assert_eq!(decoded.endpoints, None);
    let Endpoints::Static(listed) = decoded.model.endpoints else {
        panic!("not static")
    };
    let addresses: Vec<String> = listed.iter().map(|it| it.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:80", "[::1]:80"]);
}

#[test]
fn names_are_resolved_however_that_is_said() {
    let named = |kind| wire::Cluster {
        load_assignment: Some(assignment(vec![endpoint("www.envoyproxy.io", 443)])),
        ..cluster(kind)
    };
    let extension = DnsCluster {
        dns_refresh_rate: Some(pb::Duration {
            seconds: 7,
            nanos: 0,
        }),
        ..DnsCluster::default()
    };
    let custom = wire::cluster::CustomClusterType {
        name: "envoy.cluster.dns".to_owned(),
        typed_config: Some(any(&extension)),
    };
    let newer = wire::Cluster {
        cluster_discovery_type: Some(wire::cluster::ClusterDiscoveryType::ClusterType(custom)),
        ..named(DiscoveryType::Static)
    };
    for message in [
        named(DiscoveryType::LogicalDns),
        named(DiscoveryType::StrictDns),
        newer,
    ] {
        let Endpoints::Dns(dns) = taken(&message).endpoints else {
            panic!("not of DNS")
        };
        assert_eq!(dns.name, "www.envoyproxy.io");
        assert_eq!(dns.record, DnsRecord::Address { port: 443 });
    }
}

#[test]
fn addresses_that_pose_as_names_are_listed() {
    let message = wire::Cluster {
        load_assignment: Some(assignment(vec![
            endpoint("10.0.0.1", 80),
            endpoint("10.0.0.2", 80),
        ])),
        ..cluster(DiscoveryType::StrictDns)
    };
    let Endpoints::Static(listed) = taken(&message).endpoints else {
        panic!("not static")
    };
    assert_eq!(listed.len(), 2);
}

#[test]
fn the_old_fields_are_read() {
    let number = |value| Some(UInt32Value { value });
    let message = wire::Cluster {
        lb_policy: LbPolicy::RingHash.into(),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        connect_timeout: Some(pb::Duration {
            seconds: 0,
            nanos: 250_000_001,
        }),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![Thresholds {
                max_requests: number(100),
                max_connections: number(u32::MAX),
                ..Thresholds::default()
            }],
            ..CircuitBreakers::default()
        }),
        outlier_detection: Some(OutlierDetection {
            consecutive_5xx: number(7),
            base_ejection_time: Some(pb::Duration {
                seconds: 600,
                nanos: 0,
            }),
            ..OutlierDetection::default()
        }),
        ..eds_cluster()
    };
    let model = taken(&message);
    assert_eq!(model.protocol, Protocol::Http2);
    let key = HashKey::SourceAddress;
    assert_eq!(model.balancer, Balancer::RingHash { key });
    assert_eq!(model.connect_timeout, Duration::from_millis(251));
    assert_eq!(model.limits.requests, Some(100));
    assert_eq!(model.limits.connections, None);
    let detection = model.outlier_detection.unwrap();
    assert_eq!(detection.consecutive_errors, Some(7));
    assert!(detection.success_rate.is_some(), "on where nothing is said");
    assert!(detection.failure_percent.is_none() && detection.latency.is_none());
    assert_eq!(detection.max_ejection_time, Duration::from_secs(600));
}

#[test]
fn endpoints_that_are_down_are_left_out() {
    let with = |port, status: HealthStatus| LbEndpoint {
        health_status: status.into(),
        ..endpoint("10.0.0.1", port)
    };
    let mut message = assignment(vec![
        with(1, HealthStatus::Unknown),
        with(2, HealthStatus::Healthy),
        with(3, HealthStatus::Unhealthy),
        with(4, HealthStatus::Draining),
        with(5, HealthStatus::Timeout),
        with(6, HealthStatus::Degraded),
    ]);
    message.endpoints.push(LocalityLbEndpoints {
        locality: Some(Locality {
            region: "eu".to_owned(),
            zone: "eu-b".to_owned(),
            sub_zone: String::new(),
        }),
        lb_endpoints: vec![LbEndpoint {
            load_balancing_weight: Some(UInt32Value { value: 5 }),
            ..endpoint("10.0.1.1", 80)
        }],
        priority: 1,
        ..LocalityLbEndpoints::default()
    });
    let (name, listed) = decode::endpoints(message.encode_to_vec().into()).unwrap();
    assert_eq!(&*name, "web");
    let ports: Vec<u16> = listed.iter().map(|it| it.address.port()).collect();
    assert_eq!(ports, [1, 2, 6, 80]);
    let last = listed.last().unwrap();
    assert_eq!(
        (last.zone.as_deref(), last.priority, last.weight),
        (Some("eu-b"), 1, 5)
    );
}

#[test]
fn no_endpoints_are_endpoints() {
    let (_, listed) = decode::endpoints(assignment(Vec::new()).encode_to_vec().into()).unwrap();
    assert_eq!(listed, []);
}
