//! One of several: a word (`round_robin`), a mapping of one key (`{ prefix: /v2 }`), or text in place of a mapping.

use std::rc::Rc;

use serde_json::{Value, json};

use super::Shape;
use crate::{
    problem::{Fault, quote},
    reader::{Reader, enumerate, nearest},
    yaml::{Content, Entry, Node},
};

/// One of the ways that a choice offers.
pub(crate) struct Variant<T> {
    name: &'static str,
    /// As JSON Schema.
    schema: Box<dyn Fn() -> Value>,
    read: Read<T>,
    write: Box<Write<T>>,
}

/// `None`: the value is of another variant.
type Write<T> = dyn Fn(&T) -> Option<Value>;

enum Read<T> {
    /// The word alone says it.
    Word(Box<dyn Fn() -> T>),
    /// The word is the key of a value.
    Key(Box<super::Read<T>>),
}

/// A word that stands alone.
pub(crate) fn word<T: Clone + PartialEq + 'static>(
    name: &'static str,
    about: &'static str,
    value: T,
) -> Variant<T> {
    let written = value.clone();
    Variant {
        name,
        schema: Box::new(move || json!({"const": name, "description": about})),
        read: Read::Word(Box::new(move || value.clone())),
        write: Box::new(move |value| (*value == written).then(|| name.into())),
    }
}

/// A mapping of this one key: `variant!("prefix", "about it", shape, PathMatch::Prefix)`.
macro_rules! variant {
    ($name:literal, $about:expr, $shape:expr, $variant:path) => {
        $crate::shape::variant_with($name, $about, $shape, $variant, |value| match value {
            $variant(inner) => Some(inner.clone()),
            _ => None,
        })
    };
}
pub(crate) use variant;

/// The same where a closure has to take the value apart. `from` gives it back if it is of this variant.
pub(crate) fn variant_with<T: 'static, U: 'static>(
    name: &'static str,
    about: &'static str,
    shape: Shape<U>,
    into: fn(U) -> T,
    from: fn(&T) -> Option<U>,
) -> Variant<T> {
    let (describer, reader) = (shape.clone(), shape.clone());
    let schema = move || {
        let mut value = describer.schema();
        value["description"] = about.into();
        let properties = json!({name: value});
        json!({
            "type": "object",
            "properties": properties,
            "required": [name],
            "additionalProperties": false,
        })
    };
    Variant {
        name,
        schema: Box::new(schema),
        read: Read::Key(Box::new(move |node, r| reader.read(node, r).map(into))),
        write: Box::new(move |value| from(value).map(|value| json!({name: shape.write(&value)}))),
    }
}

/// One of `variants`; `expected` names what is chosen. A value is written as the first variant that takes it.
pub(crate) fn choice<T: 'static>(
    expected: &'static str,
    variants: impl IntoIterator<Item = Variant<T>>,
) -> Shape<T> {
    let variants: Rc<[Variant<T>]> = variants.into_iter().collect();
    let (describers, writers) = (Rc::clone(&variants), Rc::clone(&variants));
    Shape::new(
        move || {
            let schemas: Vec<Value> = describers.iter().map(|v| (v.schema)()).collect();
            json!({"oneOf": schemas})
        },
        move |node, reader| match &node.content {
            Content::Mapping(entries) => read_entries(expected, &variants, node, entries, reader),
            Content::Scalar { text, .. } if !node.is_nothing() => {
                read_word(expected, &variants, node, text, reader)
            }
            _ => {
                reader.mismatch(node, expected);
                None
            }
        },
        move |value| {
            let written = writers.iter().find_map(|variant| (variant.write)(value));
            written.unwrap_or_default()
        },
    )
}

fn read_word<T>(
    expected: &str,
    variants: &[Variant<T>],
    node: &Node,
    text: &str,
    reader: &mut Reader,
) -> Option<T> {
    let named = variants.iter().filter(|variant| variant.name == text);
    for variant in named.clone() {
        if let Read::Word(value) = &variant.read {
            return Some(value());
        }
    }
    let fault = if named.count() > 0 {
        Fault::new(format!("`{text}` needs a value")).hint(format!("`{text}: ...`"))
    } else {
        Fault::new(format!("expected {expected}, found {}", quote(text))).hint(hint(text, variants))
    };
    reader.report(&node.span, fault);
    None
}

fn read_entries<T>(
    expected: &str,
    variants: &[Variant<T>],
    node: &Node,
    entries: &[Entry],
    reader: &mut Reader,
) -> Option<T> {
    let mut known = Vec::new();
    let mut value = None;
    for entry in entries {
        let named = variants.iter().filter(|variant| variant.name == entry.key);
        let mut keyed = named.clone().filter_map(|variant| match &variant.read {
            Read::Key(read) => Some(read),
            Read::Word(_) => None,
        });
        if let Some(read) = keyed.next() {
            known.push(entry);
            value = reader.within(&[entry.key.as_str().into()], |reader| {
                read(&entry.value, reader)
            });
            continue;
        }
        let fault = if named.count() > 0 {
            Fault::new(format!("`{}` takes no value", entry.key)).hint("write the word alone")
        } else {
            Fault::new(format!("unknown key {}", quote(&entry.key)))
                .hint(hint(&entry.key, variants))
        };
        reader.report(&entry.key_span, fault);
        value = None;
    }
    match known.as_slice() {
        [_] if entries.len() == 1 => value,
        [first, second, ..] => {
            let fault = Fault::new(format!(
                "`{}` and `{}` exclude each other",
                first.key, second.key
            ))
            .hint(format!("{expected} is one key alone"));
            reader.clash(&second.key_span, fault, &first.key_span, "first here");
            None
        }
        [] if entries.is_empty() => {
            let fault = Fault::new(format!("expected {expected}, found an empty mapping"));
            reader.report(&node.span, fault.hint(hint("", variants)));
            None
        }
        _ => None,
    }
}

fn hint<T>(found: &str, variants: &[Variant<T>]) -> String {
    if let Some(near) = nearest(found, variants.iter().map(|variant| variant.name)) {
        return format!("did you mean `{near}`?");
    }
    let mut known: Vec<String> = Vec::new();
    for variant in variants {
        match variant.read {
            Read::Word(_) => known.push(variant.name.to_owned()),
            Read::Key(_) if known.last().is_some_and(|last| last == variant.name) => {}
            Read::Key(_) => known.push(format!("{}: ...", variant.name)),
        }
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("known here: {}", enumerate(&known))
}

/// Text in place of a mapping: `simple` reads scalars and writes what `is_simple`, `full` the rest.
pub(crate) fn either<T: 'static>(
    simple: Shape<T>,
    full: Shape<T>,
    is_simple: fn(&T) -> bool,
) -> Shape<T> {
    let looks_simple = |node: &Node| !matches!(node.content, Content::Mapping(_));
    split(looks_simple, simple, full, is_simple)
}

/// Two ways to write a value that can be told apart at sight: `one` reads what `looks_like_one` and writes what
/// `is_one`, `other` the rest.
pub(crate) fn split<T: 'static>(
    looks_like_one: fn(&Node) -> bool,
    one: Shape<T>,
    other: Shape<T>,
    is_one: fn(&T) -> bool,
) -> Shape<T> {
    let (one_describer, other_describer) = (one.clone(), other.clone());
    let (one_writer, other_writer) = (one.clone(), other.clone());
    Shape::new(
        move || json!({"anyOf": [one_describer.schema(), other_describer.schema()]}),
        move |node, reader| match looks_like_one(node) {
            true => one.read(node, reader),
            false => other.read(node, reader),
        },
        move |value| match is_one(value) {
            true => one_writer.write(value),
            false => other_writer.write(value),
        },
    )
}
