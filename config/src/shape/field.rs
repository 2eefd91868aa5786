//! Mappings of known keys.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::Shape;
use crate::{
    problem::{Fault, quote},
    reader::{Reader, nearest, suggest},
    yaml::{Content, Entry, Node},
};

/// A key of a mapping: its value's shape, and what its absence means.
pub(crate) struct Field<T> {
    name: &'static str,
    about: &'static str,
    schema: Rc<dyn Fn() -> Value>,
    required: bool,
    /// What to do when it is missing.
    hint: Option<&'static str>,
    read: Rc<Read<T>>,
    write: Rc<Write<T>>,
}

type Read<T> = dyn Fn(Option<&Entry>, &mut Reader) -> Option<T>;

/// `None`: the key is left out.
type Write<T> = dyn Fn(&T) -> Option<Value>;

/// A key that must be there.
pub(crate) fn required<T: 'static>(shape: Shape<T>) -> Field<T> {
    let (describer, writer) = (shape.clone(), shape.clone());
    Field {
        required: true,
        ..field(
            move || describer.schema(),
            move |entry, reader| shape.read(&entry?.value, reader),
            move |value| Some(writer.write(value)),
        )
    }
}

/// A key whose absence means `value`.
pub(crate) fn default<T: Clone + 'static>(shape: Shape<T>, value: T) -> Field<T> {
    let (describer, writer, default) = (shape.clone(), shape.clone(), value.clone());
    field(
        move || {
            let mut schema = describer.schema();
            schema["default"] = describer.write(&default);
            schema
        },
        move |entry, reader| match entry {
            Some(entry) => shape.read(&entry.value, reader),
            None => Some(value.clone()),
        },
        move |value| Some(writer.write(value)),
    )
}

/// A key whose absence means `value`, for which there is no other way to say it.
pub(crate) fn absent<T: Clone + PartialEq + 'static>(shape: Shape<T>, value: T) -> Field<T> {
    let given = optional(shape);
    let (schema, read, write) = (given.schema, given.read, given.write);
    let absent = value.clone();
    field(
        move || schema(),
        move |entry, reader| Some(read(entry, reader)?.unwrap_or_else(|| value.clone())),
        move |value| write(&Some(value.clone()).filter(|value| *value != absent)),
    )
}

/// A key whose absence is a meaning of its own.
pub(crate) fn optional<T: 'static>(shape: Shape<T>) -> Field<Option<T>> {
    let (describer, writer) = (shape.clone(), shape.clone());
    field(
        move || describer.schema(),
        move |entry, reader| match entry {
            Some(entry) => shape.read(&entry.value, reader).map(Some),
            None => Some(None),
        },
        move |value| value.as_ref().map(|value| writer.write(value)),
    )
}

/// A key of a mapping all of whose keys have defaults: its absence means `{}`.
pub(crate) fn nested<T: 'static>(shape: Shape<T>) -> Field<T> {
    let (describer, writer) = (shape.clone(), shape.clone());
    let empty = Node {
        span: 0..0,
        content: Content::Mapping(Vec::new()),
    };
    field(
        move || describer.schema(),
        move |entry, reader| shape.read(entry.map_or(&empty, |entry| &entry.value), reader),
        move |value| Some(writer.write(value)),
    )
}

/// A key that this version must refuse, because to let it pass would be to promise what is not done.
pub(crate) fn refused(message: &'static str, hint: &'static str) -> Field<()> {
    field(
        || json!({"not": {}}),
        move |entry, reader| match entry {
            None => Some(()),
            Some(entry) => {
                reader.report(&entry.key_span, Fault::new(message).hint(hint));
                None
            }
        },
        |()| None,
    )
}

fn field<T: 'static>(
    schema: impl Fn() -> Value + 'static,
    read: impl Fn(Option<&Entry>, &mut Reader) -> Option<T> + 'static,
    write: impl Fn(&T) -> Option<Value> + 'static,
) -> Field<T> {
    Field {
        name: "",
        about: "",
        schema: Rc::new(schema),
        required: false,
        hint: None,
        read: Rc::new(read),
        write: Rc::new(write),
    }
}

impl<T> Field<T> {
    /// `about` is what editors show.
    pub(crate) fn named(self, name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about: about.trim(),
            ..self
        }
    }

    /// What to do when it is missing.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Adds itself to the schema of its mapping.
    pub(crate) fn describe(&self, mapping: &mut Value) {
        let mut schema = (self.schema)();
        schema["description"] = self.about.into();
        mapping["properties"][self.name] = schema;
        if self.required
            && let Some(required) = mapping["required"].as_array_mut()
        {
            required.push(self.name.into());
        }
    }

    /// Reads itself from a mapping of `known` keys.
    pub(crate) fn read(&self, mapping: &Node, known: &[&str], reader: &mut Reader) -> Option<T> {
        let entry = mapping.entry(self.name);
        if self.required && entry.is_none() {
            let keys = mapping.entries().iter().map(|entry| entry.key.as_str());
            let unknown = keys.filter(|key| !known.contains(key));
            // A misspelt key has been noted as unknown; that it is missing too would be the same mistake told twice.
            if nearest(self.name, unknown).is_none() {
                let fault = Fault::new(format!("missing key `{}`", self.name));
                let fault = self.hint.into_iter().fold(fault, Fault::hint);
                reader.report(&mapping.span, fault);
            }
        }
        reader.within(&[self.name.into()], |reader| (self.read)(entry, reader))
    }

    pub(crate) fn write(&self, value: &T, mapping: &mut Map<String, Value>) {
        if let Some(value) = (self.write)(value) {
            mapping.insert(self.name.to_owned(), value);
        }
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            about: self.about,
            schema: Rc::clone(&self.schema),
            required: self.required,
            hint: self.hint,
            read: Rc::clone(&self.read),
            write: Rc::clone(&self.write),
        }
    }
}

/// The schema of a mapping without its keys.
pub(crate) fn mapping_schema() -> Value {
    json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
}

/// Whether `node` is a mapping; notes keys that are not `known`.
pub(crate) fn check_keys(node: &Node, known: &[&str], reader: &mut Reader) -> Option<()> {
    let Content::Mapping(entries) = &node.content else {
        reader.mismatch(node, "a mapping");
        return None;
    };
    for entry in entries {
        if !known.contains(&entry.key.as_str()) {
            let fault = Fault::new(format!("unknown key {}", quote(&entry.key)));
            reader.report(&entry.key_span, fault.hint(suggest(&entry.key, known)));
        }
    }
    Some(())
}

/// The shape of a mapping that is read into a struct: `key: required(shape)`, one a field, its comment the description
/// that editors show. `field as "key"` where a key is no Rust name.
macro_rules! keys {
    ($target:ident { $( $(#[doc = $about:literal])+ $field:ident $(as $name:literal)? : $kind:expr ),+ $(,)? }) => {{
        $( let $field = $kind.named($crate::shape::keys!(@name $field $($name)?), concat!($($about),+)); )+
        let describe = {
            $( let $field = $field.clone(); )+
            move || {
                let mut schema = $crate::shape::mapping_schema();
                $( $field.describe(&mut schema); )+
                schema
            }
        };
        let known = [$( $field.name() ),+];
        let read = {
            $( let $field = $field.clone(); )+
            move |node: &$crate::yaml::Node, reader: &mut $crate::reader::Reader| {
                $crate::shape::check_keys(node, &known, reader)?;
                $( let $field = $field.read(node, &known, reader); )+
                Some($target { $( $field: $field? ),+ })
            }
        };
        let write = move |value: &$target| {
            let mut mapping = serde_json::Map::new();
            $( $field.write(&value.$field, &mut mapping); )+
            serde_json::Value::Object(mapping)
        };
        $crate::shape::Shape::new(describe, read, write)
    }};
    (@name $field:ident $name:literal) => { $name };
    (@name $field:ident) => { stringify!($field) };
}
pub(crate) use keys;
