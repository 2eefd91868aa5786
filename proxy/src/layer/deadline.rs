//! Deadline: the whole request's time, all attempts included.
//!
//! Below Filters, which may answer for free; above Retry, so that no attempt outlives it. The route's `timeout` and the
//! client's `grpc-timeout` both bound it, and the endpoint is told. It ends with the response's head:
//! a stream that has begun is not cut. A request without either sets no timer.

use std::time::Duration;

use http::{HeaderValue, Response};
use tokio::time::{Instant, timeout_at};

use super::Handle;
use crate::{
    body::Body, call::Call, clock, downstream::survey::GRPC_TIMEOUT, error::Error,
    telemetry::trail::Step,
};

/// See the module.
pub struct Deadline<S> {
    next: S,
}

impl<S> Deadline<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Deadline<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let configured = call.route.as_ref().and_then(|route| route.config.timeout);
        let asked = match call.survey.grpc_timeout {
            true => call
                .head
                .headers
                .get(GRPC_TIMEOUT)
                .and_then(|value| parse(value.as_bytes())),
            false => None,
        };
        let Some(allowed) = [configured, asked].into_iter().flatten().min() else {
            return self.next.handle(call).await;
        };
        if asked.is_some() || (configured.is_some() && call.survey.grpc) {
            call.head.headers.insert(GRPC_TIMEOUT, format(allowed));
        }
        // A deadline past the end of time is none.
        let Some(deadline) = Instant::now().checked_add(allowed) else {
            return self.next.handle(call).await;
        };
        call.until = call.now.saturating_add(clock::micros(allowed));
        match timeout_at(deadline, self.next.handle(call)).await {
            Ok(result) => result,
            Err(_) => {
                call.note(|_| Step::Error(Error::DeadlineExceeded.reason()));
                Err(Error::DeadlineExceeded)
            }
        }
    }
}

/// `grpc-timeout`: up to 8 digits and a unit (gRPC over HTTP/2, "Requests"). `None` if it is not that.
pub fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits
        .iter()
        .fold(0, |amount, digit| amount * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// The finest unit that fits into 8 digits.
fn format(duration: Duration) -> HeaderValue {
    const LIMIT: u128 = 100_000_000;
    let units = [
        (duration.as_nanos(), 'n'),
        (duration.as_micros(), 'u'),
        (duration.as_millis(), 'm'),
        (u128::from(duration.as_secs()), 'S'),
        (u128::from(duration.as_secs() / 60), 'M'),
    ];
    let (amount, unit) = units
        .into_iter()
        .find(|(amount, _)| *amount < LIMIT)
        .unwrap_or((u128::from(duration.as_secs() / 3600), 'H'));
    HeaderValue::from_str(&format!("{amount}{unit}")).unwrap_or(HeaderValue::from_static("1H"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_survives_both_ways() {
        for (text, duration) in [
            ("1S", Duration::from_secs(1)),
            ("250m", Duration::from_millis(250)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
            ("7n", Duration::from_nanos(7)),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(duration), "{text}");
            assert_eq!(parse(format(duration).as_bytes()), Some(duration), "{text}");
        }
    }

    #[test]
    fn what_is_no_grpc_timeout_is_none() {
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "1 S"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
