//! Single values.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::Shape;
use crate::{problem::Fault, yaml::Content};

/// A value written as text, as an address or a duration is. `expected` names it in messages.
pub(crate) fn parsed<T: 'static>(
    expected: &'static str,
    schema: Value,
    parse: fn(&str) -> Result<T, Fault>,
    show: fn(&T) -> String,
) -> Shape<T> {
    Shape::new(
        schema,
        move |node, reader| {
            let text = reader.text(node, expected)?;
            reader.accept(&node.span, parse(text))
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
        json!({"type": "integer", "minimum": least, "maximum": most}),
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

/// `true` or `false`.
pub(crate) fn flag() -> Shape<bool> {
    Shape::new(
        json!({"type": "boolean"}),
        |node, reader| match &node.content {
            Content::Scalar { text, plain: true } if text == "true" => Some(true),
            Content::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => {
                reader.mismatch(node, "`true` or `false`");
                None
            }
        },
        |value| (*value).into(),
    )
}
