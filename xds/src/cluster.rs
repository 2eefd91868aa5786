//! Clusters (CDS).

mod balancer;
mod dns;
mod health_check;
mod limits;
mod outlier_detection;
mod protocol;
mod proxy_protocol;
mod transport;

use std::sync::Arc;

use outrigger_config::model::{self, Endpoints};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    Kind, Refused, Resource, any, endpoints, parts,
    pb::envoy::config::cluster::v3::{
        Cluster,
        cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
    },
    refused::Within,
    remainder::{self, Keys},
    scalar::{is_zero, time, written_time},
    source,
};

/// A cluster as it was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The cluster; it has no endpoints yet if those are a resource of their own.
    pub model: model::Cluster,
    /// The name of that resource.
    pub endpoints: Option<Arc<str>>,
}

/// A cluster. Endpoints that are listed are a resource of their own, so that a change of one does not send all of this again.
pub fn encode(cluster: &model::Cluster) -> Resource {
    let listed = matches!(cluster.endpoints, Endpoints::Static(_));
    let mut cluster = cluster.clone();
    if listed {
        cluster.endpoints = Endpoints::Static(Vec::new());
    }
    let whole = parts::written(&cluster);
    let mut message = standard(&cluster);
    let standard = keys(&message).unwrap_or_default();
    message.metadata = remainder::of(&whole, &standard, |keys| {
        Some(parts::written(&parts::cluster(keys).ok()?))
    });
    let canonical = Value::Object(whole).to_string();
    let body = message.encode_to_vec().into();
    Resource::new(Kind::Cluster, cluster.name, &canonical, body)
}

fn standard(cluster: &model::Cluster) -> Cluster {
    let mut message = Cluster {
        name: cluster.name.to_string(),
        connect_timeout: time(cluster.connect_timeout),
        circuit_breakers: Some(limits::to_wire(&cluster.limits, &cluster.retry_budget)),
        outlier_detection: cluster
            .outlier_detection
            .as_ref()
            .map(outlier_detection::to_wire),
        health_checks: cluster
            .health_check
            .iter()
            .map(|check| health_check::to_wire(check, cluster.protocol))
            .collect(),
        ..Cluster::default()
    };
    match &cluster.endpoints {
        Endpoints::Static(_) => {
            message.cluster_discovery_type =
                Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()));
            message.eds_cluster_config = Some(EdsClusterConfig {
                eds_config: Some(source::ads()),
                service_name: String::new(),
            });
        }
        Endpoints::Dns(dns) => dns::to_wire(dns, &cluster.name, &mut message),
    }
    balancer::to_wire(cluster, &mut message);
    protocol::to_wire(cluster, &mut message);
    message.transport_socket = transport::to_wire(cluster);
    message
}

/// # Errors
/// When `body` is no cluster, or one that means what there is not here.
pub fn decode(body: &[u8]) -> Result<Decoded, Refused> {
    let message: Cluster = any::decode(body).map_err(|refused| refused.of(Kind::Cluster, ""))?;
    from_wire(&message).map_err(|refused| refused.of(Kind::Cluster, &message.name))
}

fn from_wire(message: &Cluster) -> Result<Decoded, Refused> {
    if message.name.is_empty() {
        return Err(Refused::new("a cluster needs a name")).within("name");
    }
    let keys = remainder::laid_over(keys(message)?, message.metadata.as_ref());
    let mut model = parts::cluster(&keys)?;
    model.name = message.name.as_str().into();
    let mut separate = None;
    if let Endpoints::Static(_) = model.endpoints {
        match &message.load_assignment {
            Some(inline) => {
                let listed = endpoints::from_wire(inline).within("load_assignment")?;
                model.endpoints = Endpoints::Static(listed);
            }
            None => separate = eds_name(message),
        }
    }
    Ok(Decoded {
        model,
        endpoints: separate,
    })
}

fn eds_name(message: &Cluster) -> Option<Arc<str>> {
    let config = message.eds_cluster_config.as_ref()?;
    match config.service_name.is_empty() {
        true => Some(message.name.as_str().into()),
        false => Some(config.service_name.as_str().into()),
    }
}

/// What the standard fields say.
fn keys(message: &Cluster) -> Result<Keys, Refused> {
    let mut keys = Keys::new();
    transport::from_wire(message, &mut keys)?;
    discovery(message, &mut keys)?;
    if let Some(timeout) = message.connect_timeout.as_ref().filter(|it| !is_zero(it)) {
        let timeout = written_time(timeout).within("connect_timeout")?;
        keys.insert("connect_timeout".to_owned(), timeout.into());
    }
    protocol::from_wire(message, &mut keys)?;
    balancer::from_wire(message, &mut keys)?;
    limits::from_wire(message.circuit_breakers.as_ref(), &mut keys)?;
    if let Some(detection) = &message.outlier_detection {
        let detection = outlier_detection::from_wire(detection).within("outlier_detection")?;
        keys.insert("outlier_detection".to_owned(), detection);
    }
    match &message.health_checks[..] {
        [] => {}
        [check] => {
            let check = health_check::from_wire(check).within("health_checks[0]")?;
            keys.insert("health_check".to_owned(), check);
        }
        [_, _, ..] => {
            return Err(Refused::new("only one is possible")).within("health_checks[1]");
        }
    }
    Ok(keys)
}

/// Where the endpoints come from.
fn discovery(message: &Cluster, keys: &mut Keys) -> Result<(), Refused> {
    if message.lb_subset_config.is_some() {
        return Err(Refused::new("subsets are not supported")).within("lb_subset_config");
    }
    let kind = match message.cluster_discovery_type {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(kind)
            .map_err(|_| Refused::new(format!("unknown type {kind}")))
            .within("type")?,
        Some(ClusterDiscoveryType::ClusterType(ref custom)) if dns::is_extension(custom) => {
            DiscoveryType::StrictDns
        }
        Some(ClusterDiscoveryType::ClusterType(ref custom)) => {
            let reason = format!("clusters of type `{}` are not supported", custom.name);
            return Err(Refused::new(reason)).within("cluster_type");
        }
    };
    match kind {
        DiscoveryType::Static => {
            if message.load_assignment.is_none() {
                return Err(Refused::new("a static cluster lists its endpoints"))
                    .within("load_assignment");
            }
            keys.insert("endpoints".to_owned(), json!([]));
        }
        DiscoveryType::Eds => {
            let config = message.eds_cluster_config.as_ref();
            let source = config.and_then(|config| config.eds_config.as_ref());
            source::check(source).within("eds_cluster_config.eds_config")?;
            keys.insert("endpoints".to_owned(), json!([]));
        }
        DiscoveryType::StrictDns | DiscoveryType::LogicalDns => dns::from_wire(message, keys)?,
        DiscoveryType::OriginalDst => {
            return Err(Refused::new("ORIGINAL_DST is not supported")).within("type");
        }
    }
    Ok(())
}
