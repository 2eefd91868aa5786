//! How much time a client says that it has: `grpc-timeout`, and `x-request-timeout` for all others.
//!
//! What can't be read is no deadline, as in gRPC's C core, and is passed on for the endpoint to judge; 0 is a deadline that is
//! over, as in gRPC.

use std::time::Duration;

use http::HeaderValue;

/// `grpc-timeout`: up to 8 digits and a unit (gRPC over HTTP/2, "Requests"). `None` if it is not that.
pub fn grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.len() > 8 {
        return None;
    }
    let amount = number(digits)?;
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

/// `x-request-timeout`: milliseconds, or a duration as in a table: `250ms`, `5s`, `1m30s`. `None` if it is neither.
pub fn plain(value: &[u8]) -> Option<Duration> {
    /// From the longest, in milliseconds.
    const UNITS: [(&[u8], u64); 4] = [(b"h", 3_600_000), (b"m", 60_000), (b"s", 1_000), (b"ms", 1)];
    if let Some(millis) = number(value) {
        return Some(Duration::from_millis(millis));
    }
    let (mut rest, mut units, mut total) = (value, UNITS.iter(), 0_u64);
    while !rest.is_empty() {
        let digit = |byte: &u8| byte.is_ascii_digit();
        let digits = rest.iter().take_while(|byte| digit(byte)).count();
        let (amount, tail) = rest.split_at(digits);
        let letters = tail.iter().take_while(|byte| !digit(byte)).count();
        let (unit, tail) = tail.split_at(letters);
        // The iterator goes on where it stopped: units get shorter and none comes twice.
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = number(amount)?.checked_mul(*millis)?.checked_add(total)?;
        rest = tail;
    }
    (!value.is_empty()).then(|| Duration::from_millis(total))
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    plain.then_some(())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// As [`grpc`] reads it: in the finest unit that fits into 8 digits, and never more than it is.
pub fn format_grpc(duration: Duration) -> HeaderValue {
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

/// As [`plain`] reads it: whole milliseconds, at least one, since 0 would be over.
pub fn format_plain(duration: Duration) -> HeaderValue {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    HeaderValue::from(millis.max(1))
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
            ("0S", Duration::ZERO),
        ] {
            assert_eq!(grpc(text.as_bytes()), Some(duration), "{text}");
            assert_eq!(
                grpc(format_grpc(duration).as_bytes()),
                Some(duration),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_grpc_timeout_is_none() {
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "1 S", "+1S"] {
            assert_eq!(grpc(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_plain_timeout_is_milliseconds_or_has_units() {
        for (text, millis) in [
            ("250", 250),
            ("0", 0),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1h1ms", 3_600_001),
            ("0s", 0),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(plain(text.as_bytes()), Some(duration), "{text}");
            let written = format_plain(duration.max(Duration::from_millis(1)));
            assert!(plain(written.as_bytes()) >= Some(duration), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_timeout_is_none() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5s",
            "s",
            "1 s",
            "30s1m",
            "5s5s",
            "5S",
            "1e3",
            "99999999999999999999",
            "9999999999999999h",
        ] {
            assert_eq!(plain(text.as_bytes()), None, "{text}");
        }
    }
}
