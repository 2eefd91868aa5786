//! `retry`, `attempt_timeout` and `hedge`: a retry policy.

use std::time::Duration;

use outrigger_config::model::{GrpcCode, HedgeAfter, Retry, RetryOn, Route};
use serde_json::{Value, json};

use super::header;
use crate::{
    Refused,
    any::pack,
    pb::envoy::{
        config::route::v3::{
            HedgePolicy, RetryPolicy,
            retry_policy::{
                RateLimitedRetryBackOff, ResetHeader, ResetHeaderFormat, RetryBackOff,
                RetryHostPredicate, retry_host_predicate::ConfigType,
            },
        },
        extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
    },
    refused::Within,
    remainder::Keys,
    scalar::{duration, is_zero, number, time, written_time},
};

const PREVIOUS_HOSTS: &str = "envoy.retry_host_predicates.previous_hosts";

/// How often Envoy looks for another endpoint than the last before it takes the same: its documentation's advice.
const OTHER_HOST_TRIES: i64 = 3;

/// Words that both know, for conditions that are safe to act on whatever the method: nothing was processed.
const SAFE: [(&str, RetryOn); 2] = [
    ("connect-failure", RetryOn::ConnectFailure),
    ("refused-stream", RetryOn::RefusedStream),
];

const OTHERS: [(&str, RetryOn); 8] = [
    ("reset", RetryOn::Reset),
    ("5xx", RetryOn::ServerError),
    ("gateway-error", RetryOn::GatewayError),
    ("cancelled", RetryOn::Grpc(GrpcCode::Cancelled)),
    (
        "deadline-exceeded",
        RetryOn::Grpc(GrpcCode::DeadlineExceeded),
    ),
    ("internal", RetryOn::Grpc(GrpcCode::Internal)),
    (
        "resource-exhausted",
        RetryOn::Grpc(GrpcCode::ResourceExhausted),
    ),
    ("unavailable", RetryOn::Grpc(GrpcCode::Unavailable)),
];

/// Whether a condition says that nothing was processed.
pub(super) fn is_safe(on: &RetryOn) -> bool {
    SAFE.iter().any(|(_, safe)| safe == on)
}

/// The time after which Envoy hedges: it does so when an attempt takes longer than it may, so that can be said only where
/// attempts may take any time.
fn hedge_after(route: &Route) -> Option<Duration> {
    match route.hedge?.after {
        HedgeAfter::Time(time) if route.attempt_timeout.is_none() => Some(time),
        _ => None,
    }
}

pub(super) fn hedge(route: &Route) -> Option<HedgePolicy> {
    hedge_after(route).map(|_| HedgePolicy {
        hedge_on_per_try_timeout: true,
        ..HedgePolicy::default()
    })
}

pub(super) fn to_wire(route: &Route, retry: &Retry) -> RetryPolicy {
    let mut words: Vec<&str> = Vec::new();
    let mut statuses = Vec::new();
    let mut headers = Vec::new();
    for on in &retry.on {
        let word = match on {
            RetryOn::Status(status) => {
                statuses.push(u32::from(status.as_u16()));
                Some("retriable-status-codes")
            }
            // Envoy takes any of several.
            RetryOn::Headers(all) if all.len() == 1 => {
                headers.extend(all.iter().map(header::to_wire));
                Some("retriable-headers")
            }
            on => word(on),
        };
        words.extend(word.filter(|word| !words.contains(word)));
    }
    let backoff = (!retry.backoff.base.is_zero()).then(|| RetryBackOff {
        base_interval: time(retry.backoff.base),
        max_interval: time(retry.backoff.max),
    });
    let wait = (!retry.max_retry_after.is_zero()).then(|| RateLimitedRetryBackOff {
        reset_headers: vec![ResetHeader {
            name: "retry-after".to_owned(),
            format: ResetHeaderFormat::Seconds.into(),
        }],
        max_interval: time(retry.max_retry_after),
    });
    RetryPolicy {
        retry_on: words.join(","),
        num_retries: number(retry.attempts.saturating_sub(1)),
        per_try_timeout: route.attempt_timeout.or(hedge_after(route)).and_then(time),
        retry_host_predicate: vec![RetryHostPredicate {
            name: PREVIOUS_HOSTS.to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&PreviousHostsPredicate {}))),
        }],
        host_selection_retry_max_attempts: OTHER_HOST_TRIES,
        retriable_status_codes: statuses,
        retriable_headers: headers,
        retry_back_off: backoff,
        rate_limited_retry_back_off: wait,
        ..RetryPolicy::default()
    }
}

/// `None` for what only we know.
fn word(on: &RetryOn) -> Option<&'static str> {
    let known = SAFE.iter().chain(&OTHERS).find(|(_, known)| known == on);
    known.map(|(word, _)| *word)
}

/// Sets `retry`, `attempt_timeout` and `hedge`. `whole` is the time that the request has.
pub(super) fn from_wire(
    policy: &RetryPolicy,
    hedge: Option<&HedgePolicy>,
    whole: Option<Duration>,
    keys: &mut Keys,
) -> Result<(), Refused> {
    if !policy.retriable_request_headers.is_empty() {
        return Err(Refused::new("conditions on the request are not supported"))
            .within("retriable_request_headers");
    }
    let attempt = policy
        .per_try_timeout
        .as_ref()
        .filter(|time| !is_zero(time));
    // Longer than the whole it is never reached.
    let attempt = attempt.filter(|attempt| {
        let attempt = duration(attempt).unwrap_or(Duration::MAX);
        whole.is_none_or(|whole| attempt < whole)
    });
    let attempt = attempt
        .map(written_time)
        .transpose()
        .within("per_try_timeout")?;
    let hedged = hedge.is_some_and(|hedge| hedge.hedge_on_per_try_timeout);
    let timed = attempt.is_some() && !hedged;
    if let Some(attempt) = attempt {
        match hedged {
            true => keys.insert("hedge".to_owned(), json!({"after": attempt})),
            false => keys.insert("attempt_timeout".to_owned(), json!(attempt)),
        };
    }
    let on = conditions(policy, timed)?;
    let unsafe_too = on.iter().any(|on| SAFE_WORDS.iter().all(|safe| on != safe));
    let mut retry = Keys::new();
    let retries = policy.num_retries.map_or(1, |number| number.value);
    retry.insert("attempts".to_owned(), json!(retries.saturating_add(1)));
    retry.insert("on".to_owned(), on.into());
    // Nothing there asks for the method.
    retry.insert("non_idempotent".to_owned(), json!(unsafe_too));
    if let Some(backoff) = &policy.retry_back_off {
        retry.insert(
            "backoff".to_owned(),
            from_backoff(backoff).within("retry_back_off")?,
        );
    }
    let wait = policy.rate_limited_retry_back_off.as_ref();
    if let Some(wait) = wait.and_then(|wait| wait.max_interval.as_ref()) {
        let wait = written_time(wait).within("rate_limited_retry_back_off.max_interval")?;
        retry.insert("max_retry_after".to_owned(), wait.into());
    }
    keys.insert("retry".to_owned(), retry.into());
    Ok(())
}

/// As the file calls those of [`SAFE`].
const SAFE_WORDS: [&str; 2] = ["connect_failure", "refused_stream"];

/// Words that nobody knows, and those of HTTP/3 and rate limit services, mean no retry, as in Envoy.
fn conditions(policy: &RetryPolicy, timed: bool) -> Result<Vec<Value>, Refused> {
    let mut on: Vec<Value> = Vec::new();
    let words = policy.retry_on.split(',').map(str::trim);
    for word in words {
        let known = SAFE.iter().chain(&OTHERS).any(|(known, _)| *known == word);
        let implied: &[&str] = match word {
            // There, whatever is no response counts as well: a reset, and time that is up.
            "5xx" | "gateway-error" if timed => &["reset", "attempt_timeout"],
            "5xx" | "gateway-error" => &["reset"],
            "reset" if timed => &["attempt_timeout"],
            _ => &[],
        };
        match word {
            "retriable-4xx" => on.push(json!(409)),
            "retriable-status-codes" => {
                on.extend(
                    policy
                        .retriable_status_codes
                        .iter()
                        .map(|status| json!(status)),
                );
            }
            "retriable-headers" => {
                for matcher in &policy.retriable_headers {
                    let condition = header::from_wire(matcher).within("retriable_headers")?;
                    on.push(json!({"header": {(matcher.name.to_lowercase()): condition}}));
                }
            }
            word if known => on.push(json!(word.replace('-', "_"))),
            _ => {}
        }
        on.extend(implied.iter().map(|word| json!(word)));
    }
    let mut seen: Vec<Value> = Vec::new();
    on.retain(|value| {
        let first = !seen.contains(value);
        seen.push(value.clone());
        first
    });
    Ok(on)
}

fn from_backoff(backoff: &RetryBackOff) -> Result<Value, Refused> {
    let mut keys = Keys::new();
    let base = backoff.base_interval.as_ref();
    if let Some(base) = base {
        keys.insert(
            "base".to_owned(),
            written_time(base).within("base_interval")?.into(),
        );
    }
    // Ten times the base where nothing is said.
    let ten_times = base
        .and_then(duration)
        .and_then(|base| time(base.saturating_mul(10)));
    if let Some(max) = backoff.max_interval.as_ref().or(ten_times.as_ref()) {
        keys.insert(
            "max".to_owned(),
            written_time(max).within("max_interval")?.into(),
        );
    }
    Ok(keys.into())
}
