//! What is on by itself, or by being named, and can be turned off with the word `off`.

use serde_json::json;

use super::Shape;
use crate::{problem::Fault, reader::nearest, yaml::Content};

const OFF: &str = "off";

/// `off`, or what `shape` reads.
pub(crate) fn or_off<T: 'static>(shape: Shape<T>) -> Shape<Option<T>> {
    let (describer, reader) = (shape.clone(), shape.clone());
    Shape::new(
        move || json!({"anyOf": [{"const": OFF}, describer.schema()]}),
        move |node, r| match &node.content {
            Content::Scalar { text, .. } if text == OFF => Some(None),
            Content::Scalar { text, plain: true } if means_off(text) => {
                let fault = Fault::new(format!("`{text}` does not turn this off"));
                r.report(&node.span, fault.hint(format!("say `{OFF}`")));
                None
            }
            _ => reader.read(node, r).map(Some),
        },
        move |value| {
            value
                .as_ref()
                .map_or_else(|| OFF.into(), |value| shape.write(value))
        },
    )
}

/// What people write for `off`.
fn means_off(text: &str) -> bool {
    let words = ["false", "no", "none", "null", "disabled"];
    words.contains(&&*text.to_ascii_lowercase()) || nearest(text, [OFF]).is_some()
}
