//! Numbers and times that protobuf wraps in messages.

use std::time::Duration;

use crate::{
    Refused,
    pb::{
        envoy::r#type::v3::Percent,
        google::protobuf::{self as pb, BoolValue, UInt32Value},
    },
};

/// A number that is given.
pub(crate) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

/// A truth that is given.
pub(crate) fn truth(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// A time that is given.
pub(crate) fn time(duration: Duration) -> Option<pb::Duration> {
    Some(pb::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        // Below 10^9.
        nanos: duration.subsec_nanos() as i32,
    })
}

/// A share of 0 to 1 as a percentage.
pub(crate) fn percent(share: f64) -> Percent {
    // 0.07 * 100 is 7.000000000000001.
    Percent {
        value: (share * 1e8).round() / 1e6,
    }
}

/// A time as a file says it: in whole milliseconds, and what is less than one of them is one.
pub(crate) fn written_time(time: &pb::Duration) -> Result<String, Refused> {
    let seconds = u64::try_from(time.seconds);
    let nanos = u64::try_from(time.nanos).map(|nanos| nanos.div_ceil(1_000_000));
    match (seconds, nanos) {
        (Ok(0), Ok(millis)) => Ok(format!("{millis}ms")),
        (Ok(seconds), Ok(0)) => Ok(format!("{seconds}s")),
        (Ok(seconds), Ok(millis @ 0..=999)) => Ok(format!("{seconds}s{millis}ms")),
        (Ok(seconds), Ok(1000)) => Ok(format!("{}s", seconds.saturating_add(1))),
        _ => Err(Refused::new("not a time")),
    }
}

/// Whether it is 0, which often means none.
pub(crate) fn is_zero(time: &pb::Duration) -> bool {
    time.seconds == 0 && time.nanos == 0
}

/// A percentage as a file says it.
pub(crate) fn written_percent(percent: f64) -> String {
    format!("{}%", (percent * 1e6).round() / 1e6)
}

/// A time; `None` if it is negative or none.
pub(crate) fn duration(time: &pb::Duration) -> Option<Duration> {
    let seconds = u64::try_from(time.seconds).ok()?;
    let nanos = u32::try_from(time.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}
