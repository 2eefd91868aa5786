//! Single values.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::Shape;
use crate::{problem::Fault, yaml::Content};

/// A value written as text, as an address or a duration is. `expected` names it in messages.
///
/// Where the schema says that only a string will do, an unquoted number or truth is refused, lest an editor and we differ.
pub(crate) fn parsed<T: 'static>(
    expected: &'static str,
    schema: Value,
    parse: fn(&str) -> Result<T, Fault>,
    show: fn(&T) -> String,
) -> Shape<T> {
    let only_string = schema["type"] == "string";
    Shape::new(
        move || schema.clone(),
        move |node, reader| {
            let text = reader.text(node, expected)?;
            let value = reader.accept(&node.span, parse(text))?;
            if only_string && node.is_number_or_truth() {
                let fault = Fault::new(format!("expected {expected}, found `{text}`"));
                reader.report(
                    &node.span,
                    fault.hint(format!("if that is one, quote it: `\"{text}\"`")),
                );
                return None;
            }
            Some(value)
        },
        move |value| show(value).into(),
    )
}

/// Any text. An unquoted number or truth is the text that it looks like: `x-version: 23` is `"23"`, `on` is `"on"`.
pub(crate) fn text() -> Shape<String> {
    let schema = json!({"type": ["string", "number", "boolean"]});
    parsed("text", schema, |text| Ok(text.to_owned()), String::clone)
}

/// A whole number within `range`, which `T` must be able to hold.
pub(crate) fn whole<T>(range: RangeInclusive<u64>) -> Shape<T>
where
    T: TryFrom<u64> + Copy + 'static,
    u64: TryFrom<T>,
{
    let (least, most) = (*range.start(), *range.end());
    Shape::new(
        move || json!({"type": "integer", "minimum": least, "maximum": most}),
        move |node, reader| {
            let number = match &node.content {
                Content::Scalar { text, plain: true } => text.parse::<u64>().ok(),
                _ => None,
            };
            let number = number.filter(|number| range.contains(number));
            let number = number.and_then(|number| T::try_from(number).ok());
            if number.is_none() {
                reader.mismatch(node, &format!("a whole number from {least} to {most}"));
            }
            number
        },
        |value| u64::try_from(*value).unwrap_or(u64::MAX).into(),
    )
}

/// A number from `least` to `most`, with a fraction or without.
pub(crate) fn decimal(least: f64, most: f64) -> Shape<f64> {
    Shape::new(
        move || json!({"type": "number", "minimum": least, "maximum": most}),
        move |node, reader| {
            let number = match &node.content {
                Content::Scalar { text, plain: true } => text.parse::<f64>().ok(),
                _ => None,
            };
            let number = number.filter(|number| (least..=most).contains(number));
            if number.is_none() {
                reader.mismatch(node, &format!("a number from {least} to {most}"));
            }
            number
        },
        |value| (*value).into(),
    )
}

/// `true` or `false`.
pub(crate) fn flag() -> Shape<bool> {
    Shape::new(
        || json!({"type": "boolean"}),
        |node, reader| {
            let text = match &node.content {
                Content::Scalar { text, plain: true } => text.as_str(),
                _ => "",
            };
            // What older YAML takes for a truth is refused with the word that is meant: one way to say it.
            let meant = match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => "true",
                "false" | "no" | "off" => "false",
                _ => {
                    reader.mismatch(node, "`true` or `false`");
                    return None;
                }
            };
            if text != meant {
                let fault = Fault::new(format!("expected `true` or `false`, found `{text}`"));
                reader.report(&node.span, fault.hint(format!("did you mean `{meant}`?")));
                return None;
            }
            Some(meant == "true")
        },
        |value| (*value).into(),
    )
}
