//! `hedge` of a route: a second attempt beside a first one that is slow.

use serde_json::json;

use super::duration::duration;
use crate::{
    model::{Hedge, HedgeAfter},
    problem::{Fault, quote},
    shape::{Shape, keys, parsed, required, split},
};

const EXPECTED: &str = "a percentile like `p95`";

/// Below the median it would double the traffic; above this there is nothing left to cut.
const PERCENTILES: std::ops::RangeInclusive<f64> = 50.0..=99.9;

/// When a second attempt is started alongside.
pub(super) fn hedge() -> Shape<Hedge> {
    keys!(Hedge {
        /// A time, or a percentile of the cluster's own recent latency: `50ms`, `p95`.
        after: required(after()),
    })
}

fn after() -> Shape<HedgeAfter> {
    let time = duration().convert(HedgeAfter::Time, |after| match after {
        HedgeAfter::Time(time) => *time,
        HedgeAfter::Percentile(_) => Default::default(),
    });
    let schema =
        json!({"type": "string", "pattern": r"^p[0-9]+(\.[0-9])?$", "examples": ["p95", "p99.9"]});
    let percentile = parsed(EXPECTED, schema, parse, show);
    split(
        |node| {
            node.text()
                .is_some_and(|text| text.starts_with('p') || text.ends_with('%'))
        },
        percentile,
        time,
        |after| matches!(after, HedgeAfter::Percentile(_)),
    )
}

fn parse(text: &str) -> Result<HedgeAfter, Fault> {
    let fault = || Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
    if let Some(percent) = text.strip_suffix('%') {
        return Err(fault().hint(format!("did you mean `p{percent}`?")));
    }
    let number = text.strip_prefix('p').unwrap_or_default();
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(tenths) {
        return Err(fault());
    }
    match number.parse::<f64>() {
        Ok(percent) if PERCENTILES.contains(&percent) && tenths.len() == 1 => {
            Ok(HedgeAfter::Percentile(percent / 100.0))
        }
        _ => Err(fault().hint("from `p50` to `p99.9`")),
    }
}

fn show(after: &HedgeAfter) -> String {
    match after {
        HedgeAfter::Percentile(share) => format!("p{}", (share * 1e3).round() / 10.0),
        HedgeAfter::Time(_) => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_percentile_survives_writing() {
        for tenths in 500..=999 {
            let text = format!("p{}", f64::from(tenths) / 10.0);
            assert_eq!(show(&parse(&text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_percentile_is_refused() {
        for text in [
            "p", "p49.9", "p100", "p99.99", "p-95", "p95%", "p1e2", "p.5", "p95.",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
