//! What the control plane counts of itself.
//!
//! The numbers live in one recorder of the process, so that whoever counts needs no handle; the names are declared here,
//! all of them, in the order of the page.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::Stop;

/// Tables in force.
pub const TABLES: &str = "outrigger_tables";
/// Tables whose text is not in force.
pub const TABLES_REFUSED: &str = "outrigger_tables_refused";
/// Their clusters.
pub const TABLE_CLUSTERS: &str = "outrigger_table_clusters";
/// Their listeners.
pub const TABLE_LISTENERS: &str = "outrigger_table_listeners";
/// When they came in force.
pub const TABLES_SINCE: &str = "outrigger_tables_since_seconds";
/// Proxies that are connected.
pub const PROXIES: &str = "outrigger_proxies";
/// Responses sent to proxies, by kind of resource.
pub const PUSHES: &str = "outrigger_pushes_total";
/// What they weigh, by kind of resource.
pub const BYTES: &str = "outrigger_push_bytes_total";
/// What proxies refused of them, by kind of resource.
pub const REFUSALS: &str = "outrigger_push_refusals_total";
/// Push of a change: how long it took.
pub const DURATION: &str = "outrigger_push_duration_seconds";
/// Sets of views.
pub const REVISION: &str = "outrigger_view_revisions_total";
/// Reports of load.
pub const REPORTS: &str = "outrigger_load_reports_total";

/// Requests of those who are not let in, by port.
pub const STRANGERS: &str = "outrigger_port_refusals_total";

/// From what nobody could notice to what somebody has complained of.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// How often observations are summed up, should nobody look.
const TIDY: Duration = Duration::from_secs(10);

/// Shows what was counted.
#[derive(Clone)]
pub struct Page(Option<PrometheusHandle>);

impl Page {
    /// Begins to count. Of a second one in a process, nothing is shown.
    pub fn open() -> Self {
        let handle = install();
        if let Err(error) = &handle {
            tracing::error!(%error, "metrics are not counted");
        }
        Self(handle.ok())
    }

    /// The text format of Prometheus.
    pub fn text(&self) -> String {
        self.0
            .as_ref()
            .map_or_else(String::new, PrometheusHandle::render)
    }

    /// Makes room now and then, until told to stop: observations are kept one by one until they are summed up.
    pub async fn keep(self, stop: Stop) {
        let mut tidy = tokio::time::interval(TIDY);
        let mut stop = std::pin::pin!(stop.told());
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = tidy.tick() => if let Some(handle) = &self.0 {
                    handle.run_upkeep();
                },
            }
        }
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Page")
    }
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let builder = PrometheusBuilder::new();
    let duration = Matcher::Full(DURATION.to_owned());
    let handle = builder
        .set_buckets_for_metric(duration, BUCKETS)?
        .install_recorder()?;
    describe_gauge!(TABLES, "Tables in force.");
    describe_gauge!(
        TABLES_REFUSED,
        "Tables whose text is refused, so that an older one is in force, or none."
    );
    describe_gauge!(TABLE_CLUSTERS, "Clusters of all tables in force.");
    describe_gauge!(TABLE_LISTENERS, "Listeners of all tables in force.");
    describe_gauge!(
        TABLES_SINCE,
        Unit::Seconds,
        "When the tables in force came in force, since 1970."
    );
    describe_gauge!(PROXIES, "Proxies that are connected.");
    describe_counter!(PUSHES, "Responses sent to proxies, by kind of resource.");
    describe_counter!(BYTES, Unit::Bytes, "Bytes of those responses.");
    describe_counter!(
        REFUSALS,
        "Responses that proxies refused, by kind of resource."
    );
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "From when a change is seen until a proxy is sent something of it, and until it has accepted all of it."
    );
    describe_counter!(REVISION, "How often what proxies see was made anew.");
    describe_counter!(REPORTS, "Reports of load and health that proxies sent.");
    describe_counter!(STRANGERS, "Requests of those who are not let in, by port.");
    metrics::gauge!(PROXIES).set(0);
    metrics::counter!(REVISION).absolute(0);
    Ok(handle)
}
