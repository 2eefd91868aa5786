//! The file format as JSON Schema, so that editors complete it and mark mistakes while one types.

use serde_json::Value;

use crate::file;

/// The file format as JSON Schema (2020-12). `schema.json` beside this crate is a copy.
pub fn schema() -> Value {
    let mut schema = file::config().schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "Outrigger table".into();
    schema["description"] = "What `outrigger --config FILE` serves.".into();
    schema
}

#[cfg(test)]
mod tests;
