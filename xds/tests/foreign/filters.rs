//! Filters that are off at the listener, or idle, and configured where requests go.

use std::collections::HashMap;

use outrigger_xds::{
    decode,
    pb::{
        envoy::{
            config::route::v3::{
                CorsPolicy, FilterConfig, RouteAction, RouteConfiguration, WeightedCluster,
                route::Action, route_action::ClusterSpecifier, weighted_cluster::ClusterWeight,
            },
            extensions::filters::http::{
                cors::v3::CorsPolicy as Cors, ext_authz::v3::ExtAuthzPerRoute,
            },
        },
        google::protobuf::Any,
    },
};
use prost::Message;

use crate::made::{action, any, configuration, host, prefix, route};

/// The places that may configure a filter.
const PLACES: usize = 4;

type Filters = HashMap<String, Any>;

/// A configuration with these in one of the places.
fn with(place: usize, filters: Filters) -> RouteConfiguration {
    let mut message = configuration(vec![host("all", &["*"], vec![route(prefix("/"), "web")])]);
    let all = &mut message.virtual_hosts[0];
    match place {
        0 => message.typed_per_filter_config = filters,
        1 => all.typed_per_filter_config = filters,
        2 => all.routes[0].typed_per_filter_config = filters,
        _ => {
            let weighted = ClusterWeight {
                name: "web".to_owned(),
                weight: Some(outrigger_xds::pb::google::protobuf::UInt32Value { value: 1 }),
                typed_per_filter_config: filters,
                ..ClusterWeight::default()
            };
            all.routes[0].action = Some(Action::Route(RouteAction {
                cluster_specifier: Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
                    clusters: vec![weighted],
                    ..WeightedCluster::default()
                })),
                ..action("web")
            }));
        }
    }
    message
}

fn one(filter: &str, config: Any) -> Filters {
    HashMap::from([(filter.to_owned(), config)])
}

fn decoded(message: &RouteConfiguration) -> Result<usize, String> {
    let decoded = decode::routes("edge", &message.encode_to_vec());
    decoded
        .map(|routes| routes.len())
        .map_err(|it| it.to_string())
}

#[test]
fn a_filter_that_is_switched_on_for_some_requests_is_refused() {
    let on = |config| {
        any(&FilterConfig {
            config,
            ..FilterConfig::default()
        })
    };
    let authz = any(&ExtAuthzPerRoute::default());
    let texts = (0..PLACES).flat_map(|place| {
        [
            one("envoy.filters.http.ext_authz", authz.clone()),
            one("envoy.filters.http.cors", any(&Cors::default())),
            one("envoy.filters.http.jwt_authn", on(None)),
            one("envoy.filters.http.rbac", on(Some(authz.clone()))),
        ]
        .map(|filters| decoded(&with(place, filters)).unwrap_err())
    });
    let texts: Vec<String> = texts.collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_policy_of_cors_is_refused_wherever_it_is() {
    let mut message = with(0, Filters::new());
    #[allow(deprecated)]
    {
        message.virtual_hosts[0].cors = Some(CorsPolicy::default());
    }
    assert!(decoded(&message).is_err());
    let mut message = with(0, Filters::new());
    #[allow(deprecated)]
    if let Some(Action::Route(action)) = &mut message.virtual_hosts[0].routes[0].action {
        action.cors = Some(CorsPolicy::default());
    }
    assert!(decoded(&message).is_err());
}

#[test]
fn a_filter_that_is_off_or_optional_is_passed_over() {
    for place in 0..PLACES {
        for (disabled, is_optional) in [(true, false), (false, true)] {
            let config = any(&FilterConfig {
                config: Some(any(&ExtAuthzPerRoute::default())),
                disabled,
                is_optional,
            });
            assert_eq!(decoded(&with(place, one("authz", config))), Ok(1));
        }
    }
}
