//! `outlier_detection`.

use std::time::Duration;

use outrigger_config::model::OutlierDetection;
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::{envoy::config::cluster::v3 as wire, google::protobuf::UInt32Value},
    refused::Within,
    remainder::Keys,
    scalar::{duration, number, percent, time, truth, written_time},
};

/// What enforces a detector, in percent: each of ours is on or off.
const ON: u32 = 100;

/// Envoy's longest ejection, where nothing is said.
const LONGEST: Duration = Duration::from_secs(300);

pub(super) fn to_wire(detection: &OutlierDetection) -> wire::OutlierDetection {
    let enforced = |on: bool| number(if on { ON } else { 0 });
    let success = detection.success_rate.as_ref();
    let failure = detection.failure_percent.as_ref();
    let connect = detection.consecutive_connect_failures;
    wire::OutlierDetection {
        interval: time(detection.window),
        base_ejection_time: time(detection.base_ejection_time),
        max_ejection_time: time(detection.max_ejection_time),
        max_ejection_percent: number(whole_percent(detection.max_ejection_percent)),
        // One at least, as here.
        always_eject_one_host: truth(true),
        consecutive_5xx: detection.consecutive_errors.and_then(number),
        enforcing_consecutive_5xx: enforced(detection.consecutive_errors.is_some()),
        consecutive_gateway_failure: detection.consecutive_gateway_errors.and_then(number),
        enforcing_consecutive_gateway_failure: enforced(
            detection.consecutive_gateway_errors.is_some(),
        ),
        split_external_local_origin_errors: connect.is_some(),
        consecutive_local_origin_failure: connect.and_then(number),
        enforcing_consecutive_local_origin_failure: enforced(connect.is_some()),
        enforcing_local_origin_success_rate: enforced(false),
        // Envoy divides by a thousand.
        success_rate_stdev_factor: success
            .and_then(|it| number((it.deviations * 1000.0).round() as u32)),
        success_rate_minimum_hosts: success.and_then(|it| number(it.min_endpoints)),
        success_rate_request_volume: success.and_then(|it| number(it.min_requests)),
        enforcing_success_rate: enforced(success.is_some()),
        failure_percentage_threshold: failure.and_then(|it| number(whole_percent(it.threshold))),
        failure_percentage_minimum_hosts: failure.and_then(|it| number(it.min_endpoints)),
        failure_percentage_request_volume: failure.and_then(|it| number(it.min_requests)),
        enforcing_failure_percentage: enforced(failure.is_some()),
        ..wire::OutlierDetection::default()
    }
}

fn whole_percent(share: f64) -> u32 {
    percent(share).value.round() as u32
}

/// A detector is on as it is in Envoy where nothing is said: consecutive errors, gateway errors and the success rate; a share
/// of failures only where it is enforced.
pub(super) fn from_wire(detection: &wire::OutlierDetection) -> Result<Value, Refused> {
    let mut keys = Keys::new();
    let enforced = |value: Option<UInt32Value>, usual: u32| given(value).unwrap_or(usual) > 0;
    for (key, count, on) in [
        (
            "consecutive_errors",
            given(detection.consecutive_5xx),
            enforced(detection.enforcing_consecutive_5xx, ON),
        ),
        (
            "consecutive_gateway_errors",
            given(detection.consecutive_gateway_failure),
            enforced(detection.enforcing_consecutive_gateway_failure, 0),
        ),
        (
            "consecutive_connect_failures",
            given(detection.consecutive_local_origin_failure),
            detection.split_external_local_origin_errors
                && enforced(detection.enforcing_consecutive_local_origin_failure, ON),
        ),
    ] {
        match count {
            _ if !on => _ = keys.insert(key.to_owned(), json!("off")),
            Some(count) => _ = keys.insert(key.to_owned(), json!(count)),
            None => {}
        }
    }
    let success_rate = detector([
        (
            "deviations",
            given(detection.success_rate_stdev_factor).map(|it| json!(f64::from(it) / 1000.0)),
        ),
        (
            "min_endpoints",
            given(detection.success_rate_minimum_hosts).map(Value::from),
        ),
        (
            "min_requests",
            given(detection.success_rate_request_volume).map(Value::from),
        ),
    ]);
    let on = enforced(detection.enforcing_success_rate, ON);
    keys.insert(
        "success_rate".to_owned(),
        if on { success_rate } else { json!("off") },
    );
    let failure_percent = detector([
        (
            "threshold",
            given(detection.failure_percentage_threshold).map(|it| json!(format!("{it}%"))),
        ),
        (
            "min_endpoints",
            given(detection.failure_percentage_minimum_hosts).map(Value::from),
        ),
        (
            "min_requests",
            given(detection.failure_percentage_request_volume).map(Value::from),
        ),
    ]);
    let on = enforced(detection.enforcing_failure_percentage, 0);
    keys.insert(
        "failure_percent".to_owned(),
        if on { failure_percent } else { json!("off") },
    );
    // Not known there.
    keys.insert("latency".to_owned(), json!("off"));
    for (key, time) in [
        ("interval", &detection.interval),
        ("base_ejection_time", &detection.base_ejection_time),
        ("max_ejection_time", &detection.max_ejection_time),
    ] {
        if let Some(time) = time {
            let written = written_time(time).within(key)?;
            let key = if key == "interval" { "window" } else { key };
            keys.insert(key.to_owned(), written.into());
        }
    }
    // Envoy's longest is five minutes, or the first if that is longer.
    let base = detection.base_ejection_time.as_ref().and_then(duration);
    if let (Some(base), None) = (base, detection.max_ejection_time)
        && let Some(longest) = time(base.max(LONGEST))
    {
        let written = written_time(&longest).within("base_ejection_time")?;
        keys.insert("max_ejection_time".to_owned(), written.into());
    }
    if let Some(share) = given(detection.max_ejection_percent) {
        keys.insert(
            "max_ejection_percent".to_owned(),
            json!(format!("{share}%")),
        );
    }
    Ok(keys.into())
}

fn given(value: Option<UInt32Value>) -> Option<u32> {
    value.map(|value| value.value)
}

fn detector<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Value {
    let pairs = pairs.into_iter();
    let given = pairs.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(given.collect())
}
