//! Routes: which requests go where.

mod destination;

use std::{sync::Arc, time::Duration};

use super::{
    authorization::authorization,
    duration::{duration, parse},
    filter::{filters, prefix_to_replace},
    hedge::hedge,
    matches::matches,
    name::name,
    retry::retry,
};
use crate::{
    model::{
        Authorization, Destination, Filter, Hedge, Match, Retry, Route, WeightedCluster,
        default as defaults,
    },
    problem::Fault,
    reader::Reader,
    shape::{Shape, default, keys, nested, optional, or_off},
    yaml::Node,
};
pub(super) use destination::{cluster, clusters, one_of_several, reference as cluster_reference};
use destination::{cluster_by, one_destination};

struct Keys {
    name: Option<Arc<str>>,
    matches: Match,
    authorization: Option<Authorization>,
    filters: Vec<Filter>,
    cluster: Option<WeightedCluster>,
    clusters: Option<Vec<WeightedCluster>>,
    cluster_by: Option<Destination>,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    attempt_timeout: Option<Duration>,
    retry: Retry,
    hedge: Option<Hedge>,
}

/// A route. Its name is empty when the file gives none.
pub(crate) fn route() -> Shape<Route> {
    let keys = keys!(Keys {
        /// A metric label; `<listener>/<index>` when left out.
        name: optional(name()),
        /// Which requests it takes: all of the conditions that are given. Of several routes the most specific takes a
        /// request, wherever it stands in the file.
        matches as "match": nested(matches()),
        /// Who is let in, of those whom the listener lets in. All of them when left out.
        authorization: optional(authorization()),
        /// Edits, in order. `redirect` and `respond` end the request.
        filters: default(filters(), Vec::new()),
        /// Where it sends them.
        cluster: optional(cluster()),
        /// Where it sends them, by weight.
        clusters: optional(clusters()),
        /// Where it sends them, each by what it says itself.
        cluster_by: optional(cluster_by()),
        /// The whole request, all attempts included. None when left out, so that streams are not cut.
        timeout: optional(duration()),
        /// How long a request or response may rest under way, nothing of it moving. `off`: for ever.
        idle_timeout: default(or_off(duration()), Some(defaults::STREAM_IDLE_TIMEOUT)),
        /// One attempt, up to the response's head.
        attempt_timeout: optional(duration()),
        /// When another attempt is made. What was never sent is retried in any case.
        retry: nested(retry()),
        /// When a second attempt is started beside a slow one; the first usable answer wins. Never when left out.
        hedge: optional(hedge()),
    });
    keys.rule(one_destination)
        .rule(attempt_within_whole)
        .rule(hedge_within_whole)
        .rule(prefix_to_replace)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> Route {
    let single = || keys.cluster.into_iter().collect();
    let named = Destination::Clusters(keys.clusters.unwrap_or_else(single));
    Route {
        name: keys.name.unwrap_or_default(),
        matches: keys.matches,
        authorization: keys.authorization,
        filters: keys.filters,
        destination: keys.cluster_by.unwrap_or(named),
        timeout: keys.timeout,
        idle_timeout: keys.idle_timeout,
        attempt_timeout: keys.attempt_timeout,
        retry: keys.retry,
        hedge: keys.hedge,
    }
}

fn to_keys(route: &Route) -> Keys {
    let named = Some(route.clusters()).filter(|named| !named.is_empty());
    let by_host = Some(Destination::Host).filter(|by_host| *by_host == route.destination);
    Keys {
        name: Some(Arc::clone(&route.name)),
        matches: route.matches.clone(),
        authorization: route.authorization.clone(),
        filters: route.filters.clone(),
        cluster: None,
        clusters: named.map(<[_]>::to_vec),
        cluster_by: by_host,
        timeout: route.timeout,
        idle_timeout: route.idle_timeout,
        attempt_timeout: route.attempt_timeout,
        retry: route.retry.clone(),
        hedge: route.hedge,
    }
}

fn attempt_within_whole(node: &Node, reader: &mut Reader) {
    let time = |key| parse(node.get(key)?.text()?).ok();
    let (attempt, whole) = (node.entry("attempt_timeout"), node.entry("timeout"));
    if let (Some(attempt), Some(whole)) = (attempt, whole)
        && time("attempt_timeout") > time("timeout")
        && time("timeout").is_some()
    {
        let fault = Fault::new("one attempt may take longer than the whole request")
            .cause("never reached")
            .hint("`timeout` spans all attempts: make it the longer one");
        reader.within(&["attempt_timeout".into()], |reader| {
            reader.clash(
                &attempt.value.span,
                fault,
                &whole.value.span,
                "the request ends here",
            );
        });
    }
    let on = node.get("retry").and_then(|retry| retry.get("on"));
    let on = on.map(Node::items).unwrap_or_default();
    let timed = on
        .iter()
        .enumerate()
        .find(|(_, on)| on.text() == Some("attempt_timeout"));
    if let Some((index, on)) = timed.filter(|_| attempt.is_none()) {
        let fault = Fault::new("an attempt has no time limit here").hint("set `attempt_timeout`");
        let steps = ["retry".into(), "on".into(), index.into()];
        reader.within(&steps, |reader| reader.report(&on.span, fault));
    }
}

/// A hedge that comes when it is all over is a mistake.
fn hedge_within_whole(node: &Node, reader: &mut Reader) {
    let Some(after) = node.get("hedge").and_then(|hedge| hedge.entry("after")) else {
        return;
    };
    let time = |node: &Node| parse(node.text()?).ok();
    for key in ["attempt_timeout", "timeout"] {
        if let (Some(limit), Some(begins)) = (node.entry(key), time(&after.value))
            && time(&limit.value).is_some_and(|ends| ends <= begins)
        {
            let fault = Fault::new("the second attempt would begin when the first has ended")
                .cause("never reached")
                .hint("a hedge is for attempts that are slow, not for those that fail");
            reader.within(&["hedge".into(), "after".into()], |reader| {
                reader.clash(&after.value.span, fault, &limit.value.span, "it ends here");
            });
            return;
        }
    }
}
