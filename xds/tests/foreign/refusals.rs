//! Golden: what a control plane is told when it is refused.

use outrigger_xds::{
    decode,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    self as cluster,
                    cluster::{DiscoveryType, LbPolicy, LbSubsetConfig},
                },
                core::v3::{HealthCheck, TransportSocket},
                listener::v3::{Filter, FilterChain, Listener},
                route::v3::{
                    self as route_v3, HeaderMatcher, RouteAction, RouteMatch,
                    header_matcher::HeaderMatchSpecifier,
                    route::Action,
                    route_action::{ClusterSpecifier, HashPolicy, RequestMirrorPolicy},
                },
            },
            extensions::filters::network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter,
            },
        },
        google::protobuf as pb,
    },
};
use prost::Message;

use crate::made::{
    action, assignment, cluster, configuration, eds_cluster, endpoint, host, listener, manager,
    prefix, route, router,
};

fn of_cluster(message: &cluster::Cluster) -> String {
    decode::cluster(&message.encode_to_vec())
        .unwrap_err()
        .to_string()
}

fn of_listener(message: &Listener) -> String {
    decode::listener(&message.encode_to_vec())
        .unwrap_err()
        .to_string()
}

fn of_routes(routes: Vec<route_v3::Route>) -> String {
    let message = configuration(vec![host("all", &["*"], routes)]);
    decode::routes("edge", &message.encode_to_vec())
        .unwrap_err()
        .to_string()
}

fn sent(action: RouteAction) -> route_v3::Route {
    route_v3::Route {
        action: Some(Action::Route(action)),
        ..route(prefix("/"), "web")
    }
}

#[test]
fn clusters() {
    let texts = [
        decode::cluster(b"\xff").unwrap_err().to_string(),
        of_cluster(&cluster::Cluster::default()),
        of_cluster(&cluster(DiscoveryType::OriginalDst)),
        of_cluster(&cluster(DiscoveryType::Eds)),
        of_cluster(&cluster(DiscoveryType::Static)),
        of_cluster(&cluster::Cluster {
            load_assignment: Some(assignment(vec![endpoint("a", 1), endpoint("b", 1)])),
            ..cluster(DiscoveryType::StrictDns)
        }),
        of_cluster(&cluster::Cluster {
            load_assignment: Some(assignment(vec![endpoint("a", 1)])),
            ..cluster(DiscoveryType::Static)
        }),
        of_cluster(&cluster::Cluster {
            transport_socket: Some(TransportSocket {
                name: "envoy.transport_sockets.tls".to_owned(),
                ..TransportSocket::default()
            }),
            ..eds_cluster()
        }),
        of_cluster(&cluster::Cluster {
            lb_policy: LbPolicy::ClusterProvided.into(),
            ..eds_cluster()
        }),
        of_cluster(&cluster::Cluster {
            lb_subset_config: Some(LbSubsetConfig::default()),
            ..eds_cluster()
        }),
        of_cluster(&cluster::Cluster {
            connect_timeout: Some(pb::Duration {
                seconds: -1,
                nanos: 0,
            }),
            ..eds_cluster()
        }),
        of_cluster(&cluster::Cluster {
            connect_timeout: Some(pb::Duration {
                seconds: i64::MAX,
                nanos: 0,
            }),
            ..eds_cluster()
        }),
        of_cluster(&cluster::Cluster {
            health_checks: vec![HealthCheck::default()],
            ..eds_cluster()
        }),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn endpoints() {
    let of_bytes = |bytes: Vec<u8>| decode::endpoints(bytes.into()).unwrap_err().to_string();
    let of = |endpoints| of_bytes(assignment(endpoints).encode_to_vec());
    let texts = [
        of(vec![endpoint("web.internal", 80)]),
        of(vec![endpoint("127.0.0.1", 0)]),
        of(vec![endpoint("127.0.0.1", 65_536)]),
        of(vec![endpoint("127.0.0.1", 80), endpoint("127.0.0.1", 80)]),
        of(vec![Default::default()]),
        of_bytes(b"\xff".to_vec()),
        // An endpoint of the first locality that is cut off.
        of_bytes(b"\x0a\x03web\x12\x03\x12\x01\x0a".to_vec()),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn listeners() {
    let unknown = |name: &str| Filter {
        name: name.to_owned(),
        config_type: None,
    };
    let lua = HttpFilter {
        name: "envoy.filters.http.lua".to_owned(),
        ..HttpFilter::default()
    };
    let with = |http_filters| {
        of_listener(&listener(&HttpConnectionManager {
            http_filters,
            ..manager()
        }))
    };
    let mut two_chains = listener(&manager());
    two_chains.filter_chains.push(FilterChain::default());
    let mut tcp = listener(&manager());
    tcp.filter_chains[0].filters[0] = unknown("envoy.filters.network.tcp_proxy");
    let mut before = listener(&manager());
    before.filter_chains[0]
        .filters
        .insert(0, unknown("envoy.filters.network.rbac"));
    let mut tls = listener(&manager());
    tls.filter_chains[0].transport_socket = Some(TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        ..TransportSocket::default()
    });
    let mut original = listener(&manager());
    original.use_original_dst = Some(pb::BoolValue { value: true });
    let texts = [
        of_listener(&Listener::default()),
        of_listener(&Listener {
            address: None,
            ..listener(&manager())
        }),
        of_listener(&two_chains),
        of_listener(&tcp),
        of_listener(&before),
        of_listener(&tls),
        of_listener(&original),
        with(vec![lua, router()]),
        with(vec![]),
        of_listener(&listener(&HttpConnectionManager {
            route_specifier: None,
            ..manager()
        })),
        of_listener(&listener(&HttpConnectionManager {
            max_request_headers_kb: Some(pb::UInt32Value { value: 8192 }),
            ..manager()
        })),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn routes() {
    let inverted = RouteMatch {
        headers: vec![HeaderMatcher {
            name: "x-internal".to_owned(),
            invert_match: true,
            header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
            ..HeaderMatcher::default()
        }],
        ..prefix("/")
    };
    let canary = RouteMatch {
        headers: vec![HeaderMatcher {
            name: "x-canary".to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
            ..HeaderMatcher::default()
        }],
        ..prefix("/")
    };
    let texts = [
        of_routes(vec![route(inverted, "web")]),
        of_routes(vec![route(canary, "canary"), route(prefix("/api/"), "api")]),
        of_routes(vec![sent(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::ClusterHeader("x-cluster".to_owned())),
            ..RouteAction::default()
        })]),
        of_routes(vec![sent(RouteAction {
            request_mirror_policies: vec![RequestMirrorPolicy::default()],
            ..action("web")
        })]),
        of_routes(vec![sent(RouteAction {
            hash_policy: vec![HashPolicy::default()],
            ..action("web")
        })]),
        of_routes(vec![route_v3::Route {
            r#match: Some(prefix("/v2")),
            ..sent(RouteAction {
                prefix_rewrite: "/".to_owned(),
                ..action("web")
            })
        }]),
        of_routes(vec![route_v3::Route::default()]),
        decode::routes(
            "edge",
            &configuration(vec![host("port", &["a.example:8080"], Vec::new())]).encode_to_vec(),
        )
        .unwrap_err()
        .to_string(),
        decode::routes(
            "edge",
            &configuration(vec![host(
                "odd",
                &["*-bar.example"],
                vec![route(prefix("/"), "web")],
            )])
            .encode_to_vec(),
        )
        .unwrap_err()
        .to_string(),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}
