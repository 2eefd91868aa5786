//! Endpoints by name: looked up again whenever the answer's time to live is over, within the cluster's bounds.
//!
//! The last good answer is kept when the resolver fails, and when it denies that the name exists: traffic to endpoints
//! that may be gone beats no traffic, and a dead endpoint is noticed by those who call it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use outrigger_config::model::{Dns, DnsRecord, Endpoint, Endpoints};
use tokio::time::sleep;

use super::answer::{Service, endpoints};
use crate::{snapshot::Cluster, status::Resolving};

/// A server that does not answer is asked once more, then the next.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps a cluster's endpoints to what its name stands for, for ever.
pub async fn follow(cluster: Arc<Cluster>, first: Resolving) {
    let Endpoints::Dns(dns) = &cluster.config.endpoints else {
        return;
    };
    let name = &cluster.config.name;
    let mut looked_up = Some(first);
    loop {
        let pause = match resolve(dns).await {
            Ok((endpoints, time_to_live)) => {
                if endpoints != cluster.endpoints.listed() {
                    let addresses: Vec<SocketAddr> =
                        endpoints.iter().map(|endpoint| endpoint.address).collect();
                    tracing::info!(cluster = %name, name = dns.name, ?addresses, "resolved");
                    cluster.update(&endpoints, None);
                }
                time_to_live.clamp(dns.min_ttl, dns.max_ttl)
            }
            Err(error) => {
                let kept = cluster.endpoints.listed().len();
                tracing::warn!(cluster = %name, name = dns.name, %error, kept, "cannot resolve: endpoints are kept");
                dns.min_ttl
            }
        };
        drop(looked_up.take());
        // Many proxies that learnt a name at once should not ask again at once.
        sleep(pause.mul_f64(1.0 + 0.1 * fastrand::f64())).await;
    }
}

/// The endpoints that a name stands for now, and for how long.
async fn resolve(dns: &Dns) -> Result<(Vec<Endpoint>, Duration), NetError> {
    let resolver = resolver(dns)?;
    match dns.record {
        DnsRecord::Address { port } => {
            let found = resolver.lookup_ip(dns.name.as_str()).await?;
            let service = Service {
                port,
                weight: 1,
                priority: 0,
            };
            let endpoints = endpoints([(service, found.iter())]);
            Ok((endpoints, left(found.valid_until())))
        }
        DnsRecord::Srv => services(&resolver, &dns.name).await,
    }
}

/// The targets, each with all of its addresses.
async fn services(
    resolver: &TokioResolver,
    name: &str,
) -> Result<(Vec<Endpoint>, Duration), NetError> {
    let found = resolver.srv_lookup(name).await?;
    let records = found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        });
    let mut time_to_live = left(found.valid_until());
    let mut services = Vec::new();
    for service in records {
        let addresses = match resolver.lookup_ip(service.target.clone()).await {
            Ok(addresses) => addresses,
            Err(error) => {
                tracing::warn!(name, target = %service.target, %error, "cannot resolve a target");
                continue;
            }
        };
        time_to_live = time_to_live.min(left(addresses.valid_until()));
        let (port, weight, priority) = (service.port, service.weight, service.priority);
        let service = Service {
            port,
            weight,
            priority,
        };
        services.push((service, addresses.iter().collect::<Vec<_>>()));
    }
    match endpoints(services) {
        none if none.is_empty() => Err(NetError::from("no target has an address")),
        endpoints => Ok((endpoints, time_to_live)),
    }
}

fn left(until: std::time::Instant) -> Duration {
    until.saturating_duration_since(std::time::Instant::now())
}

/// A resolver without a memory of its own: when to ask again is decided here. Made anew each time, so that a changed
/// `/etc/resolv.conf` counts.
fn resolver(dns: &Dns) -> Result<TokioResolver, NetError> {
    let mut builder = if dns.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = dns.servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections = connections
                .map(|mut connection| {
                    connection.port = server.port();
                    connection
                })
                .to_vec();
            config
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        Resolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = PATIENCE;
    builder.build()
}
