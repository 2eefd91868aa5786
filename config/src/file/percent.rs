//! Percentages: `20%`, `0.5%`. In the model a share, 0 to 1.
//!
//! The sign is always said: a bare `0.5` means a half to one reader and a two-hundredth to the next.

use serde_json::json;

use crate::{
    problem::{Fault, quote},
    shape::{Shape, parsed},
};

const EXPECTED: &str = "a percentage like `20%`";

/// A share from 0 to 1.
pub(super) fn percent() -> Shape<f64> {
    let schema = json!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$", "examples": ["20%"]});
    parsed(EXPECTED, schema, parse, show)
}

/// As [`parse`] reads it.
pub(super) fn show(share: &f64) -> String {
    // 0.07 * 100 is 7.000000000000001.
    format!("{}%", (share * 1e8).round() / 1e6)
}

pub(super) fn parse(text: &str) -> Result<f64, Fault> {
    let fault = || Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
    let number = |text: &str| {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        text.parse::<f64>()
            .ok()
            .filter(|_| plain && !text.starts_with('.'))
    };
    match text.strip_suffix('%').map(number) {
        Some(Some(percent)) if percent <= 100.0 => Ok(percent / 100.0),
        Some(Some(_)) => Err(fault().hint("the most is `100%`")),
        None if number(text).is_some() => Err(fault().hint(format!("say the sign: `{text}%`"))),
        _ => Err(fault()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_a_share() {
        for (text, share) in [("0%", 0.0), ("7%", 0.07), ("0.5%", 0.005), ("100%", 1.0)] {
            assert_eq!(parse(text).unwrap(), share, "{text}");
            assert_eq!(percent().write(&share), text);
        }
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for text in [
            "", "%", "20", "0.5", "101%", "-1%", "1e1%", ".5%", "20 %", "inf%",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
