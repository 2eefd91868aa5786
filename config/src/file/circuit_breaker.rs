//! `circuit_breaker`: when a cluster is left alone for a while.

use std::time::Duration;

use super::{
    duration::{duration, parse, show},
    filter::respond,
    percent::percent,
    route::cluster_reference,
};
use crate::{
    model::{CircuitBreaker, Fallback, SlowCall, default as defaults},
    problem::{Fault, quote},
    reader::Reader,
    shape::{Shape, choice, default, keys, optional, variant, whole},
    yaml::Node,
};

pub(super) fn circuit_breaker() -> Shape<CircuitBreaker> {
    let keys = keys!(CircuitBreaker {
        /// The share of requests within the window whose failure opens it: a status of 500 and above, no connection, a
        /// broken one, no answer in time, a gRPC status that means the same.
        failure_percent: default(share(), defaults::BREAKER_FAILURE_PERCENT),
        /// Opens it for slow answers, too. Off when left out.
        slow_call: optional(slow_call()),
        /// Over which time the shares are taken.
        window: default(duration(), defaults::BREAKER_WINDOW),
        /// With fewer requests within the window it stays closed.
        min_requests: default(whole(1..=1_000_000), defaults::BREAKER_MIN_REQUESTS),
        /// How long it stays open at first; doubled each time that it opens again.
        open_time: default(duration(), defaults::BREAKER_OPEN_TIME),
        /// The longest that it stays open.
        max_open_time: default(duration(), defaults::BREAKER_MAX_OPEN_TIME),
        /// Requests that are let through at once after the open time. If all succeed it closes, if one fails it opens.
        probes: default(whole(1..=1_000), defaults::BREAKER_PROBES),
        /// What is done with requests while it is open, in place of a 503.
        fallback: optional(fallback()),
    });
    keys.rule(open_times_in_order)
}

fn slow_call() -> Shape<SlowCall> {
    keys!(SlowCall {
        /// An answer whose head takes longer is slow.
        longer_than: default(duration(), defaults::BREAKER_SLOW_CALL),
        /// The share of requests within the window whose slowness opens the breaker.
        percent: default(share(), defaults::BREAKER_SLOW_PERCENT),
    })
}

fn share() -> Shape<f64> {
    let refine = |share| match share {
        0.0 => Err(Fault::new("a share of 0% is always reached")
            .hint("leave `circuit_breaker` out if the cluster is to have none")),
        share => Ok(share),
    };
    percent().refine(refine, |share: &f64| *share)
}

fn fallback() -> Shape<Fallback> {
    let cluster = variant!(
        "cluster",
        "Another cluster takes them. Its own limits and breaker hold; its own fallback does not.",
        cluster_reference(),
        Fallback::Cluster
    );
    let respond = variant!(
        "respond",
        "They are answered directly.",
        respond(),
        Fallback::Respond
    );
    choice("a fallback", [cluster, respond])
}

/// Rule of `clusters`: a breaker's requests go somewhere else.
pub(super) fn fallback_elsewhere(clusters: &Node, reader: &mut Reader) {
    let steps = ["circuit_breaker", "fallback", "cluster"];
    for entry in clusters.entries() {
        let named = steps
            .iter()
            .try_fold(&entry.value, |node, step| node.get(step));
        let Some(named) = named.filter(|named| named.text() == Some(&entry.key)) else {
            continue;
        };
        let fault = Fault::new(format!("{} falls back on itself", quote(&entry.key)))
            .cause("this breaker is the one that is open")
            .hint("name another cluster, or answer with `respond`");
        let steps: Vec<_> = [entry.key.as_str()]
            .into_iter()
            .chain(steps)
            .map(Into::into)
            .collect();
        reader.within(&steps, |reader| {
            reader.clash(&named.span, fault, &entry.key_span, "the cluster itself");
        });
    }
}

fn open_times_in_order(node: &Node, reader: &mut Reader) {
    let time = |key, absent: Duration| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(absent),
    };
    let first = time("open_time", defaults::BREAKER_OPEN_TIME);
    let most = time("max_open_time", defaults::BREAKER_MAX_OPEN_TIME);
    if let (Some(first), Some(most)) = (first, most)
        && first > most
    {
        let place = node
            .entry("open_time")
            .or_else(|| node.entry("max_open_time"));
        let span = place.map_or(&node.span, |entry| &entry.value.span);
        let hint = format!(
            "left out, they are {} and {}",
            show(&defaults::BREAKER_OPEN_TIME),
            show(&defaults::BREAKER_MAX_OPEN_TIME)
        );
        let fault = Fault::new("`open_time` is longer than `max_open_time`");
        reader.report(span, fault.hint(hint));
    }
}
