//! Endpoints of a cluster (EDS).

mod unread;

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use foldhash::{HashSet, HashSetExt as _};
use outrigger_config::model::{self, Cluster, Endpoints};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    Kind, Refused, Resource, address, any,
    pb::envoy::config::{
        core::v3::{Address, HealthStatus, Locality},
        endpoint::v3::{
            ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
            endpoint::HealthCheckConfig, lb_endpoint::HostIdentifier,
        },
    },
    refused::Within,
    remainder::{self, Keys},
    scalar::number,
};
use unread::{Assignment, LocalityEndpoints};

/// As in a file.
const MOST_WEIGHT: u32 = 1_000_000;

/// The endpoints of a cluster that lists them; `None` for one that asks DNS.
pub fn encode(cluster: &Cluster) -> Option<Resource> {
    let Endpoints::Static(listed) = &cluster.endpoints else {
        return None;
    };
    let port = cluster.health_check.as_ref().and_then(|check| check.port);
    let mut canonical = format!("{port:?}\n");
    for endpoint in listed {
        let model::Endpoint {
            address,
            weight,
            zone,
            priority,
        } = endpoint;
        // Writing to a String does not fail.
        _ = writeln!(canonical, "{address} {weight} {priority} {zone:?}");
    }
    let message = ClusterLoadAssignment {
        cluster_name: cluster.name.to_string(),
        endpoints: localities(listed, port),
        ..ClusterLoadAssignment::default()
    };
    let name = Arc::clone(&cluster.name);
    let body = message.encode_to_vec().into();
    Some(Resource::new(Kind::Endpoints, name, &canonical, body))
}

/// By priority and zone: gRPC refuses a zone that comes twice in a priority, and a gap between priorities.
fn localities(listed: &[model::Endpoint], check_port: Option<u16>) -> Vec<LocalityLbEndpoints> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, endpoint) in listed.iter().enumerate() {
        let key = (endpoint.priority, endpoint.zone.as_ref());
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.places.push(place),
            None => groups.push(Group {
                key,
                places: vec![place],
            }),
        }
    }
    groups.sort_by_key(|group| group.key.0);
    let in_order = groups.iter().flat_map(|group| &group.places).is_sorted();
    let mut levels: Vec<u16> = groups.iter().map(|group| group.key.0).collect();
    levels.dedup();
    let whole: u64 = listed.iter().map(|it| u64::from(it.weight)).sum();
    // gRPC sums the weights of a priority in 32 bits.
    let scale = whole.div_ceil(u64::from(u32::MAX)).max(1);

    let encode = |group: Group| {
        let (priority, zone) = group.key;
        let level = levels.iter().position(|level| *level == priority);
        let level = level
            .and_then(|level| u32::try_from(level).ok())
            .unwrap_or_default();
        let members = || group.places.iter().filter_map(|place| listed.get(*place));
        let weight: u64 = members().map(|it| u64::from(it.weight)).sum();
        let mut remainder = Keys::new();
        if level != u32::from(priority) {
            remainder.insert("priority".to_owned(), priority.into());
        }
        if !in_order {
            remainder.insert("places".to_owned(), json!(group.places));
        }
        LocalityLbEndpoints {
            locality: Some(Locality {
                zone: zone.map(|zone| zone.to_string()).unwrap_or_default(),
                ..Locality::default()
            }),
            metadata: (!remainder.is_empty()).then(|| remainder::metadata(&remainder)),
            lb_endpoints: members().map(|it| to_wire(it, check_port)).collect(),
            // gRPC leaves out a zone without weight.
            load_balancing_weight: number(u32::try_from(weight / scale).unwrap_or(u32::MAX).max(1)),
            priority: level,
            ..LocalityLbEndpoints::default()
        }
    };
    groups.into_iter().map(encode).collect()
}

/// Endpoints of one priority and zone, by their places in the file.
struct Group<'a> {
    key: (u16, Option<&'a Arc<str>>),
    places: Vec<usize>,
}

fn to_wire(endpoint: &model::Endpoint, check_port: Option<u16>) -> LbEndpoint {
    let host = Endpoint {
        address: Some(address::to_wire(endpoint.address)),
        health_check_config: check_port.map(|port| HealthCheckConfig {
            port_value: port.into(),
            ..HealthCheckConfig::default()
        }),
        ..Endpoint::default()
    };
    let identified = LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(host)),
        ..LbEndpoint::default()
    };
    match endpoint.weight {
        // The wire has no weight of 0, but draining endpoints take no requests either.
        0 => {
            let weight: Keys = [("weight".to_owned(), json!(0))].into_iter().collect();
            LbEndpoint {
                health_status: HealthStatus::Draining.into(),
                metadata: Some(remainder::metadata(&weight)),
                ..identified
            }
        }
        weight => LbEndpoint {
            load_balancing_weight: number(weight),
            ..identified
        },
    }
}

/// One endpoint that is a name.
pub(crate) fn of_name(cluster: &str, name: String, port: u16) -> ClusterLoadAssignment {
    let endpoint = Endpoint {
        address: Some(address::named(name, port)),
        ..Endpoint::default()
    };
    let endpoint = LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        ..LbEndpoint::default()
    };
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![endpoint],
            ..LocalityLbEndpoints::default()
        }],
        ..ClusterLoadAssignment::default()
    }
}

/// The addresses of all.
pub(crate) fn addresses(
    assignment: &ClusterLoadAssignment,
) -> impl Iterator<Item = Option<&Address>> {
    let endpoints = assignment.endpoints.iter().flat_map(|it| &it.lb_endpoints);
    endpoints.map(|endpoint| match &endpoint.host_identifier {
        Some(HostIdentifier::Endpoint(endpoint)) => endpoint.address.as_ref(),
        _ => None,
    })
}

/// The name of the cluster and its endpoints. Those that are said to be unhealthy or draining are left out.
///
/// # Errors
/// When `body` is no assignment, or an endpoint cannot be reached from here.
pub fn decode(body: Bytes) -> Result<(Arc<str>, Vec<model::Endpoint>), Refused> {
    let message: Assignment =
        any::decode(body).map_err(|refused| refused.of(Kind::Endpoints, ""))?;
    let listed = from_unread(&message)
        .map_err(|refused| refused.of(Kind::Endpoints, &message.cluster_name))?;
    Ok((message.cluster_name.into(), listed))
}

/// The endpoints of an assignment that is part of a cluster: few, so that they may be written once more to be read in the one
/// way that there is.
pub(crate) fn from_wire(message: &ClusterLoadAssignment) -> Result<Vec<model::Endpoint>, Refused> {
    from_unread(&any::decode(Bytes::from(message.encode_to_vec()))?)
}

fn from_unread(message: &Assignment) -> Result<Vec<model::Endpoint>, Refused> {
    let number = message.endpoints.iter().map(|it| it.lb_endpoints.len());
    let number = number.sum();
    let mut placed: Vec<(u64, model::Endpoint)> = Vec::with_capacity(number);
    let mut seen = HashSet::with_capacity(number);
    for (index, local) in message.endpoints.iter().enumerate() {
        let mut place = |place: Option<u64>, endpoint: model::Endpoint| {
            if !seen.insert(endpoint.address) {
                let reason = format!("{} is listed twice", endpoint.address);
                return Err(Refused::new(reason));
            }
            placed.push((place.unwrap_or(placed.len() as u64), endpoint));
            Ok(())
        };
        from_locality(local, &mut place).within(format_args!("endpoints[{index}]"))?;
    }
    placed.sort_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, endpoint)| endpoint).collect())
}

/// Hands on the endpoints of a priority and zone, with their places in the file if they are said.
fn from_locality(
    local: &LocalityEndpoints,
    mut place: impl FnMut(Option<u64>, model::Endpoint) -> Result<(), Refused>,
) -> Result<(), Refused> {
    if local.lb_config.is_some() {
        return Err(Refused::new("only `lb_endpoints` are supported")).within("lb_config");
    }
    let ours = remainder::keys(local.metadata.as_ref());
    let priority = ours.get("priority").and_then(Value::as_u64);
    let priority = u16::try_from(priority.unwrap_or(local.priority.into()))
        .map_err(|_| Refused::new("more than 65535"))
        .within("priority")?;
    let zone = local.locality.as_ref().map(|locality| &*locality.zone);
    let zone: Option<Arc<str>> = zone.filter(|zone| !zone.is_empty()).map(Into::into);
    if zone
        .as_ref()
        .is_some_and(|zone| zone.chars().any(char::is_control))
    {
        return Err(Refused::new("a zone has no control characters")).within("locality.zone");
    }
    let places = ours.get("places").and_then(Value::as_array);
    let place_of = |index: usize| places?.get(index)?.as_u64();
    for (index, endpoint) in local.lb_endpoints.iter().enumerate() {
        let read = any::decode(&**endpoint).and_then(|endpoint| from_endpoint(&endpoint));
        if let Some((address, weight)) = read.within(format_args!("lb_endpoints[{index}]"))? {
            let endpoint = model::Endpoint {
                address,
                weight,
                zone: zone.clone(),
                priority,
            };
            place(place_of(index), endpoint)?;
        }
    }
    Ok(())
}

fn from_endpoint(endpoint: &LbEndpoint) -> Result<Option<(SocketAddr, u32)>, Refused> {
    let host = match &endpoint.host_identifier {
        Some(HostIdentifier::Endpoint(host)) => host,
        Some(HostIdentifier::EndpointName(_)) => {
            return Err(Refused::new("named endpoints are not supported")).within("endpoint_name");
        }
        None => return Err(Refused::new("no endpoint is given")),
    };
    let resting = remainder::keys(endpoint.metadata.as_ref()).get("weight") == Some(&json!(0));
    let weight = match endpoint.load_balancing_weight {
        _ if resting => 0,
        None => model::default::ENDPOINT_WEIGHT,
        Some(weight) => weight.value,
    };
    if weight > MOST_WEIGHT {
        return Err(Refused::new("more than 1000000")).within("load_balancing_weight");
    }
    let down = matches!(
        HealthStatus::try_from(endpoint.health_status),
        Ok(HealthStatus::Unhealthy | HealthStatus::Draining | HealthStatus::Timeout)
    );
    if down && !resting {
        return Ok(None);
    }
    let address = address::from_wire(host.address.as_ref()).within("endpoint.address")?;
    if address.port() == 0 {
        return Err(Refused::new("nothing can be reached at port 0")).within("endpoint.address");
    }
    Ok(Some((address, weight)))
}
