//! `limits` and `retry_budget`: circuit breakers, as Envoy calls them.

use outrigger_config::model::{ClusterLimits, RetryBudget};
use serde_json::json;

use crate::{
    Refused,
    pb::{
        envoy::config::{
            cluster::v3::{
                CircuitBreakers,
                circuit_breakers::{Thresholds, thresholds},
            },
            core::v3::RoutingPriority,
        },
        google::protobuf::UInt32Value,
    },
    refused::Within,
    remainder::Keys,
    scalar::{number, percent, time, written_percent, written_time},
};

/// No cap: absent would mean 1024.
const NONE: u32 = u32::MAX;

/// From here on our file takes no cap: nobody means one.
const MOST: u32 = 1_000_000;

pub(super) fn to_wire(limits: &ClusterLimits, budget: &RetryBudget) -> CircuitBreakers {
    let connections = limits.connections;
    let thresholds = Thresholds {
        priority: RoutingPriority::Default.into(),
        max_connections: number(connections.map_or(NONE, |limit| limit.open)),
        max_pending_requests: number(connections.map_or(NONE, |limit| limit.pending)),
        max_requests: number(limits.requests.unwrap_or(NONE)),
        // Envoy passes over this where there is a budget.
        max_retries: limits.retries.and_then(number),
        retry_budget: limits.retries.is_none().then(|| thresholds::RetryBudget {
            budget_percent: Some(percent(budget.percent)),
            budget_interval: time(budget.window),
            min_retry_concurrency: number(budget.min_per_second),
        }),
        ..Thresholds::default()
    };
    CircuitBreakers {
        thresholds: vec![thresholds],
        per_host_thresholds: Vec::new(),
    }
}

/// Of requests of high priority, which there are none here, nothing is read.
pub(super) fn from_wire(
    breakers: Option<&CircuitBreakers>,
    keys: &mut Keys,
) -> Result<(), Refused> {
    let thresholds = breakers.into_iter().flat_map(|it| &it.thresholds);
    let mut ordinary = thresholds.filter(|it| it.priority == i32::from(RoutingPriority::Default));
    let Some(thresholds) = ordinary.next() else {
        return Ok(());
    };
    let mut limits = Keys::new();
    let connections = cap(thresholds.max_connections);
    for (key, cap) in [
        ("connections", connections),
        (
            "pending",
            cap(thresholds.max_pending_requests).filter(|_| connections.is_some()),
        ),
        ("requests", cap(thresholds.max_requests)),
        ("retries", cap(thresholds.max_retries)),
    ] {
        if let Some(cap) = cap {
            limits.insert(key.to_owned(), cap.into());
        }
    }
    keys.insert("limits".to_owned(), limits.into());
    if let Some(wire) = &thresholds.retry_budget {
        let mut budget = Keys::new();
        if let Some(share) = &wire.budget_percent {
            budget.insert("percent".to_owned(), json!(written_percent(share.value)));
        }
        if let Some(least) = wire.min_retry_concurrency {
            budget.insert("min_per_second".to_owned(), least.value.into());
        }
        if let Some(window) = &wire.budget_interval {
            let window = written_time(window)
                .within("circuit_breakers.thresholds[0].retry_budget.budget_interval")?;
            budget.insert("window".to_owned(), window.into());
        }
        keys.insert("retry_budget".to_owned(), budget.into());
    }
    Ok(())
}

fn cap(value: Option<UInt32Value>) -> Option<u32> {
    value.map(|value| value.value).filter(|cap| *cap <= MOST)
}
