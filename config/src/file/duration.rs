//! Durations: `250ms`, `5s`, `1m30s`, `1h`.
//!
//! The unit is always said: a bare `5` means seconds to one reader and milliseconds to the next.

use std::time::Duration;

use serde_json::json;

use crate::{
    problem::{Fault, quote},
    reader::enumerate,
    shape::{Shape, parsed},
};

const EXPECTED: &str = "a duration like `250ms`, `5s` or `1m30s`";

/// Units from the longest, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A year: longer is a slip, and would overflow a clock.
const LONGEST: u64 = 365 * 24 * 3_600_000;

/// A duration over 0.
pub(super) fn duration() -> Shape<Duration> {
    shape(|text| match parse(text)? {
        Duration::ZERO => Err(Fault::new("a duration of 0 makes no sense here")
            .hint("leave the key out for the default")),
        duration => Ok(duration),
    })
}

/// A duration that may be 0.
pub(super) fn duration_or_zero() -> Shape<Duration> {
    shape(parse)
}

/// A duration over 0, or `off` for none.
pub(super) fn duration_or_off() -> Shape<Option<Duration>> {
    const EXPECTED: &str = "a duration like `5m`, or `off`";
    let pattern = "^(off|(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";
    let schema = json!({"type": "string", "pattern": pattern, "examples": ["5m", "off"]});
    let parse = |text: &str| match text {
        "off" => Ok(None),
        text => match parse(text)? {
            Duration::ZERO => {
                Err(Fault::new("a duration of 0 makes no sense here").hint("for none, say `off`"))
            }
            duration => Ok(Some(duration)),
        },
    };
    parsed(EXPECTED, schema, parse, |duration| {
        duration.as_ref().map_or_else(|| "off".to_owned(), show)
    })
}

fn shape(parse: fn(&str) -> Result<Duration, Fault>) -> Shape<Duration> {
    let pattern = "^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
    let schema =
        json!({"type": "string", "pattern": pattern, "examples": ["250ms", "5s", "1m30s"]});
    parsed(EXPECTED, schema, parse, show)
}

pub(super) fn parse(text: &str) -> Result<Duration, Fault> {
    let fault = || Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_number(text) {
        return Err(fault().hint(format!("say the unit: `{text}s`")));
    }
    if text.starts_with('-') {
        return Err(fault().hint("a duration can't be negative"));
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if number.is_empty() {
            return Err(fault());
        }
        // The iterator goes on where it stopped: units get shorter and none comes twice.
        let Some((_, millis)) = units.find(|(name, _)| *name == unit) else {
            return Err(fault().hint(unit_hint(unit)));
        };
        let part = number.parse::<u64>().ok();
        let sum = part.and_then(|part| part.checked_mul(*millis)?.checked_add(total));
        total = sum
            .filter(|sum| *sum <= LONGEST)
            .ok_or_else(|| Fault::new(format!("{} is longer than a year", quote(text))))?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(fault());
    }
    Ok(Duration::from_millis(total))
}

fn unit_hint(unit: &str) -> String {
    let names: Vec<&str> = UNITS.iter().rev().map(|(name, _)| *name).collect();
    match unit {
        "h" | "m" | "s" | "ms" => "from the longest unit to the shortest, each once".to_owned(),
        "." | "," => "whole numbers only: `1500ms` rather than `1.5s`".to_owned(),
        "" => "say the unit of every number: `1m30s`".to_owned(),
        _ => format!("the units are {}", enumerate(&names)),
    }
}

/// As [`parse`] reads it.
pub(super) fn show(duration: &Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, millis) in UNITS {
        if rest >= millis {
            text.push_str(&format!("{}{name}", rest / millis));
            rest %= millis;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_add_up() {
        let millis = |text| parse(text).unwrap().as_millis();
        assert_eq!(millis("250ms"), 250);
        assert_eq!(millis("1m30s"), 90_000);
        assert_eq!(millis("1h1ms"), 3_600_001);
        assert_eq!(millis("0s"), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "5",
            "-5s",
            "5 s",
            "s",
            "1.5s",
            "30s1m",
            "5s5s",
            "5sec",
            "5S",
            "8761h",
            "99999999999999999999s",
            "١s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(millis in 0..=LONGEST) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(&duration)).unwrap(), duration);
        }
    }
}
