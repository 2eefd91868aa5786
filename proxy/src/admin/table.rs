//! `/config`: the table in force, and what became of the last one offered.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::State;

/// As JSON.
pub fn show(state: &State) -> String {
    let snapshot = state.shared.snapshot.load();
    let refused = state.status.refused().map_or(
        Value::Null,
        |refused| json!({ "at": seconds(refused.at), "problems": refused.problems }),
    );
    let shown = json!({
        "version": snapshot.version,
        "since": seconds(snapshot.since),
        "refused": refused,
        "config": &*snapshot.config,
    });
    format!("{shown:#}\n")
}

/// Seconds since 1970, as Prometheus has them.
fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
