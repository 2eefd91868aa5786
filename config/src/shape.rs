//! How a kind of value stands in a file: one declaration reads it, writes it and describes it to an editor.
//!
//! A decoder, a JSON Schema and a printer written apart drift apart. Here each key of the format is declared once, in
//! [`keys!`], with its description and default, and the three are made of that.

mod choice;
mod collection;
mod field;
mod off;
mod scalar;

use std::rc::Rc;

use serde_json::Value;

use crate::{problem::Fault, reader::Reader, yaml::Node};

pub(crate) use choice::{Variant, choice, either, split, variant, variant_with, word};
pub(crate) use collection::{list, list_where, map};
pub(crate) use field::{
    absent, check_keys, default, keys, mapping_schema, nested, optional, refused, required,
};
pub(crate) use off::or_off;
pub(crate) use scalar::{decimal, flag, parsed, text, whole};

/// One kind of value.
///
/// The three are closures: what nobody asks for is not made, and that is the schema, of each table that is read.
pub(crate) struct Shape<T> {
    schema: Rc<dyn Fn() -> Value>,
    read: Rc<Read<T>>,
    write: Rc<dyn Fn(&T) -> Value>,
}

type Read<T> = dyn Fn(&Node, &mut Reader) -> Option<T>;

impl<T: 'static> Shape<T> {
    /// `read` reports what is wrong before it gives `None`.
    pub(crate) fn new(
        schema: impl Fn() -> Value + 'static,
        read: impl Fn(&Node, &mut Reader) -> Option<T> + 'static,
        write: impl Fn(&T) -> Value + 'static,
    ) -> Self {
        Self {
            schema: Rc::new(schema),
            read: Rc::new(read),
            write: Rc::new(write),
        }
    }

    /// As JSON Schema.
    pub(crate) fn schema(&self) -> Value {
        (self.schema)()
    }

    /// `None` if something was wrong; it has been reported then.
    pub(crate) fn read(&self, node: &Node, reader: &mut Reader) -> Option<T> {
        (self.read)(node, reader)
    }

    /// As a file may say it, with nothing left to a default.
    pub(crate) fn write(&self, value: &T) -> Value {
        (self.write)(value)
    }

    /// The same in a file, another type in the model.
    pub(crate) fn convert<U: 'static>(
        self,
        into: impl Fn(T) -> U + 'static,
        from: impl Fn(&U) -> T + 'static,
    ) -> Shape<U> {
        let Self {
            schema,
            read,
            write,
        } = self;
        Shape::new(
            move || schema(),
            move |node, reader| read(node, reader).map(&into),
            move |value| write(&from(value)),
        )
    }

    /// The same in a file, another type in the model that does not take every value.
    pub(crate) fn refine<U: 'static>(
        self,
        into: impl Fn(T) -> Result<U, Fault> + 'static,
        from: impl Fn(&U) -> T + 'static,
    ) -> Shape<U> {
        let Self {
            schema,
            read,
            write,
        } = self;
        Shape::new(
            move || schema(),
            move |node, reader| {
                let value = into(read(node, reader)?);
                reader.accept(&node.span, value)
            },
            move |value| write(&from(value)),
        )
    }

    /// Adds a rule that looks at more than one key. It is asked even when a key is bad, so that all mistakes come out
    /// at once, and therefore works on what was written.
    pub(crate) fn rule(self, rule: impl Fn(&Node, &mut Reader) + 'static) -> Self {
        let read = Rc::clone(&self.read);
        Self {
            read: Rc::new(move |node, reader| {
                rule(node, reader);
                read(node, reader)
            }),
            ..self
        }
    }
}

impl<T> Clone for Shape<T> {
    fn clone(&self) -> Self {
        Self {
            schema: Rc::clone(&self.schema),
            read: Rc::clone(&self.read),
            write: Rc::clone(&self.write),
        }
    }
}
