//! `outrigger-control endpoints`: what proxies report of the endpoints.

use clap::Args;
use serde_json::Value;

use super::{
    Failure, Said, To,
    columns::{Columns, word},
    pretty,
};

/// `outrigger-control endpoints [CLUSTER]`.
#[derive(Args, Debug)]
pub struct Endpoints {
    /// Only those of this cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    #[command(flatten)]
    to: To,
}

impl Endpoints {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let mut clusters: Vec<Value> = self.to.server()?.get("/endpoints")?.json()?;
        if let Some(wanted) = &self.cluster {
            clusters.retain(|cluster| cluster["cluster"] == **wanted);
            if clusters.is_empty() {
                let unknown = format!("there is no cluster `{wanted}` in the tables");
                return Err(Failure::refused(unknown)
                    .hint("`outrigger-control endpoints` lists those of all clusters"));
            }
        }
        Ok(Said::good(match self.to.json() {
            true => pretty(&clusters),
            false => shown(&clusters),
        }))
    }
}

fn shown(clusters: &[Value]) -> String {
    let heading = [
        "cluster",
        "endpoint",
        "zone",
        "state",
        "requests/s",
        "success",
        "in flight",
    ];
    let mut columns = Columns::new(heading);
    for cluster in clusters {
        for endpoint in cluster["endpoints"].as_array().into_iter().flatten() {
            columns.push([
                word(cluster, "cluster"),
                word(endpoint, "address"),
                word(endpoint, "zone"),
                states(endpoint),
                rate(endpoint),
                success(endpoint),
                word(endpoint, "in_flight"),
            ]);
        }
    }
    columns.to_string()
}

/// `ejected by 1, ready by 2 (connect_failures)`; empty where no proxy says anything.
fn states(endpoint: &Value) -> String {
    let states = endpoint["states"].as_object().into_iter().flatten();
    let states: Vec<String> = states
        .map(|(state, proxies)| format!("{state} by {proxies}"))
        .collect();
    let reasons = endpoint["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
    match reasons.is_empty() {
        true => states.join(", "),
        false => format!("{} ({})", states.join(", "), reasons.join(", ")),
    }
}

fn rate(endpoint: &Value) -> String {
    let rate = endpoint["requests_per_second"].as_f64().unwrap_or_default();
    format!("{rate:.1}")
}

fn success(endpoint: &Value) -> String {
    let share = endpoint["success"].as_f64();
    share.map_or_else(String::new, |share| format!("{:.2} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_is_a_line_whether_or_not_somebody_reports_of_it() {
        let clusters = [json!({
            "cluster": "web",
            "endpoints": [
                {
                    "address": "10.0.0.2:80", "zone": "a", "proxies": 3,
                    "requests_per_second": 1204.46, "success": 0.99947, "in_flight": 7,
                    "states": { "ejected": 1, "ready": 2 }, "reasons": ["connect_failures"],
                },
                {
                    "address": "10.0.0.3:80", "proxies": 0,
                    "requests_per_second": 0.0, "success": null, "in_flight": 0, "states": {},
                },
            ],
        })];
        assert_snapshot!(shown(&clusters), @r"
        CLUSTER  ENDPOINT     ZONE  STATE                                        REQUESTS/S  SUCCESS  IN FLIGHT
        web      10.0.0.2:80  a     ejected by 1, ready by 2 (connect_failures)  1204.5      99.95 %  7
        web      10.0.0.3:80  -     -                                            0.0         -        0
        ");
    }
}
