//! `retry` of a route, and `retry_budget` of a cluster: another attempt, and how many of them there may be.

use std::time::Duration;

use http::StatusCode;

use super::{
    duration::{duration, duration_or_zero, parse},
    header::header_name,
    matches::value_match,
    percent::percent,
};
use crate::{
    model::{Backoff, GrpcCode, Retry, RetryBudget, RetryOn, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{
        Shape, Variant, choice, default, flag, keys, list, map, nested, split, variant_with, whole,
        word,
    },
    yaml::{Content, Node},
};

/// What is kept of bodies at most: a worker holds as much for each request that is being sent.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;

/// When another attempt is made.
pub(super) fn retry() -> Shape<Retry> {
    let keys = keys!(Retry {
        /// Attempts in all, the first one included: 1 is no retry.
        attempts: default(attempts(), defaults::RETRY_ATTEMPTS),
        /// On what: words, status codes, gRPC codes, `{ header: { name: value } }` of a response.
        on: default(list(retry_on()), defaults::RETRY_ON.to_vec()),
        /// Repeats also what may have been processed and is not idempotent: POST, PATCH, every gRPC call.
        non_idempotent: default(flag(), false),
        /// How long it waits first, unless nothing was sent and another endpoint is there.
        backoff: nested(backoff()),
        /// The longest `retry-after` that is waited for. A response that asks for more is passed on.
        max_retry_after: default(duration_or_zero(), defaults::MAX_RETRY_AFTER),
        /// The largest request body, in bytes, that is kept to be sent again. A larger one goes through.
        body_limit: default(whole(0..=LARGEST_BODY), defaults::RETRY_BODY_LIMIT),
    });
    keys.rule(grpc_is_post)
}

/// How much of a cluster's traffic may be retries.
pub(super) fn retry_budget() -> Shape<RetryBudget> {
    keys!(RetryBudget {
        /// The share of the requests in a window.
        percent: default(percent(), defaults::RETRY_BUDGET_PERCENT),
        /// Retries that are free in any case, times the window.
        min_per_second: default(whole(0..=1_000_000), defaults::RETRY_BUDGET_MIN_PER_SECOND),
        /// What is looked back on.
        window: default(duration(), defaults::RETRY_BUDGET_WINDOW),
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

fn backoff() -> Shape<Backoff> {
    let keys = keys!(Backoff {
        /// The bound of the first wait; it doubles with each retry. The wait is anything up to it.
        base: default(duration_or_zero(), defaults::BACKOFF_BASE),
        /// The bound of any wait.
        max: default(duration_or_zero(), defaults::BACKOFF_MAX),
    });
    keys.rule(base_within_max)
}

fn base_within_max(node: &Node, reader: &mut Reader) {
    let time = |key, absent: Duration| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(absent),
    };
    let base = time("base", defaults::BACKOFF_BASE);
    let max = time("max", defaults::BACKOFF_MAX);
    let place = node.entry("max").or(node.entry("base"));
    if let (Some(base), Some(max), Some(place)) = (base, max, place)
        && base > max
    {
        let fault = Fault::new("the first wait is longer than the longest").hint(
            "`base` is the bound of the first wait, `max` that of any: make it the longer one",
        );
        reader.report(&place.value.span, fault);
    }
}

/// A condition that would never be one is a mistake.
fn grpc_is_post(node: &Node, reader: &mut Reader) {
    let on = node.get("on").map(Node::items).unwrap_or_default();
    let repeated = node.get("non_idempotent").and_then(Node::text) == Some("true");
    let code = on
        .iter()
        .enumerate()
        .find(|(_, on)| GRPC_CODES.iter().any(|(name, ..)| on.text() == Some(name)));
    if let Some((index, code)) = code.filter(|_| !repeated) {
        let fault = Fault::new("a gRPC call is a POST, which is not repeated here")
            .hint("say `non_idempotent: true` if its methods may run twice");
        reader.within(&["on".into(), index.into()], |reader| {
            reader.report(&code.span, fault)
        });
    }
}

fn retry_on() -> Shape<RetryOn> {
    let status = whole(400..=599).convert(
        |status: u16| RetryOn::Status(StatusCode::from_u16(status).unwrap_or_default()),
        |on| match on {
            RetryOn::Status(status) => status.as_u16(),
            _ => 0,
        },
    );
    let looks_like_status = |node: &Node| match &node.content {
        Content::Scalar { text, .. } => text.parse::<f64>().is_ok(),
        _ => false,
    };
    let named = choice("a condition for another attempt", conditions());
    split(looks_like_status, status, named, |on| {
        matches!(on, RetryOn::Status(_))
    })
}

fn conditions() -> Vec<Variant<RetryOn>> {
    let words = WORDS.map(|(name, about, on)| word(name, about, on));
    let codes = GRPC_CODES.map(|(name, about, code)| word(name, about, RetryOn::Grpc(code)));
    let header = variant_with(
        "header",
        "All of these headers of the response: a value, or `{ regex: ... }` that takes the whole value.",
        map(header_name(), value_match()).refine(
            |headers| match headers.is_empty() {
                true => Err(Fault::new("no header is named").hint("`header: { x-retry: \"1\" }`")),
                false => Ok(headers),
            },
            Clone::clone,
        ),
        RetryOn::Headers,
        |on| match on {
            RetryOn::Headers(headers) => Some(headers.clone()),
            _ => None,
        },
    );
    words.into_iter().chain(codes).chain([header]).collect()
}

const WORDS: [(&str, &str, RetryOn); 6] = [
    (
        "connect_failure",
        "No connection was made: nothing was sent.",
        RetryOn::ConnectFailure,
    ),
    (
        "refused_stream",
        "The endpoint said that it did not process the request.",
        RetryOn::RefusedStream,
    ),
    (
        "reset",
        "The connection broke before a response.",
        RetryOn::Reset,
    ),
    ("5xx", "A status of 500 to 599.", RetryOn::ServerError),
    (
        "gateway_error",
        "A status of 502, 503 or 504.",
        RetryOn::GatewayError,
    ),
    (
        "attempt_timeout",
        "The attempt took longer than `attempt_timeout`.",
        RetryOn::AttemptTimeout,
    ),
];

const GRPC_CODES: [(&str, &str, GrpcCode); 8] = [
    ("cancelled", "gRPC code 1.", GrpcCode::Cancelled),
    ("unknown", "gRPC code 2.", GrpcCode::Unknown),
    (
        "deadline_exceeded",
        "gRPC code 4.",
        GrpcCode::DeadlineExceeded,
    ),
    (
        "resource_exhausted",
        "gRPC code 8.",
        GrpcCode::ResourceExhausted,
    ),
    ("aborted", "gRPC code 10.", GrpcCode::Aborted),
    ("internal", "gRPC code 13.", GrpcCode::Internal),
    ("unavailable", "gRPC code 14.", GrpcCode::Unavailable),
    ("data_loss", "gRPC code 15.", GrpcCode::DataLoss),
];
