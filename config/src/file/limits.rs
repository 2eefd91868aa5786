//! `limits` of a cluster and of a listener: what may run at once.

use crate::{
    model::{Adaptive, ClusterLimits, ConnectionLimit, ListenerLimits, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, default, keys, optional, whole},
    yaml::Node,
};

/// More than a process could hold, and far from where sums overflow.
const MOST: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Keys {
    connections: Option<u32>,
    pending: Option<u32>,
    requests: Option<u32>,
    retries: Option<u32>,
    adaptive: Option<Adaptive>,
}

pub(super) fn cluster_limits() -> Shape<ClusterLimits> {
    let keys = keys!(Keys {
        /// Connections to its endpoints, over all workers. At the cap a request waits for one.
        connections: optional(whole(1..=MOST)),
        /// Requests that wait for a connection; any more are refused. 1024 when left out.
        pending: optional(whole(0..=MOST)),
        /// Requests in flight, to the end of their responses; any more are refused.
        requests: optional(whole(1..=MOST)),
        /// Retries at once; any more are not made.
        retries: optional(whole(0..=MOST)),
        /// A cap on requests in flight that follows the latency of the endpoints. Off when left out.
        adaptive: optional(adaptive()),
    });
    keys.rule(pending_needs_connections)
        .convert(from_keys, to_keys)
}

pub(super) fn listener_limits() -> Shape<ListenerLimits> {
    keys!(ListenerLimits {
        /// Connections from callers, over all workers; any more are closed at once.
        connections: optional(whole(1..=MOST)),
        /// Requests in flight, to the end of their responses; any more are refused.
        requests: optional(whole(1..=MOST)),
    })
}

fn adaptive() -> Shape<Adaptive> {
    let keys = keys!(Adaptive {
        /// It is never lower: so many at once are no overload.
        min: default(whole(1..=MOST), defaults::ADAPTIVE_MIN),
        /// It is never higher.
        max: default(whole(1..=MOST), defaults::ADAPTIVE_MAX),
    });
    keys.rule(min_within_max)
}

fn from_keys(keys: Keys) -> ClusterLimits {
    ClusterLimits {
        connections: keys.connections.map(|open| ConnectionLimit {
            open,
            pending: keys.pending.unwrap_or(defaults::PENDING),
        }),
        requests: keys.requests,
        retries: keys.retries,
        adaptive: keys.adaptive,
    }
}

fn to_keys(limits: &ClusterLimits) -> Keys {
    Keys {
        connections: limits.connections.map(|limit| limit.open),
        pending: limits.connections.map(|limit| limit.pending),
        requests: limits.requests,
        retries: limits.retries,
        adaptive: limits.adaptive,
    }
}

fn pending_needs_connections(node: &Node, reader: &mut Reader) {
    if let (Some(pending), None) = (node.entry("pending"), node.entry("connections")) {
        let fault = Fault::new("`pending` bounds nothing without `connections`")
            .hint("requests wait for a connection only where `connections` caps them");
        reader.within(&["pending".into()], |reader| {
            reader.report(&pending.key_span, fault)
        });
    }
}

fn min_within_max(node: &Node, reader: &mut Reader) {
    let bound = |key, absent: u32| match node.get(key) {
        Some(node) => node.text()?.parse().ok(),
        None => Some(absent),
    };
    let min = bound("min", defaults::ADAPTIVE_MIN);
    let max = bound("max", defaults::ADAPTIVE_MAX);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
        && let Some(place) = node.entry("min").or_else(|| node.entry("max"))
    {
        let fault = Fault::new(format!("`min` is more than `max`: {min} > {max}"));
        reader.report(&place.value.span, fault);
    }
}
