//! `outlier_detection`: what takes an endpoint out of service, and for how long.

use super::{
    duration::{duration, parse},
    percent::percent,
};
use crate::{
    model::{FailurePercent, OutlierDetection, SlowAnswers, SuccessRate, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, decimal, default, keys, or_off, whole},
    yaml::Node,
};

/// More says that the key was misunderstood.
const MOST: u64 = 10_000;

pub(super) fn outlier_detection() -> Shape<OutlierDetection> {
    let errors = Some(defaults::CONSECUTIVE_ERRORS);
    let gateway_errors = Some(defaults::CONSECUTIVE_GATEWAY_ERRORS);
    let connect_failures = Some(defaults::CONSECUTIVE_CONNECT_FAILURES);
    let keys = keys!(OutlierDetection {
        /// So many errors in a row: statuses of 500 and above, the same of gRPC, resets, time-outs, connect failures.
        consecutive_errors: default(or_off(whole(1..=MOST)), errors),
        /// So many answers of 502, 503 or 504 in a row.
        consecutive_gateway_errors: default(or_off(whole(1..=MOST)), gateway_errors),
        /// So many connections in a row that could not be made.
        consecutive_connect_failures: default(or_off(whole(1..=MOST)), connect_failures),
        /// A success rate far below that of the peers.
        success_rate: default(or_off(success_rate()), Some(defaults::SUCCESS_RATE)),
        /// A share of failures too high by itself.
        failure_percent: default(or_off(failure_percent()), Some(defaults::FAILURE_PERCENT)),
        /// Answers far slower than those of the peers.
        latency: default(or_off(latency()), Some(defaults::SLOW_ANSWERS)),
        /// How far back the last three look.
        window: default(duration(), defaults::OUTLIER_WINDOW),
        /// How long the first ejection lasts. Each further one lasts twice as long; good service takes that back.
        base_ejection_time: default(duration(), defaults::BASE_EJECTION_TIME),
        /// The longest ejection.
        max_ejection_time: default(duration(), defaults::MAX_EJECTION_TIME),
        /// The share of the endpoints that may be ejected at once: one at least, never the last one.
        max_ejection_percent: default(percent(), defaults::MAX_EJECTION_PERCENT),
    });
    keys.rule(base_within_max)
}

fn success_rate() -> Shape<SuccessRate> {
    let usual = defaults::SUCCESS_RATE;
    keys!(SuccessRate {
        /// How many deviations below the median of all.
        deviations: default(decimal(0.1, 100.0), usual.deviations),
        /// Endpoints that must have their requests, or nothing is compared.
        min_endpoints: default(whole(3..=MOST), usual.min_endpoints),
        /// Requests to an endpoint within the window, or it is left out.
        min_requests: default(whole(1..=MOST), usual.min_requests),
    })
}

fn failure_percent() -> Shape<FailurePercent> {
    let usual = defaults::FAILURE_PERCENT;
    keys!(FailurePercent {
        /// From this share of failures.
        threshold: default(percent(), usual.threshold),
        /// Endpoints that must have their requests, or none is ejected.
        min_endpoints: default(whole(1..=MOST), usual.min_endpoints),
        /// Requests to an endpoint within the window, or it is left out.
        min_requests: default(whole(1..=MOST), usual.min_requests),
    })
}

fn latency() -> Shape<SlowAnswers> {
    let usual = defaults::SLOW_ANSWERS;
    keys!(SlowAnswers {
        /// So many times as slow as the median of the peers.
        factor: default(decimal(1.1, 1000.0), usual.factor),
        /// And slower than that by at least this.
        at_least: default(duration(), usual.at_least),
        /// Endpoints that must have their requests, or nothing is compared.
        min_endpoints: default(whole(3..=MOST), usual.min_endpoints),
        /// Answers of an endpoint within the window, or it is left out.
        min_requests: default(whole(1..=MOST), usual.min_requests),
    })
}

fn base_within_max(node: &Node, reader: &mut Reader) {
    let time = |key, usual| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(usual),
    };
    let base = time("base_ejection_time", defaults::BASE_EJECTION_TIME);
    let max = time("max_ejection_time", defaults::MAX_EJECTION_TIME);
    let (Some(base), Some(max)) = (base, max) else {
        return;
    };
    let keys = ["base_ejection_time", "max_ejection_time"];
    if base > max
        && let Some(key) = keys.into_iter().find(|key| node.entry(key).is_some())
        && let Some(entry) = node.entry(key)
    {
        let fault = Fault::new("the first ejection is longer than the longest").hint(format!(
            "`base_ejection_time` is {}, `max_ejection_time` is {}",
            super::duration::show(&base),
            super::duration::show(&max)
        ));
        reader.within(&[key.into()], |reader| {
            reader.report(&entry.value.span, fault);
        });
    }
}
