//! Conditions on headers.

use http::HeaderName;
use outrigger_config::model::ValueMatch;
use serde_json::{Value, json};

use super::text;
use crate::{
    Refused,
    pb::envoy::config::route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier},
    refused::Within,
    remainder::Keys,
};

pub(super) fn to_wire((name, value): &(HeaderName, ValueMatch)) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_string(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(text::to_wire(value))),
        ..HeaderMatcher::default()
    }
}

/// Conditions of a mapping: each name once.
pub(super) fn all(matchers: &[HeaderMatcher]) -> Result<Keys, Refused> {
    let mut keys = Keys::new();
    for matcher in matchers {
        let condition = from_wire(matcher).within(&matcher.name)?;
        if keys
            .insert(matcher.name.to_lowercase(), condition)
            .is_some()
        {
            return Err(Refused::new("only one condition is possible")).within(&matcher.name);
        }
    }
    Ok(keys)
}

/// In the words of the file.
pub(super) fn from_wire(matcher: &HeaderMatcher) -> Result<Value, Refused> {
    use HeaderMatchSpecifier as By;
    if matcher.invert_match {
        return Err(Refused::new("conditions cannot be inverted"));
    }
    if matcher.treat_missing_header_as_empty {
        let reason = "a missing header is not an empty one here";
        return Err(Refused::new(reason));
    }
    let value = match &matcher.header_match_specifier {
        Some(By::ExactMatch(exact)) => json!(exact),
        Some(By::SafeRegexMatch(regex)) => json!({"regex": regex.regex}),
        Some(By::PrefixMatch(prefix)) => json!({"regex": text::prefix(prefix)}),
        Some(By::SuffixMatch(suffix)) => json!({"regex": text::suffix(suffix)}),
        Some(By::ContainsMatch(part)) => json!({"regex": text::containing(part)}),
        Some(By::StringMatch(matcher)) => text::from_wire(matcher)?,
        Some(By::PresentMatch(true)) | None => text::present(),
        Some(By::PresentMatch(false)) => {
            return Err(Refused::new("absence is no condition here"));
        }
        Some(By::RangeMatch(_)) => {
            return Err(Refused::new("ranges of numbers are not supported"));
        }
    };
    Ok(value)
}
