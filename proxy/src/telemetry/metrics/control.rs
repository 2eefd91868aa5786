//! The control plane as the proxy sees it. Only where there is one.

use std::{
    hash::Hasher as _,
    time::{SystemTime, UNIX_EPOCH},
};

use twox_hash::XxHash64;

use super::{Counter, Gauge, Label as _, Registry, families, label::labels};

labels! {
    /// What became of a response.
    pub enum UpdateOutcome {
        /// All of it was taken.
        Accepted = "accepted",
        /// Some of it was not: it is told so, and the rest is in force.
        Refused = "refused",
    }
}

/// One for the process.
#[derive(Debug)]
pub struct ControlMetrics {
    registry: Registry,
    connected: Gauge,
    table_timestamp: Gauge,
    table_hash: Gauge,
}

impl ControlMetrics {
    /// Not connected, without a table.
    pub fn new(registry: &Registry) -> Self {
        Self {
            connected: registry.handle(&families::CONTROL_CONNECTED, []),
            table_timestamp: registry.handle(&families::CONTROL_TABLE_TIMESTAMP, []),
            table_hash: registry.handle(&families::CONTROL_TABLE_HASH, []),
            registry: registry.clone(),
        }
    }

    /// A stream has begun or ended.
    pub fn connected(&self, connected: bool) {
        self.connected.set(f64::from(u8::from(connected)));
    }

    /// A response about a kind of resources has been looked at.
    pub fn update(&self, kind: &'static str, outcome: UpdateOutcome) {
        let labels = [kind, outcome.as_str()];
        let updates: Counter = self.registry.handle(&families::CONTROL_UPDATES, labels);
        updates.increment();
    }

    /// This is the table in force.
    pub fn table(&self, version: &str, since: SystemTime) {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.table_timestamp.set(since.as_millis() as f64 / 1e3);
        self.table_hash.set(hash(version));
    }
}

/// 48 bits: a double holds them exactly.
fn hash(version: &str) -> f64 {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(version.as_bytes());
    (hasher.finish() >> 16) as f64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_control_plane_is_shown_with_its_table() {
        let registry = Registry::default();
        let control = ControlMetrics::new(&registry);
        control.connected(true);
        control.update("cluster", UpdateOutcome::Accepted);
        control.table("v1", UNIX_EPOCH + Duration::from_millis(1_700_000_000_250));
        let page = registry.render(Instant::now());
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    }
}
