//! A table as a bootstrap for Envoy, in which everything is static: `envoy --mode validate -c bootstrap.pb` then says whether
//! it takes what we encode. `bootstrap TABLE.yaml > bootstrap.pb`

use std::{env, error::Error, io::Write as _};

use outrigger_config::model::{Cluster, Listener};
use outrigger_xds::{
    encode,
    pb::envoy::{
        config::{
            bootstrap::v3::{Bootstrap, bootstrap::StaticResources},
            cluster::v3::{
                self as cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType},
            },
            listener::v3::{self as listener, filter::ConfigType},
            route::v3::RouteConfiguration,
        },
        extensions::filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::RouteSpecifier,
        },
    },
};
use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let table = env::args().nth(1).ok_or("bootstrap TABLE.yaml")?;
    let config = outrigger_config::load(table)?;
    let clusters = config.clusters.iter().map(static_cluster);
    let listeners = config.listeners.iter().map(static_listener);
    let bootstrap = Bootstrap {
        static_resources: Some(StaticResources {
            clusters: clusters.collect::<Result<_, _>>()?,
            listeners: listeners.collect::<Result<_, _>>()?,
            ..StaticResources::default()
        }),
        ..Bootstrap::default()
    };
    std::io::stdout().write_all(&bootstrap.encode_to_vec())?;
    Ok(())
}

/// Its endpoints come with it.
fn static_cluster(cluster: &Cluster) -> Result<cluster::Cluster, Box<dyn Error>> {
    let mut message = cluster::Cluster::decode(&*encode::cluster(cluster).body)?;
    if let Some(endpoints) = encode::endpoints(cluster) {
        message.load_assignment = Some(Message::decode(&*endpoints.body)?);
        message.eds_cluster_config = None;
        let kind = ClusterDiscoveryType::Type(DiscoveryType::Static.into());
        message.cluster_discovery_type = Some(kind);
    }
    Ok(message)
}

/// Its routes come with it.
fn static_listener(listener: &Listener) -> Result<listener::Listener, Box<dyn Error>> {
    let mut message = listener::Listener::decode(&*encode::listener(listener).body)?;
    let routes = RouteConfiguration::decode(&*encode::routes(listener).body)?;
    let filters = message
        .filter_chains
        .iter_mut()
        .flat_map(|it| &mut it.filters);
    for filter in filters {
        let Some(ConfigType::TypedConfig(config)) = &mut filter.config_type else {
            continue;
        };
        let mut manager = HttpConnectionManager::decode(&*config.value)?;
        manager.route_specifier = Some(RouteSpecifier::RouteConfig(routes.clone()));
        config.value = manager.encode_to_vec();
    }
    Ok(message)
}
