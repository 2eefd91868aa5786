//! Keys of the file format as parts of the model, and back.
//!
//! Whatever comes from outside is checked here by the same rules as a file.

use outrigger_config::{
    Problems, fragment,
    model::{Cluster, Listener, Route},
};
use serde::Serialize;
use serde_json::Value;

use crate::{Refused, remainder::Keys};

/// A part as keys, nothing left to a default.
pub(crate) fn written(part: &impl Serialize) -> Keys {
    match serde_json::to_value(part) {
        Ok(Value::Object(keys)) => keys,
        // Parts are mappings of text.
        _ => Keys::new(),
    }
}

/// Without a name.
pub(crate) fn cluster(keys: &Keys) -> Result<Cluster, Refused> {
    read(fragment::cluster, "cluster", keys)
}

pub(crate) fn listener(keys: &Keys) -> Result<Listener, Refused> {
    read(fragment::listener, "listener", keys)
}

pub(crate) fn route(keys: &Keys) -> Result<Route, Refused> {
    read(fragment::route, "route", keys)
}

fn read<T>(
    fragment: fn(&str, &str) -> Result<T, Problems>,
    what: &str,
    keys: &Keys,
) -> Result<T, Refused> {
    let text = serde_json::to_string(keys).map_err(|error| Refused::new(error.to_string()))?;
    fragment(what, &text).map_err(|problems| Refused::by_file(&problems))
}
