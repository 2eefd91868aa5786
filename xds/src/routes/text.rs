//! Conditions on text: values of headers and query keys.

use outrigger_config::model::ValueMatch;
use regex_syntax::escape;
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};

/// Anything at all, line breaks too.
const ANYTHING: &str = "(?s:.*)";

/// Whole values, in Envoy's syntax, which is ours but for corners.
pub(super) fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher {
        regex: pattern.to_owned(),
        engine_type: None,
    }
}

pub(super) fn to_wire(value: &ValueMatch) -> StringMatcher {
    let pattern = match value {
        ValueMatch::Exact(text) => MatchPattern::Exact(text.clone()),
        ValueMatch::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern.as_str())),
    };
    StringMatcher {
        ignore_case: false,
        match_pattern: Some(pattern),
    }
}

/// In the words of the file: text, or `{ regex: ... }`.
pub(super) fn from_wire(matcher: &StringMatcher) -> Result<Value, Refused> {
    let pattern = match &matcher.match_pattern {
        Some(MatchPattern::Exact(text)) if !matcher.ignore_case => return Ok(json!(text)),
        Some(MatchPattern::SafeRegex(regex)) => return Ok(json!({"regex": regex.regex})),
        Some(MatchPattern::Exact(text)) => escape(text),
        Some(MatchPattern::Prefix(text)) => prefix(text),
        Some(MatchPattern::Suffix(text)) => suffix(text),
        Some(MatchPattern::Contains(text)) => containing(text),
        Some(MatchPattern::Custom(_)) | None => {
            return Err(Refused::new("this kind of condition is not supported"));
        }
    };
    Ok(match matcher.ignore_case {
        true => json!({"regex": format!("(?i:{pattern})")}),
        false => json!({"regex": pattern}),
    })
}

pub(super) fn prefix(text: &str) -> String {
    escape(text) + ANYTHING
}

pub(super) fn suffix(text: &str) -> String {
    ANYTHING.to_owned() + &escape(text)
}

pub(super) fn containing(text: &str) -> String {
    format!("{ANYTHING}{}{ANYTHING}", escape(text))
}

/// That it is there at all.
pub(super) fn present() -> Value {
    json!({"regex": ANYTHING})
}
