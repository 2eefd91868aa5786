//! What the fields of xDS do not say: `filter_metadata["outrigger"]`.
//!
//! It holds keys of our file format with their values. Nobody keeps a list of which: an encoder fills the standard fields,
//! asks the decoder what it would make of them, and puts those keys here that came out otherwise. A decoder lays them over
//! what the standard fields say. So nothing is lost whatever the standard fields can hold, a field that is mapped better
//! tomorrow leaves this by itself, and a control plane of another make can use the words of our file in its own metadata.

use serde_json::Value;

use crate::{
    pb::envoy::config::core::v3::Metadata,
    structs::{from_struct, to_struct},
};

/// Under which the keys stand, in `filter_metadata`.
const NAMESPACE: &str = "outrigger";

/// Keys of the file format and their values.
pub(crate) type Keys = serde_json::Map<String, Value>;

/// What has to be laid over `standard` to get `whole`, which is written with nothing left to a default. `normal` reads
/// keys and writes them in that way; it gives `None` for those that can't be read.
pub(crate) fn of(
    whole: &Keys,
    standard: &Keys,
    normal: impl Fn(&Keys) -> Option<Keys>,
) -> Option<Metadata> {
    let decoded = normal(standard).unwrap_or_default();
    let mut remainder = Keys::new();
    for key in different(whole, &decoded, standard) {
        let value = whole.get(&key).cloned().unwrap_or(Value::Null);
        remainder.insert(key, value);
    }
    if remainder.is_empty() {
        return None;
    }
    // A `Struct` has lost the order of mappings like those of headers. Where that shows, the value travels as text.
    let sorted = from_struct(&to_struct(&remainder));
    let decoded = normal(&overlaid(standard.clone(), sorted)).unwrap_or_default();
    for key in different(whole, &decoded, &Keys::new()) {
        if let Some(value) = whole.get(&key) {
            remainder.insert(key, Value::String(value.to_string()));
        }
    }
    Some(metadata(&remainder))
}

/// Metadata of ours.
pub(crate) fn metadata(keys: &Keys) -> Metadata {
    Metadata {
        filter_metadata: [(NAMESPACE.to_owned(), to_struct(keys))].into(),
        ..Metadata::default()
    }
}

/// The keys that metadata holds for us.
pub(crate) fn keys(metadata: Option<&Metadata>) -> Keys {
    let ours = metadata.and_then(|metadata| metadata.filter_metadata.get(NAMESPACE));
    ours.map(from_struct).unwrap_or_default()
}

/// `standard` with what metadata says instead.
pub(crate) fn laid_over(standard: Keys, metadata: Option<&Metadata>) -> Keys {
    overlaid(standard, keys(metadata))
}

fn overlaid(mut standard: Keys, remainder: Keys) -> Keys {
    for (key, value) in remainder {
        match as_text(&value).unwrap_or(value) {
            Value::Null => _ = standard.shift_remove(&key),
            value => _ = standard.insert(key, value),
        }
    }
    standard
}

/// A mapping or list that is written as text. No key whose value is a word begins with a bracket, but for names, which
/// have fields of their own.
fn as_text(value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|text| text.starts_with(['{', '[']))?;
    serde_json::from_str(text).ok()
}

/// The keys whose values differ, in order too; and those of `standard` that are too many.
fn different(whole: &Keys, decoded: &Keys, standard: &Keys) -> Vec<String> {
    let written = |keys: &Keys, key: &str| keys.get(key).map(Value::to_string);
    let superfluous = decoded.keys().chain(standard.keys());
    let mut different: Vec<String> = whole.keys().cloned().collect();
    different.retain(|key| written(whole, key) != written(decoded, key));
    for key in superfluous {
        if !whole.contains_key(key) && !different.contains(key) {
            different.push(key.clone());
        }
    }
    different
}
