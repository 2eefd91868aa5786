//! Connections of which nothing but bytes is known: Envoy's TCP proxy, and the conditions of filter chains before it.

use outrigger_config::model::{HostMatch, Tcp, WeightedCluster};
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::{
        config::listener::v3::FilterChainMatch,
        extensions::filters::network::tcp_proxy::v3::{
            TcpProxy,
            tcp_proxy::{
                ClusterSpecifier, WeightedCluster as Weighted, weighted_cluster::ClusterWeight,
            },
        },
    },
    refused::Within,
    remainder::Keys,
    scalar::{is_zero, number, time, written_time},
};

/// More would never be asked for; the file's own bound.
const MOST_ATTEMPTS: u32 = 10;

/// Each name with what takes it, in the order of the file.
pub(super) fn by_name(tcp: &Tcp, stat_prefix: &str) -> Vec<(FilterChainMatch, TcpProxy)> {
    let names = tcp.sni.iter().map(|(host, cluster)| {
        let name = match host {
            HostMatch::Exact(host) => host.clone(),
            HostMatch::Suffix(suffix) => format!("*{suffix}"),
        };
        let condition = FilterChainMatch {
            server_names: vec![name],
            transport_protocol: "tls".to_owned(),
            ..FilterChainMatch::default()
        };
        let specifier = ClusterSpecifier::Cluster(cluster.name.to_string());
        (condition, proxy(tcp, stat_prefix, specifier))
    });
    names.collect()
}

/// What takes all others.
pub(super) fn others(tcp: &Tcp, stat_prefix: &str) -> Option<TcpProxy> {
    let specifier = match &tcp.clusters[..] {
        [] => return None,
        [only] if only.weight == 1 => ClusterSpecifier::Cluster(only.cluster.name.to_string()),
        several => ClusterSpecifier::WeightedClusters(Weighted {
            clusters: several.iter().map(weighted).collect(),
        }),
    };
    Some(proxy(tcp, stat_prefix, specifier))
}

fn weighted(weighted: &WeightedCluster) -> ClusterWeight {
    ClusterWeight {
        name: weighted.cluster.name.to_string(),
        weight: weighted.weight,
        ..ClusterWeight::default()
    }
}

fn proxy(tcp: &Tcp, stat_prefix: &str, specifier: ClusterSpecifier) -> TcpProxy {
    TcpProxy {
        stat_prefix: stat_prefix.to_owned(),
        cluster_specifier: Some(specifier),
        // 0 is for ever.
        idle_timeout: time(tcp.policy.idle_timeout.unwrap_or_default()),
        max_connect_attempts: number(tcp.policy.connect_attempts),
        ..TcpProxy::default()
    }
}

/// Lays what a proxy says over `keys`: of connections for these names, or of all others.
pub(super) fn from_wire(
    names: &[String],
    proxy: &TcpProxy,
    keys: &mut Keys,
) -> Result<(), Refused> {
    refuse(proxy)?;
    let clusters = clusters(proxy.cluster_specifier.as_ref())?;
    match (names, clusters.iter().next()) {
        ([], _) => _ = keys.insert("clusters".to_owned(), clusters.into()),
        (names, Some((cluster, _))) if clusters.len() == 1 => {
            let sni = keys.entry("sni").or_insert_with(|| json!({}));
            for name in names {
                if sni.get(name).is_some() {
                    let reason = format!("another chain is for `{name}` too");
                    return Err(Refused::new(reason)).within("filter_chain_match.server_names");
                }
                sni[name] = json!(cluster);
            }
        }
        _ => {
            let reason = "a name goes to one cluster here";
            return Err(Refused::new(reason)).within("weighted_clusters");
        }
    }
    let mut policy = Keys::new();
    if let Some(idle) = &proxy.idle_timeout {
        let idle = match is_zero(idle) {
            true => "off".to_owned(),
            false => written_time(idle).within("idle_timeout")?,
        };
        policy.insert("idle_timeout".to_owned(), idle.into());
    }
    if let Some(attempts) = proxy.max_connect_attempts {
        let attempts = attempts.value.clamp(1, MOST_ATTEMPTS);
        policy.insert("connect_attempts".to_owned(), attempts.into());
    }
    keys.insert("tcp".to_owned(), policy.into());
    Ok(())
}

fn clusters(specifier: Option<&ClusterSpecifier>) -> Result<Keys, Refused> {
    let mut clusters = Keys::new();
    match specifier {
        Some(ClusterSpecifier::Cluster(name)) => {
            clusters.insert(name.clone(), json!(1));
        }
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            for cluster in &weighted.clusters {
                let before = clusters.get(&cluster.name).and_then(Value::as_u64);
                let sum = before.unwrap_or(0) + u64::from(cluster.weight);
                clusters.insert(cluster.name.clone(), sum.into());
            }
        }
        None => return Err(Refused::new("no cluster is given")),
    }
    Ok(clusters)
}

fn refuse(proxy: &TcpProxy) -> Result<(), Refused> {
    for (is_set, field) in [
        (proxy.metadata_match.is_some(), "metadata_match"),
        (proxy.on_demand.is_some(), "on_demand"),
        (proxy.tunneling_config.is_some(), "tunneling_config"),
        (
            proxy.max_downstream_connection_duration.is_some(),
            "max_downstream_connection_duration",
        ),
    ] {
        if is_set {
            return Err(Refused::new("not supported")).within(field);
        }
    }
    Ok(())
}
