//! `/config`: the table in force, and what became of the last one offered.

use outrigger_config::Config;
use serde_json::{Value, json};

use super::State;
use crate::telemetry::seconds;

/// As JSON.
pub fn show(state: &State) -> String {
    let snapshot = state.shared.snapshot.load();
    let refused = state.status.refused().map_or(
        Value::Null,
        |refused| json!({ "at": seconds(refused.at), "problems": refused.problems }),
    );
    let mut shown = json!({
        "version": snapshot.version,
        "since": seconds(snapshot.since),
        "refused": refused,
    });
    if let Some(control) = state.status.control() {
        shown["control"] = control.show();
    }
    let config = Config {
        // Endpoints move without a new table.
        clusters: snapshot
            .clusters
            .iter()
            .map(|cluster| cluster.config_now())
            .collect(),
        ..(*snapshot.config).clone()
    };
    shown["config"] = json!(config);
    format!("{shown:#}\n")
}
