//! `dns`: STRICT_DNS.
//!
//! Envoy then asks every 5 s, whatever the TTL: the fields that say otherwise are deprecated, and what replaces them is
//! unknown to an Envoy of last year and to gRPC. Those of others are read.
//!
//! Of SRV records others know nothing: they ask for the addresses of the name and find none.

use std::sync::Arc;

use outrigger_config::model::{Dns, DnsRecord, default::DNS_MIN_TTL};
use serde_json::{Value, json};

use crate::{
    Refused, address, any, endpoints,
    pb::envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{
                    ClusterDiscoveryType, CustomClusterType, DiscoveryType, DnsLookupFamily,
                },
            },
            core::v3::TypedExtensionConfig,
            endpoint::v3::ClusterLoadAssignment,
        },
        extensions::{
            clusters::dns::v3::DnsCluster, network::dns_resolver::cares::v3::CaresDnsResolverConfig,
        },
    },
    refused::Within,
    remainder::Keys,
    scalar::{duration, written_time},
};

const CARES: &str = "envoy.network.dns_resolver.cares";

pub(super) fn to_wire(dns: &Dns, cluster: &Arc<str>, message: &mut Cluster) {
    let port = match dns.record {
        DnsRecord::Address { port } => port,
        DnsRecord::Srv => 0,
    };
    message.cluster_discovery_type =
        Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns.into()));
    message.load_assignment = Some(endpoints::of_name(cluster, dns.name.clone(), port));
    message.dns_lookup_family = DnsLookupFamily::All.into();
    if !dns.servers.is_empty() {
        let resolver = CaresDnsResolverConfig {
            resolvers: dns.servers.iter().copied().map(address::to_wire).collect(),
            ..CaresDnsResolverConfig::default()
        };
        message.typed_dns_resolver_config = Some(TypedExtensionConfig {
            name: CARES.to_owned(),
            typed_config: Some(any::pack(&resolver)),
        });
    }
}

/// A cluster of one name; one of IP addresses alone is as good as a static one.
pub(super) fn from_wire(message: &Cluster, keys: &mut Keys) -> Result<(), Refused> {
    let assignment = message.load_assignment.as_ref();
    let assignment = assignment
        .ok_or_else(|| Refused::new("no name is given"))
        .within("load_assignment")?;
    let (name, port) = match only_name(assignment).within("load_assignment")? {
        Some(name) => name,
        None => {
            keys.insert("endpoints".to_owned(), json!([]));
            return Ok(());
        }
    };
    let mut dns = Keys::new();
    dns.insert("name".to_owned(), name.into());
    match port {
        0 => dns.insert("record".to_owned(), json!("srv")),
        port => dns.insert("port".to_owned(), port.into()),
    };
    let said = said(message)?;
    if let Some(rate) = &said.dns_refresh_rate {
        let written = written_time(rate).within("dns_refresh_rate")?;
        if duration(rate).is_some_and(|rate| rate < DNS_MIN_TTL) {
            dns.insert("min_ttl".to_owned(), json!(written));
        }
        dns.insert("max_ttl".to_owned(), json!(written));
    }
    if let Some(servers) = servers(&said).within("typed_dns_resolver_config")? {
        dns.insert("servers".to_owned(), servers);
    }
    keys.insert("dns".to_owned(), dns.into());
    Ok(())
}

/// The one name among the endpoints; `None` if all are addresses.
fn only_name(assignment: &ClusterLoadAssignment) -> Result<Option<(&str, u16)>, Refused> {
    let mut names = Vec::new();
    let mut count = 0;
    for address in endpoints::addresses(assignment) {
        let (host, port) = address::parts(address)?;
        count += 1;
        if address::ip(host, port).is_none() {
            names.push((host, port));
        }
    }
    match names[..] {
        [] => Ok(None),
        [name] if count == 1 => Ok(Some(name)),
        _ => Err(Refused::new(
            "only one name is possible, and no addresses beside it",
        )),
    }
}

/// Envoy's newer way, an extension, or the fields that it replaces.
fn said(message: &Cluster) -> Result<DnsCluster, Refused> {
    if let Some(ClusterDiscoveryType::ClusterType(custom)) = &message.cluster_discovery_type
        && let Some(config) = &custom.typed_config
    {
        return any::unpack(config).within("cluster_type");
    }
    Ok(DnsCluster {
        dns_refresh_rate: message.dns_refresh_rate,
        typed_dns_resolver_config: message.typed_dns_resolver_config.clone(),
        ..DnsCluster::default()
    })
}

/// Whether a cluster of its own type is one of names.
pub(super) fn is_extension(custom: &CustomClusterType) -> bool {
    custom
        .typed_config
        .as_ref()
        .is_some_and(any::is::<DnsCluster>)
}

fn servers(said: &DnsCluster) -> Result<Option<Value>, Refused> {
    let config = said.typed_dns_resolver_config.as_ref();
    let Some(config) = config.and_then(|config| config.typed_config.as_ref()) else {
        return Ok(None);
    };
    if !any::is::<CaresDnsResolverConfig>(config) {
        return Ok(None);
    }
    let config: CaresDnsResolverConfig = any::unpack(config)?;
    let servers = config.resolvers.iter().map(|server| {
        let address = address::from_wire(Some(server)).within("resolvers")?;
        Ok(json!(address.to_string()))
    });
    servers.collect::<Result<_, _>>().map(Some)
}
