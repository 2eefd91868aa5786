//! Routes: which requests go where.

mod destination;

use std::{sync::Arc, time::Duration};

use super::{
    duration::{duration, duration_or_off, parse},
    filter::{answer, filters, prefix_to_replace},
    matches::matches,
    name::name,
};
use crate::{
    model::{Filter, Match, Retry, RetryOn, Route, WeightedCluster, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, default, keys, list, nested, optional, whole, word},
    yaml::Node,
};
use destination::{cluster, clusters};

struct Keys {
    name: Option<Arc<str>>,
    matches: Match,
    filters: Vec<Filter>,
    cluster: Option<WeightedCluster>,
    clusters: Option<Vec<WeightedCluster>>,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    attempt_timeout: Option<Duration>,
    retry: Retry,
}

/// A route. Its name is empty when the file gives none.
pub(super) fn route() -> Shape<Route> {
    let keys = keys!(Keys {
        /// A metric label; `<listener>/<index>` when left out.
        name: optional(name()),
        /// Which requests it takes: all of the conditions that are given. Of several routes the most specific takes a
        /// request, wherever it stands in the file.
        matches as "match": nested(matches()),
        /// Edits, in order. `redirect` and `respond` end the request.
        filters: default(filters(), Vec::new()),
        /// Where it sends them.
        cluster: optional(cluster()),
        /// Where it sends them, by weight.
        clusters: optional(clusters()),
        /// The whole request, all attempts included. None when left out, so that streams are not cut.
        timeout: optional(duration()),
        /// How long a request or response may rest under way, nothing of it moving. `off`: for ever.
        idle_timeout: default(duration_or_off(), Some(defaults::STREAM_IDLE_TIMEOUT)),
        /// One attempt, up to the response's head.
        attempt_timeout: optional(duration()),
        /// When another attempt is made. What was never sent is retried in any case.
        retry: nested(retry()),
    });
    keys.rule(one_destination)
        .rule(attempt_within_whole)
        .rule(prefix_to_replace)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> Route {
    let single = keys.cluster.into_iter().collect();
    Route {
        name: keys.name.unwrap_or_default(),
        matches: keys.matches,
        filters: keys.filters,
        clusters: keys.clusters.unwrap_or(single),
        timeout: keys.timeout,
        idle_timeout: keys.idle_timeout,
        attempt_timeout: keys.attempt_timeout,
        retry: keys.retry,
    }
}

fn to_keys(route: &Route) -> Keys {
    let clusters = route.clusters.clone();
    Keys {
        name: Some(Arc::clone(&route.name)),
        matches: route.matches.clone(),
        filters: route.filters.clone(),
        cluster: None,
        clusters: Some(clusters).filter(|clusters| !clusters.is_empty()),
        timeout: route.timeout,
        idle_timeout: route.idle_timeout,
        attempt_timeout: route.attempt_timeout,
        retry: route.retry.clone(),
    }
}

fn one_destination(node: &Node, reader: &mut Reader) {
    match (node.entry("cluster"), node.entry("clusters")) {
        (Some(one), Some(many)) => {
            let fault = Fault::new("`cluster` and `clusters` exclude each other")
                .hint("`cluster` names one, `clusters` several with their weights");
            reader.clash(&many.key_span, fault, &one.key_span, "first here");
        }
        (None, None) if node.is_mapping() && !node.get("filters").is_some_and(answer) => {
            let fault = Fault::new("this route goes nowhere").hint(
                "give it `cluster`, `clusters`, or a filter that answers (`redirect`, `respond`)",
            );
            reader.report(&node.span, fault);
        }
        _ => {}
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

fn retry() -> Shape<Retry> {
    keys!(Retry {
        /// Attempts in all, the first one included: 1 is no retry.
        attempts: default(attempts(), defaults::RETRY_ATTEMPTS),
        /// On what.
        on: default(list(retry_on()), defaults::RETRY_ON.to_vec()),
    })
}

fn attempts() -> Shape<u32> {
    let refine = |attempts| match attempts {
        0 => Err(Fault::new("a request takes at least one attempt")
            .hint("`attempts` counts the first one: 1 is no retry")),
        attempts => Ok(attempts),
    };
    // 0 is read only to be explained.
    whole(0..=100).refine(refine, |attempts| *attempts)
}

fn retry_on() -> Shape<RetryOn> {
    choice(
        "a condition for another attempt",
        [
            word(
                "connect_failure",
                "No connection was made: nothing was sent.",
                RetryOn::ConnectFailure,
            ),
            word(
                "refused_stream",
                "The endpoint said that it did not process the request.",
                RetryOn::RefusedStream,
            ),
            word(
                "reset",
                "The connection broke before a response.",
                RetryOn::Reset,
            ),
            word("5xx", "A status of 500 to 599.", RetryOn::ServerError),
            word(
                "gateway_error",
                "A status of 502, 503 or 504.",
                RetryOn::GatewayError,
            ),
            word(
                "attempt_timeout",
                "The attempt took longer than `attempt_timeout`.",
                RetryOn::AttemptTimeout,
            ),
        ],
    )
}
