//! The text of a table: one listener before one cluster `web`, with whatever lines a test adds.

use std::{fmt::Display, fmt::Write as _};

/// A table file in the making. `$LISTEN` and `$ADMIN` in it are replaced by the addresses that [`crate::Proxy`] reserves.
#[derive(Clone, Debug, Default)]
pub struct Table {
    endpoints: Vec<String>,
    top: Vec<String>,
    listener: Vec<String>,
    route: Vec<String>,
    cluster: Vec<String>,
}

impl Table {
    /// Everything goes to these endpoints.
    pub fn to<A: Display>(endpoints: impl IntoIterator<Item = A>) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| endpoint.to_string());
        Self {
            endpoints: endpoints.collect(),
            ..Self::default()
        }
    }

    /// Adds a line to the whole file.
    pub fn top(mut self, line: impl Into<String>) -> Self {
        self.top.push(line.into());
        self
    }

    /// Adds a line to the listener.
    pub fn listener(mut self, line: impl Into<String>) -> Self {
        self.listener.push(line.into());
        self
    }

    /// Adds a line to the one route.
    pub fn route(mut self, line: impl Into<String>) -> Self {
        self.route.push(line.into());
        self
    }

    /// Adds a line to the cluster.
    pub fn cluster(mut self, line: impl Into<String>) -> Self {
        self.cluster.push(line.into());
        self
    }
}

impl From<Table> for String {
    fn from(table: Table) -> Self {
        let mut text = String::from("admin: { address: $ADMIN }\n");
        lines(&mut text, "", &table.top);
        text.push_str("listeners:\n  - name: edge\n    address: $LISTEN\n");
        lines(&mut text, "    ", &table.listener);
        text.push_str("    routes:\n      - name: all\n        cluster: web\n");
        lines(&mut text, "        ", &table.route);
        text.push_str("clusters:\n  web:\n");
        if !table.endpoints.is_empty() {
            let _ = writeln!(text, "    endpoints: [{}]", table.endpoints.join(", "));
        }
        lines(&mut text, "    ", &table.cluster);
        text
    }
}

fn lines(text: &mut String, indent: &str, lines: &[String]) {
    for line in lines {
        let _ = writeln!(text, "{indent}{line}");
    }
}
