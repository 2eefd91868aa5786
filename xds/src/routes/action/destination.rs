//! Where a route sends requests, and as what.

use std::time::Duration;

use http::HeaderValue;
use outrigger_config::model::{Destination, Rewrite, Route};
use serde_json::{Value, json};

use crate::{
    Refused, hash,
    pb::envoy::config::route::v3::{
        HedgePolicy, RetryPolicy, RouteAction, WeightedCluster,
        route_action::{ClusterSpecifier, HostRewriteSpecifier},
        route_match::PathSpecifier,
        weighted_cluster::{ClusterWeight, RandomValueSpecifier},
    },
    refused::Within,
    remainder::Keys,
    routes::{
        filters,
        new_path::{self, NewPath},
        retry,
    },
    scalar::{duration, is_zero, number, time, written_time},
};

/// Envoy's, for routes that say nothing: what is not said there must not mean for ever here.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn to_wire(route: &Route, rewrite: Option<&Rewrite>) -> RouteAction {
    let mut action = RouteAction {
        cluster_specifier: specifier(route),
        ..RouteAction::default()
    };
    let host = rewrite.and_then(|rewrite| rewrite.host.as_ref());
    if let Some(host) = host.and_then(|host: &HeaderValue| host.to_str().ok()) {
        let host = HostRewriteSpecifier::HostRewriteLiteral(host.to_owned());
        action.host_rewrite_specifier = Some(host);
    }
    if let Some(path) = rewrite.and_then(|rewrite| rewrite.path.as_ref()) {
        match new_path::to_wire(path, &route.matches.path) {
            NewPath::Prefix(prefix) => action.prefix_rewrite = prefix,
            NewPath::Regex(rewrite) => action.regex_rewrite = Some(rewrite),
        }
    }
    action
}

/// What requests are told apart by where each names its cluster.
const HOST: &str = ":authority";

/// Where requests go; `None` for a route that answers by itself.
pub(crate) fn specifier(route: &Route) -> Option<ClusterSpecifier> {
    let clusters = match &route.destination {
        Destination::Host => return Some(ClusterSpecifier::ClusterHeader(HOST.to_owned())),
        Destination::Clusters(clusters) => clusters,
    };
    let weighted = clusters.iter().map(|it| ClusterWeight {
        name: it.cluster.name.to_string(),
        weight: number(it.weight),
        ..ClusterWeight::default()
    });
    match &clusters[..] {
        [] => None,
        [only] if only.weight == 1 => {
            Some(ClusterSpecifier::Cluster(only.cluster.name.to_string()))
        }
        _ => Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: weighted.collect(),
            ..WeightedCluster::default()
        })),
    }
}

/// What a virtual host says for those of its routes that do not.
#[derive(Clone, Copy)]
pub(in crate::routes) struct Usual<'a> {
    pub(in crate::routes) retry: Option<&'a RetryPolicy>,
    pub(in crate::routes) hedge: Option<&'a HedgePolicy>,
}

/// Sets everything but filters; gives the filter `rewrite` if there is one.
pub(in crate::routes) fn from_action(
    action: &RouteAction,
    usual: Usual<'_>,
    path: Option<&PathSpecifier>,
    keys: &mut Keys,
) -> Result<Option<Value>, Refused> {
    refuse(action)?;
    let (key, named) = from_specifier(action.cluster_specifier.as_ref())?;
    keys.insert(key.to_owned(), named);
    let usual_timeout = time(TIMEOUT);
    let stream = action.max_stream_duration.as_ref();
    let stream = stream.and_then(|stream| stream.max_stream_duration.as_ref());
    let whole = action.timeout.as_ref().filter(|it| !is_zero(it));
    let whole = match action.timeout {
        Some(_) => whole.or(stream),
        None => stream.or(usual_timeout.as_ref()),
    };
    let whole = whole.filter(|whole| !is_zero(whole));
    if let Some(whole) = whole {
        keys.insert(
            "timeout".to_owned(),
            written_time(whole).within("timeout")?.into(),
        );
    }
    if let Some(idle) = &action.idle_timeout {
        let idle = match is_zero(idle) {
            true => "off".to_owned(),
            false => written_time(idle).within("idle_timeout")?,
        };
        keys.insert("idle_timeout".to_owned(), idle.into());
    }
    if let Some(policy) = action.retry_policy.as_ref().or(usual.retry) {
        let hedge = action.hedge_policy.as_ref().or(usual.hedge);
        let whole = whole.and_then(duration);
        retry::from_wire(policy, hedge, whole, keys).within("retry_policy")?;
    }
    rewrite(action, path)
}

fn refuse(action: &RouteAction) -> Result<(), Refused> {
    for (is_set, field) in [
        (action.cors.is_some(), "cors"),
        (action.metadata_match.is_some(), "metadata_match"),
        (
            !action.request_mirror_policies.is_empty(),
            "request_mirror_policies",
        ),
        (
            action.internal_redirect_policy.is_some(),
            "internal_redirect_policy",
        ),
        (action.path_rewrite_policy.is_some(), "path_rewrite_policy"),
        (
            action.retry_policy_typed_config.is_some(),
            "retry_policy_typed_config",
        ),
    ] {
        if is_set {
            return Err(Refused::new("not supported")).within(field);
        }
    }
    // The address of the client is what hashing clusters take where nothing is said.
    match hash::from_wire(&action.hash_policy)? {
        None => Ok(()),
        Some(key) if key == json!("source_address") => Ok(()),
        Some(_) => {
            let reason = "the key is the cluster's here: say it in its `load_balancing_policy`";
            Err(Refused::new(reason)).within("hash_policy")
        }
    }
}

/// The key of the file, and its value.
fn from_specifier(specifier: Option<&ClusterSpecifier>) -> Result<(&'static str, Value), Refused> {
    let weighted = match specifier {
        Some(ClusterSpecifier::Cluster(name)) => return Ok(("clusters", json!({(name): 1}))),
        Some(ClusterSpecifier::ClusterHeader(header)) if is_host(header) => {
            return Ok(("cluster_by", json!("host")));
        }
        Some(ClusterSpecifier::WeightedClusters(weighted)) => weighted,
        Some(ClusterSpecifier::ClusterHeader(header)) => {
            let reason = format!("the cluster cannot be named by the header `{header}`");
            return Err(Refused::new(reason)).within("cluster_header");
        }
        Some(_) => return Err(Refused::new("plugins are not supported")),
        None => return Err(Refused::new("no cluster is given")),
    };
    if let Some(RandomValueSpecifier::HeaderName(_) | RandomValueSpecifier::UseHashPolicy(_)) =
        &weighted.random_value_specifier
    {
        return Err(Refused::new("clusters are drawn at random")).within("weighted_clusters");
    }
    let mut clusters = Keys::new();
    for (index, cluster) in weighted.clusters.iter().enumerate() {
        let (name, weight) =
            from_weighted(cluster).within(format_args!("weighted_clusters.clusters[{index}]"))?;
        let before = clusters.get(name).and_then(Value::as_u64).unwrap_or(0);
        clusters.insert(name.to_owned(), json!(before + u64::from(weight)));
    }
    Ok(("clusters", clusters.into()))
}

fn is_host(header: &str) -> bool {
    header == HOST || header.eq_ignore_ascii_case("host")
}

fn from_weighted(cluster: &ClusterWeight) -> Result<(&str, u32), Refused> {
    let edited = !cluster.request_headers_to_add.is_empty()
        || !cluster.request_headers_to_remove.is_empty()
        || !cluster.response_headers_to_add.is_empty()
        || !cluster.response_headers_to_remove.is_empty()
        || cluster.host_rewrite_specifier.is_some();
    if edited {
        return Err(Refused::new(
            "edits of one cluster's requests are not supported",
        ));
    }
    filters::of(&cluster.typed_per_filter_config)?;
    if cluster.metadata_match.is_some() {
        return Err(Refused::new("not supported")).within("metadata_match");
    }
    if cluster.name.is_empty() {
        return Err(Refused::new("no cluster is named")).within("name");
    }
    let weight = cluster.weight.map_or(0, |weight| weight.value);
    Ok((&cluster.name, weight))
}

fn rewrite(action: &RouteAction, path: Option<&PathSpecifier>) -> Result<Option<Value>, Refused> {
    let mut keys = Keys::new();
    if !action.prefix_rewrite.is_empty() {
        let new_path = new_path::from_prefix(&action.prefix_rewrite, path);
        keys.extend(new_path.within("prefix_rewrite")?);
    } else if !action.path_rewrite.is_empty() {
        keys.insert("path".to_owned(), json!(action.path_rewrite));
    }
    if let Some(rewrite) = &action.regex_rewrite {
        keys.extend(new_path::from_regex(rewrite, path)?);
    }
    match &action.host_rewrite_specifier {
        Some(
            HostRewriteSpecifier::HostRewriteLiteral(host)
            | HostRewriteSpecifier::HostRewrite(host),
        ) => {
            keys.insert("host".to_owned(), json!(host));
        }
        Some(HostRewriteSpecifier::AutoHostRewrite(on)) if !on.value => {}
        None => {}
        Some(_) => {
            let reason = "only a literal host is supported";
            return Err(Refused::new(reason)).within("host_rewrite_specifier");
        }
    }
    Ok((!keys.is_empty()).then(|| json!({"rewrite": keys})))
}
