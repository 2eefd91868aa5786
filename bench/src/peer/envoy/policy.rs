//! What Envoy has for each part of a policy, and how it says it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::{
    Balancer, Policy, Retry,
    policy::{ATTEMPTS, CONNECT_TIMEOUT, FAILURES, OUT},
};

/// Writes `policy` into the parts of the configuration that it concerns.
pub(super) fn apply(
    policy: &Policy,
    route: &mut Value,
    filters: &mut Vec<Value>,
    cluster: &mut Value,
) {
    route["timeout"] = seconds(policy.attempt_timeout * ATTEMPTS);
    route["retry_policy"] = json!({
        "retry_on": match policy.retry {
            Retry::Connect => "connect-failure,refused-stream",
            Retry::Failures => "connect-failure,refused-stream,reset,5xx",
        },
        "num_retries": ATTEMPTS - 1,
        "per_try_timeout": seconds(policy.attempt_timeout),
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    });
    cluster["connect_timeout"] = seconds(CONNECT_TIMEOUT);
    // Its own numbers; without a budget it allows three retries at a time.
    cluster["circuit_breakers"]["thresholds"][0]["retry_budget"] = json!({
        "budget_percent": { "value": 20 }, "min_retry_concurrency": 3,
    });
    let pick = match policy.balancer {
        Balancer::Default | Balancer::RoundRobin => "ROUND_ROBIN",
        Balancer::LeastRequest => "LEAST_REQUEST",
        Balancer::Random => "RANDOM",
    };
    cluster["lb_policy"] = json!(pick);
    if let Some(time) = policy.slow_start {
        let key = match policy.balancer {
            Balancer::LeastRequest => "least_request_lb_config",
            _ => "round_robin_lb_config",
        };
        cluster[key] = json!({ "slow_start_config": { "slow_start_window": seconds(time) } });
    }
    if policy.ejection {
        // With its defaults it looks every 10 s, and of three endpoints it ejects none (at most 10 %).
        cluster["outlier_detection"] = json!({
            "consecutive_5xx": FAILURES,
            "interval": "1s",
            "base_ejection_time": seconds(OUT),
            "max_ejection_percent": 50,
        });
    }
    if policy.limit.is_some() {
        filters.insert(0, adaptive_concurrency());
    }
}

/// The gradient controller, set as in its documentation.
fn adaptive_concurrency() -> Value {
    json!({
        "name": "envoy.filters.http.adaptive_concurrency",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
            "gradient_controller_config": {
                "sample_aggregate_percentile": { "value": 90 },
                "concurrency_limit_params": { "concurrency_update_interval": "0.1s" },
                "min_rtt_calc_params": { "jitter": { "value": 10 }, "interval": "60s", "request_count": 50 },
            },
        },
    })
}

fn seconds(duration: Duration) -> Value {
    json!(format!("{}s", duration.as_secs_f64()))
}
