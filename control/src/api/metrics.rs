//! `/metrics`: the control plane about itself, in the text format of Prometheus.

use std::{fmt::Write as _, time::SystemTime};

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};

use super::Context;

/// `GET /metrics`.
pub async fn show(State(context): State<Context>) -> ([(HeaderName, &'static str); 1], String) {
    let listed = context.registry.tables();
    let feed = context.registry.feed();
    let tables = feed.borrow();
    let in_force = tables.tables.values();
    let clusters: usize = in_force.clone().map(|table| table.clusters.len()).sum();
    let listeners: usize = in_force.map(|table| table.listeners.len()).sum();
    let refused = listed.iter().filter(|table| table.problems.is_some());
    let mut page = Page::default();
    page.gauge("tables", "Tables in force.", tables.tables.len() as f64);
    page.gauge(
        "tables_refused",
        "Tables whose text is wrong, so that an older one is in force or none.",
        refused.count() as f64,
    );
    page.gauge("table_clusters", "Clusters of all tables.", clusters as f64);
    page.gauge(
        "table_listeners",
        "Listeners of all tables.",
        listeners as f64,
    );
    page.gauge(
        "tables_since_seconds",
        "When the tables in force came in force, in seconds since 1970.",
        tables
            .since
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64(),
    );
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, TEXT)], page.0 + &context.page.text())
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let name = format!("outrigger_{name}");
        // Writing to a text can't fail.
        let _ = write!(
            self.0,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
        );
    }
}
