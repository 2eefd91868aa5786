//! Many values of one kind.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Shape;
use crate::{
    problem::{Fault, quote},
    reader::Reader,
    yaml::{Content, Node},
};

/// A list.
pub(crate) fn list<T: 'static>(item: Shape<T>) -> Shape<Vec<T>> {
    list_where(item, |_, _, _| ())
}

/// A list with a rule about its items; those that could not be read are `None`.
pub(crate) fn list_where<T: 'static>(
    item: Shape<T>,
    rule: impl Fn(&[Option<T>], &Node, &mut Reader) + 'static,
) -> Shape<Vec<T>> {
    let (describer, writer) = (item.clone(), item.clone());
    Shape::new(
        move || json!({"type": "array", "items": describer.schema()}),
        move |node, reader| {
            let Content::List(nodes) = &node.content else {
                reader.mismatch(node, "a list");
                return None;
            };
            let items: Vec<Option<T>> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    reader.within(&[index.into()], |reader| item.read(node, reader))
                })
                .collect();
            rule(&items, node, reader);
            items.into_iter().collect()
        },
        move |items: &Vec<T>| items.iter().map(|item| writer.write(item)).collect(),
    )
}

/// A mapping whose keys the user chooses, in the order of the file.
pub(crate) fn map<K: 'static, V: 'static>(key: Shape<K>, value: Shape<V>) -> Shape<Vec<(K, V)>> {
    let (key_describer, value_describer) = (key.clone(), value.clone());
    let (key_writer, value_writer) = (key.clone(), value.clone());
    Shape::new(
        move || {
            let (keys, values) = (key_describer.schema(), value_describer.schema());
            json!({"type": "object", "propertyNames": keys, "additionalProperties": values})
        },
        move |node, reader| {
            let Content::Mapping(entries) = &node.content else {
                reader.mismatch(node, "a mapping");
                return None;
            };
            let mut seen = HashMap::new();
            let pairs: Vec<Option<(K, V)>> = entries
                .iter()
                .map(|entry| {
                    reader.within(&[entry.key.as_str().into()], |reader| {
                        let name = entry.key_node();
                        let read = key.read(&name, reader);
                        if let Some(read) = &read
                            && let Some(first) =
                                seen.insert(key_text(&key, read), name.span.clone())
                        {
                            let fault = Fault::new(format!("{} is given twice", quote(&entry.key)));
                            let fault = fault.cause("the same but for upper and lower case");
                            reader.clash(&name.span, fault, &first, "first here");
                        }
                        let value = value.read(&entry.value, reader);
                        read.zip(value)
                    })
                })
                .collect();
            pairs.into_iter().collect()
        },
        move |pairs: &Vec<(K, V)>| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| (key_text(&key_writer, key), value_writer.write(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        },
    )
}

fn key_text<K: 'static>(shape: &Shape<K>, key: &K) -> String {
    match shape.write(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
