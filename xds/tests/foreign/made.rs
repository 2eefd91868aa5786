//! Messages as other control planes make them: with as little as possible.

use outrigger_xds::pb::{
    envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
            },
            core::v3::{
                Address, AggregatedConfigSource, ConfigSource, SocketAddress,
                address::Address as AddressKind, config_source::ConfigSourceSpecifier,
                socket_address::PortSpecifier,
            },
            endpoint::v3::{
                ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
                lb_endpoint::HostIdentifier,
            },
            listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
            route::v3::{
                Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
                route_action::ClusterSpecifier, route_match::PathSpecifier,
            },
        },
        extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier,
                http_filter,
            },
        },
    },
    google::protobuf::Any,
};
use prost::{Message, Name};

pub(crate) fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

pub(crate) fn ads() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

pub(crate) fn address(host: &str, port: u32) -> Address {
    Address {
        address: Some(AddressKind::SocketAddress(SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..SocketAddress::default()
        })),
    }
}

pub(crate) fn endpoint(host: &str, port: u32) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address(host, port)),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

pub(crate) fn assignment(endpoints: Vec<LbEndpoint>) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name: "web".to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: endpoints,
            ..LocalityLbEndpoints::default()
        }],
        ..ClusterLoadAssignment::default()
    }
}

pub(crate) fn cluster(kind: DiscoveryType) -> Cluster {
    Cluster {
        name: "web".to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
        ..Cluster::default()
    }
}

pub(crate) fn eds_cluster() -> Cluster {
    Cluster {
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            service_name: String::new(),
        }),
        ..cluster(DiscoveryType::Eds)
    }
}

pub(crate) fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(
            any(&Router::default()),
        )),
        ..HttpFilter::default()
    }
}

pub(crate) fn manager() -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: "http".to_owned(),
        http_filters: vec![router()],
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: "local_route".to_owned(),
        })),
        ..HttpConnectionManager::default()
    }
}

pub(crate) fn listener(manager: &HttpConnectionManager) -> Listener {
    Listener {
        name: "edge".to_owned(),
        address: Some(address("0.0.0.0", 10_000)),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.http_connection_manager".to_owned(),
                config_type: Some(ConfigType::TypedConfig(any(manager))),
            }],
            ..FilterChain::default()
        }],
        ..Listener::default()
    }
}

pub(crate) fn matching(path: PathSpecifier) -> RouteMatch {
    RouteMatch {
        path_specifier: Some(path),
        ..RouteMatch::default()
    }
}

pub(crate) fn prefix(prefix: &str) -> RouteMatch {
    matching(PathSpecifier::Prefix(prefix.to_owned()))
}

pub(crate) fn action(cluster: &str) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..RouteAction::default()
    }
}

pub(crate) fn route(matched: RouteMatch, cluster: &str) -> Route {
    Route {
        r#match: Some(matched),
        action: Some(Action::Route(action(cluster))),
        ..Route::default()
    }
}

pub(crate) fn host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: name.to_owned(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        routes,
        ..VirtualHost::default()
    }
}

pub(crate) fn configuration(virtual_hosts: Vec<VirtualHost>) -> RouteConfiguration {
    RouteConfiguration {
        name: "local_route".to_owned(),
        virtual_hosts,
        ..RouteConfiguration::default()
    }
}
