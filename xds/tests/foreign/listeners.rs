//! Listeners.

use outrigger_config::model::default;
use outrigger_xds::pb::envoy::config::listener::v3::listener_filter;
use outrigger_xds::{
    decode::{self, Routes},
    pb::{
        envoy::{
            config::{accesslog::v3::AccessLog, listener::v3::ListenerFilter},
            extensions::filters::{
                http::lua::v3::Lua,
                listener::http_inspector::v3::HttpInspector,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter,
                    http_connection_manager::{RouteSpecifier, Tracing, UpgradeConfig},
                    http_filter,
                },
            },
        },
        google::protobuf::{BoolValue, UInt32Value},
    },
};
use prost::Message;

use crate::made::{any, configuration, host, listener, manager, prefix, route, router};

#[test]
fn a_listener_of_the_simplest_kind_is_taken() {
    let decoded = decode::listener(&listener(&manager()).encode_to_vec()).unwrap();
    assert_eq!(decoded.routes, Routes::Named("local_route".into()));
    let model = decoded.model;
    assert_eq!(&*model.name, "edge");
    assert_eq!(model.address.to_string(), "0.0.0.0:10000");
    assert_eq!(model.header_timeout, default::HEADER_TIMEOUT);
    assert_eq!(model.routes, []);
    let trusted: Vec<String> = model
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        trusted,
        ["0.0.0.0/0", "::/0"],
        "nobody's word is replaced there"
    );
}

#[test]
fn routes_may_come_within() {
    let everything = host("all", &["*"], vec![route(prefix("/"), "web")]);
    let manager = HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::RouteConfig(configuration(vec![everything]))),
        use_remote_address: Some(BoolValue { value: true }),
        ..manager()
    };
    let decoded = decode::listener(&listener(&manager).encode_to_vec()).unwrap();
    let Routes::Inline(routes) = decoded.routes else {
        panic!("not within")
    };
    assert_eq!(&*routes[0].clusters()[0].cluster.name, "web");
    assert_eq!(&*routes[0].name, "edge/0");
    assert_eq!(decoded.model.trusted_proxies, []);
}

#[test]
fn what_changes_no_request_is_passed_over() {
    let lua = HttpFilter {
        name: "optional".to_owned(),
        is_optional: true,
        config_type: Some(http_filter::ConfigType::TypedConfig(any(&Lua::default()))),
        ..HttpFilter::default()
    };
    let manager = HttpConnectionManager {
        access_log: vec![AccessLog::default()],
        tracing: Some(Tracing::default()),
        http_filters: vec![lua, router()],
        max_request_headers_kb: Some(UInt32Value { value: 96 }),
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "CONNECT".to_owned(),
            ..UpgradeConfig::default()
        }],
        ..manager()
    };
    let mut message = listener(&manager);
    message.listener_filters.push(ListenerFilter {
        name: "envoy.filters.listener.http_inspector".to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any(
            &HttpInspector::default(),
        ))),
        ..ListenerFilter::default()
    });
    let model = decode::listener(&message.encode_to_vec()).unwrap().model;
    assert_eq!(model.max_header_bytes, 96 * 1024);
    assert!(model.connect && !model.via);
}
