//! `retry-after`: when an endpoint wants to be asked again (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

/// The wait that a value asks for: whole seconds, or a date in any of HTTP's three forms, of which one that is past asks
/// for none. `None` if it is neither.
pub fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a u64 holds are as good as for ever.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    const THEN: u64 = 784_111_777;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_and_all_three_forms_of_a_date_are_understood() {
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("99999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 10),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 10),
            ("Sun Nov  6 08:49:37 1994", 10),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ] {
            let wait = parse(text.as_bytes(), at(THEN - 10));
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_nothing() {
        for text in [
            "",
            " ",
            "-1",
            "1.5",
            "+3",
            "soon",
            "1s",
            "Sun, 06 Nov 1994",
            "\u{661}",
        ] {
            assert_eq!(parse(text.as_bytes(), at(THEN)), None, "{text}");
        }
        assert_eq!(parse(b"\xff1", at(THEN)), None);
    }

    proptest! {
        #[test]
        fn a_date_that_is_written_is_read_back(seconds in 0..4_000_000_000u64, ahead in 0..1_000_000u64) {
            let text = httpdate::fmt_http_date(at(seconds + ahead));
            prop_assert_eq!(parse(text.as_bytes(), at(seconds)), Some(Duration::from_secs(ahead)));
        }
    }
}
